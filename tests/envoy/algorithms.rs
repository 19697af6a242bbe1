//! Each algorithm that we verify, on the real Envoy: the right signature passes, a wrong one does
//! not.

use passgate_harness::{AUDIENCE, BOTH, ISSUER, Issuer, Request, Setup, policy, with};
use passgate_kit::{SigningKey, Token, tampered};
use serde_json::json;

#[test]
fn each_of_the_eleven_algorithms_verifies_what_its_key_has_signed_and_nothing_else() {
    let keys: Vec<SigningKey> = SigningKey::ALGORITHMS
        .into_iter()
        .map(|alg| SigningKey::of(alg, alg))
        .collect();
    for host_crypto in [true, false] {
        let issuer = Issuer::start();
        issuer.publish(&keys.iter().collect::<Vec<_>>());
        let policy = with(policy(), "host_crypto", json!(host_crypto));
        let gate = Setup::new(policy).issuer(issuer).start();
        for (index, key) in keys.iter().enumerate() {
            let token = |key| Token::of(key, ISSUER, AUDIENCE);
            let good = token(key).build();
            // A signature of the right length, over something else; and a good one that another key
            // has made.
            let forged = tampered(&good);
            let other = &keys[(index + 1) % keys.len()];
            let foreign = token(other).header("kid", key.kid()).build();
            for protocol in BOTH {
                gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
                let answer = gate.send(protocol, &Request::get("/").bearer(&forged));
                gate.denied(&answer, "untrusted.signature");
                let answer = gate.send(protocol, &Request::get("/").bearer(&foreign));
                let claims_another_algorithm = answer.status == 401;
                assert!(claims_another_algorithm, "{}: {answer:?}", key.alg());
            }
        }
        let says_so = gate.log().contains("host_crypto is false");
        assert_eq!(says_so, !host_crypto);
        gate.finish();
    }
}
