//! What a wrong signature costs, for each kind of key, on a real Envoy with one worker:
//! `bench/forged`.
//!
//! The processor time of the whole Envoy for a forged token, less that for a token that is refused
//! right before its signature would be checked, because it has another length: the median of some
//! rounds.

use passgate_harness::{AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, policy, with};
use passgate_kit::{SigningKey, Token, base64url};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::Duration;

/// So many are less than half of what the budget holds, and all are checked.
const AT_ONCE: u64 = 100;
const ROUNDS: u64 = 7;

/// The name in the table, the algorithm, the size of its RSA key, and whether good tokens have been
/// seen before.
const KINDS: [(&str, &str, usize, bool); 14] = [
    ("ES256, the key's first tokens", "ES256", 0, false),
    ("ES256, a key in use", "ES256", 0, true),
    ("ES384", "ES384", 0, true),
    ("ES512", "ES512", 0, true),
    ("EdDSA, Ed25519", "EdDSA", 0, true),
    ("RS256, 2,048 bits", "RS256", 2_048, true),
    ("RS384, 2,048 bits", "RS384", 2_048, true),
    ("RS512, 2,048 bits", "RS512", 2_048, true),
    ("PS256, 2,048 bits", "PS256", 2_048, true),
    ("PS384, 2,048 bits", "PS384", 2_048, true),
    ("PS512, 2,048 bits", "PS512", 2_048, true),
    ("RS256, 4,096 bits", "RS256", 4_096, false),
    ("PS256, 4,096 bits", "PS256", 4_096, false),
    (
        "RS256, 8,192 bits (`limits.rsa_bits`)",
        "RS256",
        8_192,
        false,
    ),
];

fn main() {
    println!("| A wrong signature | microseconds |\n|---|---|");
    for (name, alg, bits, used) in KINDS {
        let key = SigningKey::of(alg, "k");
        let issuer = Issuer::start();
        let (published, length) = publish(&key, bits);
        issuer.publish_text(&published);
        let policy = with(
            policy(),
            "limits",
            json!({ "rsa_bits": 8_192, "forged_tokens_cpu_percent": 90 }),
        );
        let mut gate = Setup::new(policy).issuer(issuer).start();
        for number in 0..if used { 4 } else { 0 } {
            let good = Token::of(&key, ISSUER, AUDIENCE)
                .claim("jti", number)
                .build();
            assert_eq!(send(&gate, &good), 200);
        }
        // The keys have come, and the code is warm.
        spent(&gate, &key, length - 1, 0);
        let mut more: Vec<f64> = (1..=ROUNDS)
            .map(|round| {
                let cheap = spent(&gate, &key, length - 1, round);
                // The bucket is full again.
                sleep(Duration::from_millis(1_100));
                spent(&gate, &key, length, round) - cheap
            })
            .collect();
        more.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", more[more.len() / 2]);
        gate.end();
    }
}

/// The processor time for one token with a signature of this length, in microseconds.
fn spent(gate: &Gate, key: &SigningKey, length: usize, round: u64) -> f64 {
    let forged: Vec<Vec<u8>> = (0..AT_ONCE)
        .map(|number| forged(key, length, round * AT_ONCE + number))
        .collect();
    let mut client = gate.client();
    let before = gate.processor_time();
    for request in &forged {
        client.send(request);
        assert_eq!(client.read().status, 401);
    }
    let spent = gate.processor_time() - before;
    spent.as_secs_f64() * 1_000_000.0 / AT_ONCE as f64
}

fn forged(key: &SigningKey, length: usize, number: u64) -> Vec<u8> {
    let mut signature = vec![1; length];
    signature[length - 9..length - 1].copy_from_slice(&number.to_be_bytes());
    let token = Token::of(key, ISSUER, AUDIENCE).signature(&signature);
    Request::get("/").bearer(&token.build()).to_http1()
}

fn send(gate: &Gate, token: &str) -> u16 {
    gate.send(Protocol::Http1, &Request::get("/").bearer(token))
        .status
}

/// A key set, and how long its signatures are. A key that only has to refuse can be any odd number
/// of its size.
fn publish(key: &SigningKey, bits: usize) -> (String, usize) {
    let mut jwk = key.public_jwk();
    if bits > 2_048 {
        let mut modulus = vec![0xa5; bits / 8];
        modulus[bits / 8 - 1] |= 1;
        jwk["n"] = json!(base64url(modulus));
    }
    let length = match (key.alg(), bits) {
        (_, 1..) => bits / 8,
        ("ES384", _) => 96,
        ("ES512", _) => 132,
        _ => 64,
    };
    (
        json!({ "keys": [Value::Object(jwk.as_object().unwrap().clone())] }).to_string(),
        length,
    )
}
