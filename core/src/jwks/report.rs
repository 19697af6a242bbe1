//! What an operator may want to measure about keys: names of a fixed set, and numbers.

use core::time::Duration;

use super::{Purpose, document::DocumentError, event::Failure};
use crate::{
    fetch::{Answer, Measure, Number, fault::Fault},
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

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    /// 200, and what came is good.
    Ok,
    /// 304.
    NotModified,
    /// Another status.
    Status,
    /// Too large.
    TooLarge,
    /// Not what was asked for.
    Unreadable,
    /// A set of keys of which none can be used.
    Unusable,
    /// A document of another issuer.
    Issuer,
    /// A document whose `jwks_uri` is not allowed.
    JwksUri,
    /// A time-out or a reset.
    NoAnswer,
    /// Refused by the host.
    NotSent,
    /// No answer at all.
    Lost,
}

impl Outcome {
    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotModified => "not_modified",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Unusable => "unusable",
            Self::Issuer => "issuer",
            Self::JwksUri => "jwks_uri",
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
            Self::Lost => "lost",
        }
    }
}

impl From<&Answer<'_>> for Outcome {
    /// How a fetch ended that brought something good.
    fn from(answer: &Answer<'_>) -> Self {
        match answer {
            Answer::Http { status: 304, .. } => Self::NotModified,
            Answer::Http { .. } | Answer::NoAnswer | Answer::NotSent { .. } => Self::Ok,
        }
    }
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Fetch(Fault::Status(_) | Fault::Redirect { .. }) => Self::Status,
            Failure::Unreadable(JwkSetError::TooLarge | JwkSetError::TooManyKeys)
            | Failure::Document(DocumentError::TooLarge) => Self::TooLarge,
            Failure::Fetch(Fault::Encoded(_))
            | Failure::Unreadable(
                JwkSetError::Json(_)
                | JwkSetError::Shape
                | JwkSetError::Certificates
                | JwkSetError::Document
                | JwkSetError::OneKey,
            )
            | Failure::Document(DocumentError::Json(_) | DocumentError::Shape(_)) => {
                Self::Unreadable
            }
            Failure::Unusable(_) => Self::Unusable,
            Failure::Document(DocumentError::Issuer(_)) => Self::Issuer,
            Failure::Document(DocumentError::JwksUri(_)) => Self::JwksUri,
            Failure::Fetch(Fault::NoAnswer) => Self::NoAnswer,
            Failure::Fetch(Fault::NotSent(_)) => Self::NotSent,
            Failure::Fetch(Fault::Lost) => Self::Lost,
        }
    }
}

/// What has happened since it was told last.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) fetches: Vec<(Purpose, Outcome)>,
    pub(super) unknown_kids: u64,
}

/// Most fetches that are kept for a shell that does not ask for them.
const MOST_FETCHES: usize = 64;

impl Counts {
    pub(super) fn fetched(&mut self, purpose: Purpose, outcome: Outcome) {
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
    /// The fetches that have ended since the last report.
    pub(crate) fetches: Vec<(Purpose, Outcome)>,
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
            let name = [purpose.name(), outcome.name()];
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
