//! A gate that signs, and what reads its tokens: `ring` and `serde_json`.

use passgate_core::{
    AuditRecord, Auditor, Config, Connection, Document, Edit, Request, Settlement, Step, Supply,
    UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, base64url, jwks};
use rcgen::KeyPair;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const GATE: &str = "https://gate.example.com";
/// 2023-11-14, 22:13:20 UTC.
pub(crate) const NOW: u64 = 1_700_000_000;

/// A private key, and what says whose signatures these are.
pub(crate) struct GateKey {
    pair: KeyPair,
}

impl GateKey {
    pub(crate) fn new() -> Self {
        Self {
            pair: KeyPair::generate().unwrap(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.pair.serialize_pem()
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.pair.serialize_der()
    }

    /// `d`, which no text may hold.
    pub(crate) fn number(&self) -> Vec<u8> {
        self.der()[36..68].to_vec()
    }

    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        let d = base64url(self.number());
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y), "d": d })
    }

    /// RFC 7638.
    pub(crate) fn kid(&self) -> String {
        let jwk = self.jwk();
        let text = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            jwk["x"], jwk["y"]
        );
        base64url(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
    }

    /// Header and claims of a token that this key has signed.
    pub(crate) fn read(&self, token: &str) -> (Value, Value) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let point = self.pair.public_key_raw();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(input.as_bytes(), &decoded(signature))
            .expect("the key's signature");
        let (header, claims) = input.split_once('.').unwrap();
        let json = |part| serde_json::from_slice(&decoded(part)).unwrap();
        (json(header), json(claims))
    }
}

pub(crate) fn decoded(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The rules' own configuration, without keys.
pub(crate) fn policy() -> Value {
    json!({
        "origins": ["https://api.example.com", "https://other.example.com:8443"],
        "gate": { "id": "edge-1" },
        "providers": { "acme": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "kinds": { "human": { "amr_any_of": ["pwd", "hwk"] } },
            "evidence": { "lines": [
                { "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"] },
                { "when": { "amr_all_of": ["mfa"] }, "proves": ["multi_factor"] },
            ] },
        } },
        "identity_token": {
            "issuer": GATE,
            "audience": "orders.internal",
            "keys": [{ "env": "KEY" }],
            "claims": ["email", "https://example.com/team"],
            "keys_uri": "/.well-known/passgate/jwks.json",
        },
    })
}

/// One worker of a gate, and the provider beside it.
pub(crate) struct World {
    pub(crate) policy: Value,
    pub(crate) provider: SigningKey,
    pub(crate) key: GateKey,
    pub(crate) now: u64,
    worker: Option<(Verifier, Supply)>,
}

/// What became of a request.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    record: AuditRecord,
}

impl Judged {
    pub(crate) fn edits(&self) -> Vec<Edit> {
        match &self.verdict {
            Verdict::Allow(permit) => permit.edits().cloned().collect(),
            other => panic!("{other:?}"),
        }
    }

    /// A header that the service gets.
    pub(crate) fn written(&self, name: &str) -> Option<String> {
        let edits = self.edits().into_iter();
        let values = edits.filter_map(|edit| match edit {
            Edit::Set(own, value) if own == name => {
                Some(String::from_utf8(value.into_owned()).unwrap())
            }
            _ => None,
        });
        let values: Vec<String> = values.collect();
        assert!(values.len() < 2, "{name} twice");
        values.into_iter().next()
    }

    pub(crate) fn removes(&self, name: &str) -> bool {
        self.edits().contains(&Edit::Remove(name.into()))
    }

    pub(crate) fn token(&self) -> Option<String> {
        self.written("x-passgate-identity")
    }

    pub(crate) fn code(&self) -> &'static str {
        match &self.verdict {
            Verdict::Allow(permit) => permit.code(),
            Verdict::Deny(rejection) => rejection.code,
            Verdict::Serve(document) => document.code,
        }
    }

    pub(crate) fn document(&self) -> &Document {
        match &self.verdict {
            Verdict::Serve(document) => document,
            other => panic!("{other:?}"),
        }
    }

    /// The record as it is written.
    pub(crate) fn record(&self) -> String {
        Auditor::new(&passgate_core::Audit::default(), "gate")
            .write(self.record.clone(), None)
            .record
    }
}

/// A request.
#[derive(Clone)]
pub(crate) struct Sent<'s> {
    pub(crate) method: &'s str,
    pub(crate) host: &'s str,
    pub(crate) path: &'s str,
    pub(crate) headers: Vec<(&'s str, String)>,
    pub(crate) peer: Option<String>,
}

impl<'s> Sent<'s> {
    pub(crate) fn get(path: &'s str) -> Self {
        Self {
            method: "GET",
            host: "api.example.com",
            path,
            headers: vec![("x-request-id", "0d9f-1".to_owned())],
            peer: None,
        }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &'s str, value: &str) -> Self {
        self.headers.retain(|(own, _)| *own != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn host(mut self, host: &'s str) -> Self {
        self.host = host;
        self
    }
}

#[derive(Debug)]
struct Peer<'p>(Option<&'p str>);

impl Connection for Peer<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.0.map(|pem| pem.as_bytes().to_vec())
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(policy())
    }

    pub(crate) fn with(policy: Value) -> Self {
        Self {
            policy,
            provider: SigningKey::es256("k1"),
            key: GateKey::new(),
            now: NOW,
            worker: None,
        }
    }

    /// The policy with this member of `identity_token`.
    pub(crate) fn saying(member: &str, value: Value) -> Self {
        let mut policy = policy();
        policy["identity_token"][member] = value;
        Self::with(policy)
    }

    /// The configuration with the keys of its provider.
    pub(crate) fn config(&self) -> Config {
        let mut policy = self.policy.clone();
        let keys = json!({ "inline_string": jwks(&[&self.provider]) });
        policy["providers"]["acme"]["local_jwks"] = keys;
        let environment = |name: &str| (name == "KEY").then(|| self.key.pem());
        let config = Config::parse_with(policy.to_string().as_bytes(), &environment);
        config.unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    pub(crate) fn token(&self) -> TokenBuilder<'_> {
        Token::of(&self.provider, ISSUER, AUDIENCE)
            .claim("iat", NOW - 10)
            .claim("exp", NOW + 3_600)
    }

    pub(crate) fn judge(&mut self, sent: &Sent<'_>) -> Judged {
        let mut worker = self.worker.take().unwrap_or_else(|| {
            let config = self.config();
            let supply = Supply::new(&config, 1);
            (Verifier::new(config, 1), supply)
        });
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", sent.method.as_bytes()),
            (b":path", sent.path.as_bytes()),
            (b":authority", sent.host.as_bytes()),
        ];
        let own = sent.headers.iter();
        headers.extend(own.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let peer = Peer(sent.peer.as_deref());
        let request = Request::new(&headers).on(&peer);
        let now = UnixTime::from_secs(self.now);
        let step = worker.0.verify(request, &mut worker.1, now);
        self.worker = Some(worker);
        match step {
            Step::Settle(Settlement { verdict, record }) => Judged {
                verdict,
                record: *record,
            },
            Step::Await(_) => panic!("keys are local"),
        }
    }

    /// What the service behind reads of a request with this token.
    pub(crate) fn claims(&mut self, token: &str) -> Value {
        let judged = self.judge(&Sent::get("/").bearer(token));
        self.key.read(&judged.token().expect("a token")).1
    }
}

/// The set of keys that a gate with this configuration serves, and a token that it signs.
pub(crate) fn served_and_signed(config: Config, provider: &SigningKey) -> (Value, String) {
    let mut supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    let token = Token::of(provider, ISSUER, AUDIENCE)
        .claim("iat", NOW)
        .claim("exp", NOW + 600)
        .build();
    let bearer = format!("Bearer {token}");
    let mut verdict = |path: &str| {
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", b"api.example.com"),
            (b"authorization", bearer.as_bytes()),
        ];
        let now = UnixTime::from_secs(NOW);
        match verifier.verify(Request::new(&headers), &mut supply, now) {
            Step::Settle(Settlement { verdict, .. }) => verdict,
            Step::Await(_) => panic!("keys are local"),
        }
    };
    let Verdict::Serve(document) = verdict("/.well-known/passgate/jwks.json") else {
        panic!("the keys are served");
    };
    let Verdict::Allow(permit) = verdict("/") else {
        panic!("it passes");
    };
    let mut edits = permit.edits();
    let token = edits.find_map(|edit| match edit {
        Edit::Set(name, value) if name == "x-passgate-identity" => {
            Some(String::from_utf8(value.to_vec()).unwrap())
        }
        _ => None,
    });
    let served = serde_json::from_str(&document.body).unwrap();
    (served, token.expect("a token"))
}
