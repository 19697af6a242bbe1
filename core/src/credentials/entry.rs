//! One entry: a credential that a person has registered.

use super::register::{Credential, Key};
use crate::{jose::base64url, json::Json, limits, webauthn::Aaguid};

/// Reads an entry: the credential and its id. `None`: something about it cannot be read, so it does
/// not count. Members that are not known are ignored.
pub(super) fn read(entry: &Json) -> Option<(Vec<u8>, Credential)> {
    let member = |name: &str| entry.get(name).filter(|value| **value != Json::Null);
    let text = |name: &str| member(name).map(|value| value.as_str().ok_or(()));
    let flag = |name: &str| match member(name) {
        None => Some(None),
        Some(Json::Bool(flag)) => Some(Some(*flag)),
        Some(_) => None,
    };
    let id = base64url(text("id")?.ok()?)?;
    if !(1..=limits::CREDENTIAL_ID_BYTES).contains(&id.len()) {
        return None;
    }
    let key = match (member("public_key"), member("cose_key")) {
        (Some(jwk), None) => Key::Jwk(jwk.to_string().into()),
        (None, Some(key)) => Key::Cose(base64url(key.as_str()?)?.into()),
        _ => return None,
    };
    // WebAuthn Level 3 section 5.4.3: 1 to 64 bytes.
    let is_handle = |handle: &[u8]| (1..=64).contains(&handle.len());
    let user_handle = match text("user_handle").transpose().ok()? {
        None => None,
        Some(handle) if base64url(handle).is_some_and(|bytes| is_handle(&bytes)) => {
            Some(handle.into())
        }
        Some(_) => return None,
    };
    let aaguid = match text("aaguid").transpose().ok()? {
        None => None,
        Some(aaguid) => Some(Aaguid::read(aaguid)?),
    };
    let credential = Credential {
        key,
        aaguid,
        is_backup_eligible: flag("backup_eligible")?,
        user_handle,
        is_disabled: flag("disabled")?.unwrap_or(false),
    };
    credential.passkey()?;
    Some((id, credential))
}
