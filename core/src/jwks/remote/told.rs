//! What is told about the keys of a provider: changes, numbers, and which set is in force.

use super::{Change, Moment, Remote};
use crate::jwks::report::{Report, State};

impl Remote {
    pub(in crate::jwks) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation after what time alone has changed until now.
    pub(in crate::jwks) fn generation_at(&mut self, now: Moment) -> u64 {
        self.age(now);
        self.generation
    }

    pub(in crate::jwks) fn changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// How the keys are, as of the last call that took the time, and what has happened since the
    /// last report.
    pub(in crate::jwks) fn report<'p>(&mut self, provider: &'p str, now: Moment) -> Report<'p> {
        // When the fetch started that brought or confirmed the keys in hand.
        let confirmed = self.keys.confirmed();
        let counts = core::mem::take(&mut self.counts);
        Report {
            provider,
            state: self.state(),
            age: confirmed.map(|confirmed| now.since(confirmed)),
            fetches: counts.fetches,
            unknown_kids: counts.unknown_kids,
            skipped: self.skipped,
        }
    }

    fn state(&self) -> State {
        match self.keys.value() {
            Some(_) if self.keys.is_stale() => State::Stale,
            Some(_) => State::Fresh,
            None if self.generation == 0 => State::NeverFetched,
            None => State::Unavailable,
        }
    }
}
