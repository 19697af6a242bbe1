//! What is read of Keycloak's answers.

use std::time::{Duration, Instant};

use super::{
    APART, PAGE,
    disabled::{Disabled, LONGEST_GAP, People, Told, disabled, told},
    not_before,
    revoked::{Events, Revoked, are_stored, revoked},
};
use crate::list::ENTRIES;
use passgate_core::Json;

fn parsed(text: &str) -> Json {
    Json::parse(text.as_bytes(), 1_000).unwrap()
}

#[test]
fn only_who_is_said_to_be_disabled_is() {
    let page = parsed(r#"[{"id":"a","enabled":false},{"id":"b","enabled":true}]"#);
    let people = People {
        all: 2,
        ids: vec!["a"],
    };
    assert_eq!(disabled(&page), Some(people));
    for odd in [
        "{}",
        r#"[{"id":"a"}]"#,
        r#"[{"id":"a","enabled":"false"}]"#,
        r#"[{"enabled":false}]"#,
    ] {
        assert_eq!(disabled(&parsed(odd)), None, "{odd}");
    }
}

#[test]
fn a_realm_that_is_not_told_has_no_not_before() {
    for (realm, at) in [
        (
            r#"{"realm":"demo","notBefore":1795900000}"#,
            Some(1_795_900_000),
        ),
        (r#"{"realm":"demo","notBefore":0}"#, Some(0)),
        (r#"{"realm":"demo"}"#, None),
        (r#"{"notBefore":"now"}"#, None),
        (r#"{"notBefore":-1}"#, None),
    ] {
        assert_eq!(not_before(&parsed(realm)), at, "{realm}");
    }
}

#[test]
fn a_person_ends_again_a_minute_later_and_then_no_more() {
    let first = Instant::now();
    let after = |seconds| first.checked_add(Duration::from_secs(seconds)).unwrap();
    let once = told(None, first);
    assert_eq!(once, Told::Once(first));
    assert_eq!(told(Some(once), after(59)), once);
    assert_eq!(told(Some(once), after(60)), Told::Twice);
    assert_eq!(told(Some(Told::Twice), after(600)), Told::Twice);
}

#[test]
fn events_are_those_that_were_asked_for() {
    // As a Keycloak 26.7 said it, without what is not read.
    let page = r#"[{"id":"219193a1","time":1795991742290,"type":"REVOKE_GRANT","clientId":"legacy","userId":"58e66604","sessionId":"mQwbMLFF","details":{"revoked_client":"legacy"}}]"#;
    let event = Revoked {
        at: 1_795_991_742_290,
        session: "mQwbMLFF",
        person: Some("58e66604"),
    };
    assert_eq!(revoked(&parsed(page)), Some(vec![event]));
    let other = page.replace("REVOKE_GRANT", "LOGIN");
    assert_eq!(revoked(&parsed(&other)), None);
    let odd = page.replace("1795991742290", "\"now\"");
    assert_eq!(revoked(&parsed(&odd)), None);
    // One access token was revoked: its session goes on.
    let token = page.replace("revoked_client", "token_id");
    assert_eq!(revoked(&parsed(&token)).unwrap()[0].session, "");
}

#[test]
fn a_realm_stores_what_was_revoked_if_it_says_so() {
    for (realm, are) in [
        (
            r#"{"eventsEnabled":true,"enabledEventTypes":["LOGIN","REVOKE_GRANT"]}"#,
            true,
        ),
        // Those that Keycloak stores by default.
        (r#"{"eventsEnabled":true,"enabledEventTypes":[]}"#, true),
        (r#"{"eventsEnabled":true}"#, true),
        (
            r#"{"eventsEnabled":true,"enabledEventTypes":["LOGIN"]}"#,
            false,
        ),
        (r#"{"eventsEnabled":true,"enabledEventTypes":"all"}"#, false),
        (
            r#"{"eventsEnabled":false,"enabledEventTypes":["REVOKE_GRANT"]}"#,
            false,
        ),
        ("{}", false),
    ] {
        assert_eq!(are_stored(&parsed(realm)), are, "{realm}");
    }
}

#[test]
fn events_that_are_on_disk_are_known_until_they_are_not_read_again() {
    let event = |at, session| Revoked {
        at,
        session,
        person: None,
    };
    let minute = u64::try_from(APART.as_millis()).unwrap();
    let (now, mut events) = (10 * minute, Events::default());
    let page = [
        event(now + minute, "to come"),
        event(now, "b"),
        event(now - 2 * minute, "a"),
    ];
    events.took(&page, now);
    events.end();
    assert_eq!(events.oldest(), now - minute);
    assert!(events.unwritten(&page, events.oldest()).is_empty());
    assert_eq!(events.unwritten(&page, 0), [&page[2]]);
    let late = [event(now, "late")];
    assert_eq!(events.unwritten(&late, events.oldest()), [&late[0]]);
    assert_eq!(events.remembered(), 2);
    let next = [event(now + 3 * minute, "c")];
    events.took(&next, now + 3 * minute);
    events.end();
    assert_eq!(events.remembered(), 1);
    // More than are remembered are written again.
    let names: Vec<String> = (0..=ENTRIES).map(|number| number.to_string()).collect();
    let many: Vec<Revoked<'_>> = names
        .iter()
        .map(|name| event(now + 3 * minute, name))
        .collect();
    events.took(&many, now + 3 * minute);
    assert_eq!(events.remembered(), ENTRIES);
}

#[test]
fn a_round_of_events_ends_before_older_ones_count_as_read() {
    let event = |at| Revoked {
        at,
        session: "s",
        person: None,
    };
    let mut events = Events::default();
    events.took(&[event(900_000)], 1_000_000);
    assert_eq!((events.first(), events.oldest()), (PAGE, 0));
    // More came meanwhile. They are read in the next round.
    events.took(&[event(950_000)], 1_000_000);
    events.end();
    assert_eq!((events.first(), events.oldest()), (0, 840_000));
    events.took(&[event(990_000)], 1_000_000);
    events.fail();
    assert_eq!((events.first(), events.oldest()), (0, 840_000));
}

#[test]
fn after_a_gap_all_are_forgotten_once() {
    let start = Instant::now();
    let mut people = Disabled::default();
    let reads = |people: &mut Disabled, at| {
        people.begin(at);
        let seen = people.told(&["a"], at);
        let is_new = !people.is_held("a", seen[0].1);
        people.took(seen);
        is_new
    };
    assert!(reads(&mut people, start));
    people.end(start);
    let gap = start + LONGEST_GAP + Duration::from_secs(1);
    // The next page fails each time.
    assert!(reads(&mut people, gap));
    people.fail();
    assert!(!reads(&mut people, gap + Duration::from_secs(10)));
    people.fail();
    // It ends a second time a minute later, as always, and then no more.
    let later = gap + LONGEST_GAP + Duration::from_secs(20);
    assert!(reads(&mut people, later));
    people.fail();
    assert!(!reads(&mut people, later + Duration::from_secs(600)));
    people.end(later);
}
