//! What an authenticator says of the moment (WebAuthn Level 3 section 6.1), read to the last byte.

use super::{Fault, Gesture};
use crate::cbor::{Cbor, Item, Keys};

/// The parts that are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthenticatorData<'a> {
    pub(super) rp_id_hash: &'a [u8; 32],
    flags: u8,
}

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

impl<'a> AuthenticatorData<'a> {
    /// Takes it apart (step 12). The signature counter is read over: workers and replicas see
    /// requests in another order than the authenticator, so it would say nothing here (step 18).
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Fault> {
        const WANTED: Fault =
            Fault::Malformed("authenticatorData: 37 bytes, and what its flags say");
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(WANTED)?;
        let ([flags, _counter @ ..], rest) = rest.split_first_chunk::<5>().ok_or(WANTED)?;
        let data = Self {
            rp_id_hash,
            flags: *flags,
        };
        if data.has(ATTESTED) {
            return Err(Fault::Malformed(
                "authenticatorData: no attested credential data, which registrations have",
            ));
        }
        let is_whole = if data.has(EXTENSIONS) {
            is_extensions(rest).is_some()
        } else {
            rest.is_empty()
        };
        is_whole.then_some(data).ok_or(WANTED)
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What the flags prove (steps 14 and 16).
    pub(super) const fn gesture(&self) -> Result<Gesture, Fault> {
        if !self.has(USER_PRESENT) {
            return Err(Fault::Flags("flags: UP, the person was there"));
        }
        if self.has(BACKED_UP) && !self.has(BACKUP_ELIGIBLE) {
            return Err(Fault::Flags("flags: BE, where BS is set"));
        }
        Ok(Gesture {
            is_verified: self.has(USER_VERIFIED),
            is_device_bound: !self.has(BACKUP_ELIGIBLE),
        })
    }
}

/// One map by names, and nothing behind it. What extensions say is not read (step 19).
fn is_extensions(bytes: &[u8]) -> Option<()> {
    let mut cbor = Cbor::new(bytes);
    let Item::Map(count) = cbor.item()? else {
        return None;
    };
    let mut keys = Keys::default();
    for _ in 0..count {
        let Item::Text(_) = cbor.key(&mut keys)? else {
            return None;
        };
        cbor.skip(1)?;
    }
    cbor.is_at_end().then_some(())
}
