//! An issuer that says itself where its keys are.

use super::world::*;
use crate::{
    jwks::{Purpose, RemoteJwks},
    limits,
    supply::{Fetch, Need},
    time::UnixTime,
};

const HERE: &str = "https://keys.example/acme/certs";

fn document(jwks_uri: &str) -> String {
    format!(r#"{{"issuer":"https://id.example/acme","jwks_uri":"{jwks_uri}"}}"#)
}

/// A world whose issuer says that the keys are here, and that has them.
fn world() -> World {
    world_of(discovered())
}

fn world_of(source: RemoteJwks) -> World {
    let mut world = World::new(source);
    let fetch = world.next_fetch();
    world.answer(fetch, &document(HERE));
    let fetch = world.next_fetch();
    assert_eq!(fetch.call.endpoint.to_string(), HERE);
    world.answer(fetch, &set_of(&["a"]));
    world.events();
    world
}

/// Lets time pass until the document is asked for, and all fetches of keys before it find the same
/// keys.
fn next_document(world: &mut World) -> Fetch {
    for _ in 0..100 {
        let fetch = world.next_fetch();
        if fetch.purpose == Some(Purpose::Discovery) {
            return fetch;
        }
        world.answer(fetch, &set_of(&["a"]));
    }
    panic!("the document is not asked for");
}

#[test]
fn the_document_is_fetched_first_and_the_keys_at_once_from_where_it_says() {
    let mut world = World::new(discovered());
    assert_eq!(world.ask("a"), Said::Pending);
    assert_eq!(world.until_wakeup(), secs(0), "who waits ends the stagger");
    let fetch = world.poll().unwrap();
    assert_eq!(fetch.purpose, Some(Purpose::Discovery));
    assert_eq!(
        fetch.call.endpoint.to_string(),
        "https://id.example/acme/.well-known/openid-configuration"
    );
    assert_eq!(fetch.call.endpoint.cluster, "id");
    assert_eq!(world.ask("a"), Said::Pending);
    assert_eq!(world.poll(), None, "one fetch in flight");
    assert_eq!(world.answer(fetch, &document(HERE)), Some(ACME));
    assert_eq!(world.ask("a"), Said::Pending);
    let fetch = world.poll().unwrap();
    assert_eq!(fetch.purpose, Some(Purpose::Keys));
    assert_eq!(fetch.call.endpoint.to_string(), HERE);
    assert_eq!(fetch.call.endpoint.cluster, "keys");
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(
        world.events(),
        [
            "keys of provider0: discovery found them at https://keys.example/acme/certs",
            "keys of provider0: a new set is in force, 1 usable",
        ]
    );
}

#[test]
fn a_document_that_must_not_be_believed_changes_nothing_and_names_the_reason() {
    let good = document("https://keys.example/acme/other");
    let large = format!("{good}{}", " ".repeat(limits::DISCOVERY_BYTES));
    let cases: [(u16, &str, &str); 12] = [
        (
            200,
            &good.replace("/acme\"", "/evil\""),
            "its issuer is another: https://id.example/evil",
        ),
        (
            200,
            &good.replace("/acme\"", "/acme/\""),
            "its issuer is another: https://id.example/acme/",
        ),
        (
            200,
            &document("https://evil.example/acme/certs"),
            "its jwks_uri does not lie below jwks_uri_prefix",
        ),
        (
            200,
            &document("https://keys.example/acme/../evil"),
            "its jwks_uri has a path that servers read differently",
        ),
        (
            200,
            &document("http://keys.example/acme/certs"),
            "its jwks_uri does not lie below jwks_uri_prefix",
        ),
        (
            200,
            r#"{"issuer":"https://id.example/acme"}"#,
            "its jwks_uri is missing or no string",
        ),
        (
            200,
            r#"{"issuer":["https://id.example/acme"],"jwks_uri":"x"}"#,
            "its issuer is missing or no string",
        ),
        (
            200,
            r#"{"issuer":"x","issuer":"https://id.example/acme"}"#,
            "not JSON: the member \\\"issuer\\\" occurs twice at line 1 column 49",
        ),
        (
            200,
            "<html>",
            "not JSON: it is HTML or XML: a page to sign in, an error of a proxy, or another address",
        ),
        (200, &large, "larger than 65536 bytes"),
        (302, &good, "status 302: redirects are not followed"),
        (500, &good, "status 500"),
    ];
    for (status, body, words) in cases {
        let mut world = world();
        let fetch = next_document(&mut world);
        world.answer_with(fetch, status, &[], body.as_bytes());
        assert_eq!(
            world.events(),
            [format!("keys of provider0: discovery fails: {words}")]
        );
        assert_eq!(world.ask("a"), Said::Found);
        let fetch = world.next_fetch();
        if fetch.purpose == Some(Purpose::Discovery) {
            world.answer(fetch, &document(HERE));
            assert_eq!(
                world.events(),
                ["keys of provider0: discovery succeeds again"]
            );
        }

        let mut world = World::new(discovered());
        let fetch = world.next_fetch();
        assert_eq!(world.ask("a"), Said::Pending);
        world.answer_with(fetch, status, &[], body.as_bytes());
        world.assert_unavailable("a");
        let wait = world.until_wakeup();
        assert!(
            wait >= millis(750) && wait <= secs(1),
            "backoff, not {wait:?}"
        );
        let again = world.next_fetch();
        assert_eq!(
            again.purpose,
            Some(Purpose::Discovery),
            "no keys are asked for anywhere"
        );
    }
}

#[test]
fn nothing_else_in_the_document_is_read() {
    let mut world = World::new(discovered());
    let fetch = world.next_fetch();
    let more = r#","jwks":{"keys":[]},"id_token_signing_alg_values_supported":["none","HS256"]}"#;
    let body = document(HERE).replace('}', more);
    world.answer(fetch, &body);
    let fetch = world.next_fetch();
    assert_eq!(fetch.call.endpoint.to_string(), HERE);
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn a_changed_address_is_followed_within_the_refresh_period_and_the_old_keys_serve_meanwhile() {
    let mut world = world();
    let found = world.now;
    let fetch = next_document(&mut world);
    let age = world.now.since(found);
    assert!(age >= secs(800) && age <= secs(1_000), "{age:?}");
    world.answer(fetch, &document("https://keys.example/acme/new"));
    assert_eq!(world.ask("a"), Said::Found);
    assert!(world.until_wakeup() <= millis(200));
    let fetch = world.next_fetch();
    assert_eq!(
        fetch.call.endpoint.to_string(),
        "https://keys.example/acme/new"
    );
    world.fail(fetch);
    assert_eq!(world.ask("a"), Said::Found, "nothing there yet");
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

#[test]
fn the_tag_of_one_address_is_not_sent_to_another() {
    let mut world = World::new(discovered());
    let fetch = world.next_fetch();
    world.answer_with(
        fetch,
        200,
        &[(b"etag", b"\"d1\"")],
        document(HERE).as_bytes(),
    );
    let fetch = world.next_fetch();
    world.answer_with(
        fetch,
        200,
        &[(b"etag", b"\"k1\"")],
        set_of(&["a"]).as_bytes(),
    );
    let sent = |fetch: &Fetch| fetch.call.header("if-none-match").map(str::to_owned);
    let fetch = loop {
        let fetch = world.next_fetch();
        if fetch.purpose == Some(Purpose::Discovery) {
            break fetch;
        }
        assert_eq!(sent(&fetch).as_deref(), Some("\"k1\""));
        world.answer_with(fetch, 304, &[], b"");
    };
    assert_eq!(sent(&fetch).as_deref(), Some("\"d1\""));
    world.answer_with(fetch, 304, &[], b"");
    let fetch = loop {
        let fetch = world.next_fetch();
        if fetch.purpose == Some(Purpose::Discovery) {
            break fetch;
        }
        assert_eq!(
            fetch.call.endpoint.to_string(),
            HERE,
            "304 confirms the address"
        );
        world.answer_with(fetch, 304, &[], b"");
    };
    world.answer(fetch, &document("https://keys.example/acme/new"));
    let fetch = world.next_fetch();
    assert_eq!((fetch.purpose, sent(&fetch)), (Some(Purpose::Keys), None));
}

#[test]
fn an_outage_of_the_document_is_bridged_until_max_stale_and_the_keys_live_out_their_time() {
    let mut world = world();
    let found = world.now;
    let mut fetched_last = found;
    let mut failures = 0;
    while world.now.since(found) < secs(1_000 + 2 * 3_600 + 600) {
        if world.now.since(fetched_last) < secs(3_600) {
            assert_eq!(world.ask("a"), Said::Found);
        }
        match world.poll() {
            Some(fetch) if fetch.purpose == Some(Purpose::Discovery) => {
                failures += 1;
                world.fail(fetch);
            }
            Some(fetch) => {
                fetched_last = world.now;
                world.answer(fetch, &set_of(&["a"]));
            }
            None => {}
        }
        world.pass(world.until_wakeup().max(millis(1)));
    }
    let bridged = fetched_last.since(found);
    assert!(
        bridged >= secs(1_000 + 3_600 - 300) && bridged <= secs(1_000 + 3_600),
        "{bridged:?}"
    );
    assert!(
        failures < 250,
        "{failures} fetches in three hours: the backoff has a ceiling"
    );
    assert_eq!(
        world.events(),
        [
            "keys of provider0: discovery fails: no answer in time, or it was reset, or larger than the host holds",
            "keys of provider0: the address that discovery found is too old; they are not fetched from there any more",
            "keys of provider0: no longer fresh; they serve until max_stale is over",
            "keys of provider0: unavailable",
        ]
    );
    assert_ne!(world.ask("a"), Said::Found);
    let fetch = world.next_fetch();
    world.answer(fetch, &document(HERE));
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn a_document_that_hangs_delays_an_unknown_key_but_does_not_refuse_it() {
    let mut world = world();
    let hanging = next_document(&mut world);
    assert_eq!(world.ask("b"), Said::Pending);
    world.pass(TIMEOUT);
    world.fail(hanging);
    assert_eq!(world.ask("b"), Said::Pending);
    let fetch = world.next_fetch();
    assert_eq!(fetch.purpose, Some(Purpose::Keys), "keys first");
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

#[test]
fn who_waits_for_an_unknown_key_behind_the_document_is_not_judged_again_before() {
    let mut world = world();
    let coming = next_document(&mut world);
    for _ in 0..2 {
        world.pass(millis(10));
        assert_eq!(world.ask("b"), Said::Pending);
        assert!(world.cache.holds(Need::Keys(ACME)));
    }
    world.answer(coming, &document(HERE));
    assert_eq!(world.ask("b"), Said::Pending);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

#[test]
fn keys_that_are_due_come_before_the_document() {
    let source = RemoteJwks {
        cache_duration: secs(1_000),
        max_cache_duration: secs(1_000),
        ..discovered()
    };
    let mut world = world_of(source);
    world.pass(secs(999));
    assert_eq!(world.poll().unwrap().purpose, Some(Purpose::Keys));
}

/// Each fetch of keys is lost, and meanwhile where they are has become too old; the document says
/// the same each time.
#[test]
fn an_address_that_is_found_again_shortens_no_backoff_and_nobody_waits_for_it_meanwhile() {
    let mut world = World::new(RemoteJwks {
        max_stale: secs(0),
        timeout: secs(1),
        ..discovered_for(secs(1))
    });
    let mut lost: Option<UnixTime> = None;
    for _ in 0..20 {
        let mut fetch = world.next_fetch();
        while fetch.purpose == Some(Purpose::Discovery) {
            world.answer(fetch, &document(HERE));
            fetch = world.next_fetch();
        }
        assert!(lost.is_none_or(|lost| world.now.since(lost) >= millis(187)));
        world.pass(secs(2));
        assert_eq!(world.ask("a"), Said::Pending);
        let again = world.poll().unwrap();
        assert_eq!(again.purpose, Some(Purpose::Discovery));
        assert!(!world.cache.holds(Need::Keys(ACME)), "judge them again");
        world.assert_unavailable("a");
        lost = Some(world.now);
        world.answer(again, &document(HERE));
        world.assert_unavailable("a");
    }
}

#[test]
fn who_comes_while_the_document_is_fetched_waits_for_it_and_is_not_judged_again_before() {
    let mut world = World::new(discovered());
    assert_eq!(world.next_fetch().purpose, Some(Purpose::Discovery));
    for _ in 0..2 {
        world.pass(millis(10));
        assert_eq!(world.ask("a"), Said::Pending);
        assert!(world.cache.holds(Need::Keys(ACME)));
    }
}
