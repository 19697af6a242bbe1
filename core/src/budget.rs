//! What forged tokens may cost: a part of a processor, shared out among the providers.
//!
//! A token that names a real key and has a signature of the right length must be verified before it
//! can be called forged, and that costs a thousand times what everything before it costs. So what
//! wrong signatures cost is taken out of buckets that fill with time: half of it is shared out
//! evenly, one bucket for each provider, and half is common to all. A provider lives on the fuller
//! one of its own and the common one, and together they never get more than the configured part of
//! a processor.
//!
//! While that bucket is at least half full, every token is verified. Below that, chance decides,
//! and the chance falls with the level. So the level settles where all unknown tokens have the same
//! chance: what fills in, divided by what is wanted. A queue would serve the first one that comes,
//! and a flood with a steady pace always comes first.
//!
//! Tokens that this worker has verified before, under whatever key ([`crate::remembered`]), are
//! always verified: they are honest, and an attacker who does not have them cannot make them.

use core::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::{limits::Limits, provider_id::ProviderId, time::UnixTime};

/// The buckets of all providers.
#[derive(Debug)]
pub(crate) struct Budget {
    common: Bucket,
    of_providers: Vec<Bucket>,
    lots: Lots,
}

/// The right to check one signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    provider: ProviderId,
}

impl Budget {
    /// Full buckets for so many providers. Only a person who knows the seed can foretell which
    /// tokens are verified when not all are.
    pub(crate) fn new(providers: usize, limits: &Limits, seed: u64) -> Self {
        Self::of(providers, limits.forged_tokens_cpu_percent, seed)
    }

    /// The same, of this part of the time.
    pub(crate) fn of(providers: usize, percent: usize, seed: u64) -> Self {
        let percent = i64::try_from(percent).unwrap_or(i64::MAX);
        // One percent of a millisecond is ten microseconds.
        let half = percent.saturating_mul(10_000).div_euclid(2);
        let each = i64::try_from(providers)
            .ok()
            .and_then(|providers| half.checked_div(providers));
        Self {
            common: Bucket::new(half),
            of_providers: vec![Bucket::new(each.unwrap_or(0)); providers],
            lots: Lots { seed, drawn: 0 },
        }
    }

    /// Whether a signature may be checked now. The signature of a token that was good before always
    /// may.
    pub(crate) fn admit(
        &mut self,
        provider: ProviderId,
        was_good: bool,
        now: UnixTime,
    ) -> Option<Admission> {
        let own = self.of_providers.get_mut(provider.0)?;
        own.fill(now);
        self.common.fill(now);
        let level = own.level().max(self.common.level());
        let admitted = was_good || self.lots.win(level.saturating_mul(2));
        admitted.then_some(Admission { provider })
    }

    /// The signature was wrong, and to see that has cost so much.
    pub(crate) fn was_wrong(&mut self, admission: Admission, cost: Duration) {
        self.spend(admission, nanos(cost));
    }

    /// It was paid for as if it had been wrong, and was right.
    pub(crate) fn give_back(&mut self, admission: Admission, cost: Duration) {
        self.spend(admission, nanos(cost).saturating_neg());
    }

    /// From the fuller one of two buckets; what is given back goes into the emptier one.
    fn spend(&mut self, admission: Admission, nanos: i64) {
        if let Some(own) = self.of_providers.get_mut(admission.provider.0) {
            let is_own = (own.level() < self.common.level()) == (nanos < 0);
            let bucket = if is_own { own } else { &mut self.common };
            bucket.spend(nanos);
        }
    }
}

/// Certainty, as a chance, and a full bucket, as a level.
const ONE: u64 = 1 << 32;

/// The least that a bucket holds, in nanoseconds: some signatures of the dearest kind, so that each
/// kind has a chance where shares are small. Also the most that it may owe.
const LEAST: i64 = 10_000_000;

/// Time of a processor, in nanoseconds: at most what fills in in a second.
#[derive(Clone, Debug)]
struct Bucket {
    nanos: i64,
    most: i64,
    /// What fills in.
    per_milli: i64,
    filled_at: Option<UnixTime>,
}

impl Bucket {
    fn new(per_milli: i64) -> Self {
        let most = per_milli.saturating_mul(1_000).max(LEAST);
        Self {
            nanos: most,
            most,
            per_milli,
            filled_at: None,
        }
    }

    /// A clock that goes back does not fill the bucket. From there on time counts again.
    fn fill(&mut self, now: UnixTime) {
        let elapsed = self
            .filled_at
            .map_or(0, |then| now.as_millis().saturating_sub(then.as_millis()));
        self.filled_at = Some(now);
        let filled = i64::try_from(elapsed)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.per_milli);
        self.nanos = self.nanos.saturating_add(filled).min(self.most);
    }

    /// How full it is, of [`ONE`].
    fn level(&self) -> u64 {
        let [nanos, most] = [self.nanos, self.most].map(|nanos| u64::try_from(nanos).unwrap_or(0));
        nanos.saturating_mul(ONE).checked_div(most).unwrap_or(0)
    }

    /// May take more than there is. The next one then waits until that is paid.
    fn spend(&mut self, nanos: i64) {
        let left = self.nanos.saturating_sub(nanos);
        self.nanos = left.clamp(-LEAST, self.most);
    }
}

fn nanos(cost: Duration) -> i64 {
    i64::try_from(cost.as_nanos()).unwrap_or(i64::MAX)
}

/// Chance: the hash of a secret and a number.
#[derive(Debug)]
struct Lots {
    seed: u64,
    drawn: u64,
}

impl Lots {
    /// Draws, where that is needed.
    fn win(&mut self, chance: u64) -> bool {
        match chance {
            0 => false,
            ONE.. => true,
            _ => self.draw() < chance,
        }
    }

    /// A number below [`ONE`].
    fn draw(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.drawn.to_le_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        u32::from_le_bytes([a, b, c, d]).into()
    }
}

#[cfg(test)]
mod tests;
