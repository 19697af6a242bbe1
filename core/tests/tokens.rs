//! What a token must say and be, through the whole gate; one sentence of the checklist each.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use passgate_core::{Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://api.example.com";
const NOW: i64 = 1_700_000_000;

/// A provider with these keys and further members.
fn provider(issuer: &str, keys: &[&SigningKey], members: Value) -> Value {
    let mut provider = json!({
        "issuer": issuer, "audiences": [AUDIENCE], "local_jwks": { "inline_string": jwks(keys) },
    });
    for (name, value) in members.as_object().unwrap() {
        provider[name] = value.clone();
    }
    provider
}

/// The code of the verdict on a request with this token.
fn judge(providers: Value, authorization: &str) -> &'static str {
    let config = json!({ "providers": providers }).to_string();
    let config = Config::parse(config.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut keys = Supply::new(&config, 1);
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"api.example.com"),
        (b"authorization", authorization.as_bytes()),
    ];
    let now = UnixTime::from_secs(NOW.unsigned_abs());
    match Verifier::new(config, 1).verify(Request::new(&headers), &mut keys, now) {
        Step::Settle(Settlement {
            verdict: Verdict::Allow(permit),
            ..
        }) => permit.code(),
        Step::Settle(Settlement {
            verdict: Verdict::Deny(rejection),
            ..
        }) => rejection.code,
        other => panic!("keys are local: {other:?}"),
    }
}

fn token<'k>(key: &'k SigningKey, issuer: &str) -> TokenBuilder<'k> {
    TokenBuilder::of(key, issuer, AUDIENCE)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
}

/// The code of the verdict on one token of the only provider.
fn only(make: impl FnOnce(TokenBuilder<'_>) -> TokenBuilder<'_>, members: Value) -> &'static str {
    let key = SigningKey::es256("k");
    let token = make(token(&key, "one")).build();
    judge(
        json!({ "p": provider("one", &[&key], members) }),
        &format!("Bearer {token}"),
    )
}

#[test]
fn a_token_of_every_algorithm_passes() {
    for alg in SigningKey::ALGORITHMS {
        let key = SigningKey::of(alg, "k");
        let token = token(&key, "one").build();
        let providers = json!({ "p": provider("one", &[&key], json!({})) });
        let code = judge(providers, &format!("Bearer {token}"));
        assert_eq!(code, "permitted.token", "{alg}");
    }
}

#[test]
fn a_token_cannot_choose_among_the_algorithms_that_its_key_was_not_published_for() {
    for (own, other) in [
        ("RS256", "PS256"),
        ("PS512", "PS256"),
        ("EdDSA", "Ed25519"),
        ("ES256", "ES384"),
    ] {
        let key = SigningKey::of(own, "k");
        let token = token(&key, "one").header("alg", other).build();
        let providers = json!({ "p": provider("one", &[&key], json!({})) });
        let code = judge(providers, &format!("Bearer {token}"));
        assert_eq!(code, "untrusted.algorithm", "{own} as {other}");
    }
}

#[test]
fn a_key_of_one_issuer_never_verifies_a_token_of_another() {
    let (one, two) = (SigningKey::es256("k1"), SigningKey::es256("k2"));
    for (signer, kid, expected) in [
        (&one, "k1", "permitted.token"),
        (&two, "k2", "untrusted.key"),
        (&two, "k1", "untrusted.signature"),
    ] {
        let providers = json!({
            "one": provider("one", &[&one], json!({})), "two": provider("two", &[&two], json!({})),
        });
        let token = token(signer, "one").header("kid", kid).build();
        assert_eq!(judge(providers, &format!("Bearer {token}")), expected);
    }
}

#[test]
fn an_issuer_is_compared_byte_for_byte() {
    for issuer in ["one/", "One", " one", "", "on"] {
        let code = only(|token| token.claim("iss", issuer), json!({}));
        assert_eq!(code, "untrusted.issuer", "{issuer}");
    }
    for issuer in [json!(["one"]), json!(null), json!(1)] {
        let code = only(|token| token.claim("iss", issuer), json!({}));
        assert_eq!(code, "untrusted.issuer");
    }
    assert_eq!(
        only(|token| token.without("iss"), json!({})),
        "untrusted.issuer"
    );
}

#[test]
fn an_end_is_required_and_a_number() {
    assert_eq!(
        only(|token| token.without("exp"), json!({})),
        "malformed.claims"
    );
    for exp in [
        json!("1700000300"),
        json!(true),
        json!(null),
        json!([1]),
        json!({}),
        json!(-1),
    ] {
        let code = only(|token| token.claim("exp", exp.clone()), json!({}));
        assert_eq!(code, "malformed.claims", "{exp}");
    }
    for exp in [
        "1e400",
        "-1e400",
        "1e309",
        "9223372036854775808",
        "18446744073709551616",
        "1e20",
    ] {
        let claims = format!(r#"{{"iss":"one","aud":"{AUDIENCE}","sub":"a","exp":{exp}}}"#);
        let code = only(|token| token.raw_claims(&claims), json!({}));
        assert_eq!(code, "malformed.claims", "{exp}");
    }
    for exp in ["1700000300.5", "1.7000003e9", "17000003E2"] {
        let claims = format!(r#"{{"iss":"one","aud":"{AUDIENCE}","sub":"a","exp":{exp}}}"#);
        let code = only(|token| token.raw_claims(&claims), json!({}));
        assert_eq!(code, "permitted.token", "{exp}");
    }
}

#[test]
fn one_skew_serves_exp_nbf_and_iat() {
    let skew = || json!({ "clock_skew": "10s" });
    for (claim, good, bad, code) in [
        ("exp", NOW - 9, NOW - 10, "untrusted.expired"),
        ("nbf", NOW + 10, NOW + 11, "untrusted.not_yet_valid"),
        ("iat", NOW + 10, NOW + 11, "untrusted.issued_in_future"),
    ] {
        assert_eq!(
            only(|token| token.claim(claim, good), skew()),
            "permitted.token",
            "{claim}"
        );
        assert_eq!(
            only(|token| token.claim(claim, bad), skew()),
            code,
            "{claim}"
        );
    }
}

#[test]
fn a_subject_is_a_string_that_is_not_empty() {
    assert_eq!(
        only(|token| token.without("sub"), json!({})),
        "malformed.claims"
    );
    for sub in [json!(""), json!(1), json!(null), json!(["alice"])] {
        let code = only(|token| token.claim("sub", sub.clone()), json!({}));
        assert_eq!(code, "malformed.claims", "{sub}");
    }
}

#[test]
fn an_audience_is_compared_byte_for_byte_and_has_the_right_type() {
    for good in [json!(AUDIENCE), json!(["x", AUDIENCE])] {
        assert_eq!(
            only(|token| token.claim("aud", good), json!({})),
            "permitted.token"
        );
    }
    for bad in [
        json!([]),
        json!("https://api.example.com/"),
        json!("api.example.com"),
        json!(""),
    ] {
        let code = only(|token| token.claim("aud", bad.clone()), json!({}));
        assert_eq!(code, "untrusted.audience", "{bad}");
    }
    for odd in [
        json!([AUDIENCE, 1]),
        json!({ "a": AUDIENCE }),
        json!(1),
        json!(null),
    ] {
        let code = only(|token| token.claim("aud", odd.clone()), json!({}));
        assert_eq!(code, "malformed.claims", "{odd}");
    }
}

#[test]
fn an_id_token_is_refused_where_the_provider_marks_its_access_tokens() {
    let types = || json!({ "token_types": ["at+jwt"] });
    assert_eq!(
        only(|token| token.header("typ", "at+jwt"), types()),
        "permitted.token"
    );
    assert_eq!(
        only(|token| token.header("typ", "JWT"), types()),
        "untrusted.token_type"
    );
    let id_token =
        |token: TokenBuilder<'_>| token.claim("aud", "client-1").claim("nonce", "n").build();
    let key = SigningKey::es256("k");
    let providers = json!({ "p": provider("one", &[&key], json!({})) });
    let code = judge(
        providers,
        &format!("Bearer {}", id_token(token(&key, "one"))),
    );
    assert_eq!(code, "untrusted.audience");
}

/// RFC 8725 section 3.1: one algorithm for each key.
#[test]
fn an_rsa_key_that_does_not_say_its_algorithm_is_for_one_all_the_same() {
    // The kit has one RSA key for all algorithms.
    let mut jwk = SigningKey::of("RS256", "k").public_jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let set = json!({ "inline_string": json!({ "keys": [jwk] }).to_string() });
    let judged = |alg: &str, algorithms: Option<Value>| {
        let mut members = json!({ "local_jwks": set });
        if let Some(algorithms) = algorithms {
            members["algorithms"] = algorithms;
        }
        let token = token(&SigningKey::of(alg, "k"), "one").build();
        let providers = json!({ "p": provider("one", &[], members) });
        judge(providers, &format!("Bearer {token}"))
    };
    for (algorithms, only) in [
        (None, "RS256"),
        (Some(json!(["RS256", "PS256"])), "RS256"),
        (Some(json!(["ES256", "PS256"])), "PS256"),
        (Some(json!(["PS512", "RS256", "RS512"])), "PS512"),
    ] {
        for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let wanted = if alg == only {
                "permitted.token"
            } else {
                "untrusted.algorithm"
            };
            assert_eq!(
                judged(alg, algorithms.clone()),
                wanted,
                "{alg} {algorithms:?}"
            );
        }
    }
}

#[test]
fn any_cnf_refuses_a_token_that_is_sent_as_bearer() {
    for cnf in [
        json!({ "jkt": "x" }),
        json!({ "jwk": {} }),
        json!({ "x5t#S256": "x" }),
        json!({ "odd": 1 }),
        json!({}),
        json!(null),
        json!("x"),
    ] {
        let code = only(|token| token.claim("cnf", cnf.clone()), json!({}));
        assert_eq!(code, "untrusted.key_bound", "{cnf}");
    }
}

#[test]
fn two_credentials_in_one_header_are_no_credential() {
    let key = SigningKey::es256("k");
    let good = token(&key, "one").build();
    let providers = || json!({ "p": provider("one", &[&key], json!({})) });
    for (authorization, expected) in [
        (format!("Bearer {good}"), "permitted.token"),
        (format!("bEARER   {good}"), "permitted.token"),
        (format!("xBearer {good}"), "missing.token"),
        (format!("Basic abc, Bearer {good}"), "ambiguous.credentials"),
        (
            format!("Bearer {good}, Bearer {good}x"),
            "ambiguous.credentials",
        ),
        (format!("Bearer {good} {good}"), "ambiguous.credentials"),
    ] {
        let code = judge(providers(), &authorization);
        assert_eq!(code, expected, "{}", authorization.replace(&good, "…"));
    }
}

/// CVE-2022-39227: what stands between the first dots has new claims, and the members are the old,
/// signed token.
#[test]
fn a_token_in_two_forms_at_once_is_none() {
    let key = SigningKey::es256("k");
    let good = token(&key, "one").build();
    let other = token(&key, "one").claim("sub", "mallory").build();
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    let (good, other) = (parts(&good), parts(&other));
    let ask = |text: &str| {
        let providers = json!({ "p": provider("one", &[&key], json!({})) });
        judge(providers, &format!("Bearer {text}"))
    };
    assert_eq!(ask(&good.join(".")), "permitted.token");
    let members = format!(
        r#""protected":"{}","payload":"{}","signature":"{}"}}"#,
        good[0], good[1], good[2]
    );
    for text in [
        format!(r#"{{"{}.{}.":"",{members}"#, good[0], other[1]),
        format!("{{{members}"),
    ] {
        assert_eq!(ask(&text), "ambiguous.credentials", "{text}");
    }
}
