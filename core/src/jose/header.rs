//! The JOSE header of a compact JWS (RFC 7515 section 4).

use super::MediaType;
use crate::{
    crypto::Algorithm,
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
