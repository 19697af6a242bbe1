use super::{ClaimEquals, ClaimValue, Kind, Kinds, When};
use crate::json::Json;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn kind(kinds: &Kinds, claims: &str) -> Kind {
    Kind::of(
        &Json::parse(claims.as_bytes(), 100).unwrap_or(Json::Null),
        kinds,
    )
}

fn human(when: When) -> Kinds {
    Kinds {
        human: Some(when),
        ..Kinds::default()
    }
}

#[test]
fn a_kind_needs_positive_evidence() {
    let kinds = Kinds {
        human: Some(When {
            amr_any_of: words(&["hwk", "pop"]),
            ..When::default()
        }),
        workload: Some(When {
            claim: Some(ClaimEquals {
                path: words(&["client_type"]),
                value: ClaimValue::Equals(Json::String("service".into())),
            }),
            ..When::default()
        }),
        agent: None,
    };
    assert_eq!(kind(&kinds, r#"{"amr":["pwd","hwk"]}"#), Kind::Human);
    assert_eq!(kind(&kinds, r#"{"client_type":"service"}"#), Kind::Workload);
    assert_eq!(
        kind(&kinds, r#"{"amr":["hwk"],"client_type":"service"}"#),
        Kind::Unknown
    );
    assert_eq!(
        kind(&kinds, r#"{"amr":["hwk"],"act":{"sub":"bot"}}"#),
        Kind::Agent
    );
    for claims in [
        "{}",
        r#"{"amr":["pwd"]}"#,
        r#"{"amr":"hwk"}"#,
        r#"{"amr":["hwk",1]}"#,
        r#"{"amr":[]}"#,
        r#"{"amr":null}"#,
    ] {
        assert_eq!(kind(&kinds, claims), Kind::Unknown, "{claims}");
    }
    assert_eq!(kind(&Kinds::default(), r#"{"amr":["hwk"]}"#), Kind::Unknown);
}

#[test]
fn every_condition_that_is_given_must_hold() {
    let all = human(When {
        amr_all_of: words(&["a", "b"]),
        ..When::default()
    });
    assert_eq!(kind(&all, r#"{"amr":["b","c","a"]}"#), Kind::Human);
    assert_eq!(kind(&all, r#"{"amr":["a"]}"#), Kind::Unknown);
    let exactly = human(When {
        amr_exactly: words(&["a", "b"]),
        ..When::default()
    });
    assert_eq!(kind(&exactly, r#"{"amr":["b","a"]}"#), Kind::Human);
    assert_eq!(kind(&exactly, r#"{"amr":["b","a","c"]}"#), Kind::Unknown);
    assert_eq!(kind(&exactly, r#"{"amr":["b"]}"#), Kind::Unknown);
    let none = human(When {
        acr_any_of: words(&["phr"]),
        amr_none_of: words(&["pwd"]),
        ..When::default()
    });
    assert_eq!(kind(&none, r#"{"acr":"phr","amr":["hwk"]}"#), Kind::Human);
    for claims in [
        r#"{"acr":"phr","amr":["hwk","pwd"]}"#,
        r#"{"acr":"phr"}"#,
        r#"{"acr":"phr","amr":[]}"#,
        r#"{"acr":"PHR","amr":["hwk"]}"#,
        r#"{"amr":["hwk"]}"#,
    ] {
        assert_eq!(kind(&none, claims), Kind::Unknown, "{claims}");
    }
}
