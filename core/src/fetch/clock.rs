//! The time that counts for keys: the sum of the forward steps of the clock that we are shown.

use core::time::Duration;

use crate::time::UnixTime;

/// Longest step that counts. No key lives that long, and no sum of such steps overflows.
const LONGEST_STEP: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A point on the cache's own time line, which only moves forward: milliseconds since its first
/// call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Moment {
    /// This moment plus a duration.
    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This moment minus a duration, at least the first one.
    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long ago `earlier` was; zero when it is still to come.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole milliseconds of a duration, saturating.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Turns the host's clock, which may jump, into one that only moves forward.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    wall: Option<UnixTime>,
    moment: Moment,
}

impl Clock {
    /// Takes note of the time; a step back counts as no time at all.
    pub(crate) fn advance(&mut self, now: UnixTime) -> Moment {
        let step = self
            .wall
            .map_or(Duration::ZERO, |wall| now.since(wall))
            .min(LONGEST_STEP);
        self.wall = Some(now);
        self.moment = self.moment.plus(step);
        self.moment
    }

    /// The moment of the last time that was shown.
    pub(crate) const fn now(&self) -> Moment {
        self.moment
    }

    /// When the host's clock will show this moment, if it does not jump. A moment that is over is
    /// now.
    pub(crate) fn to_wall(&self, moment: Moment) -> UnixTime {
        self.wall.map_or(UnixTime::from_millis(0), |wall| {
            wall.saturating_add(moment.since(self.moment))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    #[test]
    fn the_first_reading_is_the_origin_whatever_it_shows() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(at(1_700_000_000_000)), Moment(0));
        assert_eq!(clock.advance(at(1_700_000_000_250)), Moment(250));
    }

    #[test]
    fn a_step_back_counts_as_no_time_and_the_way_on_counts_again() {
        let mut clock = Clock::default();
        clock.advance(at(10_000));
        assert_eq!(clock.advance(at(4_000)), Moment(0));
        assert_eq!(clock.advance(at(5_000)), Moment(1_000));
        assert_eq!(clock.to_wall(Moment(3_000)), at(7_000));
        assert_eq!(clock.to_wall(Moment(10)), at(5_000));
    }

    #[test]
    fn jumps_to_the_end_of_time_never_use_the_time_line_up() {
        let mut clock = Clock::default();
        clock.advance(at(0));
        let mut last = Moment(0);
        for _ in 0..10_000 {
            let moment = clock.advance(at(u64::MAX));
            assert!(moment > last);
            assert!(moment.plus(Duration::from_secs(1)) > moment);
            last = moment;
            clock.advance(at(0));
        }
    }
}
