//! Sets that are empty, and keys that cannot be used.

use super::world::*;
use crate::jwks::RemoteJwks;

#[test]
fn an_empty_set_withdraws_the_keys_only_when_a_second_fetch_confirms_it() {
    let empty = r#"{"keys":[]}"#;
    let mut world = World::with_keys(source(), &["a"]);
    let generation = world.cache.keys().generation(ACME);
    let fetch = world.next_fetch();
    world.answer(fetch, empty);
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(world.cache.keys().generation(ACME), generation);
    assert!(world.until_wakeup() <= secs(5));
    let second = world.next_fetch();
    assert_eq!(world.ask("a"), Said::Found);
    world.answer(second, empty);
    assert_ne!(world.cache.keys().generation(ACME), generation);
    assert_eq!(world.ask("a"), Said::Pending, "asked for once more");
    let third = world.next_fetch();
    world.answer(third, empty);
    assert_eq!(world.ask("a"), Said::Unknown);
    assert_eq!(
        world.events(),
        [
            "keys of provider0: an empty set came; waiting for a second answer to confirm it",
            "keys of provider0: withdrawn: the set is empty",
        ]
    );
}

/// Twice, and for as long as the keys in hand may serve.
#[test]
fn a_set_of_which_no_key_can_be_used_is_a_fetch_that_failed() {
    for odd in [
        "null",
        r#"{"kty":"OKP","kid":"new"}"#,
        r#"{"kty":"oct","k":"AAAA"},7"#,
    ] {
        let body = format!(r#"{{"keys":[{odd}]}}"#);
        let mut world = World::with_keys(source(), &["a"]);
        let (start, generation) = (world.now, world.cache.keys().generation(ACME));
        while world.now.since(start) < secs(3_800) {
            let fetch = world.next_fetch();
            world.answer(fetch, &body);
            assert_eq!(world.ask("a"), Said::Found, "{odd}");
            assert_eq!(world.cache.keys().generation(ACME), generation);
        }
        world.pass(secs(100));
        assert_ne!(world.ask("a"), Said::Found, "max_stale is over");
    }
}

#[test]
fn a_set_of_which_no_key_can_be_used_names_its_keys_at_once() {
    for (mut world, before) in [
        (World::new(source()), "there were none"),
        (World::with_keys(source(), &["a"]), "there were some"),
    ] {
        let fetch = world.next_fetch();
        let odd = r#"{"kid":"x","kty":"OKP"}"#;
        let secret = r#"{"kid":"s","kty":"oct","k":"AAAA"}"#;
        world.answer(fetch, &format!(r#"{{"keys":[{odd},{secret}]}}"#));
        assert_eq!(
            world.events(),
            [
                "keys of provider0: fetches fail: a set without a key that can be used, 2 skipped (\"s\": kty is oct, a \
                 symmetric key: whoever reads the set can sign with it; \"x\": crv is absent)"
            ],
            "{before}"
        );
    }
}

#[test]
fn a_first_set_that_is_empty_withdraws_nothing_and_says_so() {
    let mut world = World::new(source());
    for _ in 0..2 {
        let fetch = world.next_fetch();
        world.answer(fetch, r#"{"keys":[]}"#);
    }
    assert_eq!(
        world.events(),
        [
            "keys of provider0: an empty set came; waiting for a second answer to confirm it",
            "keys of provider0: a new set is in force, and it is empty",
        ]
    );
}

#[test]
fn an_empty_set_is_confirmed_within_a_cache_duration_of_one_second() {
    let mut world = World::with_keys(
        RemoteJwks {
            cache_duration: secs(1),
            ..source()
        },
        &["a"],
    );
    let fetch = world.next_fetch();
    world.answer(fetch, r#"{"keys":[]}"#);
    let seen = world.now;
    let second = world.next_fetch();
    world.answer(second, r#"{"keys":[]}"#);
    assert!(world.now.since(seen) <= secs(1));
    assert_ne!(world.ask("a"), Said::Found);
}

#[test]
fn an_empty_set_that_was_a_slip_changes_nothing() {
    let mut world = World::with_keys(source(), &["a"]);
    let generation = world.cache.keys().generation(ACME);
    for body in [
        r#"{"keys":[]}"#.to_owned(),
        set_of(&["a"]),
        r#"{"keys":[]}"#.to_owned(),
    ] {
        let fetch = world.next_fetch();
        world.answer(fetch, &body);
        assert_eq!(world.ask("a"), Said::Found);
    }
    assert_eq!(world.cache.keys().generation(ACME), generation);
}

#[test]
fn a_failure_between_two_empty_sets_does_not_count_as_the_second() {
    let mut world = World::with_keys(source(), &["a"]);
    let fetch = world.next_fetch();
    world.answer(fetch, r#"{"keys":[]}"#);
    let fetch = world.next_fetch();
    world.fail(fetch);
    assert_eq!(world.ask("a"), Said::Found);
    let fetch = world.next_fetch();
    world.answer(fetch, r#"{"keys":[]}"#);
    assert_ne!(world.ask("a"), Said::Found);
}

#[test]
fn a_first_set_that_is_empty_makes_nobody_unknown_until_it_is_confirmed() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    world.answer(fetch, r#"{"keys":[]}"#);
    world.assert_unavailable("a");
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn a_set_of_some_odd_keys_serves_the_others_and_the_line_names_the_worst_first() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    let odd = r#"{"kid":"x\ny","kty":"OKP"}"#;
    let secret = r#"{"kid":"s","kty":"oct","k":"AAAA"}"#;
    let body = set_of(&["a"]).replace("[", &format!("[{odd},{secret},"));
    world.answer(fetch, &body);
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(
        world.events(),
        [
            r#"keys of provider0: a new set is in force, 1 usable, 2 skipped ("s": kty is oct, a symmetric key: whoever reads the set can sign with it; "x\ny": crv is absent)"#
        ]
    );
}
