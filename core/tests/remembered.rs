//! A verifier that remembers tokens gives the verdicts of one that does not, also when time, keys
//! and rules change between two requests with the same token.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that meets the unexpected should stop"
)]

use std::sync::LazyLock;

use passgate_core::{
    Answer, Config, Edit, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks, tampered};
use proptest::prelude::*;
use serde_json::{Value, json};

const START: u64 = 1_700_000_000;
const AUDIENCE: &str = "https://api.example.com";

/// Two keys that call themselves `k`, and one of another name.
static KEYS: LazyLock<[SigningKey; 3]> =
    LazyLock::new(|| ["k", "k", "other"].map(SigningKey::es256));

/// Tokens of all sorts; a history sends each of them again and again.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let token = |issuer: &str, key: usize, life: u64| {
        TokenBuilder::of(&KEYS[key], issuer, AUDIENCE)
            .claim("iat", START)
            .claim("exp", START + life)
            .claim("scope", "read")
    };
    let mut tokens: Vec<String> = vec![
        token("one", 0, 600).build(),
        token("one", 1, 600).build(),
        token("one", 2, 600).build(),
        token("two", 0, 600).build(),
        token("one", 0, 30).build(),
        token("one", 0, 600).claim("nbf", START + 60).build(),
        token("one", 0, 600).claim("scope", "read write").build(),
        token("one", 0, 600)
            .claim("aud", "https://other.example.com")
            .build(),
    ];
    tokens.push(tampered(&tokens[0]));
    tokens
});

/// Two credentials of one subject are two tokens: what one may do, the other may not.
#[test]
fn a_remembered_token_lends_nothing_to_another_of_its_subject() {
    let mut gate = Gate::new(8);
    gate.live(Some(&jwks(&[&KEYS[0]])), 0, 20);
    let now = at(20);
    let (read, write) = (&TOKENS[0], &TOKENS[6]);
    for _ in 0..3 {
        assert_eq!(gate.ask("/write/", write, now).0, "permitted.token");
        assert_eq!(gate.ask("/write/", read, now).0, "insufficient.scope");
        assert_eq!(gate.ask("/", read, now).0, "permitted.token");
    }
}

struct Gate {
    verifier: Verifier,
    keys: Supply,
}

type Seen = (&'static str, Vec<Edit>);

impl Gate {
    fn new(remembered_tokens: usize) -> Self {
        Self::with(json!({ "remembered_tokens": remembered_tokens }))
    }

    fn with(limits: Value) -> Self {
        let provider = |issuer: &str| {
            json!({
                "issuer": issuer,
                "audiences": [AUDIENCE],
                "clock_skew": "0s",
                "remote_jwks": {
                    "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "idp" },
                    "cache_duration": "60s", "max_stale": "120s",
                },
                "claim_to_headers": [{ "claim_name": "sub", "header_name": format!("x-{issuer}") }],
            })
        };
        let config = json!({
            "providers": { "one": provider("one"), "two": provider("two") },
            "rules": [
                { "match": { "prefix": "/write/" }, "requires": { "provider_name": "one", "scopes": ["write"] } },
                { "match": { "prefix": "/two/" }, "requires": { "provider_name": "two" } },
                { "match": { "prefix": "/" }, "requires": {} },
            ],
            "limits": limits,
        });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        Self {
            keys: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
        }
    }

    /// Fetches all that is due and gets this set, or nothing.
    fn fetch(&mut self, set: Option<&str>, now: UnixTime) {
        while let Some(fetch) = self.keys.poll_call(now) {
            let headers: [(&[u8], &[u8]); 1] = [(b":status", b"200")];
            let answer = match set {
                Some(set) => Answer::from_host(&headers, set.as_bytes()),
                None => Answer::NotSent { cluster: "idp" },
            };
            self.keys.on_answer(fetch.id, answer, now);
        }
    }

    fn ask(&mut self, path: &str, token: &str, now: UnixTime) -> Seen {
        let authorization = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        match self
            .verifier
            .verify(Request::new(&headers), &mut self.keys, now)
        {
            Step::Settle(Settlement {
                verdict: Verdict::Allow(permit),
                ..
            }) => (permit.code(), permit.edits().cloned().collect()),
            Step::Settle(Settlement {
                verdict: Verdict::Deny(rejection),
                ..
            }) => (rejection.code, Vec::new()),
            Step::Settle(Settlement {
                verdict: Verdict::Serve(_),
                ..
            }) => ("document", Vec::new()),
            Step::Await(_) => ("wait", Vec::new()),
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Ask { path: usize, token: usize },
    Pass { seconds: u64 },
    Publish { keys: Vec<usize> },
    Fail,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..3_usize, 0..9_usize).prop_map(|(path, token)| Event::Ask { path, token }),
        2 => (0..40_u64).prop_map(|seconds| Event::Pass { seconds }),
        1 => prop_oneof![Just(vec![0]), Just(vec![1]), Just(vec![0, 2]), Just(vec![2]), Just(vec![])]
            .prop_map(|keys| Event::Publish { keys }),
        1 => Just(Event::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn memory_changes_no_verdict(history in prop::collection::vec(event(), 1..60)) {
        let mut gates = [0, 2, 8_192].map(Gate::new);
        let mut millis = START * 1_000;
        let mut published = Some(jwks(&[&KEYS[0], &KEYS[2]]));
        for event in history {
            let now = UnixTime::from_millis(millis);
            match &event {
                Event::Ask { path, token } => {
                    let path = ["/", "/write/", "/two/"][*path];
                    let seen = gates.each_mut().map(|gate| {
                        let seen = gate.ask(path, &TOKENS[*token], now);
                        gate.fetch(published.as_deref(), now);
                        seen
                    });
                    prop_assert_eq!(&seen[0], &seen[1], "{:?}", &event);
                    prop_assert_eq!(&seen[0], &seen[2], "{:?}", &event);
                }
                Event::Pass { seconds } => millis += seconds * 1_000,
                Event::Publish { keys } => {
                    let keys: Vec<&SigningKey> = keys.iter().map(|key| &KEYS[*key]).collect();
                    published = Some(jwks(&keys));
                }
                Event::Fail => published = None,
            }
            for gate in &mut gates {
                gate.fetch(published.as_deref(), UnixTime::from_millis(millis));
            }
        }
    }
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(START + seconds)
}

impl Gate {
    /// Lets so many seconds go by, second by second. A fetch of keys gets this set, or nothing.
    fn live(&mut self, set: Option<&str>, from: u64, to: u64) {
        for seconds in from..=to {
            self.fetch(set, at(seconds));
        }
    }

    fn code(&mut self, path: &str, seconds: u64) -> &'static str {
        self.ask(path, &TOKENS[0], at(seconds)).0
    }
}

/// A gate that has passed the first token twice: once by its signature, once by memory.
fn known() -> Gate {
    let mut gate = Gate::new(10);
    gate.live(Some(&jwks(&[&KEYS[0]])), 0, 10);
    for _ in 0..2 {
        assert_eq!(gate.code("/", 10), "permitted.token");
    }
    let tally = gate.verifier.take_tally();
    assert_eq!((tally.hits, tally.misses), (1, 1));
    gate
}

#[test]
fn a_withdrawn_key_stops_a_remembered_token() {
    let mut gate = known();
    gate.live(Some(&jwks(&[&KEYS[2]])), 11, 80);
    assert_eq!(gate.code("/", 80), "wait");
    gate.live(Some(&jwks(&[&KEYS[2]])), 81, 90);
    assert_eq!(gate.code("/", 90), "untrusted.key");
}

#[test]
fn another_key_of_the_same_name_stops_a_remembered_token() {
    let mut gate = known();
    gate.live(Some(&jwks(&[&KEYS[1]])), 11, 80);
    assert_eq!(gate.code("/", 80), "untrusted.signature");
}

#[test]
fn a_token_that_is_good_no_more_loses_its_right() {
    let mut gate = Gate::with(json!({ "forged_tokens_cpu_percent": 1 }));
    gate.live(Some(&jwks(&[&KEYS[0]])), 0, 10);
    assert_eq!(gate.code("/", 10), "permitted.token");
    gate.live(Some(&jwks(&[&KEYS[1]])), 11, 80);
    // By its right, and then by chance, as long as there is a budget.
    assert_eq!(gate.code("/", 80), "untrusted.signature");
    let codes: Vec<&str> = (0..500).map(|_| gate.code("/", 80)).collect();
    assert!(
        codes[450..]
            .iter()
            .all(|code| *code == "unavailable.budget")
    );
}

#[test]
fn a_remembered_token_expires() {
    let mut gate = known();
    gate.live(Some(&jwks(&[&KEYS[0]])), 11, 600);
    assert_eq!(gate.code("/", 599), "permitted.token");
    assert_eq!(gate.code("/", 600), "untrusted.expired");
    assert_eq!(gate.verifier.take_tally().misses, 0);
}

#[test]
fn a_remembered_token_meets_each_rule_anew() {
    let mut gate = known();
    assert_eq!(gate.code("/write/", 11), "insufficient.scope");
    assert_eq!(gate.code("/two/", 11), "untrusted.issuer");
}

#[test]
fn keys_that_end_stop_a_remembered_token() {
    let mut gate = known();
    gate.live(None, 11, 300);
    assert_eq!(gate.code("/", 300), "unavailable.keys");
}

#[test]
fn the_same_keys_again_keep_it() {
    let mut gate = known();
    gate.live(Some(&jwks(&[&KEYS[0]])), 11, 200);
    assert_eq!(gate.code("/", 200), "permitted.token");
    assert_eq!(gate.verifier.take_tally().misses, 0);
}

/// Headers of good tokens are remembered even where tokens are not, so the history above has no
/// verifier without them.
#[test]
fn remembered_headers_change_no_verdict() {
    let fresh = |tokens: usize| {
        let mut gate = Gate::new(tokens);
        gate.live(Some(&jwks(&[&KEYS[0], &KEYS[2]])), 0, 10);
        gate
    };
    let token = |key: usize| {
        TokenBuilder::of(&KEYS[key], "one", AUDIENCE)
            .claim("iat", START)
            .claim("exp", START + 600)
    };
    let tokens = [
        token(0).build(),
        token(2).build(),
        token(0).header("typ", "at+jwt").build(),
        token(0).header("typ", "dpop+jwt").build(),
        token(0).header("kid", "other").build(),
        token(2).header("kid", "k").build(),
        token(0).header("crit", json!(["exp"])).build(),
        token(0).raw_header(r#"{"alg":"RS256","kid":"k"}"#).build(),
        token(0).raw_header(r#"{"kid":"k","alg":"ES256"}"#).build(),
        token(1).build(),
        tampered(&token(0).build()),
    ];
    let mut codes = Vec::new();
    for remembered in [0, 10] {
        let mut seasoned = fresh(remembered);
        for _ in 0..2 {
            for token in &tokens {
                let seen = seasoned.ask("/", token, at(10));
                assert_eq!(seen, fresh(remembered).ask("/", token, at(10)), "{token}");
                codes.push(seen.0);
            }
        }
    }
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.len() > 4, "{codes:?}");
}
