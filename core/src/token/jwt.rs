//! A JWS that carries claims (RFC 7519). Trust is a type: a [`VerifiedJwt`] has no other
//! constructors than a signature check, and an answer of the issuer that was asked about the token.

use std::{borrow::Cow, rc::Rc};

use super::{Header, KnownJwt, types::TokenType};
use crate::{
    crypto::{Backend, VerifyingKey},
    jose::{Compact, MediaType, base64url},
    json::Json,
    jwks::KeySetId,
    limits,
    reason::{Malformed, Reason, Untrusted},
};

/// A token that was taken apart, and of which nothing is true yet.
#[derive(Debug)]
pub(crate) struct UnverifiedJwt<'a> {
    header: Rc<Header>,
    claims: Rc<Json>,
    payload: &'a str,
    signing_input: &'a str,
    signature: Signature<'a>,
}

#[derive(Debug)]
enum Signature<'a> {
    /// One that was never checked.
    New(Vec<u8>),
    /// One that a key of this set has verified, over these very bytes; still base64url.
    Verified { text: &'a str, by: KeySetId },
}

/// A token whose signature was checked, or of which the issuer says that it is active.
#[derive(Debug)]
pub(crate) struct VerifiedJwt<'a> {
    pub(crate) claims: Rc<Json>,
    /// The payload as it came, base64url.
    pub(crate) payload: Cow<'a, str>,
}

impl<'a> UnverifiedJwt<'a> {
    /// Takes a token of at most `max_bytes` apart. `find_header` spares a header that was read
    /// before, by its base64url.
    #[inline(never)]
    pub(crate) fn parse(
        token: &'a str,
        max_bytes: usize,
        find_header: impl FnOnce(&str) -> Option<Rc<Header>>,
    ) -> Result<Self, Reason> {
        let parts = Compact::split(token, max_bytes)?;
        let header = match find_header(parts.header) {
            Some(known) => known,
            None => Rc::new(Header::parse(&Compact::decode(parts.header)?, |typ, _| {
                read_type(typ)
            })?),
        };
        let claims = Compact::decode(parts.payload)?;
        let signature = Compact::decode(parts.signature)?;
        let claims = Json::parse(&claims, limits::token_json_nodes(max_bytes))
            .map_err(|_| Malformed::Claims)?;
        if !matches!(claims, Json::Object(_)) {
            return Err(Malformed::Claims.into());
        }
        Ok(Self {
            header,
            claims: Rc::new(claims),
            payload: parts.payload,
            signing_input: parts.signing_input,
            signature: Signature::New(signature),
        })
    }

    /// A token that was taken apart and verified before.
    pub(crate) fn recall(known: &'a KnownJwt) -> Option<Self> {
        let (signing_input, payload, text) = known.parts()?;
        Some(Self {
            header: Rc::clone(&known.header),
            claims: Rc::clone(&known.claims),
            payload,
            signing_input,
            signature: Signature::Verified {
                text,
                by: known.verified_by,
            },
        })
    }

    /// The verified token, if a key of this very set has verified it before.
    pub(crate) fn was_verified(&self, by: KeySetId) -> Option<VerifiedJwt<'a>> {
        match self.signature {
            Signature::Verified { by: then, .. } if then == by => Some(self.as_verified()),
            Signature::Verified { .. } | Signature::New(_) => None,
        }
    }

    /// Whether its signature was right once, under whatever key.
    pub(crate) const fn was_good(&self) -> bool {
        matches!(self.signature, Signature::Verified { .. })
    }

    pub(crate) fn as_verified(&self) -> VerifiedJwt<'a> {
        VerifiedJwt {
            claims: Rc::clone(&self.claims),
            payload: Cow::Borrowed(self.payload),
        }
    }

    /// The header, which anybody may have written.
    pub(crate) const fn unverified_header(&self) -> &Rc<Header> {
        &self.header
    }

    /// The claims, which anybody may have written: good for choosing a provider and for refusing
    /// early.
    pub(crate) fn unverified_claims(&self) -> &Json {
        &self.claims
    }

    /// Whether the signature is one that the key could have made, as far as its length tells.
    pub(crate) fn could_be_of(&self, key: &VerifyingKey) -> bool {
        match &self.signature {
            Signature::New(bytes) => bytes.len() == key.signature_length(),
            Signature::Verified { .. } => true,
        }
    }

    /// Checks the signature over the exact bytes of header and payload (RFC 7515 section 5.2).
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        crypto: &mut Backend,
    ) -> Result<VerifiedJwt<'a>, Untrusted> {
        let decoded;
        let signature = match &self.signature {
            Signature::New(bytes) => bytes,
            Signature::Verified { text, .. } => {
                decoded = base64url(text).ok_or(Untrusted::Signature)?;
                &decoded
            }
        };
        let input = self.signing_input.as_bytes();
        if !crypto.verifies(key, self.header.algorithm, input, signature) {
            return Err(Untrusted::Signature);
        }
        Ok(self.as_verified())
    }
}

impl<'a> VerifiedJwt<'a> {
    /// What the issuer says of a token, and what stands for the payload of one that has none.
    pub(crate) const fn told(claims: Rc<Json>, payload: Cow<'a, str>) -> Self {
        Self { claims, payload }
    }
}

fn read_type(typ: Option<MediaType>) -> Result<Option<TokenType>, Reason> {
    let known = |name| TokenType::of(name).ok_or(Untrusted::TokenType);
    Ok(typ.map(known).transpose()?)
}

#[cfg(test)]
mod tests;
