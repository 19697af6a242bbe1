//! What forged tokens may cost: a budget of wrong signatures for each provider.
//!
//! A token that names a real key and has a signature of the right length must be verified before it can be called
//! forged, and that costs a thousand times what everything before it costs. So wrong signatures are counted, in a
//! bucket that fills with time. While a provider's bucket is empty its tokens are not verified at all, but for those
//! that this worker has verified before, under whatever key ([`crate::remembered`]): they are honest, and an attacker
//! who does not have them cannot make them.

use crate::{config::ProviderId, limits::Limits, time::UnixTime};

/// The buckets of all providers.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Wrong signatures per second that are told apart from good ones.
    per_second: u64,
    buckets: Vec<Bucket>,
}

/// The right to check one signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    provider: ProviderId,
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
        }
    }

    /// Whether a signature may be checked now; that of a token that was good always may.
    pub(crate) fn admit(
        &mut self,
        provider: ProviderId,
        was_good: bool,
        now: UnixTime,
    ) -> Option<Admission> {
        let bucket = self.buckets.get_mut(provider.0)?;
        bucket.fill(self.per_second, now);
        let admitted = was_good || bucket.thousandths >= ONE;
        admitted.then_some(Admission { provider })
    }

    /// The signature was wrong.
    pub(crate) fn was_wrong(&mut self, admission: Admission) {
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

#[cfg(test)]
mod tests;
