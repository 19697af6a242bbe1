//! Tokens that end before their time, through the face of the library: lists of revocations and
//! status lists, for tokens that are new and for those that are remembered.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "ending/passkeys.rs"]
mod passkeys;

use std::time::Duration;

use passgate_core::{
    Answer, AuditRecord, Config, Need, Request, Settlement, Step, Supply, UnixTime, Verdict,
    Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, base64url, jwks};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const STATUS: &str = "https://id.example.com/status/1";
const START: u64 = 1_795_900_000;

/// A gate, and the servers that it asks.
struct World {
    key: SigningKey,
    supply: Supply,
    verifier: Verifier,
    now: UnixTime,
    /// What they serve; `None`: they are down.
    list: Option<String>,
    status: Option<String>,
    calls: Vec<Need>,
}

fn revocations(more: Value) -> Value {
    let mut words =
        json!({ "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" } });
    let more = more.as_object().unwrap().clone();
    words.as_object_mut().unwrap().extend(more);
    json!({ "revocations": words })
}

fn status_lists(required: bool) -> Value {
    json!({ "status_lists": {
        "uri_prefix": "https://id.example.com/status/", "cluster": "id", "required": required,
    } })
}

impl World {
    fn new(words: Value) -> Self {
        Self::with(words, json!({}))
    }

    /// With these words beside the providers.
    fn with(words: Value, mut config: Value) -> Self {
        let key = SigningKey::es256("key-1");
        let mut provider = json!({
            "issuer": ISSUER,
            "audiences": ["api"],
            "local_jwks": { "inline_string": jwks(&[&key]) },
        });
        let words = words.as_object().unwrap().clone();
        provider.as_object_mut().unwrap().extend(words);
        config["providers"] = json!({ "acme": provider });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        Self {
            key,
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            now: UnixTime::from_secs(START),
            list: None,
            status: None,
            calls: Vec::new(),
        }
    }

    fn token(&self) -> TokenBuilder<'_> {
        TokenBuilder::of(&self.key, ISSUER, "api")
            .claim("iat", START - 10)
            .claim("exp", START + 100_000)
    }

    /// The list names these.
    fn names(&mut self, sequence: u64, entries: Value) {
        let list = json!({
            "version": 1, "epoch": 1, "sequence": sequence,
            "generated_at": self.now.as_secs(), "entries": entries,
        });
        self.list = Some(list.to_string());
    }

    fn status(&mut self, bits: u8, lst: &str) {
        let list = json!({ "bits": bits, "lst": lst });
        let claims = json!({ "sub": STATUS, "iat": START, "ttl": 60, "status_list": list });
        let token = TokenBuilder::of(&self.key, ISSUER, "").header("typ", "statuslist+jwt");
        self.status = Some(token.raw_claims(&claims.to_string()).build());
    }

    fn pass(&mut self, secs: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(secs));
    }

    /// One tick: reads on, sends what is due, and brings the answers.
    fn tick(&mut self) {
        self.supply.read_on(self.now);
        while let Some(fetch) = self.supply.poll_call(self.now) {
            self.calls.push(fetch.need);
            let served = match fetch.need {
                Need::Revocations(_) => &self.list,
                Need::StatusLists(_) => &self.status,
                Need::Keys(_)
                | Need::Credentials(..)
                | Need::Introspection(..)
                | Need::Body { .. } => {
                    panic!("nobody asks for these")
                }
            };
            match served {
                Some(body) => {
                    let headers: &[(&[u8], &[u8])] = &[(b":status", b"200")];
                    let body = body.clone().into_bytes();
                    self.supply
                        .on_host_answer(fetch.id, headers, body, self.now)
                }
                None => self.supply.on_answer(fetch.id, Answer::NoAnswer, self.now),
            };
        }
    }

    /// Judges a request with this token, which waits while it is told to.
    fn judge(&mut self, token: &str) -> (Verdict, Box<AuditRecord>) {
        self.judge_as("Bearer", token)
    }

    fn judge_as(&mut self, scheme: &str, token: &str) -> (Verdict, Box<AuditRecord>) {
        let authorization = format!("{scheme} {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        for _ in 0..20 {
            let request = Request::new(&headers);
            match self.verifier.verify(request, &mut self.supply, self.now) {
                Step::Settle(Settlement { verdict, record }) => return (verdict, record),
                Step::Await(need) => {
                    let due = self.supply.next_wakeup_for(need).unwrap();
                    self.now = self.now.max(due);
                    self.tick();
                }
            }
        }
        panic!("the request waits for ever");
    }

    fn reason(&mut self, token: &str) -> &'static str {
        self.judge(token).1.reason
    }
}

const PASSES: &str = "permitted.token";
const REVOKED: &str = "untrusted.revoked";

#[test]
fn every_name_of_a_token_can_be_revoked_and_no_other_is() {
    let id = b"credential-1";
    let hash = "X_gw1Edm-TkcYIKMFuF8WGlUtiVSKZG_UbGu9aCJdwg";
    let claims = json!({
        "sid": "session-1", "jti": "token-1", "client_id": "client-1",
        "cred": base64url(id), "model": "EE882879-721C-4913-9775-3DFCCE97072A",
    });
    for (entry, revoked) in [
        (json!({ "sub": "alice" }), true),
        (json!({ "sid": "session-1" }), true),
        (json!({ "jti": "token-1" }), true),
        (json!({ "client_id": "client-1" }), true),
        (json!({ "credential": hash_of(id) }), true),
        (
            json!({ "aaguid": "ee882879-721c-4913-9775-3dfcce97072a" }),
            true,
        ),
        (json!({ "sub": "bob" }), false),
        (json!({ "sid": "alice" }), false),
        (json!({ "credential": hash }), false),
        (json!({ "jkt": hash }), false),
        (json!({ "sub": "alice", "not_before": START - 11 }), false),
        (json!({ "sub": "alice", "not_before": START - 10 }), true),
    ] {
        let more = json!({ "credential_claim": "cred", "aaguid_claim": "model" });
        let mut world = World::new(revocations(more));
        world.names(1, json!([entry]));
        let mut token = world.token();
        for (name, value) in claims.as_object().unwrap() {
            token = token.claim(name, value.clone());
        }
        let token = token.build();
        let (_, record) = world.judge(&token);
        let expected = if revoked { REVOKED } else { PASSES };
        assert_eq!(record.reason, expected, "{entry}: {record:?}");
        let kind = entry
            .as_object()
            .unwrap()
            .keys()
            .find(|name| *name != "not_before");
        let told = record
            .expected
            .is_some_and(|told| told.starts_with(kind.unwrap()));
        assert_eq!(told, revoked, "{entry}");
    }
}

/// However a token writes what the list names.
#[test]
fn a_name_is_found_in_every_spelling_that_a_token_may_have() {
    let key = SigningKey::es256("proof");
    let jkt = passgate_kit::thumbprint(&key);
    let more = |words: Value| {
        let mut provider = revocations(json!({ "aaguid_claim": "model" }));
        let words = words.as_object().unwrap().clone();
        provider.as_object_mut().unwrap().extend(words);
        provider
    };
    let aaguid = "ee882879-721c-4913-9775-3dfcce97072a";
    let by_mail = json!({ "subject_claims": ["email", "sub"] });
    for (words, claims, entry, reason) in [
        // The key itself, and not its thumbprint.
        (
            json!({ "cnf_jwk": "dpop" }),
            json!({ "cnf": { "jwk": passgate_kit::public_members(&key) } }),
            json!({ "jkt": jkt }),
            REVOKED,
        ),
        (
            json!({}),
            json!({ "cnf": { "jkt": jkt } }),
            json!({ "jkt": jkt }),
            REVOKED,
        ),
        // Another claim stands in for `sub`.
        (
            by_mail.clone(),
            json!({ "email": "a@example.com" }),
            json!({ "sub": "alice" }),
            REVOKED,
        ),
        (
            by_mail.clone(),
            json!({ "email": "a@example.com" }),
            json!({ "sub": "email:a@example.com" }),
            REVOKED,
        ),
        // A number, as some providers write it.
        (
            by_mail.clone(),
            json!({ "email": "a@example.com", "sub": 4711 }),
            json!({ "sub": "4711" }),
            REVOKED,
        ),
        (
            by_mail.clone(),
            json!({ "email": "a@example.com", "sub": ["alice"] }),
            json!({ "sub": "alice" }),
            "malformed.claims",
        ),
        (
            by_mail,
            json!({ "email": "b@example.com" }),
            json!({ "sub": "email:a@example.com" }),
            PASSES,
        ),
        // A model that no list can name so.
        (
            json!({}),
            json!({ "model": aaguid.replace('-', "") }),
            json!({ "aaguid": aaguid }),
            "malformed.claims",
        ),
        (
            json!({}),
            json!({ "model": "" }),
            json!({ "aaguid": aaguid }),
            PASSES,
        ),
    ] {
        let mut world = World::new(more(words));
        world.names(1, json!([entry]));
        let mut token = world.token();
        for (name, value) in claims.as_object().unwrap() {
            token = token.claim(name, value.clone());
        }
        let scheme = if claims.get("cnf").is_some() {
            "DPoP"
        } else {
            "Bearer"
        };
        let (_, record) = world.judge_as(scheme, &token.build());
        assert_eq!(record.reason, reason, "{claims} {entry}: {record:?}");
    }
}

fn hash_of(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    base64url(Sha256::digest(bytes))
}

/// The token has passed and is remembered. It passes until the list that names it has come, and not
/// a request longer.
#[test]
fn a_remembered_token_is_judged_at_each_request() {
    let mut world = World::new(revocations(json!({})));
    world.names(1, json!([]));
    let token = world.token().build();
    assert_eq!(world.reason(&token), PASSES);
    let (_, record) = world.judge(&token);
    assert!(record.remembered, "{record:?}");
    world.names(2, json!([{ "sub": "alice", "not_before": START }]));
    world.pass(5);
    world.tick();
    assert_eq!(world.reason(&token), REVOKED);
    // Who signs in again is let in.
    let again = world.token().claim("iat", START + 1).build();
    assert_eq!(world.reason(&again), PASSES);
    assert_eq!(world.reason(&token), REVOKED);
}

#[test]
fn an_outage_goes_as_the_policy_says() {
    for (word, during) in [("deny", "unavailable.revocations"), ("allow", PASSES)] {
        let mut world = World::new(revocations(json!({ "when_unavailable": word })));
        let token = world.token().build();
        let bob = world.token().claim("sub", "bob").build();
        // Before the first document.
        let (verdict, record) = world.judge(&token);
        assert_eq!(record.reason, during);
        if let Verdict::Deny(rejection) = verdict {
            assert_eq!(rejection.status, 503);
        }
        world.names(1, json!([{ "sub": "bob" }]));
        world.pass(5);
        world.tick();
        assert_eq!(world.reason(&token), PASSES);
        // After the last one is too old; whom it names stays out.
        world.list = None;
        world.pass(66);
        world.tick();
        assert_eq!(world.reason(&token), during);
        assert_eq!(world.reason(&bob), REVOKED);
        world.names(2, json!([]));
        world.pass(60);
        world.tick();
        assert_eq!(world.reason(&token), PASSES);
        assert_eq!(world.reason(&bob), PASSES);
    }
}

#[test]
fn a_name_that_is_none_is_refused_where_lists_could_name_it() {
    let mut world = World::new(revocations(json!({})));
    world.names(1, json!([]));
    for odd in [json!(["s"]), json!({}), json!(true)] {
        let token = world.token().claim("sid", odd).build();
        let (_, record) = world.judge(&token);
        assert_eq!(record.reason, "malformed.claims");
        assert!(record.expected.unwrap().starts_with("sid: "));
    }
    let token = world.token().claim("sid", 7).build();
    assert_eq!(world.reason(&token), PASSES);
    world.names(2, json!([{ "sid": "7" }]));
    world.pass(5);
    world.tick();
    assert_eq!(world.reason(&token), REVOKED);
}

#[test]
fn a_provider_without_lists_asks_nobody() {
    let mut world = World::new(json!({}));
    let token = world.token().claim("status", json!("odd")).build();
    assert_eq!(world.reason(&token), PASSES);
    assert_eq!(world.supply.next_wakeup(), None);
    assert_eq!(world.supply.most_calls(), 0);
}

#[test]
fn a_status_list_is_asked_about_each_token() {
    let mut world = World::new(status_lists(false));
    let token = |world: &World, index: u64| {
        let place = json!({ "status_list": { "idx": index, "uri": STATUS } });
        world.token().claim("status", place).build()
    };
    // [1, 0, 0, 1, …], the example of the draft.
    world.status(1, "eNrbuRgAAhcBXQ");
    let (good, bad, beyond) = (token(&world, 1), token(&world, 0), token(&world, 16));
    for _ in 0..3 {
        assert_eq!(world.reason(&good), PASSES);
        assert_eq!(world.reason(&bad), REVOKED);
        assert_eq!(world.reason(&beyond), REVOKED);
    }
    assert_eq!(world.calls.len(), 1);
    let plain = world.token().build();
    assert_eq!(world.reason(&plain), PASSES);
    // The next list, when this one is over; and none at all.
    world.status(2, "eNo76fITAAPfAgc");
    world.pass(60);
    assert_eq!(world.reason(&good), REVOKED);
    world.status = None;
    world.pass(60);
    assert_eq!(world.reason(&good), "unavailable.status_list");
    assert_eq!(world.reason(&plain), PASSES);
}

#[test]
fn what_is_said_of_a_status_and_not_understood_refuses() {
    let mut world = World::new(status_lists(false));
    world.status(1, "eNrbuRgAAhcBXQ");
    for odd in [
        json!(null),
        json!({}),
        json!({ "other_list": { "idx": 1, "uri": STATUS } }),
        json!({ "status_list": { "idx": 1, "uri": "https://evil.example/1" } }),
        json!({ "status_list": { "idx": 1, "uri": "https://id.example.com/status/../x" } }),
    ] {
        let token = world.token().claim("status", odd.clone()).build();
        assert_eq!(world.reason(&token), "malformed.claims", "{odd}");
    }
    assert_eq!(world.calls, []);
}

#[test]
fn a_status_can_be_required() {
    let mut world = World::new(status_lists(true));
    let token = world.token().build();
    let (_, record) = world.judge(&token);
    assert_eq!(record.reason, "malformed.claims");
    assert!(record.expected.unwrap().starts_with("status: "));
}

#[test]
fn a_list_that_somebody_else_signed_is_none() {
    let mut world = World::new(status_lists(false));
    world.status(1, "eNrbuRgAAhcBXQ");
    let place = json!({ "status_list": { "idx": 1, "uri": STATUS } });
    let token = world.token().claim("status", place).build();
    world.key = SigningKey::es256("key-1");
    world.status(1, "eNrbuRgAAhcBXQ");
    assert_eq!(world.reason(&token), "unavailable.status_list");
}

/// Only who has got a token from the provider can make it ask for a list.
#[test]
fn a_forged_token_causes_no_fetch() {
    let mut world = World::new(status_lists(false));
    let place = json!({ "status_list": { "idx": 1, "uri": STATUS } });
    let token = world.token().claim("status", place).build();
    assert_eq!(
        world.reason(&passgate_kit::tampered(&token)),
        "untrusted.signature"
    );
    assert_eq!(world.supply.next_wakeup(), None);
}

/// Providers share the bounds of a worker; each has its own list.
#[test]
fn a_list_names_the_tokens_of_its_own_provider() {
    let mut words = revocations(json!({}));
    let key = SigningKey::es256("key-2");
    let other = json!({
        "issuer": "https://other.example.com",
        "audiences": ["api"],
        "local_jwks": { "inline_string": jwks(&[&key]) },
        "revocations": words["revocations"].take(),
    });
    let mine = SigningKey::es256("key-1");
    let acme = json!({
        "issuer": ISSUER,
        "audiences": ["api"],
        "local_jwks": { "inline_string": jwks(&[&mine]) },
    });
    let config = json!({ "providers": { "acme": acme, "other": other } }).to_string();
    let config = Config::parse(config.as_bytes()).unwrap();
    let mut world = World::new(json!({}));
    world.key = mine;
    world.supply = Supply::new(&config, 1);
    world.verifier = Verifier::new(config, 1);
    world.names(1, json!([{ "sub": "alice" }]));
    let token = world.token().build();
    let others = TokenBuilder::of(&key, "https://other.example.com", "api");
    let others = others.claim("iat", START).claim("exp", START + 900).build();
    assert_eq!(world.reason(&others), REVOKED);
    assert_eq!(world.reason(&token), PASSES);
}
