//! Plugin configurations to start from.

use serde_json::{Value, json};

/// The issuer that the stories trust.
pub const ISSUER: &str = "https://id.example.com";
/// Another one, for the stories about several.
pub const SECOND: &str = "https://partners.example.com";
/// What the tokens are for.
pub const AUDIENCE: &str = "https://api.example.com";

/// One provider, no rules: every request needs a valid token.
pub fn policy() -> Value {
    policy_with(json!({}))
}

/// One provider with these members set; `null` removes one.
pub fn policy_with(members: Value) -> Value {
    json!({ "providers": { "acme": provider(members) } })
}

/// A provider whose keys come from the cluster `idp`, with these members set; `null` removes one.
pub fn provider(members: Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "remote_jwks": {
            "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "idp", "timeout": "5s" },
        },
        "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-user" }],
    });
    let known = provider.as_object_mut().unwrap();
    for (name, value) in members.as_object().expect("members") {
        match value {
            Value::Null => known.remove(name),
            value => known.insert(name.clone(), value.clone()),
        };
    }
    provider
}

/// The second provider, whose keys are published by the cluster `idp2`.
pub fn second_provider() -> Value {
    provider(json!({
        "issuer": SECOND,
        "remote_jwks": {
            "http_uri": { "uri": "https://partners.example.com/jwks", "cluster": "idp2", "timeout": "5s" },
        },
        "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-partner" }],
    }))
}

/// The policy with these rules.
pub fn ruled(mut policy: Value, rules: Value) -> Value {
    policy["rules"] = rules;
    policy
}

/// The policy with another member at its top.
pub fn with(mut policy: Value, name: &str, value: Value) -> Value {
    policy[name] = value;
    policy
}

/// A rule that lets everything below the prefix pass.
pub fn public(prefix: &str) -> Value {
    json!({
        "match": { "prefix": prefix },
        "public": { "reason": "story", "owner": "tests", "until": "never" },
    })
}

/// A rule for everything else that wants a token of `acme`.
pub fn the_rest() -> Value {
    json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } })
}
