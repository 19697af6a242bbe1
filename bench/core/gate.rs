//! The core as a worker has it: a configuration, its keys, and a verifier that has seen something
//! or not.

use passgate_core::{
    Answer, Config, Connection, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, jwks, now};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// Whether signatures are checked once or each time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    Tokens,
    Nothing,
}

pub struct Gate {
    pub config: Config,
    pub now: UnixTime,
    key: SigningKey,
    keys: Supply,
    verifier: Verifier,
    connection: Shown,
}

/// The certificate that the connection shows, as the host tells it.
#[derive(Debug, Default)]
struct Shown(Vec<u8>);

impl Connection for Shown {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }
}

impl Gate {
    /// With one provider and one rule.
    pub fn new(algorithm: &str, remember: Remember) -> Self {
        Self::sized(algorithm, remember, 1, 1)
    }

    pub fn sized(algorithm: &str, remember: Remember, providers: usize, rules: usize) -> Self {
        let key = SigningKey::of(algorithm, "k");
        let text = config(&key, remember, providers, rules);
        Self::of(key, &text)
    }

    /// With one provider, and rules whose paths have a `*` in the place of a segment of the
    /// requests'.
    pub fn patterned(rules: usize) -> Self {
        let key = SigningKey::of("ES256", "k");
        let text = config(&key, Remember::Tokens, 1, rules);
        Self::of(key, &text.replace("/application-", "/*/*/application-"))
    }

    /// With one provider, whose list of revocations has so many entries and not the caller.
    pub fn listed(entries: usize) -> Self {
        let mut gate = Self::with_list();
        gate.list_comes(entries, 1);
        while gate.reads_on() {}
        gate
    }

    /// The same before its list has come.
    pub fn with_list() -> Self {
        let key = SigningKey::of("ES256", "k");
        let text = config(&key, Remember::Tokens, 1, 1);
        let mut text: Value = serde_json::from_str(&text).expect("JSON");
        text["providers"]["provider-0"]["revocations"] = json!({
            "http_uri": { "uri": "https://feed.example.com/", "cluster": "feed" }, "max_stale": "1h",
        });
        Self::of(key, &text.to_string())
    }

    /// A list comes.
    pub fn list_comes(&mut self, entries: usize, sequence: usize) {
        let entries: Vec<Value> = (0..entries)
            .map(|n| json!({ "sub": format!("5f7c8ec7-c33c-6c00-4bba-{n:012}"), "not_before": 1 }))
            .collect();
        let list = json!({
            "version": 1, "epoch": 1, "sequence": sequence, "generated_at": self.now.as_secs(),
            "entries": entries,
        });
        let fetch = loop {
            if let Some(fetch) = self.keys.poll_call(self.now) {
                break fetch;
            }
            self.now = self
                .now
                .saturating_add(core::time::Duration::from_millis(50));
        };
        let body = list.to_string().into_bytes();
        let headers: Header<'_> = (b":status", b"200");
        self.keys
            .on_host_answer(fetch.id, &[headers], body, self.now);
    }

    /// Reads a slice. False: the list is in force.
    pub fn reads_on(&mut self) -> bool {
        self.now = self
            .now
            .saturating_add(core::time::Duration::from_millis(1));
        self.keys.read_on(self.now);
        let next = self.keys.next_wakeup();
        next.is_some_and(|next| next <= self.now)
    }

    /// With one provider, and a rule that asks for the workload of the connection, too.
    pub fn peered() -> Self {
        let key = SigningKey::of("ES256", "k");
        let text = config(&key, Remember::Tokens, 1, 1);
        let mut text: Value = serde_json::from_str(&text).expect("JSON");
        text["peer_verified_by_listener"] = json!(true);
        text["rules"][0]["requires"]["peer"] =
            json!({ "spiffe": ["spiffe://example.org/ns/web/sa/*"] });
        let mut gate = Self::of(key, &text.to_string());
        gate.connection = Shown(workload("spiffe://example.org/ns/web/sa/shop"));
        gate
    }

    /// With one provider, which is asked about opaque tokens and not about JWTs.
    pub fn asked() -> Self {
        let key = SigningKey::of("ES256", "k");
        let text = config(&key, Remember::Tokens, 1, 1);
        let mut text: Value = serde_json::from_str(&text).expect("JSON");
        let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
        text["providers"]["provider-0"]["introspection"] =
            json!({ "http_uri": uri, "cache_duration": "24h" });
        Self::of(key, &text.to_string())
    }

    /// An opaque token that is active, as its header carries it.
    pub fn opaque(&mut self) -> String {
        let token = "Bearer 7Xk2mQp0Vt9rLw4sBn6yHc1ZdEg8aJfUiO3xPqMvTbK".to_owned();
        assert!(matches!(self.step(Some(&token)), Step::Await(_)));
        let question = self.keys.poll_call(self.now).expect("a question");
        let mut answer: Value = serde_json::from_str(&self.claims()).expect("JSON");
        answer["active"] = json!(true);
        answer["iat"] = json!(self.now.as_secs());
        answer["exp"] = json!(self.now.as_secs() + 3_600);
        let answer = answer.to_string();
        let answer = Answer::Http {
            status: 200,
            headers: &[],
            body: answer.as_bytes(),
        };
        self.keys.on_answer(question.id, answer, self.now);
        token
    }

    fn of(key: SigningKey, text: &str) -> Self {
        let parse = || Config::parse(text.as_bytes()).expect("a good configuration");
        Self {
            keys: Supply::new(&parse(), 1),
            verifier: Verifier::new(parse(), 1),
            config: parse(),
            now: UnixTime::from_secs(u64::try_from(now()).expect("after 1970")),
            key,
            connection: Shown::default(),
        }
    }

    /// A good token of this number, as its header carries it.
    pub fn token(&self, number: usize) -> String {
        bearer(self.good().claim("jti", format!("{number:04}")))
    }

    pub fn expired(&self) -> String {
        bearer(self.good().expires_in(-3_600))
    }

    pub fn foreign(&self) -> String {
        bearer(self.good().claim("iss", "https://other.example.com"))
    }

    /// The claims of a good token.
    pub fn claims(&self) -> String {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "shop", "scope": "read write",
            "iat": 1_700_000_000, "exp": 1_700_003_600, "jti": "0001",
        })
        .to_string()
    }

    fn good(&self) -> TokenBuilder<'_> {
        Token::of(&self.key, ISSUER, AUDIENCE)
            .claim("client_id", "shop")
            .claim("scope", "read write")
            .expires_in(3_600)
    }

    /// The code of the verdict about a request with this token.
    pub fn judge(&mut self, token: Option<&str>) -> &'static str {
        match self.step(token) {
            Step::Settle(Settlement {
                verdict: Verdict::Allow(permit),
                ..
            }) => permit.code(),
            Step::Settle(Settlement {
                verdict: Verdict::Deny(rejection),
                ..
            }) => rejection.code,
            other => panic!("{other:?}"),
        }
    }

    /// What the core says to a program's request with this token.
    pub fn step(&mut self, token: Option<&str>) -> Step {
        let (name, value): Header<'_> = match token {
            Some(token) => (b"authorization", token.as_bytes()),
            None => (b"x-none", b"1"),
        };
        let headers: [Header<'_>; 9] = [
            (b":authority", b"api.example.com"),
            (b":path", b"/orders/17"),
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b"user-agent", b"bench"),
            (b"accept", b"*/*"),
            (b"x-forwarded-proto", b"http"),
            (b"x-request-id", b"ce4c313b-52a2-4e5f-9b0a-0b6b1c1a5e6d"),
            (name, value),
        ];
        let request = Request::new(&headers).on(&self.connection);
        self.verifier.verify(request, &mut self.keys, self.now)
    }
}

/// A certificate as workloads have them, in PEM.
fn workload(id: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(id.try_into().expect("ASCII"))];
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    certificate.pem().into_bytes()
}

type Header<'a> = (&'a [u8], &'a [u8]);

/// The value of the header that carries a token.
fn bearer(token: TokenBuilder<'_>) -> String {
    format!("Bearer {}", token.build())
}

/// A configuration whose last provider has this key, and whose last rule matches.
pub fn config(key: &SigningKey, remember: Remember, providers: usize, rules: usize) -> String {
    let last = providers - 1;
    let provider = |index: usize| {
        let issuer = if index == last {
            ISSUER.to_owned()
        } else {
            format!("{ISSUER}/{index}")
        };
        let provider = json!({
            "issuer": issuer,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[key]) },
            "claim_to_headers": [
                { "claim_name": "sub", "header_name": format!("x-user-{index}") },
                { "claim_name": "client_id", "header_name": format!("x-client-{index}") },
            ],
        });
        (format!("provider-{index}"), provider)
    };
    let rule = |prefix: String, provider: usize| {
        json!({
            "match": { "prefix": prefix },
            "requires": { "provider_name": format!("provider-{provider}") },
        })
    };
    let first = (1..rules).map(|index| rule(format!("/application-{index}/"), index % providers));
    let rules: Vec<Value> = first.chain([rule("/".to_owned(), last)]).collect();
    let mut config = json!({
        "providers": Value::Object((0..providers).map(provider).collect()),
        "rules": rules,
    });
    if remember == Remember::Nothing {
        config["limits"] = json!({ "remembered_tokens": 0 });
    }
    config.to_string()
}
