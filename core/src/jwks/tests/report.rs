//! What can be measured.

use super::world::*;
use crate::{
    fetch::Answer,
    jwks::{Purpose, report::State},
};

/// State, age in seconds, results of fetches, unknown kids.
fn report(world: &mut World) -> (State, Option<u64>, Vec<&'static str>, u64) {
    world.cache.poll_call(world.now);
    let (provider, report) = world.cache.reports().next().unwrap();
    assert_eq!((provider, report.provider), (ACME, "provider0"));
    let fetches = report.fetches.into_iter();
    let keys = fetches.filter(|(target, _)| *target == Purpose::Keys);
    let age = report.age.map(|age| age.as_secs());
    (
        report.state,
        age,
        keys.map(|(_, outcome)| outcome).collect(),
        report.unknown_kids,
    )
}

#[test]
fn the_state_and_the_age_follow_the_life_of_the_keys() {
    let mut world = World::new(source());
    assert_eq!(report(&mut world), (State::NeverFetched, None, vec![], 0));
    world.pass(millis(50));
    let fetch = world.poll().unwrap();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(report(&mut world), (State::Fresh, Some(0), vec!["ok"], 0));
    world.pass(secs(100));
    assert_eq!(report(&mut world), (State::Fresh, Some(100), vec![], 0));
    let fetch = world.next_fetch();
    world.fail(fetch);
    world.pass(secs(200));
    let (state, _, fetches, _) = report(&mut world);
    assert_eq!((state, fetches), (State::Stale, vec!["no_answer"]));
    world.pass(secs(3_600));
    let (state, age, fetches, _) = report(&mut world);
    assert_eq!((state, age), (State::Unavailable, None));
    assert_eq!(fetches, ["lost"]);
}

#[test]
fn each_fetch_is_counted_once_by_how_it_ended() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    world.answer_with(
        fetch,
        200,
        &[(b"etag", b"\"v\"")],
        set_of(&["a"]).as_bytes(),
    );
    let large = " ".repeat(300_000);
    for (status, body, outcome) in [
        (304, "", "not_modified"),
        (500, "", "status"),
        (200, "<html>", "unreadable"),
        (200, "{}", "unreadable"),
        (200, r#"{"keys":[null]}"#, "unusable"),
        (200, &large, "too_large"),
    ] {
        report(&mut world);
        let fetch = world.next_fetch();
        world.answer_with(fetch, status, &[], body.as_bytes());
        assert_eq!(report(&mut world).2, [outcome]);
    }
    let fetch = world.next_fetch();
    world
        .cache
        .on_answer(fetch.id, Answer::NotSent { cluster: "idp" }, world.now);
    assert_eq!(report(&mut world).2, ["not_sent"]);
}

#[test]
fn keys_that_cannot_be_used_are_counted_from_the_first_set_on() {
    let odd = r#"{"kid":"odd","kty":"OKP"}"#;
    let skipped = |world: &mut World| world.cache.reports().next().unwrap().1.skipped;
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    world.answer(fetch, &format!(r#"{{"keys":[{odd},{odd}]}}"#));
    assert_eq!(skipped(&mut world), 2, "though the fetch has failed");
    assert_eq!(report(&mut world).0, State::NeverFetched);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]).replace('[', &format!("[{odd},")));
    assert_eq!(skipped(&mut world), 1);
    let fetch = world.next_fetch();
    world.fail(fetch);
    assert_eq!(skipped(&mut world), 1);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(skipped(&mut world), 0);
}

#[test]
fn the_document_is_counted_apart_and_says_what_was_wrong_with_it() {
    let mut world = World::new(discovered());
    for (body, outcome) in [
        ("{}", "unreadable"),
        (
            r#"{"issuer":"https://evil.example","jwks_uri":"https://keys.example/acme/certs"}"#,
            "issuer",
        ),
        (
            r#"{"issuer":"https://id.example/acme","jwks_uri":"https://evil.example/"}"#,
            "jwks_uri",
        ),
        (
            r#"{"issuer":"https://id.example/acme","jwks_uri":"https://keys.example/acme/certs"}"#,
            "ok",
        ),
    ] {
        let fetch = world.next_fetch();
        world.answer(fetch, body);
        let (_, report) = world.cache.reports().next().unwrap();
        assert_eq!(report.fetches, [(Purpose::Discovery, outcome)]);
    }
}

#[test]
fn tokens_with_keys_that_do_not_exist_are_counted() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask("x"), Said::Pending);
    let fetch = world.poll().unwrap();
    world.answer(fetch, &set_of(&["a"]));
    for _ in 0..3 {
        assert_eq!(world.ask("x"), Said::Unknown);
    }
    assert_eq!(report(&mut world).3, 3);
    assert_eq!(report(&mut world).3, 0);
}
