use core::time::Duration;

use super::{audience_is, grants};
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

#[test]
fn scopes_are_whole_words_of_scope_or_scp() {
    let wanted = ["a:read".to_owned(), "b".to_owned()];
    for claims in [
        r#"{"scope":"b x a:read"}"#,
        r#"{"scp":["b","a:read"]}"#,
        r#"{"scp":"a:read b"}"#,
    ] {
        assert!(grants(&json(claims), &wanted), "{claims}");
    }
    for claims in [
        "{}",
        r#"{"scope":"a:read"}"#,
        r#"{"scope":"a:readb"}"#,
        r#"{"scope":["a:read","b"]}"#,
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
