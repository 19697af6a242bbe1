//! How long a memory outside of the proxy has to keep a proof.
//!
//! A rate-limit service counts in windows that begin at multiples of their length, and forgets at
//! the end of each. A proof that may still count then would pass once more. So it is counted in the
//! smallest window that holds all of its time.

use core::time::Duration;

use crate::{limits, time::UnixTime};

/// The windows of Envoy's rate-limit service, in seconds
/// (`envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.Unit`). They all end together once in
/// 15,330 days, next in December 2053.
const WINDOWS: [(&str, u64); 5] = [
    ("hour", 3_600),
    ("day", 86_400),
    ("week", 604_800),
    ("month", 2_592_000),
    ("year", 31_536_000),
];

/// The window of a proof of this time. It depends on nothing else, so that all replicas give it the
/// same, whatever rule lets it pass.
pub(crate) fn window(made: UnixTime) -> &'static str {
    let around = Duration::from_secs(limits::PROOF_AROUND_SECS);
    let first = made.saturating_sub(around).as_secs();
    let last = made.saturating_add(around).as_secs();
    let holds =
        |(_, length): &&(&str, u64)| first.checked_div(*length) == last.checked_div(*length);
    WINDOWS.iter().find(holds).map_or("year", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29T00:00:00Z, a Sunday.
    const DAY: u64 = 1_795_910_400;

    fn at(secs: u64) -> &'static str {
        window(UnixTime::from_secs(secs))
    }

    #[test]
    fn a_proof_is_counted_in_a_window_that_does_not_end_while_it_counts() {
        for (name, end) in [
            ("day", DAY + 11 * 3_600),
            ("week", DAY),
            // A Thursday.
            ("month", DAY + 11 * 86_400),
            // Both the end of a week and of thirty days.
            ("year", DAY + 4 * 86_400),
        ] {
            for (secs, wanted) in [
                (end - 361, "hour"),
                (end - 360, name),
                (end, name),
                (end + 359, name),
                (end + 360, "hour"),
            ] {
                assert_eq!(at(secs), wanted, "{name} {}", secs.abs_diff(end));
            }
        }
    }

    #[test]
    fn the_named_window_holds_every_time_at_which_the_proof_may_count() {
        for secs in (DAY..DAY + 400 * 86_400).step_by(97) {
            let (_, length) = WINDOWS.iter().find(|(name, _)| *name == at(secs)).unwrap();
            assert_eq!((secs - 360) / length, (secs + 360) / length, "{secs}");
        }
    }

    /// No window is long enough then. The longest is the best there is.
    #[test]
    fn when_all_windows_end_together_it_is_the_longest() {
        assert_eq!(at(2 * 15_330 * 86_400), "year");
        assert_eq!(at(0), "hour");
        assert_eq!(window(UnixTime::from_millis(u64::MAX)), "hour");
    }
}
