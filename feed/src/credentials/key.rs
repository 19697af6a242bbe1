//! The key that signs answers (RFC 7515, ES256).

use core::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use passgate_core::{VerifyingKey, thumbprint};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::{Value, json};

/// A private P-256 key.
pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// Its thumbprint (RFC 7638).
    kid: String,
}

/// The type of what it signs: nobody else's JWT, and no access token, has it (RFC 8725 section
/// 3.11).
const TYP: &str = "credentials+jwt";

impl SigningKey {
    /// From PKCS#8 in PEM (RFC 7468 section 10). `None`: it is not such a key.
    pub(crate) fn of(pem: &str) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(kind, der.secret_pkcs8_der(), &random).ok()?;
        let (x, y) = coordinates(&pair)?;
        let kid = thumbprint(&VerifyingKey::p256(x, y).ok()?);
        let kid = BASE64URL.encode(kid);
        Some(Self { pair, random, kid })
    }

    /// The public key, as a set (RFC 7517).
    pub(crate) fn published(&self) -> Value {
        let (x, y) = coordinates(&self.pair).unwrap_or_default();
        json!({ "keys": [{
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": self.kid,
            "x": BASE64URL.encode(x),
            "y": BASE64URL.encode(y),
        }] })
    }

    /// A JWS in the compact form of these claims. `None`: there is no randomness.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": TYP }).to_string();
        let [header, claims] = [header, claims.to_string()].map(|part| BASE64URL.encode(part));
        let mut text = [&*header, ".", &claims].concat();
        let signature = self.pair.sign(&self.random, text.as_bytes()).ok()?;
        text.push('.');
        BASE64URL.encode_string(signature, &mut text);
        Some(text)
    }
}

/// Of its point, which is written without compression (SEC 1 section 2.3.3).
fn coordinates(pair: &EcdsaKeyPair) -> Option<(&[u8], &[u8])> {
    let (_, point) = pair.public_key().as_ref().split_first()?;
    point.split_at_checked(32)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        rcgen::KeyPair::generate().unwrap().serialize_pem()
    }

    #[test]
    fn what_it_signs_is_right_by_the_key_that_it_publishes() {
        let key = SigningKey::of(&pem()).unwrap();
        let token = key.sign(&json!({ "sub": "alice" })).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let decoded = |part: &str| BASE64URL.decode(part).unwrap();
        let header: Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
        let published = &key.published()["keys"][0];
        assert_eq!(header["typ"], "credentials+jwt");
        assert_eq!(header["kid"], published["kid"]);
        let coordinate = |name: &str| decoded(published[name].as_str().unwrap());
        let public = VerifyingKey::p256(&coordinate("x"), &coordinate("y")).unwrap();
        let input = [parts[0], ".", parts[1]].concat();
        let es256 = passgate_core::Algorithm::Es256;
        assert!(public.verifies(es256, input.as_bytes(), &decoded(parts[2])));
        assert!(!format!("{key:?}{published}").contains("\"d\""));
    }

    #[test]
    fn what_is_not_a_p_256_key_in_pkcs_8_is_none() {
        let good = pem();
        let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384);
        for odd in [
            String::new(),
            good.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            good.replacen("MIG", "MIH", 1),
            good.lines().next().unwrap().to_owned(),
            other.unwrap().serialize_pem(),
        ] {
            assert!(SigningKey::of(&odd).is_none(), "{odd}");
        }
    }
}
