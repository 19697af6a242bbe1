//! Delays that differ between workers.

use core::time::Duration;

/// Pseudo-random delays that keep workers apart (SplitMix64). Nothing secret depends on them.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration between zero and `most`.
    pub(crate) fn up_to(&mut self, most: Duration) -> Duration {
        let choices = u64::try_from(most.as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        Duration::from_millis(self.next().checked_rem(choices).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_bound_and_depends_on_the_seed() {
        let draw = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..100)
                .map(|_| jitter.up_to(Duration::from_millis(50)))
                .collect::<Vec<_>>()
        };
        assert!(draw(1).iter().all(|d| *d <= Duration::from_millis(50)));
        assert_ne!(draw(1), draw(2));
        assert_eq!(draw(1), draw(1));
        assert_eq!(Jitter::new(1).up_to(Duration::ZERO), Duration::ZERO);
        assert!(Jitter::new(1).up_to(Duration::MAX) <= Duration::from_millis(u64::MAX));
    }
}
