//! Bodies that a passkey approves, at one workload's sidecar: an `EnvoyFilter` has them handed
//! over.

use crate::harness::{ISSUER, Request, file, story};
use passgate_kit::{ApprovalBuilder, SigningKey, now};
use serde_json::json;

const ORDERS: &str = "https://api.example.com/orders";
const ORDER: &[u8] = br#"{"amount":10,"to":"bob"}"#;

#[test]
fn a_sidecar_hands_over_the_bodies_that_a_passkey_approves() {
    let mesh = story();
    mesh.apply(&file("approvals.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.settled();
    let passkey = SigningKey::es256("passkey");
    let bound = json!({ "jwk": passkey.public_jwk() });
    let token = mesh.token().claim("cnf", bound).build();
    let order = |body: &[u8]| Request::post("/orders", body).bearer(&token);
    let party = ("example.com", "https://app.example.com");
    for (body, status) in [(ORDER, 200), (&b"{\"amount\":1000}"[..], 401)] {
        let asked = mesh.gateway.until(401, &order(ORDER));
        let nonce = asked.headers.text("webauthn-nonce").unwrap();
        let approval = ApprovalBuilder::of(&passkey, party, ("POST", ORDERS))
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", now())
            .claim("nonce", nonce)
            .token(&token)
            .body(ORDER);
        let approved = order(body).header("webauthn-proof", approval.build());
        let answer = mesh.gateway.send(&approved).unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}
