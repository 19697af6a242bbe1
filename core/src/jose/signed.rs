//! Documents that are signed: a JWS in the compact form, of a type of its own.

use super::{Compact, Header, JwsError};
use crate::crypto::{Algorithm, Backend, VerifyingKey};

/// A signed document whose signature nobody has checked.
#[derive(Debug)]
pub(crate) struct Signed {
    text: Box<str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
}

impl From<JwsError> for &'static str {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Size => "too large",
            JwsError::Shape => "not three parts",
            JwsError::Base64url => "not base64url",
            JwsError::Header => "its header",
            JwsError::Critical => "its header has crit or b64",
            JwsError::Nested => "encrypted or nested",
            JwsError::Algorithm => "its algorithm",
        }
    }
}

impl Signed {
    /// Takes a document of this `typ` (RFC 8725 section 3.11) and of at most so many bytes apart.
    /// Its payload may be read, and nothing of it is true yet.
    ///
    /// # Errors
    /// What is wrong with it.
    #[inline(never)]
    pub(crate) fn parse(
        body: &[u8],
        typ: &str,
        most: usize,
    ) -> Result<(Self, Vec<u8>), &'static str> {
        let text = core::str::from_utf8(body.trim_ascii()).map_err(|_| JwsError::Base64url)?;
        let parts = Compact::split(text, most)?;
        let header = Header::parse(&Compact::decode(parts.header)?, |found, _| {
            let is_right = found.is_some_and(|found| found.essence() == typ);
            is_right.then_some(()).ok_or("its typ")
        })?;
        let payload = Compact::decode(parts.payload)?;
        let this = Self {
            text: text.into(),
            algorithm: header.algorithm,
            kid: header.kid,
        };
        Ok((this, payload))
    }

    /// How many bytes it has.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// What was signed, if the signature is this key's.
    #[inline(never)]
    pub(crate) fn open(&self, key: &VerifyingKey, crypto: &mut Backend) -> Option<Vec<u8>> {
        let parts = Compact::split(&self.text, self.text.len()).ok()?;
        let signature = Compact::decode(parts.signature).ok()?;
        let input = parts.signing_input.as_bytes();
        let is_right = signature.len() == key.signature_length()
            && crypto.verifies(key, self.algorithm, input, &signature);
        is_right.then(|| Compact::decode(parts.payload).ok())?
    }
}
