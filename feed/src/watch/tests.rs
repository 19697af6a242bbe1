//! What is read of Keycloak's answers.

use std::time::{Duration, Instant};

use super::{People, Revoked, Told, disabled, not_before, revoked, told};
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
}
