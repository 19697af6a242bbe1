//! Compact JWS (RFC 7515 section 3.1) that carries claims (RFC 7519). Trust is a type: a [`VerifiedJwt`] has no
//! other constructor than a signature check.

use super::{MediaType, base64url};
use crate::{
    crypto::{Algorithm, KeyTables, VerifyingKey},
    json::Json,
    limits,
    reason::{Malformed, Reason, Untrusted},
};

/// The members of the JOSE header (RFC 7515 section 4) that decide something. Nothing in it selects a key but `kid`.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<MediaType>,
}

/// A token that was taken apart, and of which nothing is true yet.
#[derive(Debug)]
pub(crate) struct UnverifiedJwt<'a> {
    header: Header,
    claims: Json,
    payload: &'a str,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// A token whose signature was checked.
#[derive(Debug)]
pub(crate) struct VerifiedJwt<'a> {
    pub(crate) claims: Json,
    /// The payload as it came, base64url.
    pub(crate) payload: &'a str,
}

impl<'a> UnverifiedJwt<'a> {
    /// Takes a token of at most `max_bytes` apart.
    pub(crate) fn parse(token: &'a str, max_bytes: usize) -> Result<Self, Reason> {
        if token.len() > max_bytes {
            return Err(Malformed::TokenSize.into());
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Malformed::TokenShape)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Malformed::TokenShape)?;
        if header.is_empty() || payload.is_empty() || payload.contains('.') || signature.is_empty()
        {
            return Err(Malformed::TokenShape.into());
        }
        let header = base64url(header).ok_or(Malformed::Base64url)?;
        let claims = base64url(payload).ok_or(Malformed::Base64url)?;
        let signature = base64url(signature).ok_or(Malformed::Base64url)?;
        let header = Header::parse(&header)?;
        let claims =
            Json::parse(&claims, limits::TOKEN_JSON_NODES).map_err(|_| Malformed::Claims)?;
        if !matches!(claims, Json::Object(_)) {
            return Err(Malformed::Claims.into());
        }
        Ok(Self {
            header,
            claims,
            payload,
            signing_input,
            signature,
        })
    }

    /// The header, which anybody may have written.
    pub(crate) const fn unverified_header(&self) -> &Header {
        &self.header
    }

    /// The claims, which anybody may have written: good for choosing a provider and for refusing early.
    pub(crate) const fn unverified_claims(&self) -> &Json {
        &self.claims
    }

    /// Whether the signature is one that the key could have made, as far as its length tells.
    pub(crate) fn could_be_of(&self, key: &VerifyingKey) -> bool {
        self.signature.len() == key.signature_length()
    }

    /// Checks the signature over the exact bytes of header and payload (RFC 7515 section 5.2).
    pub(crate) fn verify(
        self,
        key: &VerifyingKey,
        tables: &mut KeyTables,
    ) -> Result<VerifiedJwt<'a>, Untrusted> {
        let input = self.signing_input.as_bytes();
        if !key.verifies_with(tables, self.header.algorithm, input, &self.signature) {
            return Err(Untrusted::Signature);
        }
        Ok(VerifiedJwt {
            claims: self.claims,
            payload: self.payload,
        })
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let json = Json::parse(bytes, limits::TOKEN_JSON_NODES).map_err(|_| Malformed::Header)?;
        // RFC 7515 section 4.1.11: we implement no extension, so every `crit` is refused. RFC 7797 section 7:
        // `b64` is not for JWTs.
        if json.get("crit").is_some() || json.get("b64").is_some() {
            return Err(Malformed::Crit.into());
        }
        let is_nested = json
            .get("cty")
            .is_some_and(|cty| cty.as_str().is_none_or(|cty| MediaType::new(cty).is_jwt()));
        if is_nested
            || ["enc", "zip", "epk"]
                .iter()
                .any(|name| json.get(name).is_some())
        {
            return Err(Malformed::Nested.into());
        }
        let typ = match json.get("typ") {
            None => None,
            Some(Json::String(typ)) => Some(MediaType::new(typ)),
            Some(_) => return Err(Malformed::Header.into()),
        };
        if typ.as_ref().is_some_and(MediaType::is_foreign) {
            return Err(Untrusted::TokenType.into());
        }
        let kid = match json.get("kid") {
            None => None,
            Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(String::from(&**kid)),
            Some(_) => return Err(Malformed::Header.into()),
        };
        let alg = json
            .get("alg")
            .and_then(Json::as_str)
            .ok_or(Malformed::Header)?;
        let algorithm = Algorithm::from_name(alg).ok_or(Untrusted::Algorithm)?;
        Ok(Self {
            algorithm,
            kid,
            typ,
        })
    }
}

#[cfg(test)]
mod tests;
