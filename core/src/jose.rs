//! JSON Object Signing, whatever is signed: the compact serialisation (RFC 7515), its header, keys
//! and sets of them (RFC 7517).

mod compact;
mod header;
mod jwk;
mod media_type;
mod numeric_date;
mod signed;
mod thumbprint;

pub(crate) use compact::{Compact, JwsError};
pub(crate) use header::Header;
pub use jwk::{Jwk, JwkSet, JwkSetError, KeyUse, SelectError, SkippedKey};
pub use media_type::MediaType;
pub(crate) use media_type::is_plain;
pub(crate) use numeric_date::numeric_date;
pub(crate) use signed::Signed;
pub use thumbprint::thumbprint;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Strict base64url: the URL-safe alphabet, no padding, no white space, trailing bits zero (RFC
/// 7515 section 2). Anything else would give one token many spellings.
pub(crate) fn base64url(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Unpadded base64url.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
