//! JSON Web Keys and sets of them (RFC 7517). One odd key never spoils the others: it is skipped
//! and named.

use core::fmt;
use std::rc::Rc;

use super::{base64url, header::THUMBPRINTS};
use crate::{
    crypto::{Algorithm, KeyError, VerifyingKey},
    json::Json,
    limits::{self, Limits},
};

/// A public key of a set, and what the set says about its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`
    pub kid: Option<Rc<str>>,
    /// `x5t#S256` and `x5t`: names by its certificate.
    thumbprints: [Option<Rc<str>>; 2],
    /// `alg`, where the set restricts the key to one.
    alg: Option<Algorithm>,
    /// `issuer`, where a set of many tenants restricts the key to one issuer, or to a pattern of
    /// them. (Microsoft Entra; the RFC does not know it.)
    pub issuer: Option<Rc<str>>,
    /// The key itself.
    pub key: VerifyingKey,
}

impl Jwk {
    /// Whether a token calls it so.
    fn is_named(&self, name: &str) -> bool {
        let names = [&self.kid].into_iter().chain(&self.thumbprints);
        names.flatten().any(|own| **own == *name)
    }

    /// A key that stands alone, with an RSA modulus of at most `rsa_bits` and a usual exponent.
    /// `None`: it is not one that we verify with, or has a member that only a private key has, even
    /// an empty one.
    pub(crate) fn public(jwk: &Json, rsa_bits: usize) -> Option<Self> {
        let has = |name: &&str| jwk.get(name).is_some();
        if PRIVATE_MEMBERS.iter().any(has) {
            return None;
        }
        let jwk = read_key(jwk, KeyUse::Signature, rsa_bits).ok();
        jwk.filter(|jwk| jwk.key.exponent_bits() <= limits::PROOF_RSA_EXPONENT_BITS)
    }

    /// The algorithm that it says, or else the first that its type and curve allow. `None`: an RSA
    /// key that does not say it, which could be for several.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        let of_type = |algorithm: &Algorithm| self.key.fits(*algorithm) && !algorithm.is_rsa();
        self.alg
            .or_else(|| Algorithm::ALL.into_iter().find(of_type))
    }

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
    /// Which member is at fault, and why.
    pub fault: String,
    /// It holds private or symmetric key material, which has no place in a published set.
    pub secret: bool,
}

/// Why a document is not a JWK set.
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
    /// Certificates in PEM by their names, as Google and Firebase serve them.
    Certificates,
    /// A discovery document.
    Document,
    /// One key, and not a set.
    OneKey,
}

impl JwkSetError {
    /// What an object without a list `keys` is instead.
    fn of(bytes: &[u8]) -> Self {
        let Ok(Json::Object(members)) = Json::parse(bytes, limits::DOCUMENT_JSON_NODES) else {
            return Self::Shape;
        };
        let is_pem = |(_, value): &(_, Json)| {
            value
                .as_str()
                .is_some_and(|text| text.starts_with("-----BEGIN CERTIFICATE"))
        };
        let has = |name: &str| members.iter().any(|(other, _)| **other == *name);
        if !members.is_empty() && members.iter().all(is_pem) {
            Self::Certificates
        } else if has("jwks_uri") {
            Self::Document
        } else if has("kty") {
            Self::OneKey
        } else {
            Self::Shape
        }
    }
}

impl fmt::Display for JwkSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("larger than limits.jwks_bytes"),
            Self::TooManyKeys => f.write_str("more keys than limits.jwks_keys"),
            Self::Json(error) => write!(f, "not JSON: {error}"),
            Self::Shape => f.write_str("not an object with a list \"keys\""),
            Self::Certificates => f.write_str(
                "certificates by their names, not a JWK set: Google and Firebase serve the same keys as a set at another \
                 address, with /jwk/ in place of /x509/, or /v3/certs in place of /v1/certs",
            ),
            Self::Document => f.write_str(
                "a discovery document, not a JWK set: the address of the set is its jwks_uri",
            ),
            Self::OneKey => f.write_str("one key, not a JWK set: a set is {\"keys\":[…]}"),
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

/// What the keys of a set are for (`use`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyUse {
    /// Signatures: `sig`, or nothing (RFC 7517 section 4.2).
    #[default]
    Signature,
    /// JWT-SVIDs: `jwt-svid` (SPIFFE Trust Domain and Bundle, section 4.2.2). The keys of
    /// certificates beside them are not looked at.
    JwtSvid,
}

impl KeyUse {
    pub(crate) const fn of(is_bundle: bool) -> Self {
        if is_bundle {
            Self::JwtSvid
        } else {
            Self::Signature
        }
    }

    /// Whether a key of this `use` is of nobody's concern.
    fn ignores(self, jwk: &Json) -> bool {
        self == Self::JwtSvid && member(jwk, "use").and_then(Json::as_str) == Some("x509-svid")
    }

    fn check(self, usage: Option<&Json>) -> Result<(), Skip> {
        match (self, usage.map(Json::as_str)) {
            (Self::Signature, None | Some(Some("sig")))
            | (Self::JwtSvid, Some(Some("jwt-svid"))) => Ok(()),
            (Self::Signature, _) => Err(Skip::odd("use is not sig")),
            (Self::JwtSvid, _) => Err(Skip::odd("use is not jwt-svid")),
        }
    }
}

impl JwkSet {
    /// Reads a set (RFC 7517 section 5) of keys for signatures.
    ///
    /// # Errors
    /// When the document as a whole is unreadable; odd keys in it are skipped instead.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, JwkSetError> {
        Self::read(bytes, limits, KeyUse::Signature)
    }

    /// Reads a set of keys for this.
    ///
    /// # Errors
    /// As above.
    pub fn read(bytes: &[u8], limits: &Limits, usage: KeyUse) -> Result<Self, JwkSetError> {
        if bytes.len() > limits.jwks_bytes {
            return Err(JwkSetError::TooLarge);
        }
        let elements = Json::parse_elements(bytes, "keys", limits::DOCUMENT_JSON_NODES)
            .map_err(|error| JwkSetError::Json(error.about(bytes)))?
            .ok_or_else(|| JwkSetError::of(bytes))?;
        if elements.len() > limits.jwks_keys {
            return Err(JwkSetError::TooManyKeys);
        }
        let mut set = Self::default();
        for (index, element) in elements.iter().enumerate() {
            let Ok(element @ Json::Object(_)) = element else {
                let fault = Skip::odd("not an object that can be read in one way");
                set.skip(None, index, fault);
                continue;
            };
            if usage.ignores(element) {
                continue;
            }
            match read_key(element, usage, limits.rsa_bits) {
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

    /// An RSA key of which the set does not say the algorithm has this one. (One key, one
    /// algorithm: RFC 8725 section 3.1. Type and curve say it for all others.)
    #[must_use]
    pub fn with_rsa(mut self, algorithm: Option<Algorithm>) -> Self {
        for jwk in &mut self.keys {
            let fits = algorithm.is_some_and(|algorithm| jwk.key.fits(algorithm));
            jwk.alg = jwk.alg.or(algorithm.filter(|_| fits));
        }
        self
    }

    /// The one key for a token with this algorithm and `kid`, or thumbprint of a certificate in its
    /// place.
    ///
    /// # Errors
    /// When there is none, or more than one: keys are never tried in turn.
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Jwk, SelectError> {
        let named = |jwk: &&Jwk| kid.is_none_or(|kid| jwk.is_named(kid));
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
            (None, _) => self.nameless(algorithm).ok_or(SelectError::Unknown),
        }
    }

    /// The only key of the set, where it has no name: then a token that names one can mean no
    /// other.
    fn nameless(&self, algorithm: Algorithm) -> Option<&Jwk> {
        let [only] = &*self.keys else {
            return None;
        };
        let has_no_name = only.kid.is_none() && !self.has_thumbprints() && self.skipped.is_empty();
        (has_no_name && only.fits(algorithm)).then_some(only)
    }

    /// Whether keys of it say the thumbprint of their certificate.
    pub(crate) fn has_thumbprints(&self) -> bool {
        let mut thumbprints = self.keys.iter().flat_map(|jwk| &jwk.thumbprints);
        thumbprints.any(Option::is_some)
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
                    Skip::odd("its kid names two keys, so neither is used"),
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
        let Skip { fault, secret } = skip;
        self.skipped.push(SkippedKey {
            name,
            fault,
            secret,
        });
    }
}

/// What is wrong with a key.
struct Skip {
    fault: String,
    secret: bool,
}

impl Skip {
    fn odd(fault: &str) -> Self {
        Self {
            fault: fault.to_owned(),
            secret: false,
        }
    }

    fn about(member: &str, fault: &str) -> Self {
        Self::odd(&[member, fault].concat())
    }

    fn secret(words: &[&str]) -> Self {
        Self {
            fault: words.concat(),
            secret: true,
        }
    }
}

/// Members that only a private key has (RFC 7518 sections 6.2.2, 6.3.2; RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A member that says something. What is null or empty says nothing: serialisers write it for what
/// is not there.
fn member<'j>(jwk: &'j Json, name: &str) -> Option<&'j Json> {
    let value = jwk.get(name)?;
    let is_absent = match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(elements) => elements.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    };
    (!is_absent).then_some(value)
}

fn read_key(jwk: &Json, usage: KeyUse, rsa_bits: usize) -> Result<Jwk, Skip> {
    let member = |name| member(jwk, name);
    if member("kty").and_then(Json::as_str) == Some("oct") {
        let why = "kty is oct, a symmetric key: whoever reads the set can sign with it";
        return Err(Skip::secret(&[why]));
    }
    if let Some(private) = PRIVATE_MEMBERS.iter().find(|name| member(name).is_some()) {
        let words = [
            "a private key was published (it has ",
            private,
            "): treat it as stolen",
        ];
        return Err(Skip::secret(&words));
    }
    usage.check(member("use"))?;
    match member("key_ops") {
        None => {}
        Some(Json::Array(operations))
            if operations.iter().any(|op| op.as_str() == Some("verify")) => {}
        Some(_) => return Err(Skip::odd("key_ops does not allow verify")),
    }
    let kid = match member("kid") {
        None => None,
        Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(Rc::from(&**kid)),
        Some(_) => return Err(Skip::odd("kid is not a string of at most 512 bytes")),
    };
    let alg = match member("alg") {
        None => None,
        Some(Json::String(name)) => {
            let known = Algorithm::from_name(name);
            Some(known.ok_or_else(|| Skip::odd("alg is not one that we verify"))?)
        }
        Some(_) => return Err(Skip::odd("alg is not a string")),
    };
    let issuer = match member("issuer") {
        None => None,
        Some(Json::String(issuer)) => Some(Rc::from(&**issuer)),
        Some(_) => return Err(Skip::odd("issuer is not a string")),
    };
    let key = read_material(jwk, rsa_bits)?;
    if alg.is_some_and(|alg| !key.fits(alg)) {
        return Err(Skip::odd("alg does not fit the type of the key"));
    }
    let thumbprint = |name| {
        let text = member(name).and_then(Json::as_str)?;
        (text.len() <= limits::THUMBPRINT_BYTES).then(|| Rc::from(text))
    };
    Ok(Jwk {
        kid,
        thumbprints: THUMBPRINTS.map(thumbprint),
        alg,
        issuer,
        key,
    })
}

fn read_material(jwk: &Json, rsa_bits: usize) -> Result<VerifyingKey, Skip> {
    let bytes = |name: &str| {
        let value = member(jwk, name).ok_or_else(|| Skip::about(name, " is absent"))?;
        let bytes = value.as_str().and_then(base64url);
        bytes.ok_or_else(|| Skip::about(name, " is not base64url"))
    };
    let one_of = |name: &str, known: &[&'static str]| {
        let value = member(jwk, name).ok_or_else(|| Skip::about(name, " is absent"))?;
        let known = known.iter().find(|known| value.as_str() == Some(known));
        known
            .copied()
            .ok_or_else(|| Skip::about(name, " is not one that we verify with"))
    };
    let (key, point) = match one_of("kty", &["EC", "RSA", "OKP"])? {
        "RSA" => (VerifyingKey::rsa(&bytes("n")?, &bytes("e")?, rsa_bits), ""),
        "OKP" => {
            one_of("crv", &["Ed25519"])?;
            (VerifyingKey::ed25519(&bytes("x")?), "x")
        }
        _ => {
            let new = match one_of("crv", &["P-256", "P-384", "P-521"])? {
                "P-256" => VerifyingKey::p256,
                "P-384" => VerifyingKey::p384,
                _ => VerifyingKey::p521,
            };
            (new(&bytes("x")?, &bytes("y")?), "x or y")
        }
    };
    key.map_err(|error| {
        let about = match error {
            KeyError::Modulus | KeyError::Roca => "n",
            KeyError::Exponent => "e",
            KeyError::CoordinateLength
            | KeyError::NotOnCurve
            | KeyError::NotCanonical
            | KeyError::SmallOrder => point,
        };
        Skip::about(about, &[": ", error.as_str()].concat())
    })
}

#[cfg(test)]
mod tests;
