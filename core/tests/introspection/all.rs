//! `for: all`: JWTs are asked about, too, after their signature.

use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{ISSUER, START, Weather, World, active, provider, with};

fn world(key: &SigningKey) -> World {
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let acme = provider(&json!({
        "local_jwks": { "inline_string": jwks(&[key]) },
        "introspection": { "http_uri": uri, "for": "all" },
        "claim_to_headers": [{ "claim_name": "email", "header_name": "x-email" }],
    }));
    World::with(&json!({ "providers": { "acme": acme } }))
}

fn token(key: &SigningKey) -> TokenBuilder<'_> {
    TokenBuilder::of(key, ISSUER, "api")
        .claim("jti", "1")
        .claim("iat", START - 10)
        .claim("exp", START + 1_000)
}

#[test]
fn a_jwt_passes_if_its_signature_is_right_and_its_issuer_says_so() {
    let key = SigningKey::es256("key-1");
    let mut world = world(&key);
    let good = token(&key).build();
    assert_eq!(world.reason(&good), INACTIVE);
    world.says(&good, active(&json!({ "email": "a@example.com" })));
    world.pass(5_000);
    assert_eq!(world.reason(&good), PASSES);
    assert_eq!(
        world.header(&good, "x-email").as_deref(),
        Some("a@example.com")
    );
    assert_eq!(world.asked(), 2);
    for _ in 0..10 {
        let (_, record) = world.judge(&good);
        assert_eq!((record.reason, record.remembered), (PASSES, true));
    }
    assert_eq!(world.asked(), 0);
    world.said.clear();
    world.pass(30_000);
    assert_eq!(world.reason(&good), INACTIVE);
    // What is wrong with the token itself is seen before anybody is asked.
    world.asked();
    let forged = token(&SigningKey::es256("key-1")).build();
    assert_eq!(world.reason(&forged), "untrusted.signature");
    let expired = token(&key).claim("exp", START - 60).build();
    assert_eq!(world.reason(&expired), "untrusted.expired");
    assert_eq!(world.asked(), 0);
    // An opaque token is asked about as ever.
    world.says("t", active(&json!({})));
    assert_eq!(world.reason("t"), PASSES);
}

/// Keycloak's lightweight access tokens have no `aud` and no `sub`.
#[test]
fn what_a_lightweight_token_leaves_out_its_issuer_says() {
    let key = SigningKey::es256("key-1");
    let mut world = world(&key);
    let light = token(&key)
        .raw_claims(&json!({ "iss": ISSUER, "exp": START + 1_000 }).to_string())
        .build();
    world.says(&light, active(&json!({ "email": "a@example.com" })));
    assert_eq!(
        world.header(&light, "x-email").as_deref(),
        Some("a@example.com")
    );
    let (_, record) = world.judge(&light);
    assert_eq!(record.subject.as_deref(), Some("alice"));
    world.pass(30_000);
    world.says(&light, json!({ "active": true }));
    assert_eq!(world.reason(&light), "malformed.claims");
    world.pass(30_000);
    world.says(&light, json!({ "active": true, "sub": "alice" }));
    assert_eq!(world.reason(&light), "untrusted.audience");
}

#[test]
fn what_the_token_says_itself_stands_and_the_answer_comes_on_top() {
    let key = SigningKey::es256("key-1");
    for (own, answer, reason) in [
        // The binding of a token is not lost to an answer that leaves it out.
        (
            json!({ "cnf": { "jkt": "x" } }),
            json!({}),
            "untrusted.key_bound",
        ),
        (
            json!({ "aud": "api" }),
            json!({ "aud": "another" }),
            "untrusted.audience",
        ),
        (
            json!({}),
            json!({ "token_type": "DPoP" }),
            "untrusted.key_bound",
        ),
        (
            json!({ "token_type": "DPoP" }),
            json!({}),
            "untrusted.key_bound",
        ),
        (json!({}), json!({ "sub": "mallory" }), INACTIVE),
        (json!({}), json!({ "jti": "2" }), INACTIVE),
        (
            json!({}),
            json!({ "cnf": { "jkt": "x" } }),
            "untrusted.key_bound",
        ),
        (
            json!({}),
            json!({ "iss": "https://other.example.com" }),
            "untrusted.issuer",
        ),
        (json!({}), json!({ "exp": START - 60 }), "untrusted.expired"),
        (
            json!({}),
            json!({ "sub": "alice", "jti": "1", "iss": ISSUER }),
            PASSES,
        ),
    ] {
        let mut world = world(&key);
        let mut builder = token(&key);
        for (name, value) in own.as_object().unwrap() {
            builder = builder.claim(name, value.clone());
        }
        let token = builder.build();
        world.says(&token, with(json!({ "active": true }), &answer));
        let (_, record) = world.judge(&token);
        assert_eq!(record.reason, reason, "{own} {answer}: {record:?}");
    }
}

/// Keycloak's answer has the `auth_time` of the session's last sign-in, whatever it was.
#[test]
fn of_a_sign_in_the_token_tells_alone_or_the_answer_does() {
    let key = SigningKey::es256("key-1");
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let lines = json!([
        { "when": { "amr_exactly": ["hwk"] }, "proves": ["phishing_resistant"] },
        {
            "when": { "claim": { "path": ["key", "is"], "equals": "local" } },
            "proves": ["phishing_resistant"],
            "dated_by": "key_time",
        },
    ]);
    let acme = provider(&json!({
        "local_jwks": { "inline_string": jwks(&[&key]) },
        "introspection": { "http_uri": uri, "for": "all" },
        "evidence": { "lines": lines },
    }));
    let requires = json!({ "facts": ["phishing_resistant"], "max_age": "5m" });
    let rules = json!([{ "match": { "prefix": "/" }, "requires": requires }]);
    let config = json!({ "providers": { "acme": acme }, "rules": rules });
    let (old, new) = (START - 1_000, START - 20);
    for (own, answer, passes) in [
        // The date of another sign-in does not make the token's newer, nor its method better.
        (
            json!({ "amr": ["hwk"] }),
            json!({ "auth_time": new }),
            false,
        ),
        (
            json!({ "amr": ["hwk"], "auth_time": old }),
            json!({ "auth_time": new }),
            false,
        ),
        (
            json!({ "auth_time": new }),
            json!({ "amr": ["hwk"] }),
            false,
        ),
        (
            json!({ "amr": ["pwd"], "auth_time": new }),
            json!({ "amr": ["hwk"] }),
            false,
        ),
        (
            json!({ "amr": ["pwd"] }),
            json!({ "amr": ["hwk"], "auth_time": new }),
            false,
        ),
        (
            json!({ "acr": "1" }),
            json!({ "amr": ["hwk"], "auth_time": new }),
            false,
        ),
        (
            json!({ "key": { "is": "local" } }),
            json!({ "key_time": new }),
            false,
        ),
        (
            json!({ "key_time": new }),
            json!({ "key": { "is": "local" } }),
            false,
        ),
        (
            json!({ "key": { "is": "far" } }),
            json!({ "amr": ["hwk"], "auth_time": new }),
            false,
        ),
        // One of them tells all.
        (json!({ "amr": ["hwk"], "auth_time": new }), json!({}), true),
        (
            json!({ "amr": ["hwk"], "auth_time": new }),
            json!({ "auth_time": old }),
            true,
        ),
        (
            json!({ "amr": ["hwk"], "auth_time": new }),
            json!({ "amr": ["pwd"] }),
            true,
        ),
        (json!({}), json!({ "amr": ["hwk"], "auth_time": new }), true),
        (
            json!({ "auth_time": new }),
            json!({ "amr": ["hwk"], "auth_time": new }),
            true,
        ),
        (
            json!({}),
            json!({ "key": { "is": "local" }, "key_time": new }),
            true,
        ),
        (
            json!({ "sub": "alice" }),
            json!({ "amr": ["hwk"], "auth_time": new }),
            true,
        ),
    ] {
        let mut world = World::with(&config);
        let mut builder = token(&key);
        for (name, value) in own.as_object().unwrap() {
            builder = builder.claim(name, value.clone());
        }
        let token = builder.build();
        world.says(&token, active(&answer));
        let passed = world.reason(&token) == PASSES;
        assert_eq!(passed, passes, "{own} {answer}");
    }
}

#[test]
fn a_jwt_that_nobody_vouches_for_does_not_pass() {
    let key = SigningKey::es256("key-1");
    let mut world = world(&key);
    world.weather = Weather::Down;
    assert_eq!(world.reason(&token(&key).build()), OUT);
}
