//! A gate that wants proofs with a token that it remembers, and a client that makes them.

use passgate_core::{
    Config, NotShared, Request, SharedData, Step, Stored, Supply, UnixTime, Verifier,
};
use passgate_kit::{
    ApprovalBuilder, ProofBuilder, SigningKey, Token, bound_to, jwks, now, public_members,
};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;

const ISSUER: &str = "https://id.example.com";
const ORIGIN: &str = "https://api.example.com";
const PAGE: &str = "https://app.example.com";
const PATH: &str = "/orders/17";

/// What is proved with each request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Dpop,
    Approval,
}

/// The gate.
pub struct Proving {
    verifier: Verifier,
    supply: Supply,
    now: UnixTime,
}

/// Its client.
pub struct Client {
    kind: Kind,
    key: SigningKey,
    token: String,
    nonce: String,
}

/// Both, with a key of this algorithm for the proofs.
pub fn both(kind: Kind, algorithm: &str) -> (Proving, Client) {
    let (signing, key) = (SigningKey::es256("k"), SigningKey::of(algorithm, "client"));
    let (proof, cnf) = match kind {
        Kind::Dpop => (json!({ "dpop": { "nonce": "none" } }), bound_to(&key)),
        Kind::Approval => {
            let mut jwk = public_members(&key);
            jwk["alg"] = json!(key.alg());
            (
                json!({ "webauthn": { "mode": "transaction" } }),
                json!({ "jwk": jwk }),
            )
        }
    };
    let config = json!({
        "origins": [ORIGIN],
        "relying_party": { "id": "example.com", "origins": [PAGE] },
        "providers": { "acme": {
            "issuer": ISSUER, "audiences": [ORIGIN], "cnf_jwk": "passkey",
            "local_jwks": { "inline_string": jwks(&[&signing]) },
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "proof": proof } }],
    });
    let token = Token::of(&signing, ISSUER, ORIGIN).claim("cnf", cnf);
    let mut client = Client {
        kind,
        key,
        token: token.expires_in(3_600).build(),
        nonce: String::new(),
    };
    let mut gate = Proving::of(&config);
    if kind == Kind::Approval {
        let asked = gate.step(&client.headers(None));
        client.nonce = nonce_of(asked);
    }
    (gate, client)
}

fn nonce_of(step: Step) -> String {
    let Step::Settle(settlement) = step else {
        panic!("the keys are part of the configuration");
    };
    let passgate_core::Verdict::Deny(rejection) = settlement.verdict else {
        panic!("passes without an approval");
    };
    let headers = rejection.headers();
    let nonce = headers
        .into_iter()
        .find(|(name, _)| *name == "webauthn-nonce");
    nonce.expect("a nonce").1
}

impl Proving {
    fn of(config: &Value) -> Self {
        let parse = || Config::parse(config.to_string().as_bytes()).expect("a good configuration");
        let now = UnixTime::from_secs(u64::try_from(now()).expect("after 1970"));
        let mut verifier = Verifier::new(parse(), 1);
        // A little before, so that proofs of this second count.
        let before = UnixTime::from_secs(now.as_secs() - 60);
        verifier.share(Box::<Memory>::default(), [7; 32], "gate", before);
        let supply = Supply::new(&parse(), 1);
        Self {
            verifier,
            supply,
            now,
        }
    }

    /// The code of the verdict about a request with these headers.
    pub fn judge(&mut self, headers: &Headers) -> &'static str {
        match self.step(headers) {
            Step::Settle(settlement) => settlement.record.reason,
            Step::Await(_) => panic!("the keys are part of the configuration"),
        }
    }

    fn step(&mut self, headers: &Headers) -> Step {
        let mut all: Vec<(&[u8], &[u8])> = vec![
            (b":authority", b"api.example.com"),
            (b":path", PATH.as_bytes()),
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b"user-agent", b"bench"),
            (b"accept", b"*/*"),
            (b"x-request-id", b"ce4c313b-52a2-4e5f-9b0a-0b6b1c1a5e6d"),
        ];
        let own = headers.iter();
        all.extend(own.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let request = Request::new(&all).ending_here(true);
        self.verifier.verify(request, &mut self.supply, self.now)
    }
}

/// Names and values.
pub type Headers = Vec<(&'static str, String)>;

impl Client {
    /// The headers of a request with a proof of its own.
    pub fn request(&self) -> Headers {
        let uri = format!("{ORIGIN}{PATH}");
        let proof = match self.kind {
            Kind::Dpop => {
                let proof = ProofBuilder::of(&self.key, "GET", &uri).token(&self.token);
                ("dpop", proof.claim("iat", now()).build())
            }
            Kind::Approval => {
                let asked = ("example.com", PAGE);
                let proof = ApprovalBuilder::of(&self.key, asked, ("GET", &uri)).token(&self.token);
                let proof = proof.claim("iss", ISSUER).claim("sub", "alice");
                let proof = proof.claim("iat", now()).claim("nonce", self.nonce.clone());
                ("webauthn-proof", proof.build())
            }
        };
        self.headers(Some(proof))
    }

    fn headers(&self, proof: Option<(&'static str, String)>) -> Headers {
        let scheme = match self.kind {
            Kind::Dpop => "DPoP",
            Kind::Approval => "Bearer",
        };
        let token = ("authorization", format!("{scheme} {}", self.token));
        [token].into_iter().chain(proof).collect()
    }
}

/// What workers share, of one worker.
#[derive(Debug, Default)]
struct Memory(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl SharedData for Memory {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        let mut values = self.0.borrow_mut();
        let last = values.get(key).map(|(_, version)| *version);
        if last.is_some() && last != version {
            return Ok(Stored::Conflict);
        }
        let next = last.unwrap_or_default() + 1;
        values.insert(key.to_owned(), (value.to_vec(), next));
        Ok(Stored::Yes)
    }
}
