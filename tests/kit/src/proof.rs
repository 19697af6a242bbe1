//! DPoP proofs (RFC 9449), good and bad.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::{SigningKey, TokenBuilder, base64url, now};

/// A proof in the making: valid until a method spoils it.
#[derive(Clone)]
pub struct ProofBuilder<'k> {
    jws: TokenBuilder<'k>,
}

impl<'k> ProofBuilder<'k> {
    /// A proof by this key, made now, for a request without an access token.
    pub fn of(key: &'k SigningKey, method: &str, uri: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let jti = format!("{}-{}-{number}", std::process::id(), now());
        let mut jws = TokenBuilder::of(key, "", "");
        for name in ["iss", "aud", "sub", "exp"] {
            jws = jws.without(name);
        }
        let jws = jws
            .without_header("kid")
            .header("typ", "dpop+jwt")
            .header("jwk", public_members(key))
            .claim("jti", jti)
            .claim("htm", method)
            .claim("htu", uri);
        Self { jws }
    }

    /// For a request with this access token.
    pub fn token(self, token: &str) -> Self {
        let hash = digest(&SHA256, token.as_bytes());
        self.claim("ath", base64url(hash))
    }

    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.jws = self.jws.claim(name, value);
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.jws = self.jws.without(name);
        self
    }

    /// Sets a member of the JOSE header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.jws = self.jws.header(name, value);
        self
    }

    /// Removes a member of the JOSE header.
    pub fn without_header(mut self, name: &str) -> Self {
        self.jws = self.jws.without_header(name);
        self
    }

    /// Changes what no other method does.
    pub fn jws(mut self, change: impl FnOnce(TokenBuilder<'k>) -> TokenBuilder<'k>) -> Self {
        self.jws = change(self.jws);
        self
    }

    /// The compact serialisation.
    pub fn build(self) -> String {
        self.jws.build()
    }
}

/// The members that make a public key what it is (RFC 7638 section 3.2), as a JWK.
pub fn public_members(key: &SigningKey) -> Value {
    let Value::Object(jwk) = key.public_jwk() else {
        panic!("a JWK is an object");
    };
    let is_required = |name: &str| ["kty", "crv", "x", "y", "n", "e"].contains(&name);
    let members = jwk.into_iter().filter(|(name, _)| is_required(name));
    Value::Object(members.collect::<Map<_, _>>())
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().try_into().expect("32 bytes")
}

/// The thumbprint of a key (RFC 7638), base64url.
pub fn thumbprint(key: &SigningKey) -> String {
    // The order of the names is that of the map, and there is no white space.
    base64url(digest(&SHA256, public_members(key).to_string().as_bytes()))
}

/// The `cnf` claim of a token that is bound to this key (RFC 9449 section 6.1).
pub fn bound_to(key: &SigningKey) -> Value {
    json!({ "jkt": thumbprint(key) })
}
