use core::time::Duration;

use super::{audience_is, fault, grants, subject};
use crate::{
    json::Json,
    reason::{Malformed, Reason},
    time::UnixTime,
};

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), 100).unwrap_or(Json::Null)
}

#[test]
fn the_audience_is_a_string_or_a_list_of_strings() {
    let accepted = ["api".to_owned(), "other".to_owned()];
    let holds = |text: &str| audience_is(&json(text), "aud", &accepted);
    for claims in [r#"{"aud":"api"}"#, r#"{"aud":["x","api"]}"#] {
        assert_eq!(holds(claims), Ok(true), "{claims}");
    }
    for claims in [
        "{}",
        r#"{"aud":"API"}"#,
        r#"{"aud":"api/"}"#,
        r#"{"aud":[]}"#,
        r#"{"aud":["x"]}"#,
        r#"{"aud":""}"#,
    ] {
        assert_eq!(holds(claims), Ok(false), "{claims}");
    }
    for claims in [
        r#"{"aud":{"api":1}}"#,
        r#"{"aud":["api",1]}"#,
        r#"{"aud":null}"#,
        r#"{"aud":7}"#,
    ] {
        assert_eq!(
            holds(claims),
            Err(Reason::from(Malformed::Claims)),
            "{claims}"
        );
    }
}

/// What is at fault is named with its type and value, cut and escaped; of the subject only the
/// type.
#[test]
fn a_malformed_claim_is_named_with_what_it_was() {
    let sub = ["sub".to_owned()];
    let long = format!(r#"{{"sub":"a","exp":"{}\n"}}"#, "é".repeat(200));
    for (claims, told) in [
        ("{}", "sub: a string that is not empty; it is absent"),
        (
            r#"{"sub":"","exp":1}"#,
            "sub: a string that is not empty; it is an empty string",
        ),
        (
            r#"{"sub":815}"#,
            "sub: a string that is not empty; it is a number",
        ),
        (
            r#"{"sub":"a"}"#,
            "exp: seconds since 1970, a number; it is absent",
        ),
        (
            r#"{"sub":"a","exp":null}"#,
            "exp: seconds since 1970, a number; it is null",
        ),
        (
            r#"{"sub":"a","exp":1,"iat":true}"#,
            "iat: seconds since 1970, a number; it is true",
        ),
        (
            r#"{"sub":"a","exp":1,"aud":{"x":1}}"#,
            r#"aud: a string, or a list of strings; it is the object {"x":1}"#,
        ),
    ] {
        assert_eq!(fault(&json(claims), "aud", &sub).as_deref(), Some(told));
    }
    let told = fault(&json(&long.replace('\n', "\\n")), "aud", &sub).unwrap_or_default();
    assert!(told.len() < 190 && told.ends_with('é'), "{told}");
    assert_eq!(
        fault(&json(r#"{"sub":"a","exp":1,"aud":"x"}"#), "aud", &sub),
        None
    );
}

#[test]
fn a_stand_in_names_the_subject_and_passes_for_no_person() {
    let names = ["sub", "client_id"].map(str::to_owned);
    let named = |claims: &str| subject(&json(claims), &names).map(|subject| subject.into_owned());
    for (claims, subject) in [
        (r#"{"sub":"alice","client_id":"app"}"#, Some("alice")),
        (r#"{"client_id":"app"}"#, Some("client_id:app")),
        (r#"{"sub":"","client_id":"app"}"#, Some("client_id:app")),
        (r#"{"sub":7,"client_id":"app"}"#, Some("client_id:app")),
        (
            r#"{"sub":"client_idx","client_id":"app"}"#,
            Some("client_idx"),
        ),
        // A person of this name would pass for the client.
        (r#"{"sub":"client_id:app"}"#, None),
        (r#"{"client_id":""}"#, None),
        ("{}", None),
    ] {
        assert_eq!(named(claims).as_deref(), subject, "{claims}");
    }
    let told = fault(&json("{}"), "aud", &names).unwrap_or_default();
    assert!(told.starts_with("sub or client_id: a string"), "{told}");
}

#[test]
fn scopes_are_whole_words_of_scope_or_scp() {
    let wanted = ["a:read".to_owned(), "b".to_owned()];
    for claims in [
        r#"{"scope":"b x a:read"}"#,
        r#"{"scp":["b","a:read"]}"#,
        r#"{"scp":"a:read b"}"#,
        r#"{"scope":["a:read","b"]}"#,
        r#"{"scope":null,"scp":["a:read","b"]}"#,
    ] {
        assert!(grants(&json(claims), &wanted), "{claims}");
    }
    for claims in [
        "{}",
        r#"{"scope":"a:read"}"#,
        r#"{"scope":"a:readb"}"#,
        r#"{"scope":["a:read b"]}"#,
        r#"{"scope":[],"scp":["a:read","b"]}"#,
        r#"{"scp":["a:read b"]}"#,
        r#"{"scope":"a:read","scp":["b"]}"#,
    ] {
        assert!(!grants(&json(claims), &wanted), "{claims}");
    }
}

#[test]
fn times_saturate() {
    let far = UnixTime::from_millis(u64::MAX);
    assert_eq!(far.saturating_add(Duration::MAX), far);
    assert_eq!(UnixTime::from_secs(u64::MAX), far);
    assert_eq!(
        UnixTime::from_millis(1).saturating_sub(Duration::from_secs(1)),
        UnixTime::from_millis(0)
    );
    assert_eq!(UnixTime::from_millis(1).since(far), Duration::ZERO);
}
