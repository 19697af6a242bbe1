//! Preflights, which pass without a token where the policy says so.

use passgate_core::Verdict;
use serde_json::json;

use crate::gate::{Gate, request};

const PREFLIGHT: [(&str, &str); 2] = [
    ("origin", "https://elsewhere.example.com"),
    ("access-control-request-method", "POST"),
];
const UPGRADE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "websocket")];

#[test]
fn a_request_for_an_upgrade_is_not_a_preflight() {
    let mut gate = Gate::new();
    gate.config["bypass_cors_preflight"] = json!(true);
    let preflight = request("OPTIONS", "/updates", &PREFLIGHT);
    let (verdict, record) = gate.judge(&preflight);
    assert!(matches!(verdict, Verdict::Allow(_)), "{record:?}");
    let stream = request("OPTIONS", "/updates", &[PREFLIGHT, UPGRADE].concat());
    assert_eq!(gate.refused(&stream).code, "missing.token");
}
