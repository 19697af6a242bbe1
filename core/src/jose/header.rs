//! The JOSE header of a compact JWS (RFC 7515 section 4).

use super::{MediaType, base64url};
use crate::{
    crypto::Algorithm,
    json::Json,
    limits,
    reason::{Malformed, Reason, Untrusted},
};

/// What names a certificate in a header and in a key, the stronger hash first.
pub(super) const THUMBPRINTS: [&str; 2] = ["x5t#S256", "x5t"];

/// The members of the JOSE header (RFC 7515 section 4) that decide something. Nothing in it selects a key but `kid`, and
/// without it the thumbprint of a certificate.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// `x5t#S256` or `x5t` (sections 4.1.7 and 4.1.8), where there is no `kid`.
    pub(crate) thumbprint: Option<String>,
    pub(crate) typ: Option<MediaType>,
}

/// What the header of a token says that its type is, for the operator, where that alone was the fault.
pub(crate) fn unverified_type(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    let header = Json::parse(&base64url(header)?, limits::TOKEN_JSON_NODES).ok()?;
    header.get("typ").and_then(Json::as_str).map(str::to_owned)
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Reason> {
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
            // As in a key: what is empty says nothing.
            Some(Json::String(kid)) if kid.is_empty() => None,
            Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(String::from(&**kid)),
            Some(_) => return Err(Malformed::Header.into()),
        };
        let thumbprint = THUMBPRINTS
            .into_iter()
            .filter(|_| kid.is_none())
            .find_map(|name| json.get(name)?.as_str())
            .filter(|text| (1..=limits::THUMBPRINT_BYTES).contains(&text.len()))
            .map(str::to_owned);
        let alg = json
            .get("alg")
            .and_then(Json::as_str)
            .ok_or(Malformed::Header)?;
        let algorithm = Algorithm::from_name(alg).ok_or(Untrusted::Algorithm)?;
        Ok(Self {
            algorithm,
            kid,
            thumbprint,
            typ,
        })
    }
}
