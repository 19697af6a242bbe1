//! A flood of forged tokens, simulated: what it may cost, and what honest clients notice of it. Time is virtual.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a simulation that meets the unexpected should stop"
)]

use std::collections::BTreeMap;

use passgate_core::{Config, JwksCache, Request, Step, UnixTime, Verdict, Verifier};
use passgate_kit::{SigningKey, TokenBuilder, base64url, jwks};
use serde_json::json;

const AUDIENCE: &str = "https://api.example.com";
const START: u64 = 1_700_000_000;

struct Gate {
    verifier: Verifier,
    keys: JwksCache,
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
            keys: JwksCache::new(&config, 1),
            verifier: Verifier::new(config),
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
            Step::Settle(Verdict::Allow(permit), _) => (permit.code(), None),
            Step::Settle(Verdict::Deny(rejection), _) => {
                let headers = rejection.headers();
                let retry = headers.iter().find(|(name, _)| *name == "retry-after");
                (rejection.code, retry.map(|(_, value)| value.clone()))
            }
            other => panic!("keys are local: {other:?}"),
        }
    }
}

/// Five seconds, two thousand forged tokens in each; beside them a client with a known token, one that comes with a
/// new token each time, and one of another provider.
#[test]
fn forged_tokens_do_not_starve_honest_ones() {
    let mut gate = Gate::new("ES256");
    let forged: Vec<String> = (0..50).map(|number| gate.forged("one", number)).collect();
    let known = gate.token("one", "alice");
    let other = gate.token("two", "bob");
    assert_eq!(gate.ask(&known, 0).0, "permitted.token");

    let mut to_attacker: BTreeMap<&str, u32> = BTreeMap::new();
    let mut new_ones: BTreeMap<&str, u32> = BTreeMap::new();
    for millis in 0..5_000 {
        for half in [0, 1] {
            let index = usize::try_from(millis * 2 + half).unwrap() % forged.len();
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
        if millis % 25 == 0 {
            let new = gate.token("one", &format!("new {millis}"));
            *new_ones.entry(gate.ask(&new, millis).0).or_default() += 1;
        }
    }
    // A full bucket and what five seconds fill in.
    let checked = to_attacker["untrusted.signature"];
    assert!((500..=600).contains(&checked), "{to_attacker:?}");
    assert_eq!(to_attacker["unavailable.budget"], 10_000 - checked);
    assert_eq!(to_attacker.len(), 2);
    // New tokens share what fills in; none is ever called forged.
    assert!(new_ones["permitted.token"] > 0, "{new_ones:?}");
    assert!(
        new_ones
            .keys()
            .all(|code| ["permitted.token", "unavailable.budget"].contains(code))
    );

    let after = gate.token("one", "carol");
    assert_eq!(gate.ask(&after, 5_100).0, "permitted.token");
}

#[test]
fn a_hundred_wrong_signatures_a_second_are_all_answered_401() {
    for alg in ["ES256", "EdDSA", "RS256"] {
        let mut gate = Gate::new(alg);
        let forged = gate.forged("one", 0);
        for millis in (0..3_000).step_by(10) {
            assert_eq!(gate.ask(&forged, millis).0, "untrusted.signature", "{alg}");
        }
    }
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
