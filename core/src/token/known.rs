//! A token that was verified before, as it is remembered.

use core::ops::Range;
use std::rc::Rc;

use super::Header;
use crate::{json::Json, jwks::KeySetId};

/// What a token says whose signature was right under a key of one set.
#[derive(Clone, Debug)]
pub(crate) struct KnownJwt {
    pub(crate) token: Box<str>,
    /// Where its payload stands.
    pub(crate) payload: Range<usize>,
    pub(crate) header: Rc<Header>,
    pub(crate) claims: Rc<Json>,
    pub(crate) verified_by: KeySetId,
}

impl KnownJwt {
    /// All of it.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// What was signed, the payload in it, and the signature; still base64url.
    pub(crate) fn parts(&self) -> Option<(&str, &str, &str)> {
        let signing_input = self.token.get(..self.payload.end)?;
        let payload = self.token.get(self.payload.clone())?;
        let signature = self.token.get(self.payload.end..)?.strip_prefix('.')?;
        Some((signing_input, payload, signature))
    }
}
