//! A key that signs, and what an identity provider publishes of it.

use crate::base64url;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A private key of an identity provider, with its key id.
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl SigningKey {
    /// A fresh P-256 key.
    pub fn es256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .expect("a new P-256 key");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .expect("the key just made");
        Self {
            kid: kid.to_owned(),
            pair: Pair::Es256(pair),
        }
    }

    /// A fixed RSA key of 2048 bits: a fresh one would cost each test a second.
    pub fn rs256(kid: &str) -> Self {
        Self::rsa(kid, include_bytes!("../keys/rsa_2048.p8"))
    }

    /// Another fixed RSA key, for signatures by the wrong key.
    pub fn rs256_other(kid: &str) -> Self {
        Self::rsa(kid, include_bytes!("../keys/rsa_2048_other.p8"))
    }

    fn rsa(kid: &str, pkcs8: &[u8]) -> Self {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).expect("the key file of this crate");
        Self {
            kid: kid.to_owned(),
            pair: Pair::Rs256(pair),
        }
    }

    /// The key id, as in the token's header.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The JWS algorithm.
    pub fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Rs256(_) => "RS256",
        }
    }

    /// The public half as a JWK (RFC 7517), made for signatures.
    pub fn public_jwk(&self) -> Value {
        match &self.pair {
            Pair::Es256(pair) => {
                // An uncompressed point: 0x04, x, y.
                let point = pair.public_key().as_ref();
                json!({
                    "kty": "EC", "crv": "P-256",
                    "x": base64url(&point[1..33]), "y": base64url(&point[33..65]),
                    "kid": self.kid, "alg": self.alg(), "use": "sig",
                })
            }
            Pair::Rs256(pair) => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({
                    "kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e),
                    "kid": self.kid, "alg": self.alg(), "use": "sig",
                })
            }
        }
    }

    /// The signature in the form that JWS wants: `r || s` for ES256, PKCS#1 v1.5 for RS256.
    pub fn sign(&self, signing_input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => pair
                .sign(&random, signing_input)
                .expect("a signature")
                .as_ref()
                .to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signing_input, &mut signature)
                    .expect("a signature");
                signature
            }
        }
    }
}

/// A JWK set, as an identity provider serves it.
pub fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string()
}
