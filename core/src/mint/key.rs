//! The keys that sign identity tokens: P-256, from the environment.

use core::fmt;

use p256::{
    ecdsa::{self, Signature, signature::Signer as _},
    elliptic_curve::point::AffineCoordinates as _,
};

use super::Content;
use crate::{
    crypto::{VerifyingKey, p256_number},
    jose::{base64url, thumbprint, to_base64url},
    json::Json,
};

/// A key that signs identity tokens.
pub(crate) struct SigningKey {
    secret: ecdsa::SigningKey,
    /// Its thumbprint (RFC 7638).
    kid: String,
    /// The coordinates of its public half, in base64url.
    x: String,
    y: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// What is signed.
#[derive(Clone, Copy)]
pub(super) enum Typ {
    Identity,
    Transaction,
}

impl Typ {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity+jwt",
            Self::Transaction => "txntoken+jwt",
        }
    }
}

impl SigningKey {
    /// A key as PKCS #8, in PEM (RFC 7468 section 10) or the base64 of it alone, or as a JWK (RFC
    /// 7518 section 6.2). `None`: it is something else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('{') {
            let jwk = Json::parse(text.as_bytes(), JWK_NODES).ok()?;
            let member = |name| jwk.get(name).and_then(Json::as_str);
            let is = |name, wanted| member(name).is_none_or(|value| value == wanted);
            let key = Self::of(&base64url(member("d")?)?)?;
            let is_own = member("kty") == Some("EC")
                && member("crv") == Some("P-256")
                && member("x") == Some(&key.x)
                && member("y") == Some(&key.y);
            return (is_own && is("alg", "ES256") && is("use", "sig")).then_some(key);
        }
        let inner = text.strip_prefix("-----BEGIN PRIVATE KEY-----");
        let inner = match inner {
            Some(rest) => rest.strip_suffix("-----END PRIVATE KEY-----")?,
            None => text,
        };
        let letters = inner.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let in_url = |byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        };
        let mut letters: Vec<u8> = letters.map(in_url).collect();
        while letters.last() == Some(&b'=') {
            letters.pop();
        }
        Self::of(p256_number(&base64url(letters)?)?)
    }

    /// From its private number, whose length is that of the order.
    pub(super) fn of(number: &[u8]) -> Option<Self> {
        let secret = ecdsa::SigningKey::from_bytes(number.try_into().ok()?).ok()?;
        let point = secret.verifying_key().as_affine();
        let (x, y) = (point.x(), point.y());
        Some(Self {
            kid: to_base64url(&thumbprint(&VerifyingKey::p256(&x, &y).ok()?)),
            x: to_base64url(&x),
            y: to_base64url(&y),
            secret,
        })
    }

    /// Its name in tokens and sets of keys.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JWK.
    pub(super) fn public_jwk(&self) -> String {
        let Self { kid, x, y, .. } = self;
        let parts = [
            r#"{"kty":"EC","crv":"P-256","x":""#,
            x,
            r#"","y":""#,
            y,
            r#"","alg":"ES256","use":"sig","kid":""#,
            kid,
            "\"}",
        ];
        parts.concat()
    }

    /// A token of this type with this content (RFC 7515 section 7.1).
    pub(super) fn sign(&self, typ: Typ, content: &Content) -> Option<String> {
        let header = [
            r#"{"alg":"ES256","typ":""#,
            typ.name(),
            r#"","kid":""#,
            &self.kid,
            "\"}",
        ];
        let header = to_base64url(header.concat().as_bytes());
        let claims = to_base64url(content.to_json().as_bytes());
        let input = [&*header, ".", &claims].concat();
        let signature = self.signature(input.as_bytes())?;
        Some([&*input, ".", &to_base64url(&signature.to_bytes())].concat())
    }

    /// Deterministic (RFC 6979).
    pub(super) fn signature(&self, text: &[u8]) -> Option<Signature> {
        self.secret.try_sign(text).ok()
    }
}

/// Most members of a JWK.
const JWK_NODES: usize = 32;

/// A key that stands for that of a variable of this name, where nobody has the variables; as
/// PKCS #8 in base64. Everybody can make it.
#[cfg(feature = "explain")]
pub(crate) fn stand_in(variable: &str) -> String {
    use sha2::{Digest as _, Sha256};
    const BEFORE: &[u8] = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20";
    to_base64url(&[BEFORE, &Sha256::digest(variable)].concat())
}
