//! The compact serialisation of a JWS (RFC 7515 section 3.1), whatever it is for.

use super::base64url;

/// The parts of a JWS, still base64url; none of them is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compact<'a> {
    pub(crate) header: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) signature: &'a str,
    /// Header and payload as they came: what was signed (section 5.2).
    pub(crate) signing_input: &'a str,
}

/// Why a text is not a JWS that anybody here takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwsError {
    /// It has more bytes than its reader takes.
    Size,
    /// It does not have three parts.
    Shape,
    /// A part is not strict base64url.
    Base64url,
    /// The header is not one strict JSON object, or a member of it is of the wrong type.
    Header,
    /// The header wants an extension to be understood.
    Critical,
    /// The payload is encrypted, compressed, or another JWS.
    Nested,
    /// The algorithm is not one that this crate verifies.
    Algorithm,
}

impl<'a> Compact<'a> {
    /// Splits a text of at most `max_bytes`.
    pub(crate) fn split(text: &'a str, max_bytes: usize) -> Result<Self, JwsError> {
        if text.len() > max_bytes {
            return Err(JwsError::Size);
        }
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Shape)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Shape)?;
        if header.is_empty() || payload.is_empty() || payload.contains('.') || signature.is_empty()
        {
            return Err(JwsError::Shape);
        }
        Ok(Self {
            header,
            payload,
            signature,
            signing_input,
        })
    }

    /// The bytes of a part.
    pub(crate) fn decode(part: &str) -> Result<Vec<u8>, JwsError> {
        base64url(part).ok_or(JwsError::Base64url)
    }
}
