//! What forged tokens may cost: a budget of wrong signatures for each provider.
//!
//! A token that names a real key and has a signature of the right length must be verified before it can be called
//! forged, and that costs a thousand times what everything before it costs. So wrong signatures are counted, in a
//! bucket that fills with time. While a provider's bucket is empty its tokens are not verified at all, but for those
//! that this worker has verified before: they are honest, and an attacker who does not have them cannot make them.
//!
//! What is remembered of a good token grants nothing but the right to be verified again: it passes no signature
//! check, so neither a collision nor a stale entry can let anybody in.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::{
    config::ProviderId,
    limits::{self, Limits},
    time::UnixTime,
};

/// The buckets of all providers, and the tokens that were good.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Wrong signatures per second that are told apart from good ones.
    per_second: u64,
    buckets: Vec<Bucket>,
    good: GoodTokens,
}

/// The right to check one signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    provider: ProviderId,
    token: Fingerprint,
}

impl Budget {
    /// Full buckets for so many providers.
    pub(crate) fn new(providers: usize, limits: &Limits) -> Self {
        let per_second = u64::try_from(limits.wrong_signatures).unwrap_or(u64::MAX);
        let bucket = Bucket {
            thousandths: per_second.saturating_mul(1_000),
            filled_at: None,
        };
        Self {
            per_second,
            buckets: vec![bucket; providers],
            good: GoodTokens::default(),
        }
    }

    /// Whether this token's signature may be checked now.
    pub(crate) fn admit(
        &mut self,
        provider: ProviderId,
        token: &str,
        now: UnixTime,
    ) -> Option<Admission> {
        let token = fingerprint(token);
        let bucket = self.buckets.get_mut(provider.0)?;
        bucket.fill(self.per_second, now);
        let admitted = bucket.thousandths >= ONE || self.good.contains(&token);
        admitted.then_some(Admission { provider, token })
    }

    /// The signature was right.
    pub(crate) fn was_good(&mut self, admission: Admission) {
        self.good.insert(admission.token);
    }

    /// The signature was wrong.
    pub(crate) fn was_wrong(&mut self, admission: Admission) {
        // Good under a key that has gone: it has no more right than others.
        self.good.remove(&admission.token);
        if let Some(bucket) = self.buckets.get_mut(admission.provider.0) {
            bucket.thousandths = bucket.thousandths.saturating_sub(ONE);
        }
    }
}

/// One wrong signature, in thousandths of it: the bucket fills by the millisecond.
const ONE: u64 = 1_000;

/// Holds at most one second's worth.
#[derive(Clone, Debug)]
struct Bucket {
    thousandths: u64,
    filled_at: Option<UnixTime>,
}

impl Bucket {
    /// A clock that goes back fills nothing, and from there on time counts again.
    fn fill(&mut self, per_second: u64, now: UnixTime) {
        let elapsed = self
            .filled_at
            .map_or(0, |then| now.as_millis().saturating_sub(then.as_millis()));
        self.filled_at = Some(now);
        self.thousandths = self
            .thousandths
            .saturating_add(elapsed.saturating_mul(per_second))
            .min(per_second.saturating_mul(1_000));
    }
}

/// Half of a SHA-256: nobody makes a forged token with the fingerprint of a good one.
type Fingerprint = [u8; 16];

fn fingerprint(token: &str) -> Fingerprint {
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    let mut fingerprint = [0; 16];
    for (to, from) in fingerprint.iter_mut().zip(digest) {
        *to = from;
    }
    fingerprint
}

/// The last so many tokens that were good, in two generations: when the young one is full the old one is forgotten.
#[derive(Debug, Default)]
struct GoodTokens {
    young: BTreeSet<Fingerprint>,
    old: BTreeSet<Fingerprint>,
}

impl GoodTokens {
    fn contains(&self, token: &Fingerprint) -> bool {
        self.young.contains(token) || self.old.contains(token)
    }

    fn insert(&mut self, token: Fingerprint) {
        if self.young.len() >= limits::GOOD_TOKENS {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(token);
    }

    fn remove(&mut self, token: &Fingerprint) {
        self.young.remove(token);
        self.old.remove(token);
    }
}

#[cfg(test)]
mod tests;
