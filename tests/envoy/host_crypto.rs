//! Signatures that Envoy checks for the filter, and the same without.

use passgate_harness::{BOTH, Gate, Issuer, Request, Setup, policy, with};
use passgate_kit::{SigningKey, tampered};
use serde_json::json;

fn gate(alg: &str, host_crypto: bool) -> Gate {
    let issuer = Issuer::with_key(SigningKey::of(alg, "k1"));
    let policy = with(policy(), "host_crypto", json!(host_crypto));
    Setup::new(policy).issuer(issuer).start()
}

#[test]
fn with_and_without_the_host_the_same_signatures_are_right() {
    for alg in [
        "RS256", "RS512", "ES384", "ES512", "PS256", "ES256", "EdDSA",
    ] {
        for host_crypto in [true, false] {
            let gate = gate(alg, host_crypto);
            let good = gate.good();
            for protocol in BOTH {
                let forged = Request::get("/").bearer(&tampered(&good));
                gate.denied(&gate.send(protocol, &forged), "untrusted.signature");
                gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
            }
            let by_host = "passgate: the host checks signatures of RSA, P-384 and P-521 keys";
            let by_us = "passgate checks all signatures itself: host_crypto is false";
            assert_eq!(gate.log().contains(by_host), host_crypto);
            assert_eq!(gate.log().contains(by_us), !host_crypto);
            assert_eq!(gate.stat("wasmcustom.passgate.host_crypto.lost"), 0);
            gate.finish();
        }
    }
}
