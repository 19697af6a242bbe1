//! How often keys that no set holds may cause a fetch.

use core::time::Duration;

use crate::fetch::clock::Moment;

/// Fetches for unknown keys that may come at once, so that one spent in vain does not delay a real
/// rotation.
const BURST: u32 = 2;
/// Bounds of the wait before an empty set is asked for again; half of `cache_duration` in between.
pub(super) const CONFIRM_AFTER: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_secs(5));

/// A token bucket of [`BURST`] fetches that fills by one per cooldown, kept as the time at which it
/// is full.
#[derive(Debug)]
pub(super) struct Pace {
    cooldown: Duration,
    full_at: Moment,
}

impl Pace {
    pub(super) fn new(cooldown: Duration) -> Self {
        Self {
            cooldown,
            full_at: Moment::default(),
        }
    }

    /// When the next fetch may start.
    pub(super) fn ready_at(&self) -> Moment {
        let others = self.cooldown.saturating_mul(BURST.saturating_sub(1));
        self.full_at.minus(others)
    }

    /// Takes one fetch out of the bucket.
    pub(super) fn spend(&mut self, now: Moment) {
        self.full_at = self.full_at.max(now).plus(self.cooldown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(secs))
    }

    #[test]
    fn two_fetches_may_come_at_once_and_then_one_per_cooldown() {
        let mut pace = Pace::new(Duration::from_secs(30));
        for now in [100, 100, 130, 160] {
            assert!(pace.ready_at() <= at(now), "{now}");
            pace.spend(at(now));
        }
        assert_eq!(pace.ready_at(), at(190));
    }

    #[test]
    fn a_long_rest_fills_the_bucket_to_the_burst_and_not_beyond() {
        let mut pace = Pace::new(Duration::from_secs(30));
        pace.spend(at(0));
        pace.spend(at(1_000_000));
        pace.spend(at(1_000_000));
        assert_eq!(pace.ready_at(), at(1_000_030));
    }
}
