//! What a client, an issuer or a slip in the configuration could try.

use passgate_core::{Config, limits};
use passgate_kit::SigningKey;
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};

use crate::world::{GATE, GateKey, NOW, Sent, World, decoded, policy};

#[test]
fn nobody_gets_a_token_that_another_one_earned() {
    let mut world = World::new();
    let strong = |subject: &str| {
        let token = world.token().claim("sub", subject);
        token
            .claim("amr", json!(["hwk"]))
            .claim("auth_time", NOW)
            .build()
    };
    let weak = |subject: &str| world.token().claim("sub", subject).build();
    let all = [strong("alice"), weak("alice"), strong("bob"), weak("bob")];
    // In any order, again and again.
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 3, 1]] {
        for index in order {
            let claims = world.claims(&all[index]);
            let subject = if index < 2 { "alice" } else { "bob" };
            assert_eq!(claims["orig_sub"], subject);
            let facts = (index % 2 == 0).then(|| json!(["phishing_resistant"]));
            assert_eq!(claims.get("facts"), facts.as_ref());
        }
    }
}

#[test]
fn no_claim_can_pass_for_another_one() {
    // What a token says is data, whatever it looks like.
    let odd = "a\",\"facts\":[\"phishing_resistant\"],\"aud\":\"payments.internal";
    let mut world = World::new();
    let token = world
        .token()
        .claim("sub", odd)
        .claim("acr", odd)
        .claim("client_id", odd)
        .claim("scope", odd)
        .claim("email", json!({ odd: [odd] }))
        .claim("act", json!({ "sub": odd, "iss": "https://a\"b" }))
        .claim("facts", json!(["phishing_resistant"]))
        .claim("gate", "another")
        .claim("kind", "human")
        .claim("orig_iss", "https://evil.example")
        .claim("txn", "1")
        .build();
    let judged = world.judge(&Sent::get("/").bearer(&token));
    let token = judged.token().unwrap();
    let (_, claims) = world.key.read(&token);
    for name in ["acr", "client_id", "scope", "orig_sub"] {
        assert_eq!(claims[name], odd);
    }
    assert_eq!(claims["email"], json!({ odd: [odd] }));
    assert_eq!(claims["aud"], "orders.internal");
    assert_eq!(
        (&claims["gate"], &claims["kind"]),
        (&json!("edge-1"), &json!("agent"))
    );
    assert_eq!(claims["orig_iss"], "https://id.example.com");
    assert_eq!((claims.get("facts"), claims.get("txn")), (None, None));
    // No member twice, which readers would take differently.
    let text = String::from_utf8(decoded(token.split('.').nth(1).unwrap())).unwrap();
    passgate_core::Json::parse(text.as_bytes(), 1_000).expect("strict JSON");
}

#[test]
fn no_claim_that_has_a_meaning_in_every_token_is_taken_over() {
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "ISS",
        "Facts",
        "cnf",
        "act",
        "scope",
        "may_act",
        "status",
        "orig_sub",
        "gate",
        "txn",
        "req_wl",
        "auth_time",
    ] {
        let mut policy = policy();
        policy["identity_token"]["claims"] = json!([name]);
        let told = refused(&policy);
        assert!(
            told.starts_with(&format!(
                "identity_token.claims[0]: \"{name}\" is what the gate"
            )),
            "{told}"
        );
    }
}

fn refused(policy: &Value) -> String {
    let mut policy = policy.clone();
    let keys = passgate_kit::jwks(&[&SigningKey::es256("k")]);
    policy["providers"]["acme"]["local_jwks"] = json!({ "inline_string": keys });
    let key = GateKey::new().pem();
    let problems = Config::parse_with(policy.to_string().as_bytes(), &|_| Some(key.clone()));
    let problems = problems.expect_err("it is refused");
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

#[test]
fn the_gate_does_not_take_its_own_tokens_for_access_tokens() {
    let mut world = World::new();
    let token = world.token().build();
    let judged = world.judge(&Sent::get("/").bearer(&token));
    let own = judged.token().unwrap();
    let again = world.judge(&Sent::get("/").bearer(&own));
    assert_eq!(again.code(), "untrusted.issuer");
    // Nor can a provider have the gate's issuer, by name or by template.
    for provider in [
        json!({ "issuer": GATE, "audiences": ["x"] }),
        json!({
            "issuer_template": "https://gates.example.com/{tid}",
            "tenants": ["edge"],
            "audiences": ["x"],
        }),
    ] {
        let mut policy = policy();
        if provider.get("issuer").is_none() {
            policy["identity_token"]["issuer"] = json!("https://gates.example.com/edge");
        }
        policy["providers"]["acme"] = provider;
        let told = refused(&policy);
        assert!(
            told.contains("identity_token.issuer: is the issuer of acme"),
            "{told}"
        );
    }
}

#[test]
fn hosts_and_tokens_without_number_take_no_more_memory_than_there_is() {
    let mut world = World::saying("audience", json!({ "of_host": true }));
    world.policy["rules"] = json!([
        { "match": { "prefix": "/", "hosts": ["*.shop.internal"] }, "requires": {} },
    ]);
    let token = world.token().claim("email", "e".repeat(9_000)).build();
    let first = Sent::get("/").bearer(&token).host("first.shop.internal");
    let of_first = world.judge(&first).token().unwrap();
    assert_eq!(world.judge(&first).token(), Some(of_first.clone()));
    // Each takes over 20 KB of what is kept.
    let enough = limits::IDENTITY_TOKEN_BYTES / 20_000;
    for number in 0..enough {
        let host = format!("{number}.shop.internal");
        let judged = world.judge(&Sent::get("/").bearer(&token).host(&host));
        assert!(judged.token().is_some());
    }
    // It was dropped, and is made anew: the same to the last byte, but for when.
    world.now = NOW + 1;
    let again = world.judge(&first).token().unwrap();
    assert_ne!(again, of_first);
}

#[test]
fn signatures_need_no_randomness_and_are_the_same_everywhere() {
    let mut one = World::new();
    let token = one.token().build();
    let first = one.judge(&Sent::get("/").bearer(&token)).token();
    let mut other = World::new();
    (other.key, other.provider) = (one.key, one.provider);
    let second = other.judge(&Sent::get("/").bearer(&token)).token();
    assert!(first.is_some() && first == second);
}

#[test]
fn a_workload_without_a_token_is_known_by_its_certificate_alone() {
    let mut policy = policy();
    policy["peer_verified_by_listener"] = json!(true);
    policy["rules"] = json!([
        { "match": { "path": "/batch" }, "requires": {
            "token": "none", "peer": { "spiffe": ["spiffe://mesh/ns/batch/sa/report"] } } },
        { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
    ]);
    let mut world = World::with(policy);
    let mut params = CertificateParams::default();
    let uri = "spiffe://mesh/ns/batch/sa/report";
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let mut sent = Sent::get("/batch");
    sent.peer = Some(certificate.pem());
    let judged = world.judge(&sent);
    let (_, claims) = world.key.read(&judged.token().unwrap());
    assert_eq!(
        claims,
        json!({
            "iss": GATE, "aud": "orders.internal", "iat": NOW, "exp": NOW + 60,
            "sub": uri, "kind": "workload", "gate": "edge-1",
        })
    );
}
