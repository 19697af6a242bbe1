//! Data that all workers of one proxy share, as a host offers it.

use core::fmt::Debug;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Data of the host that all workers of one proxy share: values by key, each with a version that no
/// other write has given, also where the host has lost its data since. (Proxy-Wasm ABI 0.2.1,
/// `proxy_get_shared_data` and `proxy_set_shared_data`.) Nothing can be removed, so its users keep
/// a fixed number of keys.
pub trait SharedData: Debug {
    /// The value and its version; `None` where nobody has written one.
    ///
    /// # Errors
    /// When the host does not answer.
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared>;

    /// Writes a value in the place of the one of this version; `None`: only where there is none.
    ///
    /// # Errors
    /// When the host does not answer.
    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared>;
}

/// Whether a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was.
    Yes,
    /// It was not: the value there is of another version.
    Conflict,
}

/// The host has no shared data, or it holds what nobody here has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotShared;

/// The shared data of the host, where it has any, and bytes that nobody can foretell, of which
/// secrets are made.
#[derive(Default)]
pub(crate) struct Shared {
    data: Option<Box<dyn SharedData>>,
    entropy: [u8; 32],
}

impl Debug for Shared {
    /// Without the bytes.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Shared").field(&self.data).finish()
    }
}

impl Shared {
    /// Of this host. `entropy` must come from a good random source, and be used for nothing else.
    pub(crate) fn new(data: Box<dyn SharedData>, entropy: [u8; 32]) -> Self {
        Self {
            data: Some(data),
            entropy,
        }
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        self.data.as_ref().ok_or(NotShared)?.get(key)
    }

    pub(super) fn set(
        &self,
        key: &str,
        value: &[u8],
        version: Option<u32>,
    ) -> Result<Stored, NotShared> {
        self.data
            .as_ref()
            .ok_or(NotShared)?
            .set(key, value, version)
    }

    /// A hash that nobody else can foretell.
    pub(super) fn hidden(&self, text: &[u8]) -> [u8; 32] {
        keyed_hash(&self.entropy, &[b"hidden", text])
    }

    /// A secret that all workers share, behind the public bytes `front`: read, or created by the
    /// first of them. A plain write would let two of them go on with different ones. So it is
    /// written only where there is none, and read again.
    pub(super) fn secret(&self, key: &str, front: &[u8]) -> Result<Vec<u8>, NotShared> {
        if let Some((value, _)) = self.get(key)? {
            return Ok(value);
        }
        let secret = keyed_hash(&self.entropy, &[key.as_bytes(), front]);
        self.set(key, &[front, &secret].concat(), None)?;
        let (value, _) = self.get(key)?.ok_or(NotShared)?;
        Ok(value)
    }
}

/// HMAC-SHA-256 over parts, each of which is bound with its length.
pub(super) fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    finish(keyed(key), parts)
}

/// HMAC-SHA-256 by this key, of any length (RFC 2104 section 3).
pub(super) fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

/// What [`keyed_hash`] gives.
pub(super) fn finish(mac: Option<Hmac<Sha256>>, parts: &[&[u8]]) -> [u8; 32] {
    // No key is too long or too short (RFC 2104 section 3).
    let Some(mut mac) = mac else {
        return [0; 32];
    };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
pub(super) mod tests;
