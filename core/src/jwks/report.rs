//! What an operator may want to measure about keys: names of a fixed set, and numbers.

use core::time::Duration;

use super::{Purpose, document::DocumentError, event::Failure};
use crate::{
    fetch::{Answer, Measure, Number},
    jose::JwkSetError,
    time::UnixTime,
};

/// How the keys of a provider are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There were none yet.
    NeverFetched,
    /// They are fresh.
    Fresh,
    /// They are no longer fresh, and serve until `max_stale` is over.
    Stale,
    /// There are none any more.
    Unavailable,
}

impl State {
    const ALL: [Self; 4] = [
        Self::NeverFetched,
        Self::Fresh,
        Self::Stale,
        Self::Unavailable,
    ];

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NeverFetched => "never_fetched",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Failure {
    /// Its name in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Fetch(fault) => fault.name(),
            Self::Unreadable(JwkSetError::TooLarge | JwkSetError::TooManyKeys)
            | Self::Document(DocumentError::TooLarge) => "too_large",
            Self::Unreadable(
                JwkSetError::Json(_)
                | JwkSetError::Shape
                | JwkSetError::Certificates
                | JwkSetError::Document
                | JwkSetError::OneKey,
            )
            | Self::Document(DocumentError::Json(_) | DocumentError::Shape(_)) => "unreadable",
            Self::Unusable(_) => "unusable",
            Self::Document(DocumentError::Issuer(_)) => "issuer",
            Self::Document(DocumentError::JwksUri(_)) => "jwks_uri",
        }
    }
}

/// How a fetch ended that brought something good, by its name in metrics.
pub(super) const fn good(answer: &Answer<'_>) -> &'static str {
    match answer {
        Answer::Http { status: 304, .. } => "not_modified",
        Answer::Http { .. } | Answer::NoAnswer | Answer::NotSent { .. } => "ok",
    }
}

/// What has happened since it was told last.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) fetches: Vec<(Purpose, &'static str)>,
    pub(super) unknown_kids: u64,
}

/// Most fetches that are kept for a shell that does not ask for them.
const MOST_FETCHES: usize = 64;

impl Counts {
    pub(super) fn fetched(&mut self, purpose: Purpose, outcome: &'static str) {
        if self.fetches.len() < MOST_FETCHES {
            self.fetches.push((purpose, outcome));
        }
    }

    pub(super) const fn unknown_kid(&mut self) {
        self.unknown_kids = self.unknown_kids.saturating_add(1);
    }
}

/// One provider's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Its name in the configuration.
    pub provider: &'a str,
    /// How its keys are.
    pub(crate) state: State,
    /// How long ago the keys in hand were brought or confirmed.
    pub(crate) age: Option<Duration>,
    /// The fetches that have ended since the last report, and how.
    pub(crate) fetches: Vec<(Purpose, &'static str)>,
    /// How often, since then, a token was refused because it names a key that does not exist.
    pub(crate) unknown_kids: u64,
    /// How many keys of the last set that came cannot be used.
    pub(crate) skipped: usize,
}

impl Report<'_> {
    /// The same as names and numbers.
    #[must_use]
    pub fn measures(&self, now: UnixTime) -> Vec<Measure> {
        let mut measures = Vec::new();
        for (purpose, outcome) in &self.fetches {
            let name = [purpose.name(), outcome];
            measures.push(Measure::new(&name, Number::Count(1)));
        }
        if self.unknown_kids > 0 {
            let count = Number::Count(self.unknown_kids);
            measures.push(Measure::new(&["unknown_kids"], count));
        }
        if let Some(age) = self.age {
            let since = Number::Since(now.saturating_sub(age));
            measures.push(Measure::new(&["confirmed_at_seconds"], since));
        }
        for state in State::ALL {
            let level = usize::from(state == self.state);
            measures.push(Measure::level(&["state", state.name()], level));
        }
        measures.push(Measure::level(&["skipped"], self.skipped));
        measures
    }
}
