use super::UnverifiedJwt;
use crate::{
    jose::to_base64url,
    reason::{Malformed, Reason, Untrusted},
};

fn token(header: &str, claims: &str) -> String {
    format!(
        "{}.{}.{}",
        to_base64url(header.as_bytes()),
        to_base64url(claims.as_bytes()),
        to_base64url(&[1; 64])
    )
}

fn refused(token: &str) -> Option<Reason> {
    UnverifiedJwt::parse(token, 1_000, |_| None).err()
}

fn header_refused(header: &str) -> Option<Reason> {
    refused(&token(header, "{}"))
}

#[test]
fn a_compact_jws_has_three_parts_that_are_not_empty() {
    assert_eq!(refused(&token(r#"{"alg":"ES256"}"#, "{}")), None);
    for odd in [
        "",
        ".",
        "..",
        "a.b",
        "a..c",
        ".b.c",
        "a.b.",
        "a.b.c.d",
        "a.b.c.d.e",
        "{\"payload\":\"\"}",
    ] {
        assert_eq!(refused(odd), Some(Malformed::TokenShape.into()), "{odd}");
    }
}

#[test]
fn the_size_is_looked_at_first() {
    assert_eq!(
        refused(&"a".repeat(1_001)),
        Some(Malformed::TokenSize.into())
    );
}

#[test]
fn one_token_has_one_spelling() {
    let good = token(r#"{"alg":"ES256"}"#, "{}");
    assert_eq!(refused(&good), None);
    let (rest, signature) = good.rsplit_once('.').unwrap_or_default();
    for odd in [
        format!("{good}="),
        format!("{good}=="),
        format!("{rest}.+/+/"),
        format!("{rest}.{signature} "),
        format!("{rest}. {signature}"),
        format!("{rest}.A"),
    ] {
        assert_eq!(refused(&odd), Some(Malformed::Base64url.into()), "{odd}");
    }
    // 64 bytes leave four unused bits in the last character: AQ is one byte, AR the same with a bit
    // that means nothing.
    let start = good.strip_suffix('Q').unwrap_or_default();
    assert_eq!(refused(&format!("{start}Q")), None);
    assert_eq!(
        refused(&format!("{start}R")),
        Some(Malformed::Base64url.into())
    );
}

#[test]
fn the_header_is_one_strict_object() {
    for odd in [
        "[]",
        "\"x\"",
        "{}",
        r#"{"alg":1}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256"} "x""#,
        "\u{feff}{\"alg\":\"ES256\"}",
        r#"{"alg":"ES256","x":{"a":1,"a":1}}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","typ":1}"#,
    ] {
        assert_eq!(header_refused(odd), Some(Malformed::Header.into()), "{odd}");
    }
    assert_eq!(
        header_refused(&format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(513))),
        Some(Malformed::Header.into())
    );
}

#[test]
fn the_algorithm_is_one_of_ours_to_the_letter() {
    for odd in [
        "none", "None", "NONE", "HS256", "HS384", "HS512", "es256", "ES256K", "", "ES256 ",
    ] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"{odd}"}}"#)),
            Some(Untrusted::Algorithm.into()),
            "{odd}"
        );
    }
}

#[test]
fn extensions_nesting_and_encryption_are_refused() {
    for odd in [
        r#""crit":[]"#,
        r#""crit":["exp"],"exp":1"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""crit":["b64"],"b64":false"#,
    ] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"ES256",{odd}}}"#)),
            Some(Malformed::Crit.into()),
            "{odd}"
        );
    }
    for odd in [
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
        r#""epk":{}"#,
        r#""cty":"JWT""#,
        r#""cty":"application/jwt""#,
        r#""cty":1"#,
    ] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"ES256",{odd}}}"#)),
            Some(Malformed::Nested.into()),
            "{odd}"
        );
    }
}

#[test]
fn a_token_that_says_it_is_something_else_is_refused() {
    for typ in [
        "dpop+jwt",
        "application/DPoP+JWT",
        "LOGOUT+jwt",
        "secevent+jwt",
        "kb+jwt",
        "token-introspection+jwt",
        "dbsc+jwt",
        "dpop+id_token",
        "oauth-authz-req+jwt",
        "statuslist+jwt",
        "entity-statement+jwt",
        "trust-mark+jwt",
        "jwk-set+jwt",
        "vc+jwt",
        "vp+jwt",
        "vc+sd-jwt",
        "dc+sd-jwt",
        "openid4vci-proof+jwt",
        "client-authentication+jwt",
        "oauth-client-attestation+jwt",
        "oauth-id-jag+jwt",
        "txntoken+jwt",
        "eat+jwt",
        // RFC 2045 section 5.1: parameters and blanks do not make it another type.
        "logout+jwt;v=1",
        "logout+jwt ; v=1",
        " logout+jwt",
        "logout+jwt ",
        "\\tlogout+jwt\\r\\n",
        "application/logout+jwt; charset=\\\"a\\\"",
        " application / logout+jwt",
        "application/ logout+jwt",
        "logout+jwt (a comment)",
        "(a comment) logout+jwt",
        "logout+jwt, at+jwt",
        "logout\\u00a0+jwt",
        "logout+jwt\\u200b",
    ] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#)),
            Some(Untrusted::TokenType.into()),
            "{typ}"
        );
    }
    for typ in [
        "JWT",
        "at+jwt",
        "application/at+jwt",
        "at+jwt; v=1",
        "jose",
        "Bearer",
        "acme_access",
        "",
        "acme+jwt",
    ] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#)),
            None,
            "{typ}"
        );
    }
}

#[test]
fn a_jwt_in_a_jwt_is_one_with_parameters_and_blanks_too() {
    for cty in ["JWT", "application/jwt", "jwt;v=1", " JWT", "jwt ; x"] {
        assert_eq!(
            header_refused(&format!(r#"{{"alg":"ES256","cty":"{cty}"}}"#)),
            Some(Malformed::Nested.into()),
            "{cty}"
        );
    }
}

#[test]
fn keys_that_the_token_brings_along_are_ignored() {
    assert_eq!(
        header_refused(
            r#"{"alg":"ES256","jwk":{"kty":"oct"},"jku":"https://evil.example","x5u":"x","x5c":["x"],"x5t":"!"}"#
        ),
        None
    );
}

#[test]
fn the_claims_are_one_strict_object() {
    for odd in ["[]", "1", "{", r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":2}}"#] {
        assert_eq!(
            refused(&token(r#"{"alg":"ES256"}"#, odd)),
            Some(Malformed::Claims.into()),
            "{odd}"
        );
    }
}
