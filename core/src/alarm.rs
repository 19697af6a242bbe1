//! When the host wakes us: its timer goes off after a period, again and again, until it is set
//! anew.
//!
//! To set it anew starts the period again. So it is set only when it goes off, and when something
//! is to be done earlier than it will: requests that come one after the other would otherwise put
//! off what each of them waits for.

use core::time::Duration;

use crate::time::UnixTime;

/// Shortest period. Zero would switch the timer off.
const SOONEST: Duration = Duration::from_millis(1);
/// So much later than planned a timer goes off on a busy worker. If it has not by then, the clock
/// has jumped.
const LATE: Duration = Duration::from_secs(1);

/// What the host's timer was set to.
#[derive(Debug, Default)]
pub struct Alarm {
    /// `None`: it is off.
    rings_at: Option<UnixTime>,
}

impl Alarm {
    /// The timer has gone off, or was never set, and the next thing is to be done then: the period
    /// to set it to; zero switches it off.
    pub fn set(&mut self, next: Option<UnixTime>, now: UnixTime) -> Duration {
        let period = next.map(|next| next.since(now).max(SOONEST));
        self.rings_at = period.map(|period| now.saturating_add(period));
        period.unwrap_or(Duration::ZERO)
    }

    /// Something is to be done then: the period to set the timer to, if it would go off too late.
    pub fn hasten(&mut self, wish: UnixTime, now: UnixTime) -> Option<Duration> {
        let soonest = now.saturating_add(SOONEST);
        let is_early_enough =
            |at: UnixTime| at <= wish.max(soonest) && now <= at.saturating_add(LATE);
        let is_too_late = !self.rings_at.is_some_and(is_early_enough);
        is_too_late.then(|| self.set(Some(wish), now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> UnixTime {
        UnixTime::from_millis(millis.saturating_add(1_000_000))
    }

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_is_set_anew_only_for_what_is_earlier() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.hasten(at(500), at(0)), Some(millis(500)));
        assert_eq!(alarm.hasten(at(500), at(1)), None);
        assert_eq!(alarm.hasten(at(600), at(2)), None);
        assert_eq!(alarm.hasten(at(200), at(3)), Some(millis(197)));
        assert_eq!(alarm.set(Some(at(900)), at(200)), millis(700));
        assert_eq!(alarm.set(None, at(900)), Duration::ZERO);
        assert_eq!(alarm.hasten(at(2_000), at(1_000)), Some(millis(1_000)));
    }

    /// Requests that come a millisecond apart, or all at once, do not put off what is due.
    #[test]
    fn a_crowd_sets_it_once() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.set(Some(at(30_000)), at(0)), millis(30_000));
        let crowd = (10..900).flat_map(|now| [now; 5]);
        let set: Vec<_> = crowd
            .filter_map(|now| alarm.hasten(at(5), at(now)).map(|period| (now, period)))
            .collect();
        assert_eq!(set, [(10, SOONEST)]);
    }

    #[test]
    fn a_clock_that_jumps_puts_nothing_off() {
        for jump in [3_600_000, 40_000] {
            let mut alarm = Alarm::default();
            alarm.set(Some(at(30_000)), at(0));
            assert_eq!(alarm.hasten(at(jump), at(jump)), Some(SOONEST));
            assert_eq!(alarm.hasten(at(jump), at(jump)), None);
            // And back: what was to be done in the future is to be done now.
            assert_eq!(alarm.hasten(at(5), at(5)), Some(SOONEST));
            assert_eq!(alarm.hasten(at(5), at(6)), None);
        }
    }

    #[test]
    fn what_is_over_is_soon() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.set(Some(at(0)), at(500)), SOONEST);
        assert_eq!(alarm.hasten(at(0), at(500)), None);
    }
}
