//! Types of tokens (`typ`) as media types.

use serde_json::{Value, json};

use crate::specimen::{Specimen, specimen};

#[test]
fn token_types_are_compared_as_media_types_and_an_absent_one_is_none_of_them() {
    let judged = |specimen: Specimen, types: Value| {
        let mut specimen = specimen;
        specimen.config["providers"]["acme"]["token_types"] = types;
        let (_, record) = specimen.judge();
        (record.reason, record.expected)
    };
    let typ = |typ: &str| specimen(|token| token.header("typ", typ).build());
    let at_jwt = || json!(["application/AT+jwt", "x"]);
    for good in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
        "X",
    ] {
        assert_eq!(judged(typ(good), at_jwt()).0, "permitted.token", "{good}");
    }
    let refused = ("untrusted.token_type", Some("at+jwt x".to_owned()));
    for bad in [
        "JWT",
        "",
        "text/at+jwt",
        "at+jwt ",
        "at+jwt;v=1",
        "dpop+jwt/at+jwt",
    ] {
        assert_eq!(judged(typ(bad), at_jwt()), refused, "{bad}");
    }
    let absent = || specimen(|token| token.without_header("typ").build());
    assert_eq!(judged(absent(), at_jwt()), refused);
    assert_eq!(absent().judge().1.reason, "permitted.token");
}

/// RFC 8725 section 3.11: a JWT with a type of its own is something else, whatever comes after the
/// types that we know.
#[test]
fn a_jwt_of_a_kind_of_its_own_passes_only_where_the_provider_lists_it() {
    let typ = |typ: &str| specimen(|token| token.header("typ", typ).build());
    for good in ["JWT", "at+jwt", "Bearer", "access_token", "AT+JWT;v=1"] {
        assert_eq!(typ(good).judge().1.reason, "permitted.token", "{good}");
    }
    for other in [
        "acme+jwt",
        "application/acme+JWT",
        "acme+jwt ;v=1",
        "acme+sd-jwt",
    ] {
        let (_, record) = typ(other).judge();
        let refused = ("untrusted.token_type", Some("at+jwt jwt".to_owned()));
        assert_eq!((record.reason, record.expected), refused, "{other}");
    }
    let mut listed = typ("acme+jwt");
    listed.config["providers"]["acme"]["token_types"] = json!(["acme+jwt"]);
    assert_eq!(listed.judge().1.reason, "permitted.token");
}
