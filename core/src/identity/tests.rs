use super::{from_claim, list, principal};
use crate::{headers::Edit, json::Json, provider::ClaimHeader};

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), 100).unwrap_or(Json::Null)
}

fn header(value: &str) -> Option<String> {
    let rule = ClaimHeader {
        path: vec!["c".to_owned()],
        header: "x-c".to_owned(),
        members: false,
    };
    match from_claim(&rule, &json(&format!("{{\"c\":{value}}}")))? {
        Edit::Set(name, value) if name == "x-c" => String::from_utf8(value.into_owned()).ok(),
        _ => None,
    }
}

#[test]
fn scalars_are_written_as_they_are() {
    for (claim, value) in [
        (r#""alice""#, "alice"),
        (r#""José, \"J\" %""#, "José, \"J\" %"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.50", "1.50"),
        ("1.7e1111111111111119", "1.7e1111111111111119"),
        (r#""\ue009/%1n""#, "\u{e009}/%1n"),
        ("true", "true"),
    ] {
        assert_eq!(header(claim).as_deref(), Some(value));
    }
}

#[test]
fn names_of_members_are_written_as_a_list_and_of_nothing_else() {
    let rule = ClaimHeader {
        path: vec!["c".to_owned()],
        header: "x-c".to_owned(),
        members: true,
    };
    let written = |claim: &str| match from_claim(&rule, &json(&format!("{{\"c\":{claim}}}")))? {
        Edit::Set(_, value) => String::from_utf8(value.into_owned()).ok(),
        Edit::Remove(_) => None,
    };
    let roles = r#"{"admin":{"1":"acme"},"a,b":true,"gone":null,"off":false}"#;
    assert_eq!(written(roles).as_deref(), Some("admin,a%2Cb"));
    for claim in [r#"["admin"]"#, r#""admin""#, "{}", "7", "null"] {
        assert_eq!(written(claim), None, "{claim}");
    }
}

#[test]
fn no_element_of_a_list_can_pass_for_two() {
    assert_eq!(
        header(r#"["a,b","c d","e%2Cf","é","g",7,false]"#).as_deref(),
        Some("a%2Cb,c%20d,e%252Cf,%C3%A9,g,7,false")
    );
    assert_ne!(
        list(&[json(r#""a,b""#)]),
        list(&[json(r#""a""#), json(r#""b""#)])
    );
    assert_ne!(list(&[json(r#""a%2Cb""#)]), list(&[json(r#""a,b""#)]));
}

#[test]
fn an_object_is_base64url_of_its_json() {
    assert_eq!(header(r#"{"a":1}"#).as_deref(), Some("eyJhIjoxfQ"));
}

#[test]
fn nothing_is_written_that_a_header_may_not_carry() {
    for claim in [
        "null",
        r#""""#,
        "[]",
        r#""a\r\nx-admin: true""#,
        r#""a\u0000""#,
        r#""\u007f""#,
        r#"" a""#,
        r#""a ""#,
        r#""\u0085""#,
    ] {
        assert_eq!(header(claim), None, "{claim}");
    }
}

#[test]
fn principals_of_two_issuers_never_collide() {
    assert_eq!(
        principal("https://id.example.com", "alice"),
        "https://id.example.com/alice"
    );
    assert_ne!(principal("https://a", "b/c"), principal("https://a/b", "c"));
    assert_ne!(
        principal("https://a", "b%2Fc"),
        principal("https://a", "b/c")
    );
    assert_eq!(principal("https://a", "x\r\ny"), "https://a/x%0D%0Ay");
}

proptest::proptest! {
    #[test]
    fn two_lists_never_look_alike(a: Vec<String>, b: Vec<String>) {
        let json = |texts: &[String]| texts.iter().map(|text| Json::String(text.as_str().into())).collect::<Vec<_>>();
        // A list of one empty element and an empty list are both no header.
        let (shown_a, shown_b) = (list(&json(&a)), list(&json(&b)));
        proptest::prop_assert!(a == b || shown_a != shown_b || shown_a.is_empty());
        proptest::prop_assert!(shown_a.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    #[test]
    fn two_principals_never_look_alike(a: String, b: String, x in "https://[a-z/]{1,6}", y in "https://[a-z/]{1,6}") {
        proptest::prop_assert!((&x, &a) == (&y, &b) || principal(&x, &a) != principal(&y, &b));
    }

    #[test]
    fn a_written_value_holds_nothing_that_ends_a_header(text: String) {
        if let Some(value) = super::plain(&text) {
            proptest::prop_assert!(!value.bytes().any(|byte| byte < b' ' || byte == 0x7f));
        }
    }
}
