//! `ETag`, `If-None-Match` and 304.

use super::world::*;
use crate::{jwks::RemoteJwks, supply::Fetch};

const TAG: (&[u8], &[u8]) = (b"etag", b"\"v1\"");

fn world_with_tag(source: RemoteJwks, headers: &[(&[u8], &[u8])]) -> World {
    let mut world = World::new(source);
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), None, "nothing to confirm yet");
    world.answer_with(fetch, 200, headers, set_of(&["a"]).as_bytes());
    world.events();
    world
}

fn sent(fetch: &Fetch) -> Option<&str> {
    fetch.call.header("if-none-match")
}

#[test]
fn the_answer_304_confirms_the_set_in_force_and_renews_it() {
    let mut world = world_with_tag(source(), &[TAG]);
    let generation = world.cache.keys().generation(ACME);
    for _ in 0..100 {
        let fetch = world.next_fetch();
        assert_eq!(sent(&fetch), Some("\"v1\""));
        world.answer_with(fetch, 304, &[], b"");
        assert_eq!(world.ask("a"), Said::Found);
        assert!(world.until_wakeup() >= secs(240));
    }
    assert_eq!(
        world.cache.keys().generation(ACME),
        generation,
        "the same set"
    );
    assert!(world.events().is_empty());
}

#[test]
fn the_answer_304_says_that_an_unknown_key_does_not_exist() {
    let mut world = world_with_tag(source(), &[TAG]);
    world.pass(secs(10));
    assert_eq!(world.ask("x"), Said::Pending);
    let fetch = world.poll().unwrap();
    world.answer_with(fetch, 304, &[], b"");
    assert_eq!(world.ask("x"), Said::Unknown);
}

#[test]
fn another_set_brings_another_tag() {
    let mut world = world_with_tag(source(), &[TAG]);
    let fetch = world.next_fetch();
    let tag: (&[u8], &[u8]) = (b"ETag", b"W/\"v2\"");
    world.answer_with(fetch, 200, &[tag], set_of(&["b"]).as_bytes());
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), Some("W/\"v2\""));
    world.answer_with(fetch, 200, &[], set_of(&["c"]).as_bytes());
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), None, "an answer without a tag has none");
    world.answer_with(fetch, 304, &[], b"");
    assert_eq!(
        world.events().last().unwrap(),
        "keys of provider0: fetches fail: status 304",
        "nobody asked for it"
    );
    assert_eq!(world.ask("c"), Said::Found);
}

#[test]
fn the_answer_304_is_fresh_as_it_says_and_else_as_the_answer_that_it_confirms() {
    let twenty: (&[u8], &[u8]) = (b"cache-control", b"max-age=20");
    let mut world = world_with_tag(source(), &[TAG, twenty]);
    for (headers, least, most) in [
        (&[][..], 16, 20),
        (&[(&b"Cache-Control"[..], &b"max-age=100"[..])][..], 80, 100),
        (&[][..], 80, 100),
    ] {
        let fetch = world.next_fetch();
        world.answer_with(fetch, 304, headers, b"");
        let wait = world.until_wakeup();
        assert!(wait >= secs(least) && wait <= secs(most), "{wait:?}");
    }
}

#[test]
fn a_set_that_may_end_before_the_answer_comes_is_not_asked_for_by_its_tag() {
    let source = RemoteJwks {
        max_stale: secs(0),
        ..source()
    };
    let mut world = world_with_tag(source, &[TAG, (b"cache-control", b"max-age=5")]);
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), None, "the deadline lies behind its end");
    world.answer_with(fetch, 200, &[TAG], set_of(&["a"]).as_bytes());
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), Some("\"v1\""), "300 s are enough");
    world.fail(fetch);
    world.pass(secs(600));
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), None, "the set has ended");
}

#[test]
fn a_withdrawal_is_confirmed_by_304_only_for_the_empty_set_itself() {
    let empty = br#"{"keys":[]}"#;
    let mut world = world_with_tag(source(), &[TAG]);
    let fetch = world.next_fetch();
    world.answer_with(fetch, 200, &[(b"etag", b"\"empty\"")], empty);
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), Some("\"v1\""), "that of the set in force");
    world.answer_with(fetch, 304, &[], b"");
    assert_eq!(world.ask("a"), Said::Found, "the empty one was a slip");
    for _ in 0..2 {
        let fetch = world.next_fetch();
        world.answer_with(fetch, 200, &[(b"etag", b"\"empty\"")], empty);
    }
    assert_ne!(world.ask("a"), Said::Found);
    let fetch = world.next_fetch();
    assert_eq!(sent(&fetch), Some("\"empty\""));
    world.answer_with(fetch, 304, &[], b"");
    assert_eq!(world.ask("a"), Said::Unknown);
}
