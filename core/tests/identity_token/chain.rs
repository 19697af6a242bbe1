//! Another passgate behind, which takes the token of the first one like any other.

use passgate_core::Config;
use serde_json::{Value, json};

use crate::world::{GATE, ISSUER, NOW, Sent, World, policy};

/// The second gate, that trusts the first one's keys.
fn behind(first: &mut World, evidence: &Value) -> World {
    let keys = first.judge(&Sent::get("/.well-known/passgate/jwks.json"));
    let keys = keys.document().body.clone();
    let mut second = World::with(json!({
        "providers": {
            "acme": { "issuer": "https://unused.example.com", "audiences": ["x"] },
            "edge": {
                "issuer": GATE,
                "audiences": ["orders.internal"],
                "token_types": ["identity+jwt"],
                "algorithms": ["ES256"],
                "local_jwks": { "inline_string": keys },
                "from_headers": [{ "name": "x-passgate-identity" }],
                "kinds": {
                    "human": { "claim": { "path": ["kind"], "equals": "human" } },
                    "workload": { "claim": { "path": ["kind"], "equals": "workload" } },
                },
                "evidence": evidence,
                "claim_to_headers": [
                    { "claim_name": "orig_sub", "header_name": "x-user" },
                    { "claim_name": "gate", "header_name": "x-gate" },
                ],
            },
        },
        "identity_token": {
            "issuer": "https://inner.example.com",
            "audience": "store.internal",
            "keys": [{ "env": "KEY" }],
        },
        "rules": [
            { "match": { "path_separated_prefix": "/pay" }, "requires": {
                "provider_name": "edge", "facts": ["phishing_resistant"], "max_age": "2m" } },
            { "match": { "path_separated_prefix": "/agents" }, "requires": {
                "provider_name": "edge", "facts": ["phishing_resistant"], "delegated": "allow" } },
            { "match": { "path_separated_prefix": "/acme" }, "requires": { "provider_name": "acme" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "edge" } },
        ],
    }));
    second.now = first.now;
    second
}

/// Lines by which facts are carried on.
fn facts() -> Value {
    let facts = ["phishing_resistant", "multi_factor", "user_verified"];
    let line = |fact: &&str| json!({ "when": { "claim": { "path": ["facts"], "contains": fact } }, "proves": [fact] });
    json!({ "lines": facts.iter().map(line).collect::<Vec<_>>() })
}

fn onward(first: &mut World, token: &str) -> String {
    let judged = first.judge(&Sent::get("/").bearer(token));
    judged.token().expect("a token")
}

#[test]
fn a_second_gate_knows_who_it_is_and_what_was_proved_and_when() {
    let mut first = World::new();
    let mut second = behind(&mut first, &facts());
    let strong = first
        .token()
        .claim("amr", json!(["hwk", "mfa"]))
        .claim("auth_time", NOW - 100)
        .build();
    let identity = onward(&mut first, &strong);
    let sent = |path| Sent::get(path).header("x-passgate-identity", &identity);
    let judged = second.judge(&sent("/pay"));
    assert_eq!(judged.code(), "permitted.token", "{}", judged.record());
    assert_eq!(judged.written("x-user").as_deref(), Some("alice"));
    assert_eq!(judged.written("x-gate").as_deref(), Some("edge-1"));
    assert_eq!(judged.written("x-passgate-kind").as_deref(), Some("human"));
    for fact in ["x-passgate-phishing-resistant", "x-passgate-multi-factor"] {
        assert_eq!(judged.written(fact).as_deref(), Some("true"), "{fact}");
    }
    assert_eq!(
        judged.written("x-passgate-authentication-age").as_deref(),
        Some("100")
    );
    // The first one's token stays here, and the second one writes its own.
    assert!(judged.removes("x-passgate-identity"));
    let (_, claims) = second.key.read(&judged.token().unwrap());
    assert_eq!(claims["iss"], "https://inner.example.com");
    assert_eq!(claims["orig_iss"], GATE);
    assert_eq!(claims["orig_sub"], format!("{ISSUER}/alice"));
    assert_eq!(claims["auth_time"], NOW - 100);
    assert_eq!(
        claims["facts"],
        json!(["multi_factor", "phishing_resistant"])
    );

    // It grows old there, too.
    second.now = NOW + 30;
    let late = second.judge(&sent("/pay"));
    assert_eq!(late.code(), "insufficient.max_age");

    let weak = first.token().claim("amr", json!(["pwd"])).build();
    let weak = onward(&mut first, &weak);
    second.now = NOW;
    let judged = second.judge(&Sent::get("/pay").header("x-passgate-identity", &weak));
    assert_eq!(judged.code(), "insufficient.authentication");
}

#[test]
fn an_actor_keeps_its_own_issuer_through_all_gates() {
    let mut first = World::new();
    let mut second = behind(&mut first, &facts());
    let act = json!({ "sub": "agent-7", "act": { "sub": "b/1", "iss": "https://other.example" } });
    let token = first
        .token()
        .claim("amr", json!(["hwk"]))
        .claim("auth_time", NOW)
        .claim("act", act)
        .build();
    let judged = first.judge(&Sent::get("/").bearer(&token));
    let actor = judged.written("x-passgate-actor");
    assert_eq!(actor.as_deref(), Some("https://id.example.com/agent-7"));
    let identity = judged.token().unwrap();
    let (_, claims) = first.key.read(&identity);
    // It acts for somebody whose sign-in it does not lend.
    assert_eq!(claims.get("facts"), None);
    assert_eq!(
        claims["act"],
        json!({
            "sub": "agent-7",
            "act": { "sub": "b/1", "iss": "https://other.example" },
            "iss": ISSUER,
        })
    );
    let sent = |path| Sent::get(path).header("x-passgate-identity", &identity);
    let judged = second.judge(&sent("/"));
    assert_eq!(judged.written("x-passgate-actor"), actor);
    assert_eq!(judged.written("x-passgate-kind").as_deref(), Some("agent"));
    let (_, inner) = second.key.read(&judged.token().unwrap());
    assert_eq!(inner["act"], claims["act"]);
    assert_eq!(
        second.judge(&sent("/agents")).code(),
        "insufficient.authentication"
    );

    // A rule of the first gate that takes the person's sign-in for the agent says so in the token,
    // and so must the second one's.
    let mut policy = policy();
    policy["rules"] = json!([{ "match": { "prefix": "/" }, "requires": {
        "facts": ["phishing_resistant"], "delegated": "allow" } }]);
    let mut first = World::with(policy);
    let mut second = behind(&mut first, &facts());
    let token = first
        .token()
        .claim("amr", json!(["hwk"]))
        .claim("auth_time", NOW)
        .claim("act", json!({ "sub": "agent-7" }))
        .build();
    let identity = onward(&mut first, &token);
    let (_, claims) = first.key.read(&identity);
    assert_eq!(claims["facts"], json!(["phishing_resistant"]));
    assert_eq!(claims["act"]["sub"], "agent-7");
    let sent = |path| Sent::get(path).header("x-passgate-identity", &identity);
    assert_eq!(second.judge(&sent("/agents")).code(), "permitted.token");
    assert_eq!(
        second.judge(&sent("/pay")).code(),
        "insufficient.authentication"
    );
}

#[test]
fn a_second_gate_takes_identity_tokens_only_where_it_says_so() {
    let mut first = World::new();
    let mut second = behind(&mut first, &facts());
    let token = first.token().build();
    let identity = onward(&mut first, &token);
    let sent = |path: &'static str| Sent::get(path).header("x-passgate-identity", &identity);
    assert_eq!(second.judge(&sent("/")).code(), "permitted.token");
    assert_eq!(second.judge(&sent("/acme")).code(), "missing.token");
    let bearer = Sent::get("/").bearer(&identity);
    assert_eq!(second.judge(&bearer).code(), "missing.token");

    // For another audience, by another type, when it has ended.
    second.policy["providers"]["edge"]["audiences"] = json!(["payments.internal"]);
    let mut elsewhere = World::with(second.policy.clone());
    assert_eq!(elsewhere.judge(&sent("/")).code(), "untrusted.audience");
    second.policy["providers"]["edge"]["audiences"] = json!(["orders.internal"]);
    second.policy["providers"]["edge"]
        .as_object_mut()
        .unwrap()
        .remove("token_types");
    let mut untyped = World::with(second.policy.clone());
    assert_eq!(untyped.judge(&sent("/")).code(), "untrusted.token_type");
    second.now = NOW + 60 + 61;
    assert_eq!(second.judge(&sent("/")).code(), "untrusted.expired");

    // A Transaction Token is an access token nowhere.
    let mut first = World::saying("transaction", json!(true));
    let mut second = behind(&mut first, &facts());
    let token = first.token().build();
    let transaction = onward(&mut first, &token);
    let judged = second.judge(&Sent::get("/").header("x-passgate-identity", &transaction));
    assert_eq!(judged.code(), "untrusted.token_type");
}

#[test]
fn a_rule_that_takes_another_gates_tokens_from_any_client_is_said() {
    let mut first = World::new();
    let second = behind(&mut first, &facts());
    let warned = |config: &Config| -> Vec<String> {
        config
            .warnings()
            .iter()
            .map(ToString::to_string)
            .filter(|warning| warning.contains("x-passgate-identity"))
            .collect()
    };
    let warnings = warned(&second.config());
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].starts_with("rules[0].requires.peer: "));
    let mut policy = second.policy.clone();
    policy["peer_verified_by_listener"] = json!(true);
    for rule in policy["rules"].as_array_mut().unwrap() {
        rule["requires"]["peer"] = json!({ "spiffe": ["spiffe://mesh/ns/edge/sa/gate"] });
    }
    assert_eq!(warned(&World::with(policy).config()), Vec::<String>::new());
}
