//! The JOSE header of a compact JWS (RFC 7515 section 4).

use super::{JwsError, MediaType};
use crate::{crypto::Algorithm, json::Json, limits};

/// What names a certificate in a header and in a key, the stronger hash first.
pub(super) const THUMBPRINTS: [&str; 2] = ["x5t#S256", "x5t"];

/// The members of the JOSE header (RFC 7515 section 4) that decide something. Nothing in it selects
/// a key but `kid`, and without it the thumbprint of a certificate.
#[derive(Debug)]
pub(crate) struct Header<T> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// `x5t#S256` or `x5t` (sections 4.1.7 and 4.1.8), where `kid` is absent.
    pub(crate) thumbprint: Option<String>,
    /// What its reader made of `typ`.
    pub(crate) typ: T,
}

impl<T> Header<T> {
    /// Reads a header. `read_type` says which types its reader takes (RFC 8725 section 3.11): there
    /// is no header without that answer. It also sees the whole object, for members that only one
    /// kind of JWS has.
    pub(crate) fn parse<E: From<JwsError>>(
        bytes: &[u8],
        read_type: impl FnOnce(Option<MediaType>, &Json) -> Result<T, E>,
    ) -> Result<Self, E> {
        let json = Json::parse(bytes, limits::TOKEN_JSON_NODES).map_err(|_| JwsError::Header)?;
        // RFC 7515 section 4.1.11: we implement no extension, so every `crit` is refused. RFC 7797
        // section 7: `b64` is not for JWTs.
        if json.get("crit").is_some() || json.get("b64").is_some() {
            return Err(JwsError::Critical.into());
        }
        let is_nested = json
            .get("cty")
            .is_some_and(|cty| cty.as_str().is_none_or(|cty| MediaType::new(cty).is_jwt()));
        if is_nested
            || ["enc", "zip", "epk"]
                .iter()
                .any(|name| json.get(name).is_some())
        {
            return Err(JwsError::Nested.into());
        }
        let typ = match json.get("typ") {
            None => None,
            Some(Json::String(typ)) => Some(MediaType::new(typ)),
            Some(_) => return Err(JwsError::Header.into()),
        };
        let typ = read_type(typ, &json)?;
        let kid = match json.get("kid") {
            None => None,
            // As in a key: what is empty says nothing.
            Some(Json::String(kid)) if kid.is_empty() => None,
            Some(Json::String(kid)) if kid.len() <= limits::KID_BYTES => Some(String::from(&**kid)),
            Some(_) => return Err(JwsError::Header.into()),
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
            .ok_or(JwsError::Header)?;
        let algorithm = Algorithm::from_name(alg).ok_or(JwsError::Algorithm)?;
        Ok(Self {
            algorithm,
            kid,
            thumbprint,
            typ,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Compact;

    /// A JWS for something else than access: its reader takes one type, and a member of its own.
    fn number_of(text: &str) -> Result<(Algorithm, String), JwsError> {
        let parts = Compact::split(text, 200)?;
        let header = Header::parse(&Compact::decode(parts.header)?, |typ, header| {
            let is_proof = typ.is_some_and(|typ| typ.essence() == "dpop+jwt");
            let number = header.get("n").filter(|_| is_proof);
            number.map(Json::to_string).ok_or(JwsError::Header)
        })?;
        Ok((header.algorithm, header.typ))
    }

    fn jws(header: &str) -> String {
        let header = crate::jose::to_base64url(header.as_bytes());
        format!("{header}.e30.AQ")
    }

    #[test]
    fn a_reader_says_which_types_it_takes_and_sees_members_of_its_own() {
        let read = |header: &str| number_of(&jws(header));
        for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
            let header = format!(r#"{{"alg":"ES256","typ":"{typ}","n":7}}"#);
            assert_eq!(read(&header), Ok((Algorithm::Es256, "7".into())), "{typ}");
        }
        for (header, error) in [
            (r#"{"alg":"ES256","n":7}"#, JwsError::Header),
            (r#"{"alg":"ES256","typ":"at+jwt","n":7}"#, JwsError::Header),
            (
                r#"{"alg":"ES256","typ":["dpop+jwt"],"n":7}"#,
                JwsError::Header,
            ),
            (
                r#"{"alg":"none","typ":"dpop+jwt","n":7}"#,
                JwsError::Algorithm,
            ),
            (
                r#"{"alg":"HS256","typ":"dpop+jwt","n":7}"#,
                JwsError::Algorithm,
            ),
            (
                r#"{"alg":"ES256","typ":"dpop+jwt","n":7,"crit":["n"]}"#,
                JwsError::Critical,
            ),
            (
                r#"{"alg":"ES256","typ":"dpop+jwt","n":7,"zip":"DEF"}"#,
                JwsError::Nested,
            ),
            (
                r#"{"alg":"ES256","typ":"dpop+jwt","n":7,"n":8}"#,
                JwsError::Header,
            ),
        ] {
            assert_eq!(read(header), Err(error), "{header}");
        }
        assert_eq!(number_of(&"a".repeat(201)), Err(JwsError::Size));
        assert_eq!(number_of("e30.e30"), Err(JwsError::Shape));
        assert_eq!(number_of("e30=.e30.AQ"), Err(JwsError::Base64url));
    }
}
