//! How many log lines and warnings refusals may make: an attacker chooses how many there are.

use crate::{limits, time::UnixTime};

/// Counts lines in windows of one second.
#[derive(Debug, Default)]
pub(super) struct Quota {
    /// Start of the window.
    since: Option<UnixTime>,
    written: u32,
    left_out: u64,
}

impl Quota {
    /// Whether one more line may be written now; one that may not is counted.
    pub(super) fn admits(&mut self, now: UnixTime) -> bool {
        let in_window = self
            .since
            .is_some_and(|since| now >= since && now.since(since).as_secs() < 1);
        if !in_window {
            (self.since, self.written) = (Some(now), 0);
        }
        if self.written < limits::REFUSAL_LINES {
            self.written = self.written.saturating_add(1);
            return true;
        }
        self.left_out = self.left_out.saturating_add(1);
        false
    }

    /// How many lines were left out since this was asked last, once the window in which they were
    /// is over.
    pub(super) fn take_left_out(&mut self, now: UnixTime) -> Option<u64> {
        (self.left_out > 0 && self.due()? <= now).then(|| core::mem::take(&mut self.left_out))
    }

    /// When there is something to say; `None`: nothing was left out.
    pub(super) fn due(&self) -> Option<UnixTime> {
        let since = self.since.filter(|_| self.left_out > 0)?;
        Some(since.saturating_add(core::time::Duration::from_secs(1)))
    }
}

/// When each reason for a refusal was last a warning. There are as many entries as reasons at most.
#[derive(Debug, Default)]
pub(super) struct Warned(Vec<(&'static str, UnixTime)>);

impl Warned {
    /// Whether a refusal for this reason is to be a warning now; then it counts as one.
    pub(super) fn is_due(&mut self, reason: &'static str, now: UnixTime) -> bool {
        let Some((_, at)) = self.0.iter_mut().find(|(told, _)| *told == reason) else {
            self.0.push((reason, now));
            return true;
        };
        // A clock that was set back does not silence it.
        let is_due = now < *at || now.since(*at) >= limits::WARNING_EVERY;
        if is_due {
            *at = now;
        }
        is_due
    }
}
