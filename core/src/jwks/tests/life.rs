//! From never fetched to unavailable and back.

use super::world::*;
use crate::{
    crypto::Algorithm,
    fetch::Answer,
    jwks::{KeySource, Lookup, RemoteJwks},
};

#[test]
fn keys_are_fetched_before_the_first_request() {
    let mut world = World::new(source());
    assert_eq!(world.until_wakeup(), secs(0), "due at once");
    let before = world.now;
    let fetch = world.next_fetch();
    assert!(world.now.since(before) <= millis(50), "staggered a little");
    assert_eq!(fetch.need.provider(), Some(ACME));
    assert_eq!(world.poll(), None, "one fetch in flight");
    assert_eq!(world.answer(fetch, &set_of(&["a"])), Some(ACME));
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(
        world.events(),
        ["keys of provider0: a new set is in force, 1 usable"]
    );
}

#[test]
fn each_remote_provider_gets_a_fetch_of_its_own() {
    let mut world = World::of(vec![
        KeySource::Remote(source()),
        KeySource::Remote(source()),
    ]);
    let (first, second) = (world.next_fetch(), world.next_fetch());
    assert_ne!(first.need.provider(), second.need.provider());
    assert_ne!(first.id, second.id);
    let [first, its_provider] = [&first, &second].map(|fetch| fetch.need.provider().unwrap());
    assert_eq!(world.answer(second, &set_of(&["a"])), Some(its_provider));
    for (provider, found) in [(its_provider, true), (first, false)] {
        let lookup = world
            .cache
            .lookup(provider, Some("a"), Algorithm::Es256, world.now);
        assert_eq!(matches!(lookup, Lookup::Found(_)), found);
    }
}

#[test]
fn workers_with_different_seeds_do_not_ask_at_the_same_instant() {
    let mut firsts: Vec<_> = (0..8)
        .map(|seed| {
            let mut world = World::new(source());
            world.cache = cache(&[KeySource::Remote(source())], seed);
            world.next_fetch();
            world.now
        })
        .collect();
    firsts.sort();
    firsts.dedup();
    assert!(firsts.len() > 4, "{firsts:?}");
}

#[test]
fn workers_with_different_seeds_do_not_refresh_at_the_same_instant_either() {
    let mut refreshes: Vec<_> = (0..8)
        .map(|seed| {
            let mut world = World::new(source());
            world.cache = cache(&[KeySource::Remote(source())], seed);
            let start = world.now;
            let fetch = world.next_fetch();
            world.now = start;
            world.answer(fetch, &set_of(&["a"]));
            world.next_fetch();
            world.now.since(start).as_secs()
        })
        .collect();
    refreshes.sort();
    refreshes.dedup();
    assert!(refreshes.len() > 4, "{refreshes:?} s after the start");
}

#[test]
fn a_request_before_the_first_fetch_waits_and_ends_the_stagger() {
    let mut world = World::new(source());
    assert_eq!(world.ask("a"), Said::Pending);
    assert_eq!(world.until_wakeup(), secs(0));
    let fetch = world.poll().unwrap();
    assert_eq!(world.ask("a"), Said::Pending);
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn keys_are_fetched_again_a_little_before_they_stop_being_fresh_and_serve_meanwhile() {
    let mut world = World::with_keys(source(), &["a"]);
    let received = world.now;
    let refresh = world.next_fetch();
    let age = world.now.since(received);
    assert!(age >= secs(240) && age <= secs(270), "{age:?}");
    assert_eq!(
        world.ask("a"),
        Said::Found,
        "old keys serve while refreshing"
    );
    world.answer(refresh, &set_of(&["b"]));
    assert_eq!(world.ask("b"), Said::Found);
    assert_eq!(
        world.ask("a"),
        Said::Pending,
        "withdrawn; asked for once more"
    );
}

#[test]
fn the_answer_says_how_long_it_is_fresh() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    world.answer_with(
        fetch,
        200,
        &[(b"Cache-Control", b"max-age=20"), (b"age", b"10")],
        set_of(&["a"]).as_bytes(),
    );
    let received = world.now;
    world.next_fetch();
    let age = world.now.since(received);
    assert!(age >= secs(8) && age < secs(10), "{age:?}");
}

#[test]
fn a_slow_answer_is_as_old_as_its_fetch_but_always_fresh_for_a_second() {
    let mut world = World::new(RemoteJwks {
        cache_duration: secs(2),
        max_stale: secs(0),
        ..source()
    });
    let fetch = world.next_fetch();
    world.pass(secs(4));
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
    world.pass(millis(999));
    assert_eq!(world.ask("a"), Said::Found);
    world.pass(millis(1));
    assert_eq!(world.ask("a"), Said::Pending);
}

#[test]
fn stale_keys_serve_until_max_stale_is_over_and_then_nothing_does() {
    let mut world = World::with_keys(source(), &["a"]);
    let received = world.now;
    let generation = world.cache.keys().generation(ACME);
    let limit = secs(300 + 3_600);
    for _ in 0..1_000 {
        let age = world.now.since(received);
        if age >= limit {
            break;
        }
        assert_eq!(world.ask("a"), Said::Found, "{age:?}");
        if let Some(fetch) = world.poll() {
            world.fail(fetch);
        }
        let step = world
            .until_wakeup()
            .min(limit.saturating_sub(age))
            .max(millis(1));
        world.pass(step);
    }
    assert!(world.now.since(received) >= limit);
    world.assert_unavailable("a");
    assert_ne!(
        world.cache.keys().generation(ACME),
        generation,
        "what was remembered ends too"
    );
    assert_eq!(
        world.events(),
        [
            "keys of provider0: fetches fail: no answer in time, or it was reset, or larger than the host holds",
            "keys of provider0: no longer fresh; they serve until max_stale is over",
            "keys of provider0: unavailable",
        ],
        "one line per change of state, not per failure"
    );
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(
        world.events(),
        [
            "keys of provider0: fetches succeed again",
            "keys of provider0: a new set is in force, 1 usable"
        ]
    );
}

#[test]
fn when_there_are_no_keys_the_answer_is_never_unknown() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    assert_eq!(world.ask("made-up"), Said::Pending);
    world.fail(fetch);
    world.assert_unavailable("made-up");
    world.assert_unavailable("made-up");
}

#[test]
fn no_kind_of_failed_answer_harms_the_keys_in_hand() {
    let too_large = format!("{}{}", set_of(&["b"]), " ".repeat(300_000));
    let too_many = format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(100));
    let good = set_of(&["b"]);
    let http = |status, body| Answer::Http {
        status,
        headers: &[],
        body,
    };
    let failures = [
        (
            Answer::NoAnswer,
            "no answer in time, or it was reset, or larger than the host holds",
        ),
        (
            Answer::NotSent { cluster: "idp" },
            "the host refused to send the request; is the cluster idp defined?",
        ),
        (http(500, good.as_bytes()), "status 500"),
        (
            http(301, good.as_bytes()),
            "status 301: redirects are not followed",
        ),
        (
            Answer::Http {
                status: 302,
                headers: &[(b"Location", b"https://login.example/?a\nb")],
                body: b"",
            },
            "status 302: redirects are not followed; this one leads to https://login.example/?a\\nb",
        ),
        (
            Answer::Http {
                status: 200,
                headers: &[(b"Content-Encoding", b"gzip")],
                body: b"\x1f\x8b",
            },
            "content-encoding: gzip, though identity was asked for",
        ),
        (
            http(200, b"\x1f\x8b\x08"),
            "not JSON: it is compressed, though nobody asked for that",
        ),
        (
            http(200, b"\xef\xbb\xbf{\"keys\":[]}"),
            "not JSON: it starts with a byte order mark, which RFC 8259 section 8.1 forbids",
        ),
        (
            http(200, b"\xff\xfe{\0"),
            "not JSON: it is UTF-16, and RFC 8259 section 8.1 wants UTF-8",
        ),
        (
            http(200, b"-----BEGIN PUBLIC KEY-----"),
            "not JSON: it is PEM: a key or a certificate, and not a set of keys",
        ),
        (
            http(
                200,
                br#"{"6a2b":"-----BEGIN CERTIFICATE-----\n","77":"-----BEGIN CERTIFICATE-----\n"}"#,
            ),
            "certificates by their names, not a JWK set: Google and Firebase serve the same keys",
        ),
        (
            http(
                200,
                br#"{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}"#,
            ),
            "a discovery document, not a JWK set: the address of the set is its jwks_uri",
        ),
        (
            http(200, br#"{"kty":"RSA","n":"AA","e":"AQAB"}"#),
            "one key, not a JWK set: a set is {\"keys\":[…]}",
        ),
        (http(204, b""), "status 204"),
        (http(200, b""), "not JSON: it is empty"),
        (
            http(200, b"\n<html>"),
            "not JSON: it is HTML or XML: a page to sign in, an error of a proxy, or another address",
        ),
        (http(200, b"{}"), "not an object with a list \"keys\""),
        (
            http(200, br#"{"keys":[],"keys":[]}"#),
            "not JSON: the member \\\"keys\\\" occurs twice",
        ),
        (
            http(200, too_large.as_bytes()),
            "larger than limits.jwks_bytes",
        ),
        (
            http(200, too_many.as_bytes()),
            "more keys than limits.jwks_keys",
        ),
    ];
    for (answer, words) in failures {
        let mut world = World::with_keys(source(), &["a"]);
        let generation = world.cache.keys().generation(ACME);
        let fetch = world.next_fetch();
        world.cache.on_answer(fetch.id, answer, world.now);
        assert_eq!(world.ask("a"), Said::Found, "{words}");
        assert_eq!(world.cache.keys().generation(ACME), generation);
        let [line] = &world.events()[..] else {
            panic!("{words}")
        };
        assert!(
            line.starts_with(&format!("keys of provider0: fetches fail: {words}")),
            "{line}"
        );
        let wait = world.until_wakeup();
        assert!(
            wait >= millis(750) && wait <= secs(1),
            "backoff, not {wait:?}"
        );
    }
}

#[test]
fn an_answer_that_is_lost_ends_with_its_deadline_and_is_ignored_later() {
    let mut world = World::new(source());
    let lost = world.next_fetch();
    assert_eq!(world.until_wakeup(), TIMEOUT + secs(1));
    world.pass(world.until_wakeup());
    assert!(world.cache.keys().is_fetching(ACME));
    assert_eq!(world.poll(), None);
    assert!(!world.cache.keys().is_fetching(ACME));
    world.assert_unavailable("a");
    assert_eq!(
        world.events(),
        ["keys of provider0: fetches fail: the answer was lost"]
    );
    let next = world.next_fetch();
    assert_eq!(world.answer(lost, &set_of(&["old"])), None);
    assert_eq!(world.answer(next.clone(), &set_of(&["a"])), Some(ACME));
    assert_eq!(world.answer(next, &set_of(&["twice"])), None);
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn the_generation_changes_with_the_set_and_not_with_each_fetch() {
    let mut world = World::with_keys(source(), &["a"]);
    let first = world.cache.keys().generation(ACME);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.cache.keys().generation(ACME), first);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_ne!(world.cache.keys().generation(ACME), first);
}

#[test]
fn local_keys_serve_at_once_and_are_never_fetched() {
    let mut world = World::local(&["a"]);
    assert_eq!(world.ask("a"), Said::Found);
    assert_eq!(world.ask("b"), Said::Unknown);
    assert_eq!(world.ask_for(Some("a"), Algorithm::Rs256), Said::Misfit);
    assert_eq!(world.poll(), None);
    assert_eq!(world.cache.next_wakeup(), None);
    assert!(!world.cache.keys().is_fetching(ACME));
    assert_eq!(world.cache.keys().generation(ACME), 0);
    assert!(world.events().is_empty());
}

#[test]
fn ids_of_another_cache_are_no_ids_here() {
    let mut old = World::new(source());
    let fetch = old.next_fetch();
    let mut new = World::new(source());
    new.cache = cache(&[KeySource::Remote(source())], 43);
    new.next_fetch();
    assert_eq!(new.answer(fetch, &set_of(&["a"])), None);
}

#[test]
fn an_answer_of_the_host_without_a_status_is_none() {
    let none: [&[(&[u8], &[u8])]; 4] = [
        &[],
        &[(b"content-type", b"text/html")],
        &[(b":status", b"\xff")],
        &[(b":status", b"")],
    ];
    for headers in none {
        assert!(matches!(
            Answer::from_host(headers, b"{}"),
            Answer::NoAnswer
        ));
    }
    let headers: &[(&[u8], &[u8])] = &[(b"age", b"1"), (b":status", b"404")];
    assert!(matches!(
        Answer::from_host(headers, b"{}"),
        Answer::Http {
            status: 404,
            body: b"{}",
            ..
        }
    ));
}
