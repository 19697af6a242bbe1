//! The public key of a passkey as tokens name it (`cnf.jwk`, RFC 7800).

use passgate_kit::base64url;
use serde_json::{Value, json};
use webauthn_rp::response::register::UncompressedPubKey;

/// A JWK with its algorithm (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
pub(super) fn of(key: UncompressedPubKey<'_>) -> Value {
    let curve = |alg, crv, x: &[u8], y: &[u8]| json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y), "alg": alg });
    match key {
        UncompressedPubKey::Ed25519(key) => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(key.inner()), "alg": "EdDSA" })
        }
        UncompressedPubKey::P256(key) => curve("ES256", "P-256", key.x(), key.y()),
        UncompressedPubKey::P384(key) => curve("ES384", "P-384", key.x(), key.y()),
        UncompressedPubKey::Rsa(key) => {
            let exponent = key.e().to_be_bytes();
            let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
            let exponent = exponent.get(zeros..).unwrap_or_default();
            json!({
                "kty": "RSA", "n": base64url(key.n()), "e": base64url(exponent), "alg": "RS256",
            })
        }
    }
}
