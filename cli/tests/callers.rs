//! What `passgate check` says of roles and products that come to nothing.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/check.rs"]
mod check;

use check::judged;
use serde_json::{Value, json};

/// The warnings about a policy whose first rule wants this.
fn warnings(wanted: &Value) -> Vec<String> {
    let keys = |name: &str| json!({ "http_uri": { "uri": format!("https://{name}/keys"), "cluster": name } });
    let audiences = json!(["https://api.example.com"]);
    let finance =
        json!({ "provider_name": "acme", "claim": { "path": ["groups"], "contains": "finance" } });
    let policy = json!({
        "peer_verified_by_listener": true,
        "providers": {
            "acme": {
                "issuer": "https://acme.example.com",
                "audiences": audiences,
                "remote_jwks": keys("acme.example.com"),
                "kinds": { "human": { "amr_any_of": ["hwk", "pwd"] } },
                "evidence": { "lines": [{
                    "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"],
                }] },
            },
            "mesh": {
                "spiffe": { "trust_domain": "mesh" },
                "audiences": audiences,
                "remote_jwks": keys("mesh.example.com"),
            },
        },
        "roles": [
            { "role": "payer", "when": finance },
            { "role": "robot", "when": { "provider_name": "acme", "kind": "workload" } },
            { "role": "quiet", "when": finance, "header": false },
            { "role": "verified", "when": { "provider_name": "acme", "facts": ["user_verified"] } },
            { "role": "member", "when": { "provider_name": "mesh" } },
        ],
        "products": [{ "product": "gold", "when": { "provider_name": "mesh" } }],
        "rules": [
            { "match": { "path_separated_prefix": "/a" }, "requires": wanted },
            { "match": { "prefix": "/" }, "requires": {} },
        ],
    });
    let (status, told) = judged(&policy.to_string());
    assert_eq!(status, Some(0), "{told}");
    let lines = told
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn roles_and_rules_that_come_to_nothing_are_told_of() {
    let quiet =
        "roles[2]: no rule wants quiet, and no header names it; name it in a rule, or remove it";
    let payer = json!({ "provider_name": "acme", "roles": ["payer"] });
    assert_eq!(warnings(&payer), [quiet]);
    let of_mesh = json!({ "roles": ["member"], "products": ["gold"] });
    assert_eq!(warnings(&of_mesh), [quiet]);
    assert!(warnings(&json!({ "roles": ["quiet"] })).is_empty());
    let workload = json!({ "spiffe": ["spiffe://mesh/**"] });
    for (wanted, field) in [
        (
            json!({ "provider_name": "acme", "roles": ["member"] }),
            "roles",
        ),
        (
            json!({ "provider_name": "acme", "products": ["gold"] }),
            "products",
        ),
        (json!({ "roles": ["payer", "member"] }), "roles"),
        (
            json!({ "provider_name": "acme", "roles": ["robot"] }),
            "roles",
        ),
        (json!({ "kind": "human", "roles": ["robot"] }), "roles"),
        (
            json!({ "roles": ["payer"], "products": ["gold"] }),
            "products",
        ),
        (
            json!({ "token": "none", "peer": workload, "roles": ["payer"] }),
            "roles",
        ),
    ] {
        let told = warnings(&wanted);
        let place = format!("rules[0].requires.{field}: nobody who gets here otherwise");
        assert!(
            told.iter().any(|told| told.starts_with(&place)),
            "{wanted}: {told:?}"
        );
    }
    // A fact that nothing proves is told of as such.
    let told = warnings(&json!({ "provider_name": "acme", "roles": ["verified"] }));
    assert!(
        told.iter().any(|told| told.contains("user_verified")),
        "{told:?}"
    );
}
