//! What each kind does, with the samples that a Keycloak 26.7 sent.

use passgate_core::{Json, RevocationEntry};
use serde_json::{Value, json};

use super::{Ending, Event, Kind, logout, security};

const ISSUER: &str = "http://localhost:8180/realms/demo";
const ALICE: &str = "63165c4d-79f1-4d51-a8fe-49a26ed27113";

fn read(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes(), 1_000).unwrap()
}

fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            change => value[name] = change.clone(),
        }
    }
    value
}

fn logout_token(changes: Value) -> Result<Event, &'static str> {
    let token = json!({
        "exp": 1_795_901_027, "iat": 1_795_900_907, "jti": "7a55ab19-049b-fff5-cc23-b7948c7d0984",
        "iss": ISSUER, "aud": "legacy", "sub": ALICE, "typ": "Logout",
        "sid": "ZSr32tagVCd41qzkRqgXIqpt",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    logout(&read(&with(token, &changes)))
}

fn set(kind: &str, event: Value, sub_id: Value, changes: Value) -> Result<Event, &'static str> {
    let uri = format!("https://schemas.openid.net/secevent/{kind}");
    let token = json!({
        "jti": "b48c6fe4-cb12-2f73-35ea-42a27ba1af1d", "iss": ISSUER, "iat": 1_795_900_900,
        "aud": "https://api.example.com", "events": { uri: event }, "sub_id": sub_id,
        "txn": "617d0a21-b335-46c9-8d66-856b6399aeb8",
    });
    security(&read(&with(token, &changes)), ISSUER)
}

fn alice() -> Value {
    json!({ "format": "iss_sub", "iss": ISSUER, "sub": ALICE })
}

fn session(id: &str) -> Value {
    json!({ "format": "complex", "user": alice(), "session": { "format": "opaque", "id": id } })
}

/// The one entry: kind, name, before when; and whose session it is.
fn only(event: Result<Event, &'static str>) -> (&'static str, String, Option<u64>, Option<String>) {
    let event = event.unwrap();
    let [Ending { entry, person, .. }] = &*event.endings else {
        panic!("{event:?}");
    };
    let RevocationEntry {
        kind,
        name,
        not_before,
    } = entry.clone();
    (
        kind,
        name,
        not_before,
        person.clone().map(|person| person.name),
    )
}

#[test]
fn a_logout_token_ends_its_session_or_without_one_its_person() {
    let sid = "ZSr32tagVCd41qzkRqgXIqpt".to_owned();
    let of_alice = Some(ALICE.to_owned());
    assert_eq!(
        only(logout_token(json!({}))),
        ("sid", sid.clone(), None, of_alice)
    );
    assert_eq!(
        only(logout_token(json!({ "sub": null }))),
        ("sid", sid, None, None)
    );
    let person = only(logout_token(json!({ "sid": null })));
    assert_eq!(person, ("sub", ALICE.to_owned(), Some(1_795_900_907), None));
    for changes in [
        json!({ "sid": null, "sub": null }),
        json!({ "sid": "" }),
        json!({ "sid": 7 }),
        json!({ "sid": "x".repeat(513) }),
        json!({ "nonce": "n" }),
        json!({ "events": null }),
        json!({ "events": {} }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": true } }),
        json!({ "jti": null }),
        json!({ "jti": "" }),
    ] {
        assert!(logout_token(changes.clone()).is_err(), "{changes}");
    }
}

#[test]
fn a_person_whom_no_entry_can_name_loses_the_session_all_the_same() {
    let sid = "ZSr32tagVCd41qzkRqgXIqpt".to_owned();
    let long = only(logout_token(json!({ "sub": "x".repeat(513) })));
    assert_eq!(long, ("sid", sid, None, None));
}

#[test]
fn what_is_known_of_a_persons_session_holds_until_the_issuer_told_of_it() {
    for (said, until) in [
        (json!(0), 1_795_900_900),
        (json!(1_795_900_899), 1_795_900_900),
        (json!(1_795_900_960), 1_795_900_960),
        (json!("x"), 1_795_900_900),
    ] {
        let event = json!({ "event_timestamp": said });
        let kind = "caep/event-type/session-revoked";
        let event = set(kind, event, session("s1"), json!({})).unwrap();
        let person = event.endings[0].person.clone().unwrap();
        assert_eq!(person.not_before, Some(until), "{said}");
    }
}

#[test]
fn a_revoked_session_is_one_session_or_all_of_a_person() {
    let event = json!({ "event_timestamp": 1_795_900_878, "initiating_entity": "user" });
    let revoked = |sub_id| {
        set(
            "caep/event-type/session-revoked",
            event.clone(),
            sub_id,
            json!({}),
        )
    };
    let of_alice = Some(ALICE.to_owned());
    let one = only(revoked(session("VjFrpeOIeHuTx4xV3cYK8AUt")));
    assert_eq!(
        one,
        ("sid", "VjFrpeOIeHuTx4xV3cYK8AUt".to_owned(), None, of_alice)
    );
    let all = ("sub", ALICE.to_owned(), Some(1_795_900_878), None);
    assert_eq!(only(revoked(session("ALL"))), all);
    assert_eq!(only(revoked(alice())), all);
    let opaque = only(revoked(json!({ "format": "opaque", "id": "s1" })));
    assert_eq!(opaque, ("sid", "s1".to_owned(), None, None));
    assert!(revoked(json!({ "format": "opaque", "id": "ALL" })).is_err());
    let aliases = json!({ "format": "aliases", "identifiers": [
        { "format": "email", "email": "alice@example.com" }, alice(),
    ] });
    assert_eq!(only(revoked(aliases)), all);
}

#[test]
fn a_person_loses_what_was_issued_up_to_the_event() {
    let at = |event: Value| {
        let event = set(
            "caep/event-type/token-claims-change",
            event,
            alice(),
            json!({}),
        );
        only(event).2
    };
    assert_eq!(
        at(json!({ "event_timestamp": 1_795_897_300 })),
        Some(1_795_897_300)
    );
    assert_eq!(
        at(json!({ "event_timestamp": 1_795_900_000.2 })),
        Some(1_795_900_001)
    );
    assert_eq!(
        at(json!({ "event_timestamp": 1_795_900_960 })),
        Some(1_795_900_960)
    );
    // Without a date that can be believed, the token's own.
    for odd in [
        json!({}),
        json!({ "event_timestamp": 0 }),
        json!({ "event_timestamp": 1_795_897_299 }),
        json!({ "event_timestamp": 1_795_900_961 }),
        json!({ "event_timestamp": "x" }),
        json!({ "event_timestamp": 1_795_900_000_000_u64 }),
    ] {
        assert_eq!(at(odd.clone()), Some(1_795_900_900), "{odd}");
    }
}

#[test]
fn each_kind_does_what_the_table_says() {
    let person = Some(("sub", Some(1_795_900_900)));
    let rows = [
        (
            "caep/event-type/token-claims-change",
            json!({}),
            Kind::TokenClaimsChange,
            person,
        ),
        (
            "caep/event-type/credential-change",
            json!({ "change_type": "create" }),
            Kind::CredentialChange,
            None,
        ),
        (
            "caep/event-type/credential-change",
            json!({ "change_type": "update" }),
            Kind::CredentialChange,
            person,
        ),
        (
            "caep/event-type/credential-change",
            json!({ "change_type": "delete" }),
            Kind::CredentialChange,
            person,
        ),
        (
            "caep/event-type/credential-change",
            json!({ "change_type": "revoke" }),
            Kind::CredentialChange,
            person,
        ),
        (
            "caep/event-type/credential-change",
            json!({}),
            Kind::CredentialChange,
            person,
        ),
        (
            "risc/event-type/account-disabled",
            json!({}),
            Kind::AccountDisabled,
            person,
        ),
        (
            "ssf/event-type/verification",
            json!({ "state": "x" }),
            Kind::Verification,
            None,
        ),
        (
            "caep/event-type/assurance-level-change",
            json!({}),
            Kind::Other,
            None,
        ),
        (
            "risc/event-type/account-enabled",
            json!({}),
            Kind::Other,
            None,
        ),
    ];
    for (uri, event, kind, ends) in rows {
        // Also for a session of hers: what is known of it is narrower than what changed.
        for sub_id in [alice(), session("s1")] {
            let taken = set(uri, event.clone(), sub_id, json!({})).unwrap();
            assert_eq!(taken.kinds, [kind], "{uri}");
            let seen = taken
                .endings
                .first()
                .map(|ending| (ending.entry.kind, ending.entry.not_before));
            assert_eq!(seen, ends, "{uri} {event}");
        }
    }
}

#[test]
fn an_event_is_about_people_of_its_own_issuer_only() {
    let other = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": ALICE });
    for sub_id in [
        other.clone(),
        json!({ "format": "complex", "user": other, "session": { "format": "opaque", "id": "s" } }),
        json!({ "format": "aliases", "identifiers": [other] }),
        json!({ "format": "email", "email": "alice@example.com" }),
        json!({ "format": "complex", "tenant": { "format": "opaque", "id": "t" } }),
        json!({ "format": "iss_sub", "iss": ISSUER }),
        json!({ "format": "iss_sub", "iss": ISSUER, "sub": "" }),
        json!({ "format": "complex", "user": alice(), "session": { "format": "opaque" } }),
        json!({ "format": "opaque", "id": "" }),
        json!({}),
        json!("alice"),
    ] {
        let taken = set(
            "caep/event-type/session-revoked",
            json!({}),
            sub_id.clone(),
            json!({}),
        );
        assert!(taken.is_err(), "{sub_id}");
    }
    for changes in [
        json!({ "sub_id": null }),
        json!({ "sub": ALICE }),
        json!({ "exp": 1_795_901_027 }),
        json!({ "events": {} }),
        json!({ "events": [] }),
        json!({ "jti": null }),
    ] {
        let taken = set(
            "caep/event-type/session-revoked",
            json!({}),
            alice(),
            changes.clone(),
        );
        assert!(taken.is_err(), "{changes}");
    }
}
