//! Tokens, good and bad.

use crate::{SigningKey, base64url};
use ring::hmac;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// The short name: `Token::of(&key, issuer, audience).build()`.
pub type Token<'k> = TokenBuilder<'k>;

/// A token in the making: valid until a method spoils it.
#[derive(Clone)]
pub struct TokenBuilder<'k> {
    key: &'k SigningKey,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    raw_header: Option<String>,
    raw_claims: Option<String>,
    signature: Option<Vec<u8>>,
    secret: Option<Vec<u8>>,
}

impl<'k> TokenBuilder<'k> {
    /// A token that is good for five minutes from now, of the subject `alice`.
    pub fn of(key: &'k SigningKey, issuer: &str, audience: &str) -> Self {
        let now = now();
        Self {
            key,
            header: members(json!({ "alg": key.alg(), "kid": key.kid(), "typ": "JWT" })),
            claims: members(json!({
                "iss": issuer, "aud": audience, "sub": "alice", "iat": now, "exp": now + 300,
            })),
            raw_header: None,
            raw_claims: None,
            signature: None,
            secret: None,
        }
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the JOSE header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a member of the JOSE header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Signs this text as the JOSE header instead.
    pub fn raw_header(mut self, text: &str) -> Self {
        self.raw_header = Some(text.to_owned());
        self
    }

    /// Signs this text as the claims instead.
    pub fn raw_claims(mut self, text: &str) -> Self {
        self.raw_claims = Some(text.to_owned());
        self
    }

    /// Puts these bytes where the signature belongs.
    pub fn signature(mut self, bytes: &[u8]) -> Self {
        self.signature = Some(bytes.to_vec());
        self
    }

    /// Signs with HS256 and this secret, as an attacker does with a public key.
    pub fn hs256(mut self, secret: &[u8]) -> Self {
        self.secret = Some(secret.to_vec());
        self.header("alg", "HS256")
    }

    /// Sets `exp` to so many seconds from now; a negative number is in the past.
    pub fn expires_in(self, seconds: i64) -> Self {
        self.claim("exp", now() + seconds)
    }

    /// The compact serialisation (RFC 7515 section 7.1).
    pub fn build(self) -> String {
        let header = self
            .raw_header
            .unwrap_or_else(|| Value::Object(self.header).to_string());
        let claims = self
            .raw_claims
            .unwrap_or_else(|| Value::Object(self.claims).to_string());
        let signing_input = format!("{}.{}", base64url(header), base64url(claims));
        let signature = match (self.signature, self.secret) {
            (Some(bytes), _) => bytes,
            (None, Some(secret)) => hmac_sha256(&secret, &signing_input),
            (None, None) => self.key.sign(signing_input.as_bytes()),
        };
        let token = format!("{signing_input}.{}", base64url(signature));
        remember(&token);
        token
    }
}

/// The same header and signature over another subject: what an attacker without the key can make.
pub fn tampered(token: &str) -> String {
    use base64::Engine as _;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("not three parts");
    };
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .expect("a token of this kit");
    let mut claims: Value = serde_json::from_slice(&payload).expect("a token of this kit");
    claims["sub"] = json!("mallory");
    let forged = format!("{header}.{}.{signature}", base64url(claims.to_string()));
    remember(&forged);
    forged
}

/// The tokens that this process made, oldest first: none of them may be found in a log.
pub fn minted() -> Vec<String> {
    MINTED
        .lock()
        .expect("no panic inside")
        .iter()
        .cloned()
        .collect()
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(elapsed.expect("after 1970").as_secs()).expect("before the year 292 billion")
}

fn remember(token: &str) {
    let mut minted = MINTED.lock().expect("no panic inside");
    if minted.len() == MINTED_CAP {
        minted.pop_front();
    }
    minted.push_back(token.to_owned());
}

fn hmac_sha256(secret: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => panic!("not an object"),
    }
}

static MINTED: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// A demo that runs for weeks must not grow.
const MINTED_CAP: usize = 10_000;
