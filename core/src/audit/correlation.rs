//! Keyed hashes of what records never show, so that records of one thing can be told to be of one.

use core::fmt;
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::jose::to_base64url;

/// The key of these hashes. A reader who knows it can try out what they are of.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Correlation(pub(crate) Vec<u8>);

impl fmt::Debug for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Correlation")
    }
}

impl Correlation {
    /// The hash of a token: of a JWT all but its signature, which can be written in two ways
    /// without a key (ECDSA).
    pub(crate) fn of_token(&self, token: &str, is_jwt: bool) -> Option<Rc<str>> {
        let cut = token.rsplit_once('.').filter(|_| is_jwt);
        let signed = cut.map_or(token, |(signed, _)| signed);
        keyed_hash(&self.0, &["token", signed])
    }

    /// The hash of a credential's id.
    pub(crate) fn of_credential(&self, id: &[u8]) -> Option<Rc<str>> {
        keyed_hash(&self.0, &["credential", &to_base64url(id)])
    }
}

/// HMAC-SHA-256 of these parts, none of which holds a control character, so that other parts never
/// give the same bytes.
#[inline(never)]
pub(super) fn keyed_hash(key: &[u8], parts: &[&str]) -> Option<Rc<str>> {
    // A key of any length is one for HMAC (RFC 2104 section 3).
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            mac.update(&[0]);
        }
        mac.update(part.as_bytes());
    }
    let hash = to_base64url(&mac.finalize().into_bytes());
    Some(["hmac-sha256:", &hash].concat().into())
}
