//! What a list becomes, by sentence.

use core::time::Duration;

use passgate_core::RevocationEntry;
use serde_json::{Value, json};

use super::{APART, By, Change, Full, List, Name, Times};
use crate::event::Ending;

const HOUR: u64 = 3_600;

fn list() -> List {
    List::new(7, Duration::from_secs(HOUR))
}

fn at(ran: u64) -> Times {
    Times {
        ran,
        now: 1_800_000_000,
    }
}

fn sub(name: &str, not_before: Option<u64>) -> RevocationEntry {
    RevocationEntry {
        kind: "sub",
        name: name.to_owned(),
        not_before,
    }
}

fn person(name: &str, not_before: Option<u64>) -> Ending {
    Ending {
        entry: sub(name, not_before),
        reason: None,
        person: None,
    }
}

fn session(sid: &str, of: Option<(&str, u64)>) -> Ending {
    Ending {
        entry: RevocationEntry {
            kind: "sid",
            name: sid.to_owned(),
            not_before: None,
        },
        reason: Some("logged out".to_owned()),
        person: of.map(|(person, at)| sub(person, Some(at))),
    }
}

fn told(list: &List, after: Option<u64>) -> Value {
    let parts = list.document().written(after, 1_800_000_000).parts;
    serde_json::from_slice(&parts.concat()).unwrap()
}

#[test]
fn the_document_is_the_one_that_gates_read() {
    let mut list = list();
    let empty = json!({ "version": 1, "epoch": 7, "sequence": 0, "generated_at": 1_800_000_000, "entries": [] });
    assert_eq!(told(&list, None), empty);
    list.end(By::Events, &[person("al\"ice", Some(5))], at(0))
        .unwrap();
    list.end(By::Events, &[session("s1", None)], at(0)).unwrap();
    let all =
        json!([{ "sub": "al\"ice", "not_before": 5 }, { "sid": "s1", "reason": "logged out" }]);
    assert_eq!(told(&list, None)["entries"], all);
    assert_eq!(told(&list, None)["sequence"], 2);
    let bytes = list.document().bytes();
    assert_eq!(list.bytes(), bytes + 1, "a comma more");
}

#[test]
fn a_gate_that_has_an_edition_is_told_what_is_new() {
    let mut list = list();
    for n in 1..=4 {
        list.end(By::Events, &[person(&format!("p{n}"), Some(n))], at(0))
            .unwrap();
    }
    let new = told(&list, Some(2));
    assert_eq!(new["after"], 2);
    assert_eq!(
        new["entries"],
        json!([{ "sub": "p3", "not_before": 3 }, { "sub": "p4", "not_before": 4 }])
    );
    assert_eq!(told(&list, Some(4))["entries"], json!([]));
    assert_eq!(told(&list, Some(0))["after"], 0);
    // One that is stronger comes again, at the end.
    list.end(By::Events, &[person("p1", Some(9))], at(0))
        .unwrap();
    assert_eq!(
        told(&list, Some(4))["entries"],
        json!([{ "sub": "p1", "not_before": 9 }])
    );
    assert_eq!(told(&list, None)["entries"].as_array().unwrap().len(), 4);
    // From a list that was set back, or another feed: everything.
    assert_eq!(told(&list, Some(6))["after"], Value::Null);
    // What has gone is gone only in a whole list.
    let gone = Name {
        by: By::Events,
        kind: "sub",
        name: "p2".to_owned(),
    };
    assert_eq!(list.take(&gone), Some(Change::Gone(gone.clone())));
    assert_eq!(list.take(&gone), None);
    assert_eq!(told(&list, Some(5))["after"], Value::Null);
    assert_eq!(told(&list, Some(6))["after"], 6);
}

#[test]
fn an_entry_never_becomes_weaker_and_the_same_again_changes_nothing() {
    let mut list = list();
    list.end(By::Events, &[person("alice", Some(10))], at(0))
        .unwrap();
    assert_eq!(
        list.end(By::Events, &[person("alice", Some(9))], at(0)),
        Ok(vec![])
    );
    assert_eq!(
        list.end(By::Events, &[person("alice", Some(10))], at(0)),
        Ok(vec![])
    );
    assert_eq!(list.sequence, 1);
    // Later it lasts longer, which gates need not know.
    assert_eq!(
        list.end(By::Events, &[person("alice", Some(10))], at(5))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(list.sequence, 1);
    list.end(By::Events, &[person("alice", None)], at(5))
        .unwrap();
    assert_eq!(told(&list, None)["entries"], json!([{ "sub": "alice" }]));
    list.end(By::Events, &[person("alice", Some(99))], at(5))
        .unwrap();
    assert_eq!(told(&list, None)["entries"], json!([{ "sub": "alice" }]));
    assert_eq!(list.prune(u64::MAX), [], "it lasts");
}

#[test]
fn many_sessions_of_a_person_become_one_entry() {
    let mut list = list();
    for n in 0..1_000 {
        let sid = format!("s{n}");
        list.end(
            By::Events,
            &[session(&sid, Some(("alice", 100 + n)))],
            at(0),
        )
        .unwrap();
    }
    assert_eq!(list.len(), 9, "eight sessions and the person");
    let alice = json!({ "sub": "alice", "not_before": 1_099, "reason": "many sessions ended" });
    assert_eq!(told(&list, None)["entries"][8], alice);
    // Other people have sessions of their own, and a session without a person is one.
    list.end(
        By::Events,
        &[session("t1", Some(("bob", 100))), session("t2", None)],
        at(0),
    )
    .unwrap();
    assert_eq!(list.len(), 11);
    // When the sessions have ended, the next one has an entry again.
    list.prune(u64::MAX);
    assert_eq!((list.len(), list.bytes()), (0, 0));
    list.end(By::Events, &[session("s1", Some(("alice", 5_000)))], at(0))
        .unwrap();
    assert_eq!(
        told(&list, None)["entries"],
        json!([{ "sid": "s1", "reason": "logged out" }])
    );
}

#[test]
fn a_session_that_ended_has_an_entry_whatever_is_known_of_its_person() {
    let mut list = list();
    list.end(By::Operator, &[person("alice", None)], at(0))
        .unwrap();
    list.end(By::Events, &[person("alice", Some(100))], at(0))
        .unwrap();
    list.end(By::Events, &[session("s1", Some(("alice", 100)))], at(0))
        .unwrap();
    // An operator gives her access back.
    let gone = super::name_of(&sub("alice", None), By::Operator);
    assert!(list.take(&gone).is_some());
    let left =
        json!([{ "sub": "alice", "not_before": 100 }, { "sid": "s1", "reason": "logged out" }]);
    assert_eq!(told(&list, None)["entries"], left);
}

#[test]
fn many_sessions_of_a_blocked_person_end_apart_from_the_block() {
    let mut list = list();
    list.end(By::Operator, &[person("alice", None)], at(0))
        .unwrap();
    for n in 0..20 {
        let sid = format!("s{n}");
        list.end(
            By::Events,
            &[session(&sid, Some(("alice", 100 + n)))],
            at(0),
        )
        .unwrap();
    }
    let gone = super::name_of(&sub("alice", None), By::Operator);
    assert!(list.take(&gone).is_some());
    let alice = json!({ "sub": "alice", "not_before": 119, "reason": "many sessions ended" });
    let entries = told(&list, None)["entries"].clone();
    assert!(entries.as_array().unwrap().contains(&alice), "{entries}");
    assert_eq!(list.len(), 9);
}

#[test]
fn an_entry_ends_when_no_token_can_be_left() {
    let mut list = list();
    let times = at(1_000);
    list.end(By::Events, &[session("s1", None)], times).unwrap();
    list.end(By::Events, &[person("alice", Some(times.now + 500))], times)
        .unwrap();
    list.end(By::Events, &[person("bob", None)], times).unwrap();
    let end = 1_000 + HOUR + APART;
    assert_eq!(list.prune(end - 1), []);
    assert_eq!(list.prune(end).len(), 1);
    assert_eq!(list.prune(end + 499), []);
    assert_eq!(list.prune(end + 500).len(), 1);
    assert_eq!(told(&list, None)["entries"], json!([{ "sub": "bob" }]));
    assert_eq!(
        told(&list, Some(3))["after"],
        Value::Null,
        "whoever has more is told all"
    );
}

#[test]
fn a_long_list_loses_a_quarter_at_once() {
    let mut list = list();
    for n in 0..2_000 {
        let early = if n < 499 { 0 } else { 100 };
        list.end(By::Events, &[session(&format!("s{n}"), None)], at(early))
            .unwrap();
    }
    let end = HOUR + APART;
    assert_eq!(list.prune(end), []);
    assert_eq!(list.prune(end + 100).len(), 2_000);
}

#[test]
fn a_full_list_takes_what_it_has_already_and_nothing_new() {
    let mut list = list();
    for n in 0..super::ENTRIES {
        list.end(By::Events, &[session(&format!("s{n}"), None)], at(0))
            .unwrap();
    }
    assert_eq!(
        list.end(By::Events, &[session("new", None)], at(0)),
        Err(Full)
    );
    assert_eq!(
        list.end(By::Events, &[session("s1", None)], at(1))
            .unwrap()
            .len(),
        1
    );
    let sequence = list.sequence;
    assert_eq!(
        list.end(By::Events, &[session("new", None)], at(0)),
        Err(Full)
    );
    assert_eq!(list.sequence, sequence);
    // Of a person with many sessions there is an entry already, or it takes the place of none.
    let of_alice = |n: u64| [session(&format!("s{n}"), Some(("alice", 100 + n)))];
    for n in 0..9 {
        list.take(&super::name_of(
            &session(&format!("s{n}"), None).entry,
            By::Events,
        ));
    }
    for n in 0..9 {
        list.end(By::Events, &of_alice(n), at(1)).unwrap();
    }
    assert_eq!(list.len(), super::ENTRIES);
    let ninth = [session("ninth", Some(("alice", 200)))];
    assert_eq!(list.end(By::Events, &ninth, at(1)).unwrap().len(), 1);
    // A few that have ended are not worth that every gate is sent the whole list.
    let new = [session("new", None)];
    let over = at(HOUR + APART);
    let gone = list.make_room(By::Events, &new, over).len();
    assert_eq!(gone, super::ENTRIES - 9, "all but what came later");
    assert_eq!(list.end(By::Events, &new, over).unwrap().len(), 1);
}

#[test]
fn a_full_list_is_not_sent_whole_for_a_few_that_have_ended() {
    let mut list = list();
    for n in 0..super::ENTRIES {
        let early = if n < 999 { 0 } else { 100 };
        list.end(By::Events, &[session(&format!("s{n}"), None)], at(early))
            .unwrap();
    }
    let new = [session("new", None)];
    let over = HOUR + APART;
    assert_eq!(list.make_room(By::Events, &new, at(over)), []);
    assert_eq!(
        list.make_room(By::Events, &new, at(over + 100)).len(),
        super::ENTRIES
    );
}

#[test]
fn a_list_has_no_more_bytes_than_a_gate_takes() {
    let mut list = list();
    let mut taken = 0_u64;
    let name = |n: u64| format!("{n:0>512}");
    for n in 0..100_000 {
        match list.end(By::Operator, &[person(&name(n), Some(1))], at(0)) {
            Ok(_) => taken += 1,
            Err(Full) => break,
        }
    }
    assert!(taken > 10_000, "{taken}");
    // Neither by entries that there are, and that become longer.
    let mut refused = 0;
    for n in 0..taken {
        let longer = Ending {
            reason: Some("x".repeat(256)),
            ..person(&name(n), Some(2))
        };
        refused += u64::from(list.end(By::Operator, &[longer], at(0)).is_err());
    }
    assert!(refused > 10_000, "{refused}");
    // One that becomes no longer is taken.
    let same = [person(&name(taken - 1), Some(3))];
    assert_eq!(list.end(By::Operator, &same, at(0)).unwrap().len(), 1);
    let parts = list.document().written(None, 1_800_000_000).parts;
    let length: usize = parts.iter().map(bytes::Bytes::len).sum();
    assert!(
        length <= passgate_core::limits::REVOCATION_BYTES,
        "{length}"
    );
}
