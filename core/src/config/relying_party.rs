//! Whose passkeys count, and which pages ask for them.

use super::Origin;
use crate::{
    decode::{Fault, FromText},
    text::host,
    webauthn::Aaguid,
};

/// An RP ID (WebAuthn Level 3 section 4): a domain, as browsers write it.
#[derive(Debug)]
pub(super) struct RpId(pub(super) String);

impl FromText for RpId {
    const WANTED: &'static str = "a domain, such as example.com";
    const PATTERN: &'static str = "^[a-z0-9_-]+(\\.[a-z0-9_-]+)*$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if host::is_name(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(text.to_owned()));
        }
        let wanted = "write one such as example.com: lower case, without scheme and port";
        Err(("is not a domain", wanted).into())
    }
}

impl FromText for Aaguid {
    const WANTED: &'static str = "an AAGUID, such as ee882879-721c-4913-9775-3dfcce97072a";
    const PATTERN: &'static str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let wanted = "write one such as ee882879-721c-4913-9775-3dfcce97072a";
        Self::read(text).ok_or_else(|| ("is not an AAGUID", wanted).into())
    }
}

/// Who asks: a page by its origin, or an app.
#[derive(Debug)]
pub(super) struct PageOrigin(pub(super) String);

/// How an app of Android is named: the hash of its certificate follows.
const APP: &str = "android:apk-key-hash:";

impl FromText for PageOrigin {
    const WANTED: &'static str = "an origin, such as https://app.example.com";
    const PATTERN: &'static str = "^(https?://[^/?#]+|android:apk-key-hash:[A-Za-z0-9_-]+)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.starts_with(APP) && text.len() > APP.len() {
            return Ok(Self(text.to_owned()));
        }
        Origin::from_text(text).map(|origin| Self(origin.text))
    }
}
