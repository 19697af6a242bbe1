//! JSON Web Keys and sets of them (RFC 7517). One odd key never spoils the others: it is skipped and named.

use core::fmt;
use std::rc::Rc;

use super::base64url;
use crate::{
    crypto::{Algorithm, VerifyingKey},
    json::Json,
    limits::{self, Limits},
};

/// A public key of a set, and what the set says about its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`
    pub kid: Option<Rc<str>>,
    /// `alg`, where the set restricts the key to one.
    alg: Option<Algorithm>,
    /// The key itself.
    pub key: VerifyingKey,
}

impl Jwk {
    /// Whether type, curve and `alg` allow this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.key.fits(algorithm) && self.alg.is_none_or(|alg| alg == algorithm)
    }
}

/// The usable keys of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its `kid`, or its place in the set.
    pub name: String,
    /// Why.
    pub reason: &'static str,
    /// It holds private or symmetric key material, which has no place in a published set.
    pub secret: bool,
}

/// Why a document is no JWK set at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwkSetError {
    /// More bytes than allowed.
    TooLarge,
    /// More keys than allowed.
    TooManyKeys,
    /// Not strict JSON, with the parser's words.
    Json(String),
    /// Not an object with a list `keys`.
    Shape,
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("larger than limits.jwks_bytes"),
            Self::TooManyKeys => f.write_str("more keys than limits.jwks_keys"),
            Self::Json(error) => write!(f, "not JSON: {error}"),
            Self::Shape => f.write_str("not an object with a list \"keys\""),
        }
    }
}

/// Why no key of a set is the one for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// No key has this `kid`, or without a `kid` none fits.
    Unknown,
    /// The key with this `kid` is of another type, or restricted to another algorithm.
    Misfit,
    /// Without a `kid`, more than one key fits.
    Ambiguous,
}

impl JwkSet {
    /// Reads a set (RFC 7517 section 5).
    ///
    /// # Errors
    /// When the document as a whole is unreadable; odd keys in it are skipped instead.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, JwkSetError> {
        if bytes.len() > limits.jwks_bytes {
            return Err(JwkSetError::TooLarge);
        }
        let elements = Json::parse_elements(bytes, "keys", limits::DOCUMENT_JSON_NODES)
            .map_err(|e| JwkSetError::Json(e.to_string()))?
            .ok_or(JwkSetError::Shape)?;
        if elements.len() > limits.jwks_keys {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self::default();
        for (index, element) in elements.iter().enumerate() {
            let Ok(element @ Json::Object(_)) = element else {
                set.skip(
                    None,
                    index,
                    Skip::Odd("not an object that can be read in one way"),
                );
                continue;
            };
            match read_key(element, limits) {
                Ok(jwk) if set.keys.contains(&jwk) => {}
                Ok(jwk) => set.keys.push(jwk),
                Err(skip) => set.skip(element.get("kid").and_then(Json::as_str), index, skip),
            }
        }
        set.drop_clashes();
        Ok(set)
    }

    /// The usable keys.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// The keys that are not used, and why.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Whether it has a key of this name that is not used.
    pub(crate) fn skips(&self, kid: &str) -> bool {
        self.skipped.iter().any(|key| key.name == kid)
    }

    /// An RSA key of which the set does not say the algorithm has this one. (One key, one algorithm: RFC 8725
    /// section 3.1. Type and curve say it for all others.)
    #[must_use]
    pub fn with_rsa(mut self, algorithm: Option<Algorithm>) -> Self {
        for jwk in &mut self.keys {
            let fits = algorithm.is_some_and(|algorithm| jwk.key.fits(algorithm));
            jwk.alg = jwk.alg.or(algorithm.filter(|_| fits));
        }
        self
    }

    /// The one key for a token with this `kid` and algorithm.
    ///
    /// # Errors
    /// When there is none, or more than one: keys are never tried in turn.
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Jwk, SelectError> {
        let named = |jwk: &&Jwk| kid.is_none() || jwk.kid.as_deref() == kid;
        let mut fitting = self
            .keys
            .iter()
            .filter(named)
            .filter(|jwk| jwk.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(jwk), None) => Ok(jwk),
            (Some(_), Some(_)) => Err(SelectError::Ambiguous),
            (None, _) if kid.is_some() && self.keys.iter().any(|jwk| named(&jwk)) => {
                Err(SelectError::Misfit)
            }
            (None, _) => Err(SelectError::Unknown),
        }
    }

    /// Two different keys that one token could mean cannot be told apart: neither is used.
    fn drop_clashes(&mut self) {
        let clashes = |a: &Jwk, b: &Jwk| {
            a != b
                && a.kid.is_some()
                && a.kid == b.kid
                && Algorithm::ALL.iter().any(|&alg| a.fits(alg) && b.fits(alg))
        };
        let all = core::mem::take(&mut self.keys);
        for (index, jwk) in all.iter().enumerate() {
            if all.iter().any(|other| clashes(jwk, other)) {
                self.skip(
                    jwk.kid.as_deref(),
                    index,
                    Skip::Odd("its kid names two keys, so neither is used"),
                );
            } else {
                self.keys.push(jwk.clone());
            }
        }
    }

    fn skip(&mut self, kid: Option<&str>, index: usize, skip: Skip) {
        let name = kid.filter(|kid| !kid.is_empty()).map_or_else(
            || format!("keys[{index}]"),
            |kid| kid.chars().take(limits::SHOWN_BYTES).collect(),
        );
        let (reason, secret) = match skip {
            Skip::Odd(reason) => (reason, false),
            Skip::Secret(reason) => (reason, true),
        };
        self.skipped.push(SkippedKey {
            name,
            reason,
            secret,
        });
    }
}

enum Skip {
    Odd(&'static str),
    Secret(&'static str),
}

/// Members that only a private key has (RFC 7518 sections 6.2.2, 6.3.2; RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn read_key(jwk: &Json, limits: &Limits) -> Result<Jwk, Skip> {
    if jwk.get("kty").and_then(Json::as_str) == Some("oct") {
        return Err(Skip::Secret(
            "a symmetric key: whoever reads the set can sign with it",
        ));
    }
    if PRIVATE_MEMBERS
        .iter()
        .any(|member| jwk.get(member).is_some())
    {
        return Err(Skip::Secret(
            "a private key was published: treat it as stolen",
        ));
    }
    match jwk.get("use") {
        None => {}
        Some(Json::String(usage)) if &**usage == "sig" => {}
        Some(_) => return Err(Skip::Odd("use is not sig")),
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Json::Array(operations))
            if operations.iter().any(|op| op.as_str() == Some("verify")) => {}
        Some(_) => return Err(Skip::Odd("key_ops does not allow verify")),
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(Rc::from(&**kid)),
        Some(_) => return Err(Skip::Odd("kid is not a string of at most 512 bytes")),
    };
    let alg = match jwk.get("alg") {
        None => None,
        Some(Json::String(name)) => {
            Some(Algorithm::from_name(name).ok_or(Skip::Odd("alg is not one that we verify"))?)
        }
        Some(_) => return Err(Skip::Odd("alg is not a string")),
    };
    let key = read_material(jwk, limits)?;
    if alg.is_some_and(|alg| !key.fits(alg)) {
        return Err(Skip::Odd("alg does not fit the type of the key"));
    }
    Ok(Jwk { kid, alg, key })
}

fn read_material(jwk: &Json, limits: &Limits) -> Result<VerifyingKey, Skip> {
    let text = |name: &str| jwk.get(name).and_then(Json::as_str);
    let bytes = |name: &str| {
        text(name)
            .and_then(base64url)
            .ok_or(Skip::Odd("a member is absent or not base64url"))
    };
    let key = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => VerifyingKey::p256(&bytes("x")?, &bytes("y")?),
        (Some("EC"), Some("P-384")) => VerifyingKey::p384(&bytes("x")?, &bytes("y")?),
        (Some("EC"), Some("P-521")) => VerifyingKey::p521(&bytes("x")?, &bytes("y")?),
        (Some("RSA"), _) => VerifyingKey::rsa(&bytes("n")?, &bytes("e")?, limits.rsa_bits),
        (Some("OKP"), Some("Ed25519")) => VerifyingKey::ed25519(&bytes("x")?),
        _ => return Err(Skip::Odd("kty or crv is not one that we verify with")),
    };
    key.map_err(|error| Skip::Odd(error.as_str()))
}

#[cfg(test)]
mod tests;
