//! Each reason to refuse a token, as the client and the operator see it.

use passgate_harness::{AUDIENCE, BOTH, Gate, ISSUER, Request, policy, policy_with, with};
use passgate_kit::{SigningKey, Token, now, tampered};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn a_request_without_a_token_is_challenged_without_an_error_code() {
    let gate = Gate::start(policy());
    for protocol in BOTH {
        for request in [Request::get("/"), Request::post("/", b"body")] {
            let answer = gate.send(protocol, &request);
            gate.denied(&answer, "missing.token");
            let challenge = answer.headers.text("www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"passgate\""));
        }
        // An answer without a body does not have a request id to look for.
        let answer = gate.send(protocol, &Request::new("HEAD", "/"));
        assert_eq!(answer.status, 401);
        let challenge = answer.headers.text("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"passgate\""));
    }
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn a_token_that_cannot_be_read_is_refused() {
    let gate = Gate::start(policy());
    let good = gate.good();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let cases = [
        ("malformed.credential", String::new()),
        (
            "malformed.token_size",
            gate.token().claim("filler", "f".repeat(16 * 1024)).build(),
        ),
        ("malformed.token_shape", input.to_owned()),
        ("malformed.token_shape", format!("{good}.more.parts")),
        ("malformed.token_shape", "opaque".to_owned()),
        (
            "malformed.token_shape",
            gate.token().header("alg", "none").signature(b"").build(),
        ),
        ("malformed.base64url", format!("{input}.{signature}=")),
        (
            "malformed.base64url",
            format!("{input}.+/{}", &signature[2..]),
        ),
        ("malformed.header", gate.token().raw_header("{").build()),
        ("malformed.header", gate.token().raw_header("[]").build()),
        (
            "malformed.header",
            gate.token().without_header("alg").build(),
        ),
        ("malformed.claims", gate.token().raw_claims("[]").build()),
        (
            "malformed.claims",
            gate.token().claim("exp", "tomorrow").build(),
        ),
        ("malformed.claims", gate.token().without("sub").build()),
        (
            "malformed.claims",
            gate.token().claim("sub", Value::Null).build(),
        ),
        ("malformed.claims", gate.token().claim("sub", "").build()),
        (
            "malformed.claims",
            gate.token().claim("sub", json!([])).build(),
        ),
        (
            "malformed.crit",
            gate.token().header("crit", json!(["exp"])).build(),
        ),
        (
            "malformed.nested",
            gate.token().header("cty", "JWT").build(),
        ),
    ];
    refuse_all(&gate, &cases);
    gate.finish();
}

#[test]
fn a_token_that_nobody_trusted_has_signed_is_refused() {
    let gate = Gate::start(policy());
    let good = gate.good();
    let stranger = SigningKey::es256("k1");
    let public = gate.issuer.key.public_jwk().to_string();
    let unsigned = |alg: &str| gate.token().header("alg", alg);
    let cases = [
        (
            "untrusted.token_type",
            gate.token().header("typ", "dpop+jwt").build(),
        ),
        (
            "untrusted.token_type",
            gate.token().header("typ", "logout+jwt").build(),
        ),
        ("untrusted.algorithm", unsigned("none").build()),
        ("untrusted.algorithm", unsigned("NONE").build()),
        (
            "untrusted.algorithm",
            gate.token().hs256(public.as_bytes()).build(),
        ),
        (
            "untrusted.issuer",
            Token::of(&gate.issuer.key, "https://evil.example", AUDIENCE).build(),
        ),
        (
            "untrusted.issuer",
            Token::of(&gate.issuer.key, &format!("{ISSUER}/"), AUDIENCE).build(),
        ),
        ("untrusted.issuer", gate.token().without("iss").build()),
        ("untrusted.signature", tampered(&good)),
        (
            "untrusted.signature",
            Token::of(&stranger, ISSUER, AUDIENCE).build(),
        ),
        (
            "untrusted.signature",
            gate.token().signature(&[0; 64]).build(),
        ),
    ];
    refuse_all(&gate, &cases);
    gate.finish();
}

#[test]
fn a_token_of_another_time_or_audience_is_refused() {
    let gate = Gate::start(policy_with(
        json!({ "max_token_lifetime": "1h", "clock_skew": "10s" }),
    ));
    let cases = [
        (
            "untrusted.expired",
            gate.token()
                .claim("iat", now() - 600)
                .expires_in(-60)
                .build(),
        ),
        (
            "untrusted.not_yet_valid",
            gate.token().claim("nbf", now() + 60).build(),
        ),
        (
            "untrusted.issued_in_future",
            gate.token().claim("iat", now() + 60).build(),
        ),
        (
            "untrusted.audience",
            Token::of(&gate.issuer.key, ISSUER, "https://other.example").build(),
        ),
        (
            "untrusted.audience",
            Token::of(&gate.issuer.key, ISSUER, &format!("{AUDIENCE}/")).build(),
        ),
        (
            "untrusted.audience",
            gate.token().claim("aud", json!([])).build(),
        ),
        ("untrusted.audience", gate.token().without("aud").build()),
        (
            "untrusted.lifetime",
            gate.token().expires_in(2 * 3600).build(),
        ),
        (
            "untrusted.key_bound",
            gate.token().claim("cnf", json!({ "jkt": "x" })).build(),
        ),
    ];
    refuse_all(&gate, &cases);

    // The skew works in both directions.
    for allowed in [
        gate.token().claim("iat", now() - 60).expires_in(-3).build(),
        gate.token().claim("nbf", now() + 5).build(),
        gate.token().claim("iat", now() + 5).build(),
        gate.token()
            .claim("aud", json!(["https://other.example", AUDIENCE]))
            .build(),
    ] {
        gate.passed(&gate.send(BOTH[0], &Request::get("/").bearer(&allowed)));
    }
    gate.finish();
}

#[test]
fn a_token_without_an_end_is_refused() {
    let gate = Gate::start(policy());
    let endless = gate.token().without("exp").build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&endless));
        gate.denied(&answer, "malformed.claims");
    }
    gate.finish();
}

#[test]
fn the_realm_is_the_origin_that_the_client_asked_for() {
    let origins = json!(["https://api.example.com", "https://two.example.com:8443"]);
    let gate = Gate::start(with(policy(), "origins", origins));
    // As shipped, Envoy takes the port away.
    for (authority, realm) in [
        ("api.example.com", "https://api.example.com"),
        ("API.example.com:443", "https://api.example.com"),
        ("two.example.com:8443", "https://two.example.com:8443"),
        ("two.example.com", "https://two.example.com:8443"),
        ("other.example.com", "passgate"),
    ] {
        for protocol in BOTH {
            // The scheme and forwarding headers are never looked at.
            let request = Request::get("/").authority(authority);
            let request = request.header("x-forwarded-host", "two.example.com:8443");
            let answer = gate.send(protocol, &request);
            gate.denied(&answer, "missing.token");
            let challenge = format!("Bearer realm=\"{realm}\"");
            assert_eq!(
                answer.headers.text("www-authenticate"),
                Some(&*challenge),
                "{authority}"
            );
        }
    }
    gate.finish();
}

#[test]
fn a_page_of_our_origins_may_read_the_challenge() {
    let origins = json!(["https://api.example.com", "https://app.example.com"]);
    let gate = Gate::start(with(policy(), "origins", origins));
    for protocol in BOTH {
        let ours = Request::get("/").header("origin", "https://app.example.com");
        let answer = gate.send(protocol, &ours);
        gate.denied(&answer, "missing.token");
        let allowed = answer.headers.text("access-control-allow-origin");
        assert_eq!(allowed, Some("https://app.example.com"));
        let exposed = answer
            .headers
            .text("access-control-expose-headers")
            .unwrap_or_default();
        assert!(
            exposed.to_lowercase().contains("www-authenticate"),
            "{answer:?}"
        );

        let foreign = Request::get("/").header("origin", "https://evil.example");
        let answer = gate.send(protocol, &foreign);
        gate.denied(&answer, "missing.token");
        assert_eq!(answer.headers.text("access-control-allow-origin"), None);
    }
    gate.finish();
}

/// Each is refused for its reason, and the client cannot tell one from another.
fn refuse_all(gate: &Gate, cases: &[(&str, String)]) {
    let mut told = BTreeSet::new();
    for (code, token) in cases {
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/").bearer(token));
            gate.denied(&answer, code);
            let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
            body["request_id"] = Value::Null;
            let challenge = answer.headers.text("www-authenticate").unwrap();
            told.insert((body.to_string(), challenge.to_owned()));
        }
    }
    assert_eq!(
        told.len(),
        1,
        "the client is told more than `invalid_token`: {told:?}"
    );
    assert_eq!(gate.upstream.hits(), 0);
}
