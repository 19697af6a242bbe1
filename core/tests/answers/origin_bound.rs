//! A token says where its sign-in was.

use serde_json::{Value, json};

use crate::gate::{Gate, request};

fn gate(evidence: &Value) -> Gate {
    let mut gate = Gate::new();
    gate.config["relying_party"] = json!({
        "id": "example.com",
        "origins": ["https://app.example.com", "https://shop.example.com"],
    });
    gate.config["providers"]["acme"]["evidence"] = evidence.clone();
    gate.config["rules"] = json!([
        { "match": { "path": "/bound" }, "requires": { "origin_bound": true } },
        { "match": { "path": "/or" }, "requires": { "requires_any": { "requirements": [
            { "origin_bound": true }, { "scopes": ["any"] } ] } } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    gate
}

fn judged(gate: &Gate, path: &str, claims: &Value) -> (&'static str, Option<String>) {
    let token = claims.as_object().unwrap().iter();
    let token = token.fold(gate.token(), |token, (name, value)| {
        token.claim(name, value.clone())
    });
    let bearer = format!("Bearer {}", token.build());
    let (_, record) = gate.judge(&request("GET", path, &[("authorization", &bearer)]));
    (record.reason, record.expected)
}

#[test]
fn a_sign_in_elsewhere_does_not_count_where_a_rule_asks() {
    const OURS: &str = "permitted.token";
    const NOT: &str = "insufficient.authentication";
    let of_both = json!({ "rp_id_claim": "webauthn.rp_id", "origin_claim": "origin" });
    let both = gate(&of_both);
    let said =
        |rp_id: Value, origin: Value| json!({ "webauthn": { "rp_id": rp_id }, "origin": origin });
    for (claims, code) in [
        (
            said(json!("example.com"), json!("https://app.example.com")),
            OURS,
        ),
        (
            said(json!("example.com"), json!("https://shop.example.com")),
            OURS,
        ),
        (
            said(json!("example.net"), json!("https://app.example.com")),
            NOT,
        ),
        (
            said(json!("app.example.com"), json!("https://app.example.com")),
            NOT,
        ),
        (
            said(json!("example.com"), json!("https://app.example.net")),
            NOT,
        ),
        (
            said(json!("example.com"), json!("https://app.example.com/")),
            NOT,
        ),
        (
            said(json!("example.com"), json!("https://app.example.com:8443")),
            NOT,
        ),
        (
            said(json!("example.com"), json!(["https://app.example.com"])),
            NOT,
        ),
        (said(json!("example.com"), json!(null)), NOT),
        (said(json!(null), json!("https://app.example.com")), NOT),
        (json!({ "origin": "https://app.example.com" }), NOT),
        (json!({}), NOT),
    ] {
        assert_eq!(judged(&both, "/bound", &claims).0, code, "{claims}");
        assert_eq!(judged(&both, "/", &claims).0, OURS, "{claims}");
    }
    let (_, wanted) = judged(&both, "/bound", &json!({}));
    let all =
        "webauthn.rp_id: example.com, origin: https://app.example.com or https://shop.example.com";
    assert_eq!(wanted.as_deref(), Some(all));
    // One claim may be all that a provider says.
    let one = gate(&json!({ "rp_id_claim": "rp_id" }));
    let ours = json!({ "rp_id": "example.com", "origin": "https://app.example.net" });
    assert_eq!(judged(&one, "/bound", &ours).0, OURS);
    assert_eq!(
        judged(&one, "/bound", &json!({ "rp_id": "example.net" })).0,
        NOT
    );
    let other = json!({ "rp_id": "example.net", "scope": "any" });
    assert_eq!(judged(&one, "/or", &other).0, OURS);
}
