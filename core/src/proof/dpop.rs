//! DPoP proofs (RFC 9449 section 4), each check with the item of its section 4.3.

use core::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{nonce, uri};
use crate::{
    crypto::{Algorithm, Backend, VerifyingKey},
    jose::{self, Compact, Header, JwsError, MediaType, base64url, numeric_date, to_base64url},
    json::Json,
    limits,
    request::Request,
    time::UnixTime,
};

/// Why a proof does not count, with what was expected of it, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read.
    Malformed(&'static str),
    /// Its key is not one that proves anything, or not the one that the token is bound to.
    Key(&'static str),
    /// It was made for another request.
    Request(&'static str),
    /// It was made for another token, or the token cannot be proved so.
    Token(&'static str),
    /// It was not made now.
    Time(&'static str),
    /// It was not made with a nonce of ours that is still good.
    Nonce(&'static str),
    /// Another relying party, or another page, asked for the assertion.
    Origin(&'static str),
    /// The authenticator does not say enough of the person or the key.
    Flags(&'static str),
    /// The request has a body, which the proof does not cover.
    Body(&'static str),
    /// The passkey is not one of this person, or not one that counts.
    Credential(&'static str),
    /// It was made with a nonce of now that is not ours: one of another replica, or from before a
    /// restart.
    ForeignNonce,
    /// The signature is not the key's.
    Signature,
}

impl Fault {
    /// Of a proof with this nonce, which is not ours.
    pub(crate) fn not_ours(nonce: Option<&str>, now: UnixTime) -> Self {
        if nonce.is_some_and(|nonce| nonce::is_of_now(nonce, now)) {
            return Self::ForeignNonce;
        }
        Self::Nonce("nonce: one of ours")
    }
}

/// A proof that was taken apart, and of which nothing is true yet.
#[derive(Debug)]
pub(crate) struct UnverifiedProof<'a> {
    algorithm: Algorithm,
    key: VerifyingKey,
    thumbprint: Thumbprint,
    claims: Claims,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// SHA-256 of a key's members (RFC 7638), as `cnf.jkt` names it.
pub(crate) type Thumbprint = [u8; 32];

#[derive(Debug)]
struct Claims {
    jti: Box<str>,
    htm: Box<str>,
    htu: Box<str>,
    iat: UnixTime,
    ath: Option<Box<str>>,
    nonce: Option<Box<str>>,
}

/// What a proof has to be made for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// The origin, one of the configured ones: never a header of the client's.
    pub(crate) origin: &'a str,
    /// The path as it came, without query.
    pub(crate) path: &'a [u8],
    /// The access token as it came.
    pub(crate) token: &'a str,
    /// Whether it came in cookies alone: a page cannot read it then.
    pub(crate) is_token_hidden: bool,
}

/// A proof whose signature was checked.
#[derive(Debug)]
pub(crate) struct VerifiedProof {
    pub(crate) thumbprint: Thumbprint,
    /// Names the proof among all proofs of all keys.
    pub(crate) id: [u8; 32],
}

/// The text of the one proof of a request in the header of this name (item 1). `None`: there is
/// none.
pub(crate) fn find<'r>(request: Request<'r>, name: &str) -> Result<Option<&'r str>, Fault> {
    const ONE: &str = "one header with one proof";
    let mut values = request.values(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // Hosts join two headers of one name with a comma, which no proof has.
    if values.next().is_some() || value.contains(&b',') {
        return Err(Fault::Malformed(ONE));
    }
    core::str::from_utf8(value)
        .map(Some)
        .map_err(|_| Fault::Malformed(ONE))
}

impl<'a> UnverifiedProof<'a> {
    /// Takes a proof apart (items 2 to 7 without the signature).
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let parts = Compact::split(text, limits::PROOF_BYTES)?;
        let header = Header::parse(&Compact::decode(parts.header)?, read_key)?;
        if !header.typ.fits(header.algorithm) {
            return Err(Fault::Malformed("an alg that fits the type of jwk"));
        }
        let payload = Compact::decode(parts.payload)?;
        let claims = Json::parse(&payload, limits::TOKEN_JSON_NODES);
        let claims = claims.map_err(|_| Fault::Malformed("claims: one JSON object"))?;
        let signature = Compact::decode(parts.signature)?;
        let key = header.typ.key;
        if signature.len() != key.signature_length() {
            return Err(Fault::Signature);
        }
        Ok(Self {
            algorithm: header.algorithm,
            thumbprint: jose::thumbprint(&key),
            key,
            claims: Claims::read(&claims)?,
            signing_input: parts.signing_input,
            signature,
        })
    }

    /// Whether the key is the one that a token is bound to (item 12). Compared before the signature
    /// is checked: that costs a thousand times as much.
    pub(crate) fn is_by(&self, bound_to: &Thumbprint) -> Result<(), Fault> {
        if self.thumbprint == *bound_to {
            Ok(())
        } else {
            Err(Fault::Key(
                "jwk: the key that cnf of the token, or jkt of the session, names",
            ))
        }
    }

    /// Whether it was made for this request and this token (items 8, 9 and 12).
    pub(crate) fn is_for(&self, asked: Asked<'_>) -> Result<(), Fault> {
        if *self.claims.htm != *asked.method {
            return Err(Fault::Request("htm: the method of the request"));
        }
        let path = uri::normalised_path(asked.path);
        let asked_for = path.map(|path| [asked.origin, &path].concat());
        if asked_for.is_none() || uri::normalised(&self.claims.htu) != asked_for {
            return Err(Fault::Request(
                "htu: the URI of the request, its origin one of origins",
            ));
        }
        match self.claims.ath.as_deref() {
            None if asked.is_token_hidden => Ok(()),
            None => Err(Fault::Token("ath: the hash of the access token")),
            Some(ath) if ath == to_base64url(&Sha256::digest(asked.token)) => Ok(()),
            Some(_) => Err(Fault::Token("ath: the hash of this access token")),
        }
    }

    /// The nonce that it was made with, believed or not.
    pub(crate) fn unverified_nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// When it was made, where that is now (item 11): by the time of its nonce, where that is ours,
    /// else by `iat`. It is never first the one and then the other: a proof of two dates would be
    /// let go by the earlier one, and pass again by the later one. A nonce may be from a time to
    /// come only if our own clock has gone back.
    pub(crate) fn made_at(
        &self,
        nonce: Option<UnixTime>,
        terms: Terms,
        now: UnixTime,
    ) -> Result<UnixTime, Fault> {
        match nonce {
            Some(made) if now <= made.saturating_add(terms.window) => Ok(made),
            Some(_) => Err(Fault::Nonce("nonce: a recent one")),
            None if terms.wants_nonce => Err(Fault::not_ours(self.unverified_nonce(), now)),
            None => {
                let made = self.claims.iat;
                let distance = now.since(made).max(made.since(now));
                if distance > terms.window {
                    return Err(Fault::Time("iat: now, give or take iat_window"));
                }
                Ok(made)
            }
        }
    }

    /// The latest time by which it could count now. A policy with another secret asks another part
    /// of its nonce, or `iat`.
    pub(crate) fn latest(&self, terms: Terms, now: UnixTime) -> UnixTime {
        let nonce = self.unverified_nonce().unwrap_or_default();
        let times = nonce::unverified_times(nonce).chain([self.claims.iat]);
        let latest = times.max().unwrap_or(now);
        latest.min(now.saturating_add(terms.window))
    }

    /// What checking the signature costs.
    pub(crate) fn cost(&self, crypto: &Backend) -> Duration {
        crypto.cost_once(&self.key, self.algorithm)
    }

    /// Checks the signature (item 7).
    pub(crate) fn verify(&self, crypto: &mut Backend) -> Result<VerifiedProof, Fault> {
        let input = self.signing_input.as_bytes();
        if !crypto.verifies_once(&self.key, self.algorithm, input, &self.signature) {
            return Err(Fault::Signature);
        }
        let mut id = Sha256::new();
        id.update(b"passgate proof 1 dpop");
        id.update(self.thumbprint);
        id.update(self.claims.jti.as_bytes());
        Ok(VerifiedProof {
            thumbprint: self.thumbprint,
            id: id.finalize().into(),
        })
    }
}

/// How a proof is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How far from now a proof may be made.
    pub window: Duration,
    /// Whether it must carry a nonce of ours.
    pub wants_nonce: bool,
}

impl Terms {
    /// Whether whatever meets these meets the others, too.
    pub(crate) fn ask_at_least(self, other: Self) -> bool {
        self.window <= other.window && (self.wants_nonce || !other.wants_nonce)
    }
}

impl Default for Terms {
    /// Those of a rule that says nothing: a minute, and no nonce.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(limits::PROOF_WINDOW_SECS),
            wants_nonce: false,
        }
    }
}

impl Claims {
    /// The claims that each proof has (items 3 and 10), and those that some have. Others are
    /// ignored.
    fn read(claims: &Json) -> Result<Self, Fault> {
        let text = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Json::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(()),
        };
        let required = |name: &str, wanted: &'static str| {
            let text = text(name).ok().flatten();
            text.ok_or(Fault::Malformed(wanted))
        };
        let optional =
            |name: &str, wanted: &'static str| text(name).map_err(|()| Fault::Malformed(wanted));
        Ok(Self {
            jti: required("jti", "jti: a string that is not empty")?,
            htm: required("htm", "htm: a string that is not empty")?,
            htu: required("htu", "htu: a string that is not empty")?,
            iat: claims
                .get("iat")
                .and_then(numeric_date)
                .ok_or(Fault::Malformed("iat: seconds since 1970, a number"))?,
            ath: optional("ath", "ath: a string that is not empty")?,
            nonce: optional("nonce", "nonce: a string that is not empty")?,
        })
    }
}

/// The key of a proof's header, where the header is one of a proof (items 4 to 6).
fn read_key(typ: Option<MediaType>, header: &Json) -> Result<jose::Jwk, Fault> {
    if typ.is_none_or(|typ| typ.as_str() != "dpop+jwt") {
        return Err(Fault::Malformed("typ: dpop+jwt"));
    }
    let Some(jwk @ Json::Object(_)) = header.get("jwk") else {
        return Err(Fault::Malformed("jwk: a public key"));
    };
    jose::Jwk::public(jwk, limits::PROOF_RSA_BITS).ok_or(Fault::Key(
        "jwk: one public key of a type that we verify with",
    ))
}

impl From<JwsError> for Fault {
    fn from(error: JwsError) -> Self {
        Self::Malformed(match error {
            JwsError::Size => "at most 8 KiB",
            JwsError::Shape => "three parts between dots",
            JwsError::Base64url => "parts in strict base64url",
            JwsError::Header => "a header that is one JSON object, with alg",
            JwsError::Critical => "a header without crit and b64",
            JwsError::Nested => "claims that are neither encrypted, compressed nor nested",
            JwsError::Algorithm => "alg: an asymmetric one that we verify",
        })
    }
}

/// The key that `cnf.jkt` names (RFC 9449 section 6.1).
pub(crate) fn thumbprint_of(jkt: &str) -> Option<Thumbprint> {
    base64url(jkt)?.try_into().ok()
}

#[cfg(test)]
mod tests;
