//! Each transition by name.

use core::time::Duration;

use super::world::{START, World, document, document_of, ok, secs, source};
use crate::{
    fetch::{Answer, Number},
    revocation::{Kind, ListBounds, Standing, WhenUnavailable},
    time::UnixTime,
};

const ALICE: &str = r#"{"sub":"alice"}"#;
const BOB: &str = r#"{"sub":"bob"}"#;

fn denying() -> World {
    World::new(source(WhenUnavailable::Deny))
}

fn allowing() -> World {
    World::new(source(WhenUnavailable::Allow))
}

#[test]
fn before_the_first_document_a_request_waits_and_then_is_told() {
    for mut world in [denying(), allowing()] {
        assert_eq!(world.judge("alice"), Standing::Pending);
        let id = world.fetch().unwrap();
        assert_eq!(world.judge("alice"), Standing::Pending);
        assert!(world.long.holds_waiters());
        world.answer(id, &ok(&document(1, START, &[ALICE])));
        assert!(!world.long.holds_waiters());
        assert!(world.is_revoked("alice"));
        assert_eq!(world.judge("bob"), Standing::Clear);
    }
}

#[test]
fn without_a_first_document_the_policy_decides() {
    for (mut world, denies) in [(denying(), true), (allowing(), false)] {
        world.fails();
        let said = world.judge("alice");
        match said {
            Standing::Unavailable(retry_after) => assert!(denies && retry_after >= secs(1)),
            said => assert!(!denies && said == Standing::Unchecked, "{said:?}"),
        }
        // The next try is worth waiting for where nobody passes without it.
        world.next_fetch();
        let said = world.judge("alice");
        assert_eq!(said == Standing::Pending, denies, "{said:?}");
        assert_eq!(
            world.log(),
            ["fetches fail: no answer in time, or it was reset, or larger than the host holds"]
        );
    }
}

#[test]
fn an_entry_takes_effect_within_cache_duration_and_one_answer() {
    let mut world = denying();
    world.comes(&document(1, START, &[]));
    let listed = world.seconds();
    assert_eq!(world.judge("alice"), Standing::Clear);
    let text = document(2, START + 1, &[ALICE]);
    world.comes(&text);
    assert!(world.seconds() - listed <= 5);
    assert!(world.is_revoked("alice"));
}

#[test]
fn a_token_is_judged_by_when_it_was_issued() {
    let mut world = denying();
    let entry = format!(r#"{{"sub":"alice","not_before":{START}}}"#);
    world.comes(&document(1, START, &[&entry]));
    let mut judge = |issued| world.judge_issued("alice", issued);
    assert!(matches!(judge(Some(START)), Standing::Revoked { .. }));
    assert!(matches!(judge(Some(START - 9)), Standing::Revoked { .. }));
    assert!(matches!(judge(None), Standing::Revoked { .. }));
    assert_eq!(judge(Some(START + 1)), Standing::Clear);
}

#[test]
fn any_name_of_a_token_revokes_it() {
    let mut world = denying();
    world.comes(&document(1, START, &[r#"{"sid":"s"}"#, r#"{"sub":"x"}"#]));
    let now = world.now();
    let mut judge = |names: &[(Kind, &'static str)]| {
        let names = names.iter().copied();
        let standing = world.long.judge(names, None, now);
        matches!(standing, Standing::Revoked { .. })
    };
    assert!(judge(&[(Kind::Subject, "alice"), (Kind::Session, "s")]));
    assert!(!judge(&[(Kind::Subject, "s"), (Kind::Session, "x")]));
    assert!(!judge(&[]));
}

#[test]
fn a_list_is_as_old_as_its_author_says() {
    for (mut world, denies) in [(denying(), true), (allowing(), false)] {
        // Half of its time is over when it comes.
        world.comes(&document(1, START - 30, &[ALICE]));
        world.pass(secs(34));
        assert_eq!(world.judge("bob"), Standing::Clear);
        world.pass(secs(1));
        let id = world.next_fetch();
        world.answer(id, &Answer::NoAnswer);
        // Whom it names stays out.
        assert!(world.is_revoked("alice"));
        let said = world.judge("bob");
        assert_eq!(matches!(said, Standing::Unavailable(_)), denies, "{said:?}");
        let log = world.log();
        assert!(
            log.iter()
                .any(|line| line.starts_with("the list is too old")),
            "{log:?}"
        );
        world.comes(&document(1, START + 30, &[ALICE]));
        assert_eq!(world.judge("bob"), Standing::Clear);
        let log = world.log();
        assert_eq!(
            log,
            ["the list is young enough again", "fetches succeed again"]
        );
    }
}

#[test]
fn what_is_confirmed_does_not_become_younger() {
    let mut world = denying();
    world.comes(&document(1, START, &[]));
    for _ in 0..12 {
        assert_eq!(world.judge("bob"), Standing::Clear);
        let id = world.next_fetch();
        assert_eq!(
            world.calls.last().unwrap().header("if-none-match"),
            Some("\"one\"")
        );
        let answer = Answer::Http {
            status: 304,
            headers: &[],
            body: &[],
        };
        world.answer(id, &answer);
        world.pass(secs(5) - Duration::from_millis(10));
    }
    world.pass(secs(10));
    assert!(matches!(
        world.judge("bob"),
        Standing::Pending | Standing::Unavailable(_)
    ));
    world.next_fetch();
    assert!(
        world
            .log()
            .iter()
            .any(|line| line.starts_with("the list is too old"))
    );
}

/// Each of these is no answer: the list in hand stays as it is, and ends when it would have.
#[test]
fn an_edition_never_goes_back() {
    let old = |epoch, sequence, at| document_of(epoch, sequence, at, "", &[]);
    for (text, word) in [
        (old(3, 9, START), "rolled back"),
        (old(2, 99, START), "rolled back"),
        (old(3, 10, START - 1), "rolled back"),
        (old(3, 11, START - 1), "rolled back"),
        (old(4, 0, START - 1), "rolled back"),
        (old(4, 0, START - 70), "older than"),
        (old(3, 11, START + 200), "in the future"),
        (
            document_of(3, 11, START, ",\"after\":11", &[]),
            "only what is new",
        ),
        (
            document_of(4, 1, START, ",\"after\":10", &[]),
            "only what is new",
        ),
        ("junk".into(), "not a list"),
    ] {
        let mut world = denying();
        world.comes(&document_of(3, 10, START, "", &[ALICE]));
        world.log();
        world.comes(&text);
        let log = world.log();
        assert!(log.len() == 1 && log[0].contains(word), "{text}: {log:?}");
        assert!(world.is_revoked("alice"), "{text}");
        let left = 64_u64.saturating_sub(world.seconds());
        world.pass(secs(left));
        assert_eq!(world.judge("bob"), Standing::Clear, "{text}");
        world.pass(secs(1));
        assert_ne!(world.judge("bob"), Standing::Clear, "{text}");
    }
    for text in [
        old(3, 10, START),
        old(3, 10, START + 3),
        old(3, 11, START),
        old(4, 0, START),
    ] {
        let mut world = denying();
        world.comes(&document_of(3, 10, START, "", &[ALICE]));
        world.comes(&text);
        assert_eq!(world.judge("alice"), Standing::Clear, "{text}");
    }
}

#[test]
fn a_worker_that_starts_takes_no_list_that_is_too_old() {
    let mut world = denying();
    world.comes(&document(9, START - 65, &[]));
    assert!(matches!(world.judge("bob"), Standing::Unavailable(_)));
    world.comes(&document(9, START, &[]));
    assert_eq!(world.judge("bob"), Standing::Clear);
}

#[test]
fn what_is_new_is_asked_for_and_added() {
    let mut world = denying();
    world.comes(&document(41, START, &[ALICE]));
    world.comes(&document_of(1, 43, START + 4, ",\"after\":41", &[BOB]));
    assert!(world.is_revoked("alice") && world.is_revoked("bob"));
    let paths = |world: &World| {
        let paths = world.calls.iter().map(|call| call.endpoint.path.clone());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(
        paths(&world),
        ["/acme/revocations", "/acme/revocations?after=41"]
    );
    // What is new since before the edition in hand overlaps, which does no harm.
    world.comes(&document_of(
        1,
        44,
        START + 8,
        ",\"after\":40",
        &[r#"{"sub":"carol"}"#],
    ));
    assert!(world.is_revoked("carol") && world.is_revoked("alice"));
    // A gap: all of it is asked for.
    world.comes(&document_of(1, 50, START + 12, ",\"after\":49", &[]));
    world.comes(&document(50, START + 13, &[BOB]));
    assert_eq!(
        world.calls.last().unwrap().endpoint.path,
        "/acme/revocations"
    );
    assert!(!world.is_revoked("alice") && world.is_revoked("bob"));
}

#[test]
fn an_address_with_a_query_keeps_it() {
    let mut source = source(WhenUnavailable::Deny);
    source.endpoint.path = "/list?of=acme".into();
    let mut world = World::new(source);
    world.comes(&document(1, START, &[]));
    world.next_fetch();
    assert_eq!(
        world.calls.last().unwrap().endpoint.path,
        "/list?of=acme&after=1"
    );
}

fn people(range: core::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!(r#"{{"sub":"p{n}"}}"#)).collect()
}

fn of(entries: &[String]) -> Vec<&str> {
    entries.iter().map(String::as_str).collect()
}

fn large() -> World {
    let bounds = ListBounds {
        entries: 10_000,
        bytes: 1 << 20,
    };
    World::within(source(WhenUnavailable::Deny), bounds)
}

/// While a long document is read, who waits waits on; and the list in hand is in force until all of
/// the new one is.
#[test]
fn a_long_document_is_read_in_slices() {
    let entries = people(0..5_000);
    let mut world = large();
    world.comes(&document(1, START, &of(&entries)));
    assert_eq!(world.judge("p0"), Standing::Pending);
    assert!(world.long.holds_waiters());
    let mut slices = 1;
    while world.long.holds_waiters() {
        let now = world.now();
        assert!(world.long.next_change() <= now);
        assert_eq!(world.fetch(), None);
        slices += 1;
    }
    assert!(slices > 2, "{slices}");
    assert!(world.is_revoked("p0") && world.is_revoked("p4999"));
    world.comes(&document(2, START, &[]));
    assert!(!world.is_revoked("p0"));
    world.comes(&document(3, START, &of(&entries)));
    assert_eq!(world.judge("p0"), Standing::Clear);
    while world.long.holds_waiters() {
        world.fetch();
    }
    assert!(world.is_revoked("p0"));
}

#[test]
fn a_long_addition_is_made_in_slices_and_bounded() {
    let mut world = large();
    world.comes(&document(1, START, &[ALICE]));
    let entries = people(0..5_000);
    world.comes(&document_of(1, 2, START, ",\"after\":1", &of(&entries)));
    let mut slices = 0;
    while world.long.holds_waiters() {
        world.fetch();
        slices += 1;
    }
    assert!(slices > 5, "{slices}");
    assert!(world.is_revoked("p0") && world.is_revoked("p4999") && world.is_revoked("alice"));
    world.log();
    let more = people(5_000..10_000);
    world.comes(&document_of(1, 3, START, ",\"after\":2", &of(&more)));
    while world.long.holds_waiters() {
        world.fetch();
    }
    assert_eq!(world.log(), ["fetches fail: more than 10000 entries"]);
    assert!(world.is_revoked("p0") && !world.is_revoked("p9999"));
    world.next_fetch();
    assert_eq!(
        world.calls.last().unwrap().endpoint.path,
        "/acme/revocations"
    );
}

#[test]
fn what_cannot_be_read_and_a_list_that_shrinks_are_told() {
    let mut world = large();
    let entries = people(0..30);
    world.comes(&document(1, START, &of(&entries)));
    world.log();
    let mut fewer = of(&entries[..14]);
    fewer.push("{}");
    world.comes(&document(2, START, &fewer));
    assert_eq!(
        world.log(),
        [
            "1 entries cannot be read; what they revoke is not revoked",
            "the list has shrunk from 30 entries to 14"
        ]
    );
    world.comes(&document(3, START, &fewer));
    assert_eq!(world.log(), <[String; 0]>::default());
}

#[test]
fn numbers_are_reported() {
    let mut world = allowing();
    let numbers = world.numbers();
    assert_eq!(numbers["state.never_fetched"], Number::Level(1));
    assert!(!numbers.contains_key("sequence"), "{numbers:?}");
    world.comes(&document(7, START, &[ALICE, BOB, r#"{"sid":"s"}"#, "{}"]));
    world.comes(&document(6, START, &[]));
    let numbers = world.numbers();
    for (name, number) in [
        ("state.never_fetched", Number::Level(0)),
        ("state.in_force", Number::Level(1)),
        ("state.too_old", Number::Level(0)),
        ("sequence", Number::Is(7)),
        (
            "generated_at_seconds",
            Number::Since(UnixTime::from_secs(START)),
        ),
        ("fetches.ok", Number::Count(1)),
        ("fetches.rolled_back", Number::Count(1)),
        ("entries.sub", Number::Is(2)),
        ("entries.sid", Number::Is(1)),
        ("entries.jti", Number::Is(0)),
        ("skipped", Number::Is(1)),
    ] {
        assert_eq!(numbers.get(name), Some(&number), "{name}");
    }
    world.pass(secs(70));
    world.judge("carol");
    let numbers = world.numbers();
    assert_eq!(numbers["state.too_old"], Number::Level(1));
    assert_eq!(numbers["unchecked"], Number::Count(1));
    let is_fetch = |name: &String| name.starts_with("fetches.");
    assert!(!numbers.keys().any(is_fetch), "{numbers:?}");
}
