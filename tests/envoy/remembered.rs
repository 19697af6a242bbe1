//! Tokens that a worker remembers. (That a withdrawn key stops them is a story of
//! `keys_rotation.rs`.)

use passgate_harness::{BOTH, Gate, Protocol, Request, Setup, eventually, policy_with, with};
use serde_json::json;

#[test]
fn a_signature_is_checked_once_and_all_else_each_time() {
    let policy = policy_with(json!({ "clock_skew": "0s" }));
    let gate = Gate::start(with(policy, "audit", json!({ "log": "verifications" })));
    let token = gate.token().expires_in(4).build();
    let request = Request::get("/").bearer(&token);
    for protocol in [Protocol::Http1, Protocol::Http2, Protocol::Http1] {
        gate.passed(&gate.send(protocol, &request));
    }
    assert_eq!(gate.stat("wasmcustom.passgate.remembered.misses"), 1);
    let lines = || gate.log().matches("\"reason\":\"permitted.token\"").count();
    assert_eq!(lines(), 1);
    let expired = eventually("the token's end", || {
        let answer = gate.send(Protocol::Http1, &request);
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&expired, "untrusted.expired");
    assert_eq!(gate.stat("wasmcustom.passgate.remembered.misses"), 1);
    assert_eq!(lines(), 1);
    gate.finish();
}

#[test]
fn a_new_configuration_remembers_nothing() {
    let mut gate = Setup::new(policy_with(json!({}))).watched().start();
    let request = Request::get("/").bearer(&gate.good());
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &request));
    }
    gate.reconfigure(&policy_with(
        json!({ "audiences": ["https://other.example.com"] }),
    ));
    let refused = eventually("the new configuration", || {
        let answer = gate.try_send(Protocol::Http1, &request).ok()?;
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&refused, "untrusted.audience");
    gate.finish();
}
