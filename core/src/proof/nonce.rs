//! Nonces of this server (RFC 9449 section 8): a time that nobody else can have written.
//!
//! A nonce is `base64url(time || HMAC-SHA-256(secret, use, issuer, time)[..16])`, the time in
//! milliseconds, six bytes. It needs no memory. It is good for one use and one provider.
//!
//! Where replicas share no secret, the nonces of several stand in one, separated by dots: a gate
//! believes the part that is its own, and hands the others on. So a client that meets another
//! replica with each request has soon a nonce for all of them. Not so for the approval of a
//! request: a person has approved it once.

use core::time::Duration;

use hmac::Hmac;
use sha2::Sha256;

use super::shared::{self, NotShared, Shared};
use crate::{
    jose::{base64url, to_base64url},
    limits,
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
/// Characters of one.
const LENGTH: usize = 30;
/// Replicas whose nonces stand in one.
const REPLICAS: usize = 8;
/// Characters of so many, less one.
const LONGEST: usize = (REPLICAS - 1) * (LENGTH + 1);
/// A nonce is of now if some rule would take it.
const A_WHILE: Duration = Duration::from_secs(limits::PROOF_WINDOW_MAX_SECS);
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

    /// A nonce of this time, and behind it what `before` has of other replicas and of now.
    pub(crate) fn make(
        &mut self,
        shared: &Shared,
        (usage, issuer): (NonceUse, &str),
        at: UnixTime,
        before: Option<&str>,
    ) -> Result<String, NotShared> {
        if self.configured.is_empty() && self.shared.is_none() {
            self.read_shared(shared)?;
        }
        let key = self.configured.first().or(self.shared.as_ref());
        let key = key.ok_or(NotShared)?;
        let time = time_bytes(at);
        let mut own = time.to_vec();
        own.extend(mac(key, usage, issuer, time).into_iter().take(MAC));
        let mut nonce = to_base64url(&own);
        let is_joined = self.configured.is_empty() && usage != NonceUse::Approval;
        let before = before.filter(|_| is_joined);
        for part in split(before.unwrap_or_default()) {
            if nonce.len() < LONGEST
                && is_of_now(part, at)
                && parts(part).is_some_and(|(time, tag)| !mac_is(key, usage, issuer, time, &tag))
            {
                nonce.push('.');
                nonce.push_str(part);
            }
        }
        Ok(nonce)
    }

    /// The time of a nonce that was made here, or by a replica with the same secret, for this use
    /// and provider. `None`: it was not.
    pub(crate) fn time_of(
        &mut self,
        shared: &Shared,
        usage: (NonceUse, &str),
        nonce: &str,
    ) -> Result<Option<UnixTime>, NotShared> {
        let own = self.own(usage, nonce);
        if own.is_some() || !self.configured.is_empty() || !split(nonce).any(is_one) {
            return Ok(own);
        }
        // The first one that is asked for; or the secret is another since: the host has lost it.
        self.read_shared(shared)?;
        Ok(self.own(usage, nonce))
    }

    fn own(&self, (usage, issuer): (NonceUse, &str), nonce: &str) -> Option<UnixTime> {
        let made_by = |key: &Hmac<Sha256>, nonce: &str| {
            let (time, tag) = parts(nonce)?;
            mac_is(key, usage, issuer, time, &tag).then(|| time_of_bytes(time))
        };
        // Replicas that share a secret agree on the one time of a nonce. And what a person approves
        // once is not to pass at each of several that share none.
        if !self.configured.is_empty() || usage == NonceUse::Approval {
            let mut keys = self.configured.iter().chain(&self.shared);
            return keys.find_map(|key| made_by(key, nonce));
        }
        let shared = self.shared.as_ref()?;
        split(nonce).find_map(|part| made_by(shared, part))
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

/// Whether it looks like a nonce of this or another gate that some rule would take now.
pub(crate) fn is_of_now(nonce: &str, now: UnixTime) -> bool {
    let mut times = unverified_times(nonce);
    times.any(|made| now.since(made).max(made.since(now)) <= A_WHILE)
}

/// The times that a nonce could have, for this or another gate.
pub(crate) fn unverified_times(nonce: &str) -> impl Iterator<Item = UnixTime> {
    let parts = split(nonce).filter_map(parts);
    parts.map(|(time, _)| time_of_bytes(time))
}

fn split(nonce: &str) -> impl Iterator<Item = &str> {
    nonce.split('.').take(REPLICAS)
}

fn is_one(nonce: &str) -> bool {
    parts(nonce).is_some()
}

fn parts(nonce: &str) -> Option<([u8; TIME], [u8; MAC])> {
    // Before it is decoded: a nonce has one length.
    if nonce.len() != LENGTH {
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
