//! When a document is fetched, and when it ends.

use core::time::Duration;

use super::world::{World, document, entry, ok, secs};
use crate::fetch::{Answer, Number};

const NOT_MODIFIED: Answer<'_> = Answer::Http {
    status: 304,
    headers: &[],
    body: &[],
};

#[test]
fn whoever_comes_before_the_first_document_waits_for_it() {
    let mut world = World::new();
    assert_eq!(world.find("alice", &[1]), "pending");
    let id = world.fetch().expect("nobody waits for a stagger");
    assert!(world.long.holds_waiters());
    assert_eq!(world.find("alice", &[1]), "pending");
    assert_eq!(world.fetch(), None, "once");
    world.answer(id, &ok(&document(&[entry("alice", &[1])])));
    assert!(!world.long.holds_waiters());
    assert_eq!(world.find("alice", &[1]), "known");
    assert_eq!(world.log(), ["1 in force"]);
}

#[test]
fn without_a_first_document_nobody_knows() {
    for answer in [
        Answer::NoAnswer,
        Answer::NotSent { cluster: "idp" },
        ok("{}"),
        NOT_MODIFIED,
    ] {
        let mut world = World::new();
        let id = world.next_fetch();
        world.answer(id, &answer);
        assert_eq!(world.find("alice", &[1]), "unavailable");
        world.comes(&document(&[entry("alice", &[1])]));
        assert_eq!(world.find("alice", &[1]), "known");
        let log = world.log();
        assert!(log[0].starts_with("fetches fail: "), "{log:?}");
        assert_eq!(log[1..], ["1 in force", "fetches succeed again"]);
    }
    // An answer that is lost, too.
    let mut world = World::new();
    world.next_fetch();
    world.pass(secs(3));
    world.fetch();
    assert_eq!(world.log(), ["fetches fail: the answer was lost"]);
}

#[test]
fn an_outage_is_bridged_for_max_stale_and_not_longer() {
    let mut world = World::new();
    world.comes(&document(&[entry("alice", &[1])]));
    let mut waited = Duration::ZERO;
    for _ in 0..10_000 {
        if let Some(id) = world.fetch() {
            world.answer(id, &Answer::NoAnswer);
        }
        if waited < secs(659) {
            assert_eq!(world.find("alice", &[1]), "known", "{waited:?}");
        }
        if waited > secs(661) {
            break;
        }
        world.pass(Duration::from_millis(500));
        waited += Duration::from_millis(500);
    }
    assert_eq!(world.find("alice", &[1]), "unavailable");
    assert_eq!(world.number("state.none"), Some(Number::Level(1)));
    let log = world.log();
    let end = "the document is too old: approvals are answered 503";
    assert!(log.contains(&end.to_owned()), "{log:?}");
    world.comes(&document(&[]));
    assert_eq!(world.find("alice", &[1]), "unknown");
    assert_eq!(world.number("state.in_force"), Some(Number::Level(1)));
}

#[test]
fn what_is_fetched_again_takes_the_place_of_the_old_one() {
    let mut world = World::new();
    let alice = entry("alice", &[1]);
    world.comes(&document(core::slice::from_ref(&alice)));
    let mut disabled = alice.clone();
    disabled["disabled"] = true.into();
    for (entries, wanted) in [
        (vec![disabled], "disabled"),
        (vec![], "unknown"),
        (vec![alice], "known"),
    ] {
        world.pass(secs(60));
        world.comes(&document(&entries));
        assert_eq!(world.find("alice", &[1]), wanted);
    }
}

#[test]
fn a_document_that_is_confirmed_is_not_read_again() {
    let mut world = World::new();
    world.comes(&document(&[entry("alice", &[1])]));
    for _ in 0..20 {
        let id = world.next_fetch();
        let call = world.calls.last().unwrap();
        assert_eq!(call.header("if-none-match"), Some("\"one\""));
        world.answer(id, &NOT_MODIFIED);
        assert_eq!(world.find("alice", &[1]), "known");
    }
    assert_eq!(world.log(), ["1 in force"]);
}
