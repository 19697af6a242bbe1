//! Two clocks. The wall clock says how old an event and a document are. It may jump. The time that
//! the service has run says when an entry ends: it only moves forward, at the pace of time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use passgate_core::UnixTime;

/// The wall clock.
pub(crate) fn now() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = elapsed.map(|elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    UnixTime::from_millis(millis.unwrap_or_default())
}

/// How many seconds the service has run, earlier runs included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ran {
    before: u64,
    since: Instant,
}

impl Ran {
    /// Goes on from what the store says.
    pub(crate) fn from(before: u64) -> Self {
        let since = Instant::now();
        Self { before, since }
    }

    /// Another replica has run for longer.
    pub(crate) fn catch_up(&mut self, ran: u64) {
        if ran > self.seconds() {
            *self = Self::from(ran);
        }
    }

    /// Whole seconds.
    pub(crate) fn seconds(self) -> u64 {
        self.before.saturating_add(self.since.elapsed().as_secs())
    }
}

/// When a document was made, as it says: never earlier than the one before. A clock that goes back
/// by more than [`AHEAD`] is followed all the same: gates have refused what was made that far ahead
/// of them.
#[derive(Debug, Default)]
pub(crate) struct Dated(u64);

/// So much may the author's clock be ahead of a gate's (docs/revocation.md).
const AHEAD: u64 = 60;

/// Whether a date is further ahead than clocks may differ.
pub(crate) const fn is_ahead(now: UnixTime, date: u64) -> bool {
    date.saturating_sub(now.as_secs()) > AHEAD
}

impl Dated {
    /// The date of a document that is made now, in seconds since 1970.
    pub(crate) fn date(&mut self, now: UnixTime) -> u64 {
        let now = now.as_secs();
        if now >= self.0 || self.0.saturating_sub(now) > AHEAD {
            self.0 = now;
        }
        self.0
    }

    /// The same for a gate that has seen a document of this date, which another replica may have
    /// made by a clock that is a little ahead.
    pub(crate) fn date_after(&mut self, now: UnixTime, seen: Option<u64>) -> u64 {
        let date = self.date(now);
        let seen = seen.filter(|seen| !is_ahead(now, *seen));
        seen.map_or(date, |seen| seen.max(date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_never_older_than_the_one_before_but_for_a_clock_that_was_far_ahead() {
        let mut dated = Dated::default();
        let mut date = |seconds| dated.date(UnixTime::from_secs(seconds));
        assert_eq!(date(1_000), 1_000);
        assert_eq!(date(940), 1_000, "as far back as gates would notice");
        assert_eq!(date(1_001), 1_001);
        assert_eq!(
            date(940),
            940,
            "gates have refused 1001 as made in the future"
        );
        assert_eq!(date(2_000_000), 2_000_000);
        assert_eq!(date(941), 941);
    }

    #[test]
    fn a_gate_that_saw_a_later_date_elsewhere_is_not_shown_an_earlier_one() {
        let mut dated = Dated::default();
        let mut date = |now, seen| dated.date_after(UnixTime::from_secs(now), seen);
        assert_eq!(date(1_000, Some(999)), 1_000);
        assert_eq!(date(1_000, Some(1_003)), 1_003);
        assert_eq!(date(1_000, None), 1_000, "others are not concerned");
        assert_eq!(date(1_000, Some(1_061)), 1_000, "no gate has taken that");
    }

    #[test]
    fn the_time_that_a_service_has_run_is_that_of_the_replica_that_ran_longest() {
        let mut ran = Ran::from(100);
        ran.catch_up(50);
        assert!((100..110).contains(&ran.seconds()));
        ran.catch_up(500);
        assert!((500..510).contains(&ran.seconds()));
    }
}
