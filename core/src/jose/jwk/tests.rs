//! Each way in which a key can be odd: it alone is skipped, and named.

mod select;

use super::*;
use passgate_kit::{SigningKey, jwks};

/// RFC 7515 appendix A.3.
const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
/// Another point: RFC 7517 appendix A.1.
const OTHER_X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const OTHER_Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
/// RFC 7517 appendix A.1.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn ec(members: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{members}}}"#)
}

fn other_ec(members: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{OTHER_X}","y":"{OTHER_Y}"{members}}}"#)
}

fn rsa(members: &str) -> String {
    format!(r#"{{"kty":"RSA","n":"{N}","e":"AQAB"{members}}}"#)
}

fn parse(keys: &[String]) -> JwkSet {
    let document = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    JwkSet::parse(document.as_bytes(), &Limits::default()).unwrap()
}

fn error(document: &[u8]) -> JwkSetError {
    JwkSet::parse(document, &Limits::default()).unwrap_err()
}

/// Why a key is skipped, and that the good keys around it are not.
fn skipped(odd: &str) -> SkippedKey {
    let set = parse(&[ec(r#","kid":"good""#), odd.into(), rsa(r#","kid":"rsa""#)]);
    let kids: Vec<_> = set.keys().iter().map(|jwk| jwk.kid.as_deref()).collect();
    assert_eq!(kids, [Some("good"), Some("rsa")], "{odd}");
    let [skipped] = set.skipped() else {
        unreachable!("one key is odd: {odd}")
    };
    skipped.clone()
}

#[track_caller]
fn assert_skipped(odd: &str, reason: &str) {
    let skipped = skipped(odd);
    assert!(skipped.fault.contains(reason), "{odd}: {skipped:?}");
    assert!(!skipped.secret, "{odd}");
}

#[test]
fn a_plain_set_is_read_whole() {
    let set = parse(&[
        ec(
            r#","kid":"e","use":"sig","alg":"ES256","key_ops":["verify"],"x5c":["AA"],"extra":{"a":1}"#,
        ),
        rsa(r#","kid":"r","use":"sig","alg":"RS256","crv":"P-256""#),
        other_ec(""),
    ]);
    assert_eq!(set.keys().len(), 3);
    assert!(set.skipped().is_empty());
    assert!(parse(&[]).keys().is_empty());
}

#[test]
fn a_document_that_is_no_set_is_an_error_as_a_whole() {
    for shape in [
        "[]",
        "{}",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"Keys":[]}"#,
    ] {
        assert_eq!(error(shape.as_bytes()), JwkSetError::Shape, "{shape}");
    }
    for junk in [
        &b""[..],
        b"<html>",
        b"{\"keys\":[]}x",
        b"{\"keys\":[],\"keys\":[]}",
        b"{\"keys\":[\"\xff\"]}",
    ] {
        assert!(matches!(error(junk), JwkSetError::Json(_)), "{junk:?}");
    }
    for other_member in [r#"{"a":1,"a":2}"#, &"[".repeat(20)] {
        let junk = format!(r#"{{"keys":[],"x":{other_member}}}"#);
        assert!(matches!(error(junk.as_bytes()), JwkSetError::Json(_)));
    }
}

#[test]
fn an_element_that_is_no_key_spoils_only_itself() {
    let twice = ec(r#","kid":"a","kid":"b""#);
    let deep = format!("{}{}", "[".repeat(20), "]".repeat(20));
    for odd in ["1", "null", "\"x\"", "[]", &twice, &deep] {
        let set = parse(&[ec(r#","kid":"e""#), odd.to_owned(), rsa(r#","kid":"r""#)]);
        assert_eq!(set.keys().len(), 2, "{odd}");
        let skipped: Vec<&str> = set.skipped().iter().map(|key| key.name.as_str()).collect();
        assert_eq!(skipped, ["keys[1]"], "{odd}");
    }
}

#[test]
fn size_and_number_of_keys_are_bounded_and_the_bounds_can_be_tightened() {
    let padded = |length: usize| {
        let set = r#"{"keys":[]}"#;
        format!("{set}{}", " ".repeat(length - set.len()))
    };
    assert!(JwkSet::parse(padded(limits::JWKS_BYTES).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(
        error(padded(limits::JWKS_BYTES + 1).as_bytes()),
        JwkSetError::TooLarge
    );
    let many = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec!["{}"; count].join(","));
    assert!(JwkSet::parse(many(limits::JWKS_KEYS).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(
        error(many(limits::JWKS_KEYS + 1).as_bytes()),
        JwkSetError::TooManyKeys
    );
    let tight = Limits {
        jwks_bytes: 100,
        jwks_keys: 2,
        ..Limits::default()
    };
    assert_eq!(
        JwkSet::parse(padded(101).as_bytes(), &tight),
        Err(JwkSetError::TooLarge)
    );
    assert_eq!(
        JwkSet::parse(many(3).as_bytes(), &tight),
        Err(JwkSetError::TooManyKeys)
    );
}

#[test]
fn a_type_or_curve_that_we_do_not_verify_with_is_skipped() {
    let point = format!(r#""x":"{X}","y":"{Y}""#);
    let absent = [
        ("{}".to_owned(), "kty is absent"),
        (r#"{"kty":null}"#.into(), "kty is absent"),
        (r#"{"kty":"OKP","x":"AA"}"#.into(), "crv is absent"),
        (format!(r#"{{"kty":"EC",{point}}}"#), "crv is absent"),
        (
            format!(r#"{{"kty":"EC","crv":"",{point}}}"#),
            "crv is absent",
        ),
        (format!(r#"{{"crv":"P-256",{point}}}"#), "kty is absent"),
    ];
    for (odd, fault) in absent {
        assert_skipped(&odd, fault);
    }
    for odd in [
        r#"{"kty":"AKP","pub":"AAAA"}"#.to_owned(),
        format!(r#"{{"kty":"ec","crv":"P-256",{point}}}"#),
        format!(r#"{{"kty":7,"crv":"P-256",{point}}}"#),
    ] {
        assert_skipped(&odd, "kty is not one that we verify with");
    }
    for crv in ["Ed448", "X25519"] {
        let odd = format!(r#"{{"kty":"OKP","crv":"{crv}","x":"{X}"}}"#);
        assert_skipped(&odd, "crv is not one that we verify with");
    }
    for crv in ["secp256k1", "p-256"] {
        let odd = format!(r#"{{"kty":"EC","crv":"{crv}",{point}}}"#);
        assert_skipped(&odd, "crv is not one that we verify with");
    }
}

#[test]
fn a_member_that_is_absent_or_not_strict_base64url_is_skipped() {
    let ec_of = |x: &str, y: &str| format!(r#"{{"kty":"EC","crv":"P-256",{x}{y}}}"#);
    for (odd, fault) in [
        (ec_of(&format!(r#""x":"{X}""#), ""), "y is absent"),
        (ec_of(&format!(r#""y":"{Y}""#), ""), "x is absent"),
        (
            ec_of(r#""x":null,"#, &format!(r#""y":"{Y}""#)),
            "x is absent",
        ),
        (ec("").replace(X, &format!("{X}=")), "x is not base64url"),
        (ec("").replace(X, &format!(" {X}")), "x is not base64url"),
        (
            ec_of(&format!(r#""x":"{X}","#), r#""y":7"#),
            "y is not base64url",
        ),
        (ec("").replace('_', "/"), "y is not base64url"),
        (format!(r#"{{"kty":"RSA","n":"{N}"}}"#), "e is absent"),
        (
            format!(r#"{{"kty":"RSA","n":"{N}","e":65537}}"#),
            "e is not base64url",
        ),
        (
            format!(r#"{{"kty":"RSA","n":"{N}","e":""}}"#),
            "e is absent",
        ),
        (r#"{"kty":"RSA","e":"AQAB"}"#.into(), "n is absent"),
    ] {
        assert_skipped(&odd, fault);
    }
}

/// Serialisers, .NET's above all, write null, "" and [] for what is not there.
#[test]
fn a_member_that_is_null_or_empty_is_absent() {
    let names = [
        "d", "p", "q", "dp", "dq", "qi", "oth", "k", "use", "key_ops", "alg", "x5c", "x5t", "crv",
    ];
    for empty in ["null", r#""""#, "[]", "{}"] {
        for name in names {
            let set = parse(&[rsa(&format!(r#","kid":"r","{name}":{empty}"#))]);
            assert!(
                set.select(Some("r"), Algorithm::Rs256).is_ok(),
                "{name}: {empty}"
            );
        }
        for name in names.iter().filter(|name| **name != "crv") {
            let set = parse(&[ec(&format!(r#","kid":"e","{name}":{empty}"#))]);
            assert!(
                set.select(Some("e"), Algorithm::Es256).is_ok(),
                "{name}: {empty}"
            );
        }
        let set = parse(&[ec(&format!(r#","kid":{empty}"#))]);
        assert_eq!(
            set.keys().first().map(|jwk| jwk.kid.clone()),
            Some(None),
            "{empty}"
        );
    }
}

/// What services on .NET publish: nothing of it is private.
#[test]
fn a_set_that_dotnet_has_written_is_used() {
    let members = r#","kid":"rs1","use":"sig","alg":"RS256","d":null,"key_ops":[],"oth":[],"x5c":[],"x5u":null,"k":"""#;
    let set = parse(&[rsa(members)]);
    assert!(set.select(Some("rs1"), Algorithm::Rs256).is_ok());
    assert!(set.skipped().is_empty());
}

#[test]
fn a_coordinate_of_another_length_or_a_point_off_the_curve_is_skipped() {
    let point = |x: &str, y: &str| format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    assert_skipped(
        &point("AA", Y),
        "x or y: a coordinate does not have the length of the field",
    );
    assert_skipped(&point(&format!("AAAA{X}"), Y), "length of the field");
    assert_skipped(&point(X, ""), "y is absent");
    assert_skipped(&point(X, X), "not on the curve");
    assert_skipped(&point(OTHER_X, Y), "not on the curve");
    for crv in ["P-384", "P-521"] {
        assert_skipped(&point(X, Y).replace("P-256", crv), "length of the field");
    }
    let ed25519 = |x: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
    assert_skipped(&ed25519("AQ"), "length of the field");
    assert_skipped(&ed25519(&"A".repeat(43)), "small order");
    assert_skipped(
        &ed25519(&format!("Ag{}", "A".repeat(41))),
        "not on the curve",
    );
}

#[test]
fn an_rsa_key_out_of_bounds_is_skipped() {
    let key = |n: &str, e: &str| format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#);
    assert_skipped(&key("AQAB", "AQAB"), "n: the modulus");
    assert_skipped(&key(&"_".repeat(1_000), "AQAB"), "modulus");
    for e in ["AQ", "Ag", "AAEAAQ", "_______3"] {
        assert_skipped(&key(N, e), "e: the exponent");
    }
}

#[test]
fn keys_of_every_algorithm_are_read_and_serve_it_alone() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::of(algorithm.name(), "k");
        let set = JwkSet::parse(jwks(&[&key]).as_bytes(), &Limits::default()).unwrap();
        for asked in Algorithm::ALL {
            let selected = set.select(Some("k"), asked);
            assert_eq!(
                selected.is_ok(),
                asked == algorithm,
                "{algorithm:?} {asked:?}"
            );
        }
    }
}

#[test]
fn an_rsa_key_above_4096_bits_needs_a_raised_limit() {
    let n = format!("{}w", "_".repeat(1_365));
    let key = format!(r#"{{"keys":[{{"kty":"RSA","n":"{n}","e":"AQAB"}}]}}"#);
    let keys = |rsa_bits| {
        let limits = Limits {
            rsa_bits,
            ..Limits::default()
        };
        JwkSet::parse(key.as_bytes(), &limits).unwrap().keys().len()
    };
    assert_eq!((keys(4_096), keys(8_191), keys(8_192)), (0, 0, 1));
}

#[test]
fn private_and_symmetric_keys_are_skipped_as_secrets() {
    for odd in [
        r#"{"kty":"oct","kid":"s","k":"AAAA"}"#.to_owned(),
        r#"{"kty":"oct","kid":"s"}"#.into(),
        ec(r#","kid":"s","d":"AAAA""#),
        ec(r#","kid":"s","d":0"#),
        ec(r#","kid":"s","d":false"#),
        ec(r#","kid":"s","k":"AAAA""#),
        rsa(r#","kid":"s","d":"AAAA""#),
        rsa(r#","kid":"s","p":"AAAA""#),
        rsa(r#","kid":"s","q":"AAAA""#),
        rsa(r#","kid":"s","dp":"AAAA""#),
        rsa(r#","kid":"s","dq":"AAAA""#),
        rsa(r#","kid":"s","qi":"AAAA""#),
        rsa(r#","kid":"s","oth":[{}]"#),
    ] {
        let skipped = skipped(&odd);
        assert!(skipped.secret, "{odd}");
        assert_eq!(skipped.name, "s");
        assert!(!skipped.fault.contains("AAAA"));
    }
}

#[test]
fn a_key_for_another_use_is_skipped() {
    for usage in [r#""enc""#, r#""SIG""#, r#""Sig ""#, "1", r#"["sig"]"#] {
        assert_skipped(&ec(&format!(r#","use":{usage}"#)), "use is not sig");
    }
}

#[test]
fn a_key_whose_operations_do_not_hold_verify_is_skipped() {
    for operations in [
        r#"["sign"]"#,
        r#"["encrypt","wrapKey"]"#,
        r#""verify""#,
        r#"["Verify"]"#,
        "[1]",
    ] {
        assert_skipped(&ec(&format!(r#","key_ops":{operations}"#)), "key_ops");
    }
    let set = parse(&[ec(r#","key_ops":["sign","verify"]"#)]);
    assert_eq!(set.keys().len(), 1);
}

#[test]
fn an_alg_that_is_foreign_or_does_not_fit_the_key_is_skipped() {
    for alg in ["ES256K", "HS256", "none", "es256", "RSA-OAEP", " "] {
        assert_skipped(&ec(&format!(r#","alg":"{alg}""#)), "alg is not one");
    }
    assert_skipped(&ec(r#","alg":1"#), "alg is not a string");
    for alg in ["ES384", "ES512", "RS256", "PS256", "EdDSA", "Ed25519"] {
        assert_skipped(&ec(&format!(r#","alg":"{alg}""#)), "alg does not fit");
    }
    assert_skipped(&rsa(r#","alg":"ES256""#), "alg does not fit");
}

#[test]
fn a_kid_that_is_no_string_or_too_long_is_skipped() {
    for kid in ["7", "true", r#"["a"]"#] {
        assert_skipped(&ec(&format!(r#","kid":{kid}"#)), "kid is not a string");
    }
    let kid = |length: usize| ec(&format!(r#","kid":"{}""#, "k".repeat(length)));
    assert_skipped(&kid(limits::KID_BYTES + 1), "at most 512 bytes");
    assert_eq!(parse(&[kid(limits::KID_BYTES)]).keys().len(), 1);
}

#[test]
fn a_skipped_key_is_named_by_its_kid_or_its_place() {
    assert_eq!(skipped(r#"{"kty":"OKP","kid":"odd"}"#).name, "odd");
    assert_eq!(skipped(r#"{"kty":"OKP"}"#).name, "keys[1]");
    let long = format!(r#"{{"kty":"OKP","kid":"{}"}}"#, "é".repeat(400));
    assert_eq!(skipped(&long).name, "é".repeat(limits::SHOWN_BYTES));
}

/// Found by the fuzzer.
#[test]
fn a_skipped_key_whose_kid_is_empty_is_named_by_its_place() {
    assert_eq!(
        skipped(r#"{"kty":"RSA","kid":"","e":"AQAB"}"#).name,
        "keys[1]"
    );
}

#[test]
fn errors_read_as_sentences() {
    let shown = [
        JwkSetError::TooLarge,
        JwkSetError::TooManyKeys,
        JwkSetError::Shape,
        JwkSetError::Json("x".into()),
    ]
    .map(|e| e.to_string());
    assert_eq!(
        shown,
        [
            "larger than limits.jwks_bytes",
            "more keys than limits.jwks_keys",
            "not an object with a list \"keys\"",
            "not JSON: x"
        ]
    );
}
