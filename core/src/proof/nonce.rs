//! Nonces of this server (RFC 9449 section 8): a time that nobody else can have written.
//!
//! A nonce is `base64url(time || HMAC-SHA-256(secret, use, issuer, time)[..16])`, the time in
//! milliseconds, six bytes. It needs no memory. It is good for one use and one provider.

use core::time::Duration;

use hmac::Hmac;
use sha2::Sha256;

use super::shared::{self, NotShared, Shared};
use crate::{
    jose::{base64url, to_base64url},
    reason::Nonce,
    time::UnixTime,
};

/// What a nonce is for. One for another use is not one for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceUse {
    /// DPoP proofs (RFC 9449).
    Dpop,
    /// Approvals of a request by a passkey.
    Approval,
    /// Approvals of a session by a passkey.
    Session,
}

impl NonceUse {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Dpop => b"passgate nonce 1 dpop",
            Self::Approval => b"passgate nonce 1 approval",
            Self::Session => b"passgate nonce 1 session",
        }
    }

    /// The header that brings this one to the client.
    pub(crate) const fn header(self, value: String) -> Nonce {
        let (name, shown) = match self {
            Self::Dpop => ("dpop-nonce", "DPoP-Nonce"),
            Self::Approval | Self::Session => ("webauthn-nonce", "WebAuthn-Nonce"),
        };
        Nonce { name, shown, value }
    }
}

/// Where nonces come from: secrets of the configuration, or else one that the workers share.
pub(crate) struct Nonces {
    /// The first makes them; each is believed.
    configured: Vec<Hmac<Sha256>>,
    shared: Option<Hmac<Sha256>>,
}

impl core::fmt::Debug for Nonces {
    /// Without the secrets.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Nonces")
    }
}

/// Bytes of the time.
const TIME: usize = 6;
/// Bytes of the hash: 128 bits.
const MAC: usize = 16;
/// Where the workers' own secret is. It is the same for all plugins that share it: two gates in one
/// proxy believe each other's nonces, so that one proof can satisfy both.
const SECRET: &str = "passgate/1/nonce";

/// Its length.
const SECRET_BYTES: usize = 32;

impl Nonces {
    /// From these secrets, the newest first; none: the workers of a proxy share one of their own.
    pub(crate) fn new(secrets: &[Vec<u8>]) -> Self {
        let keyed = secrets.iter().filter_map(|secret| shared::keyed(secret));
        Self {
            configured: keyed.collect(),
            shared: None,
        }
    }

    /// A nonce of this time.
    pub(crate) fn make(
        &mut self,
        shared: &Shared,
        (usage, issuer): (NonceUse, &str),
        at: UnixTime,
    ) -> Result<String, NotShared> {
        if self.configured.is_empty() && self.shared.is_none() {
            self.read_shared(shared)?;
        }
        let key = self.configured.first().or(self.shared.as_ref());
        let time = time_bytes(at);
        let mut nonce = time.to_vec();
        nonce.extend(
            mac(key.ok_or(NotShared)?, usage, issuer, time)
                .into_iter()
                .take(MAC),
        );
        Ok(to_base64url(&nonce))
    }

    /// The time of a nonce that was made here, or by a replica with the same secret, for this use
    /// and provider. `None`: it was not.
    pub(crate) fn time_of(
        &mut self,
        shared: &Shared,
        (usage, issuer): (NonceUse, &str),
        nonce: &str,
    ) -> Result<Option<UnixTime>, NotShared> {
        let Some((time, tag)) = parts(nonce) else {
            return Ok(None);
        };
        let is_made_by = |key: &Hmac<Sha256>| mac_is(key, usage, issuer, time, &tag);
        let found = Ok(Some(time_of_bytes(time)));
        if !self.configured.is_empty() {
            return if self.configured.iter().any(is_made_by) {
                found
            } else {
                Ok(None)
            };
        }
        if self.shared.as_ref().is_some_and(is_made_by) {
            return found;
        }
        // The first one that is asked for; or the secret is another since: the host has lost it.
        self.read_shared(shared)?;
        if self.shared.as_ref().is_some_and(is_made_by) {
            found
        } else {
            Ok(None)
        }
    }

    fn read_shared(&mut self, shared: &Shared) -> Result<(), NotShared> {
        let secret = shared.secret(SECRET, &[])?;
        if secret.len() != SECRET_BYTES {
            return Err(NotShared);
        }
        self.shared = shared::keyed(&secret);
        Ok(())
    }
}

/// Whether a client should get a new nonce with the answer: half the time of this one is over.
pub(crate) fn is_ageing(made: UnixTime, lifetime: Duration, now: UnixTime) -> bool {
    now.since(made).saturating_mul(2) >= lifetime
}

fn mac(key: &Hmac<Sha256>, usage: NonceUse, issuer: &str, time: [u8; TIME]) -> [u8; 32] {
    let parts: [&[u8]; 3] = [usage.label(), issuer.as_bytes(), &time];
    shared::finish(Some(key.clone()), &parts)
}

/// Compared without telling by its time how much of it is right.
fn mac_is(
    key: &Hmac<Sha256>,
    usage: NonceUse,
    issuer: &str,
    time: [u8; TIME],
    tag: &[u8; MAC],
) -> bool {
    let expected = mac(key, usage, issuer, time);
    let differences = expected.iter().zip(tag).map(|(one, other)| one ^ other);
    differences.fold(0, |all, one| all | one) == 0
}

/// The time of what looks like a nonce of this or another gate.
pub(crate) fn unverified_time(nonce: &str) -> Option<UnixTime> {
    parts(nonce).map(|(time, _)| time_of_bytes(time))
}

fn parts(nonce: &str) -> Option<([u8; TIME], [u8; MAC])> {
    // Before it is decoded: a nonce has one length.
    if nonce.len() != 30 {
        return None;
    }
    let bytes = base64url(nonce)?;
    let (time, tag) = bytes.split_first_chunk::<TIME>()?;
    Some((*time, tag.try_into().ok()?))
}

fn time_bytes(at: UnixTime) -> [u8; TIME] {
    let [_, _, time @ ..] = at.as_millis().to_be_bytes();
    time
}

fn time_of_bytes([a, b, c, d, e, f]: [u8; TIME]) -> UnixTime {
    UnixTime::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

#[cfg(test)]
mod tests;
