//! More keys of ES256 in use than there are tables: the worker's memory and its machine survive,
//! with any signers in any order.

use passgate_harness::{AUDIENCE, Gate, Request, provider, with};
use passgate_kit::{SigningKey, Token, jwks};
use serde_json::{Map, Value, json};
use std::fs;

/// Good tokens of each case, all new. A table for each second of them was 464 KiB that never came
/// back.
const TOKENS: usize = 1_200;
/// What Envoy may grow by, whatever comes: `docs/memory.md` adds up for this policy to less.
const GROWTH: usize = 96 << 20;

/// A provider and its keys.
struct Issuer {
    name: String,
    keys: Vec<SigningKey>,
}

impl Issuer {
    fn new(name: String, keys: usize) -> Self {
        let key = |index| SigningKey::es256(&format!("k{index}"));
        let keys = (0..keys).map(key).collect();
        Self { name, keys }
    }

    fn url(&self) -> String {
        format!("https://{}.example.com", self.name)
    }

    fn provider(&self) -> Value {
        let keys: Vec<&SigningKey> = self.keys.iter().collect();
        provider(json!({
            "issuer": self.url(),
            "remote_jwks": null,
            "local_jwks": { "inline_string": jwks(&keys) },
            "claim_to_headers": null,
        }))
    }

    /// A good token of this number, of one of its keys.
    fn token(&self, key: usize, number: usize) -> String {
        Token::of(&self.keys[key], &self.url(), AUDIENCE)
            .claim("jti", number)
            .build()
    }
}

#[test]
fn more_keys_than_tables_cost_bounded_memory_in_turn_and_at_random() {
    let seventeen: Vec<Issuer> = (0..17)
        .map(|index| Issuer::new(format!("single-{index}"), 1))
        .collect();
    let sixty = [Issuer::new("sixty".to_owned(), 60)];
    let many: Vec<Issuer> = (0..16)
        .map(|index| Issuer::new(format!("hundred-{index}"), 100))
        .collect();
    let cases = [&*seventeen, &sixty, &many];
    let providers = cases.iter().copied().flatten();
    let providers: Map<String, Value> = providers
        .map(|issuer| (issuer.name.clone(), issuer.provider()))
        .collect();
    let policy = with(
        json!({ "providers": providers }),
        "audit",
        json!({ "access_log": false }),
    );
    let gate = Gate::start(policy);
    let before = resident(&gate);
    let mut sent = 0;
    for issuers in cases {
        let keys: Vec<(&Issuer, usize)> = issuers
            .iter()
            .flat_map(|issuer| (0..issuer.keys.len()).map(move |key| (issuer, key)))
            .collect();
        // Two of each in turn, and then wherever a stride that knows no order leads.
        for at in [
            |number: usize| number / 2,
            |number: usize| (number * number + number * 7_919) / 3,
        ] {
            let spent = gate.processor_time();
            let mut client = gate.client();
            for number in 0..TOKENS {
                let (issuer, key) = keys[at(number) % keys.len()];
                let token = issuer.token(key, sent);
                client.send(Request::get("/").bearer(&token).to_http1());
                assert_eq!(client.read().status, 200, "{} tokens", sent);
                sent += 1;
            }
            let each = (gate.processor_time() - spent) / u32::try_from(TOKENS).unwrap();
            let grown = resident(&gate).saturating_sub(before);
            eprintln!(
                "{} keys: {each:?} of CPU a token, {grown} bytes more",
                keys.len()
            );
            assert!(grown < GROWTH, "{} keys: {grown} bytes more", keys.len());
        }
    }
    assert_eq!(
        gate.stat("wasmcustom.passgate.remembered.misses"),
        sent as u64
    );
    gate.finish();
}

/// The memory of Envoy's process that is in use, in bytes.
fn resident(gate: &Gate) -> usize {
    let file = format!("/proc/{}/status", gate.process_id());
    let text = fs::read_to_string(file).expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.unwrap().trim().parse::<usize>().unwrap() * 1_024
}
