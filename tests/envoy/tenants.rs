//! One key set, and an issuer for each tenant.

use passgate_harness::{AUDIENCE, BOTH, Gate, Request, policy_with};
use passgate_kit::Token;
use serde_json::{Value, json};

const TEMPLATE: &str = "https://login.example.com/{tid}/v2.0";

#[test]
fn two_tenants_pass_as_two_and_a_third_does_not() {
    let gate = Gate::start(policy_with(json!({
        "issuer": null, "issuer_template": TEMPLATE, "tenants": ["one", "two"],
    })));
    let request = |issuer: &str, tid: Value| {
        let issuer = TEMPLATE.replace("{tid}", issuer);
        let token = Token::of(&gate.issuer.key, &issuer, AUDIENCE).claim("tid", tid);
        Request::get("/").bearer(&token.build())
    };
    for protocol in BOTH {
        for tenant in ["one", "two"] {
            let request = request(tenant, json!(tenant));
            let request = request.header("x-passgate-principal", "https://evil.example/alice");
            let principal = format!("{}/alice", TEMPLATE.replace("{tid}", tenant));
            // The second time the token is remembered.
            for _ in 0..2 {
                let received = gate.passed(&gate.send(protocol, &request));
                let principals = received.headers.all("x-passgate-principal");
                assert_eq!(principals, [principal.as_bytes()]);
            }
        }
        for (issuer, tid) in [
            ("three", json!("three")),
            ("one", json!("two")),
            ("one", json!(1)),
            ("", json!("")),
            ("one%2f", json!("one%2f")),
        ] {
            let answer = gate.send(protocol, &request(issuer, tid));
            gate.denied(&answer, "untrusted.issuer");
        }
    }
    let expected = format!("\"expected\":\"{TEMPLATE}\"");
    assert!(gate.log().contains(&expected));
    gate.finish();
}
