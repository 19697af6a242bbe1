//! A key that signs, and what an identity provider publishes of it.

use crate::base64url;
use base64::Engine as _;
use p521::ecdsa::signature::Signer as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

/// A private key of an identity provider, with its key id and the one algorithm that it signs with.
pub struct SigningKey {
    kid: String,
    alg: &'static str,
    pair: Pair,
}

enum Pair {
    /// P-256 or P-384.
    Ec(EcdsaKeyPair),
    /// `ring` has no P-521.
    P521(Box<p521::ecdsa::SigningKey>),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// The JWS algorithms that the kit signs with.
    pub const ALGORITHMS: [&'static str; 11] = [
        "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA",
        "Ed25519",
    ];

    /// A key for one of [`Self::ALGORITHMS`]: fresh, but for RSA, where making one would cost each
    /// test a second.
    pub fn of(alg: &str, kid: &str) -> Self {
        let rsa_2048 = include_bytes!("../keys/rsa_2048.p8");
        match Self::ALGORITHMS.into_iter().find(|known| *known == alg) {
            Some(alg @ "ES256") => Self::ec(alg, kid, &ECDSA_P256_SHA256_FIXED_SIGNING),
            Some(alg @ "ES384") => Self::ec(alg, kid, &ECDSA_P384_SHA384_FIXED_SIGNING),
            Some("ES512") => Self::es512(kid),
            Some(alg @ ("EdDSA" | "Ed25519")) => Self::ed25519(alg, kid),
            Some(alg) => Self::rsa(alg, kid, rsa_2048),
            None => panic!("the kit does not sign with {alg}"),
        }
    }

    /// A fresh P-256 key.
    pub fn es256(kid: &str) -> Self {
        Self::of("ES256", kid)
    }

    /// A fresh P-256 key, and its private half as PKCS #8 in PEM (RFC 7468 section 10).
    pub fn es256_with_pem(kid: &str) -> (Self, String) {
        let (key, pkcs8) = Self::ec_with_pkcs8("ES256", kid, &ECDSA_P256_SHA256_FIXED_SIGNING);
        let text = base64::engine::general_purpose::STANDARD.encode(pkcs8);
        let lines: Vec<&str> = (0..text.len())
            .step_by(64)
            .map(|start| &text[start..text.len().min(start + 64)])
            .collect();
        let lines = lines.join("\n");
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n");
        (key, pem)
    }

    /// A fixed RSA key of 2048 bits.
    pub fn rs256(kid: &str) -> Self {
        Self::of("RS256", kid)
    }

    /// Another fixed RSA key, for signatures by the wrong key.
    pub fn rs256_other(kid: &str) -> Self {
        Self::rsa("RS256", kid, include_bytes!("../keys/rsa_2048_other.p8"))
    }

    fn ec(alg: &'static str, kid: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self::ec_with_pkcs8(alg, kid, algorithm).0
    }

    fn ec_with_pkcs8(
        alg: &'static str,
        kid: &str,
        algorithm: &'static EcdsaSigningAlgorithm,
    ) -> (Self, Vec<u8>) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a new EC key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .expect("the key just made");
        let key = Self {
            kid: kid.to_owned(),
            alg,
            pair: Pair::Ec(pair),
        };
        (key, pkcs8.as_ref().to_vec())
    }

    fn es512(kid: &str) -> Self {
        let mut scalar = [0; 66];
        SystemRandom::new()
            .fill(&mut scalar[1..])
            .expect("random bytes");
        // 65 bytes are below the order, and zero once in 2^520 times.
        let pair = p521::ecdsa::SigningKey::from_slice(&scalar).expect("a number below the order");
        Self {
            kid: kid.to_owned(),
            alg: "ES512",
            pair: Pair::P521(Box::new(pair)),
        }
    }

    fn ed25519(alg: &'static str, kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a new key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("the key just made");
        Self {
            kid: kid.to_owned(),
            alg,
            pair: Pair::Ed25519(pair),
        }
    }

    fn rsa(alg: &'static str, kid: &str, pkcs8: &[u8]) -> Self {
        let encoding: &'static dyn RsaEncoding = match alg {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            "PS256" => &RSA_PSS_SHA256,
            "PS384" => &RSA_PSS_SHA384,
            "PS512" => &RSA_PSS_SHA512,
            other => panic!("{other} is not for RSA keys"),
        };
        let pair = RsaKeyPair::from_pkcs8(pkcs8).expect("the key file of this crate");
        Self {
            kid: kid.to_owned(),
            alg,
            pair: Pair::Rsa(Box::new(pair), encoding),
        }
    }

    /// The key id, as in the token's header.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The JWS algorithm.
    pub fn alg(&self) -> &'static str {
        self.alg
    }

    /// The public half as a JWK (RFC 7517), made for signatures.
    pub fn public_jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ec(pair) => ec_jwk(pair.public_key().as_ref()),
            Pair::P521(pair) => ec_jwk(pair.verifying_key().to_sec1_point(false).as_bytes()),
            Pair::Rsa(pair, _) => {
                let public: rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({ "kty": "RSA", "n": base64url(&public.n), "e": base64url(&public.e) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The signature in the form that JWS wants: `r || s` for ECDSA, as long as the modulus for
    /// RSA.
    pub fn sign(&self, signing_input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => pair
                .sign(&random, signing_input)
                .expect("a signature")
                .as_ref()
                .to_vec(),
            Pair::P521(pair) => {
                let signature: p521::ecdsa::Signature = pair.sign(signing_input);
                signature.to_bytes().to_vec()
            }
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, signing_input, &mut signature)
                    .expect("a signature");
                signature
            }
            Pair::Ed25519(pair) => pair.sign(signing_input).as_ref().to_vec(),
        }
    }
}

impl SigningKey {
    /// The signature in the form of WebAuthn assertions (WebAuthn Level 3 section 6.5.5): DER for
    /// ECDSA.
    pub fn sign_as_authenticator(&self, text: &[u8]) -> Vec<u8> {
        let signature = self.sign(text);
        if !matches!(self.pair, Pair::Ec(_) | Pair::P521(_)) {
            return signature;
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        let numbers = [der_integer(r), der_integer(s)].concat();
        der(0x30, &numbers)
    }
}

fn der_integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).expect("not zero");
    let sign: &[u8] = if bytes[start] < 0x80 { &[] } else { &[0] };
    der(0x02, &[sign, &bytes[start..]].concat())
}

/// Tag, length, content of less than 256 bytes.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("less than 256 bytes");
    let head: &[u8] = if length < 0x80 {
        &[tag, length]
    } else {
        &[tag, 0x81, length]
    };
    [head, content].concat()
}

/// From an uncompressed point: 0x04, x, y.
fn ec_jwk(point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    let crv = match x.len() {
        32 => "P-256",
        48 => "P-384",
        _ => "P-521",
    };
    json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
}

/// A JWK set, as an identity provider serves it.
pub fn jwks(keys: &[&SigningKey]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    json!({ "keys": keys }).to_string()
}
