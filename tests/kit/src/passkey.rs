//! A passkey, and what it makes: WebAuthn assertions and approvals of requests, good and bad.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use crate::{SigningKey, base64url, now, sha256};

/// An approval in the making: valid until a method spoils it.
#[derive(Clone)]
pub struct ApprovalBuilder<'k> {
    key: &'k SigningKey,
    statement: Map<String, Value>,
    client_data: Map<String, Value>,
    rp_id: String,
    flags: u8,
    counter: u32,
    after: Vec<u8>,
    assertion: Value,
    user_handle: Value,
    signature: Option<Vec<u8>>,
}

/// UP and UV.
const FLAGS: u8 = 0x05;

impl<'k> ApprovalBuilder<'k> {
    /// By this key, of this relying party and page, for a request with this token.
    pub fn of(
        key: &'k SigningKey,
        (rp_id, origin): (&str, &str),
        (method, uri): (&str, &str),
    ) -> Self {
        let statement = json!({ "mode": "transaction", "htm": method, "htu": uri });
        Self::with(key, (rp_id, origin), statement)
    }

    /// By this key, of this relying party and page, for a session at this origin, until this time,
    /// whose requests the other key proves.
    pub fn session(
        key: &'k SigningKey,
        (rp_id, origin): (&str, &str),
        (aud, exp): (&str, u64),
        other: &SigningKey,
    ) -> Self {
        let jkt = crate::thumbprint(other);
        let statement = json!({ "mode": "session", "jkt": jkt, "exp": exp, "aud": aud });
        Self::with(key, (rp_id, origin), statement)
    }

    fn with(key: &'k SigningKey, (rp_id, origin): (&str, &str), mut statement: Value) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        statement["jti"] = format!("{}-{}-{number}", std::process::id(), now()).into();
        let client_data = json!({ "type": "webauthn.get", "origin": origin, "crossOrigin": false });
        let id = base64url([7; 16]);
        Self {
            key,
            statement: members(statement),
            client_data: members(client_data),
            rp_id: rp_id.to_owned(),
            flags: FLAGS,
            counter: 0,
            after: Vec::new(),
            assertion: json!({ "id": id, "rawId": id, "type": "public-key", "response": {} }),
            user_handle: Value::Null,
            signature: None,
        }
    }

    /// Sets a member of the statement.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.statement.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a member of the statement.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.statement.remove(name);
        self
    }

    /// For a request with this access token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        let hash = base64url(sha256(token.as_bytes()));
        self.claim("ath", hash)
    }

    /// For a request with this body, which may be empty.
    #[must_use]
    pub fn body(self, bytes: &[u8]) -> Self {
        let digest = STANDARD.encode(sha256(bytes));
        self.claim("content_digest", format!("sha-256=:{digest}:"))
    }

    /// Sets a member of the client data.
    #[must_use]
    pub fn client_data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.client_data.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a member of the assertion beside `response`.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.assertion[name] = value.into();
        self
    }

    /// By the credential of this id.
    #[must_use]
    pub fn id(self, id: &[u8]) -> Self {
        let id = base64url(id);
        self.member("id", id.as_str()).member("rawId", id)
    }

    /// With what the authenticator knows the person by.
    #[must_use]
    pub fn user_handle(mut self, handle: &[u8]) -> Self {
        self.user_handle = base64url(handle).into();
        self
    }

    /// For another relying party.
    #[must_use]
    pub fn rp_id(mut self, rp_id: &str) -> Self {
        self.rp_id = rp_id.to_owned();
        self
    }

    /// With these flags, and this behind the counter.
    #[must_use]
    pub fn flags(mut self, flags: u8, after: &[u8]) -> Self {
        self.flags = flags;
        self.after = after.to_vec();
        self
    }

    /// With this signature.
    #[must_use]
    pub fn signature(mut self, signature: &[u8]) -> Self {
        self.signature = Some(signature.to_vec());
        self
    }

    /// The value of `WebAuthn-Proof`.
    pub fn build(self) -> String {
        let mode = self.statement.get("mode").and_then(Value::as_str);
        let label = ["webauthn-proof-v1:", mode.unwrap_or_default(), "\0"].concat();
        let statement = Value::from(self.statement).to_string();
        let challenge = [label, statement.clone()].concat();
        let mut client_data = self.client_data;
        client_data
            .entry("challenge")
            .or_insert_with(|| base64url(sha256(challenge.as_bytes())).into());
        let client_data = Value::from(client_data).to_string();
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(self.flags);
        data.extend(self.counter.to_be_bytes());
        data.extend(&self.after);
        let signed = [&*data, &sha256(client_data.as_bytes())].concat();
        let signature = self
            .signature
            .unwrap_or_else(|| self.key.sign_as_authenticator(&signed));
        let mut assertion = self.assertion;
        assertion["response"] = json!({
            "clientDataJSON": base64url(client_data),
            "authenticatorData": base64url(data),
            "signature": base64url(signature),
            "userHandle": self.user_handle,
        });
        [base64url(statement), base64url(assertion.to_string())].join(".")
    }
}

impl SigningKey {
    /// The public half as a `COSE_Key`, as an authenticator gives it away (WebAuthn Level 3 section
    /// 6.5.1.1), for one of ES256, ES384, ES512, EdDSA, RS256 and PS256.
    pub fn cose_key(&self) -> Vec<u8> {
        let jwk = self.public_jwk();
        let part = |name: &str| {
            let text = jwk[name].as_str().expect("a member of its type");
            let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
            [cbor(2, bytes.len()), bytes].concat()
        };
        let negative = |number: usize| cbor(1, number - 1);
        let (alg, kty, crv) = match self.alg() {
            "ES256" => (7, 2, Some(1)),
            "ES384" => (35, 2, Some(2)),
            "ES512" => (36, 2, Some(3)),
            "EdDSA" => (8, 1, Some(6)),
            "RS256" => (257, 3, None),
            "PS256" => (37, 3, None),
            other => panic!("authenticators do not sign with {other}"),
        };
        let own = match (kty, crv) {
            (2, Some(crv)) => vec![cbor(0, crv), part("x"), part("y")],
            (1, Some(crv)) => vec![cbor(0, crv), part("x")],
            _ => vec![part("n"), part("e")],
        };
        let mut key = cbor(5, own.len() + 2);
        key.extend([cbor(0, 1), cbor(0, kty), cbor(0, 3), negative(alg)].concat());
        for (index, value) in own.into_iter().enumerate() {
            key.extend([negative(index + 1), value].concat());
        }
        key
    }
}

/// A major type and its number below 65,536 (RFC 8949 section 3).
fn cbor(major: u8, number: usize) -> Vec<u8> {
    let head = major << 5;
    match u16::try_from(number).expect("a small number").to_be_bytes() {
        [0, low @ ..24] => vec![head | low],
        [0, low] => vec![head | 24, low],
        [high, low] => vec![head | 25, high, low],
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is an object"),
    }
}
