//! A flood of forged tokens, simulated: what it may cost, and what honest clients notice of it.
//! Time is virtual.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a simulation that meets the unexpected should stop"
)]

use std::collections::BTreeMap;

use passgate_core::{Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier};
use passgate_kit::{SigningKey, TokenBuilder, base64url, jwks};
use serde_json::json;

const AUDIENCE: &str = "https://api.example.com";
const START: u64 = 1_700_000_000;

struct Gate {
    verifier: Verifier,
    keys: Supply,
    key: SigningKey,
}

impl Gate {
    /// Two providers with one key.
    fn new(alg: &str) -> Self {
        let key = SigningKey::of(alg, "k");
        let provider = |issuer: &str| json!({ "issuer": issuer, "audiences": [AUDIENCE], "local_jwks": { "inline_string": jwks(&[&key]) } });
        let config = json!({ "providers": { "one": provider("one"), "two": provider("two") } });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        Self {
            keys: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            key,
        }
    }

    fn token(&self, issuer: &str, subject: &str) -> String {
        TokenBuilder::of(&self.key, issuer, AUDIENCE)
            .claim("sub", subject)
            .claim("iat", START)
            .claim("exp", START + 600)
            .build()
    }

    /// A token with the shape of a good one, and a signature of the right length that is wrong.
    fn forged(&self, issuer: &str, number: u64) -> String {
        let token = self.token(issuer, "mallory");
        let (text, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = vec![1; signature.len() * 3 / 4];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        format!("{text}.{}", base64url(bytes))
    }

    /// The reason's code, and `Retry-After`.
    fn ask(&mut self, token: &str, millis: u64) -> (&'static str, Option<String>) {
        let authorization = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        let now = UnixTime::from_millis(START * 1_000 + millis);
        match self
            .verifier
            .verify(Request::new(&headers), &mut self.keys, now)
        {
            Step::Settle(Settlement {
                verdict: Verdict::Allow(permit),
                ..
            }) => (permit.code(), None),
            Step::Settle(Settlement {
                verdict: Verdict::Deny(rejection),
                ..
            }) => {
                let headers = rejection.headers();
                let retry = headers.iter().find(|(name, _)| *name == "retry-after");
                (rejection.code, retry.map(|(_, value)| value.clone()))
            }
            other => panic!("keys are local: {other:?}"),
        }
    }
}

/// Two seconds, so many forged tokens in each millisecond; beside them a client with a known token,
/// one that comes with a new token each time, and one of another provider. Returns how many of the
/// attacker's and of the new ones were looked at, and how many there were.
fn flood(alg: &str, per_milli: u64) -> [[u32; 2]; 2] {
    let mut gate = Gate::new(alg);
    let forged: Vec<String> = (0..50).map(|number| gate.forged("one", number)).collect();
    let known = gate.token("one", "alice");
    let other = gate.token("two", "bob");
    assert_eq!(gate.ask(&known, 0).0, "permitted.token");
    // From its second good token on the key has a table.
    let second = gate.token("one", "bob");
    assert_eq!(gate.ask(&second, 0).0, "permitted.token");

    let mut to_attacker: BTreeMap<&str, u32> = BTreeMap::new();
    let mut new_ones: BTreeMap<&str, u32> = BTreeMap::new();
    for millis in 0..2_000 {
        for number in 0..per_milli {
            let index = usize::try_from(millis * per_milli + number).unwrap() % forged.len();
            let (code, retry_after) = gate.ask(&forged[index], millis);
            assert_eq!(
                retry_after.as_deref(),
                (code == "unavailable.budget").then_some("1")
            );
            *to_attacker.entry(code).or_default() += 1;
        }
        if millis % 20 == 0 {
            assert_eq!(gate.ask(&known, millis).0, "permitted.token");
            assert_eq!(gate.ask(&other, millis).0, "permitted.token");
        }
        if millis % 4 == 1 {
            let new = gate.token("one", &format!("new {millis}"));
            *new_ones.entry(gate.ask(&new, millis).0).or_default() += 1;
        }
    }
    let after = gate.token("one", "carol");
    assert_eq!(gate.ask(&after, 3_000).0, "permitted.token");
    // An honest token is never called forged.
    [
        (to_attacker, "untrusted.signature"),
        (new_ones, "permitted.token"),
    ]
    .map(|(seen, looked_at)| {
        let mut codes = seen.keys();
        assert!(codes.all(|code| [looked_at, "unavailable.budget"].contains(code)));
        [seen[looked_at], seen.values().sum()]
    })
}

#[test]
fn forged_tokens_within_the_budget_put_nobody_off() {
    for alg in ["ES256", "EdDSA"] {
        for [looked_at, all] in flood(alg, 1) {
            assert_eq!(looked_at, all, "{alg}");
        }
    }
}

#[test]
fn forged_tokens_beyond_it_do_not_starve_honest_ones() {
    let [[forged, _], [new, all]] = flood("ES256", 10);
    // Three quarters of 250 ms in each second, and the same once at start, in pieces of 90 µs; the
    // last quarter is the other provider's own.
    assert!((5_500..6_950).contains(&forged), "{forged}");
    // The same chance for all, 208 of 1000 as soon as it has settled.
    let percent = new * 100 / all;
    assert!((20..=45).contains(&percent), "{new} of {all}");
}

#[test]
fn what_is_cheap_to_refuse_does_not_spend_the_budget() {
    let mut gate = Gate::new("ES256");
    let token = gate.token("one", "alice");
    let (text, _) = token.rsplit_once('.').unwrap();
    let short = format!("{text}.{}", base64url([1; 63]));
    let expired = TokenBuilder::of(&gate.key, "one", AUDIENCE)
        .claim("exp", START - 600)
        .build();
    let unknown = TokenBuilder::of(&gate.key, "one", AUDIENCE)
        .claim("iat", START)
        .claim("exp", START + 600)
        .header("kid", "k2")
        .build();
    for _ in 0..300 {
        assert_eq!(gate.ask(&short, 0).0, "untrusted.signature");
        assert_eq!(gate.ask(&expired, 0).0, "untrusted.expired");
        assert_eq!(gate.ask(&unknown, 0).0, "untrusted.key");
    }
    assert_eq!(gate.ask(&gate.forged("one", 0), 0).0, "untrusted.signature");
    assert_eq!(gate.ask(&token, 0).0, "permitted.token");
}

#[test]
fn honest_traffic_alone_never_meets_the_budget() {
    let mut gate = Gate::new("EdDSA");
    for number in 0..500 {
        let token = gate.token("one", &number.to_string());
        assert_eq!(gate.ask(&token, 0).0, "permitted.token");
    }
}
