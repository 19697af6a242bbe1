//! What an operator may want to measure about a list: names of a fixed set, and numbers.

use super::{edition::Refused, entry::Kind, event::Failure};
use crate::{
    fetch::{Measure, Number, fault::Fault},
    json::Unreadable,
    time::UnixTime,
};

/// How a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There was none yet.
    NeverFetched,
    /// It is young enough.
    InForce,
    /// It is too old.
    TooOld,
}

impl State {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::NeverFetched, Self::InForce, Self::TooOld];

    /// Its name in metrics.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NeverFetched => "never_fetched",
            Self::InForce => "in_force",
            Self::TooOld => "too_old",
        }
    }
}

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Outcome {
    /// 200, and what came is in force.
    Ok,
    /// 304.
    NotModified,
    /// Another status.
    Status,
    /// Too large, or too many entries.
    TooLarge,
    /// Not what was asked for.
    Unreadable,
    /// Older than what is in hand, or what is new since something that was never here.
    RolledBack,
    /// Too old, or made in the future.
    Time,
    /// A time-out or a reset.
    NoAnswer,
    /// Refused by the host.
    NotSent,
    /// No answer at all.
    Lost,
}

impl Outcome {
    /// Its name in metrics.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotModified => "not_modified",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::RolledBack => "rolled_back",
            Self::Time => "time",
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
            Self::Lost => "lost",
        }
    }
}

impl From<&Failure> for Outcome {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Fetch(Fault::Status(_) | Fault::Redirect { .. }) => Self::Status,
            Failure::Unreadable(Unreadable::TooLarge | Unreadable::TooMany(_)) => Self::TooLarge,
            Failure::Fetch(Fault::Encoded(_))
            | Failure::Unreadable(Unreadable::Json(..) | Unreadable::Member(_)) => Self::Unreadable,
            Failure::Refused(Refused::Older { .. } | Refused::Gap { .. }) => Self::RolledBack,
            Failure::Refused(Refused::TooOld(_) | Refused::Future(_)) => Self::Time,
            Failure::Fetch(Fault::NoAnswer) => Self::NoAnswer,
            Failure::Fetch(Fault::NotSent(_)) => Self::NotSent,
            Failure::Fetch(Fault::Lost) => Self::Lost,
        }
    }
}

/// What has happened since it was told last.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) fetches: Vec<Outcome>,
    pub(super) unchecked: u64,
}

/// Most fetches that are kept for a shell that does not ask for them.
const MOST_FETCHES: usize = 64;

impl Counts {
    pub(super) fn fetched(&mut self, outcome: Outcome) {
        if self.fetches.len() < MOST_FETCHES {
            self.fetches.push(outcome);
        }
    }

    pub(super) const fn unchecked(&mut self) {
        self.unchecked = self.unchecked.saturating_add(1);
    }
}

/// The numbers of one provider's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// How the list is.
    pub(crate) state: State,
    /// When the list in hand was made, as its author says.
    pub(crate) generated_at: Option<UnixTime>,
    /// Which edition of its epoch it is.
    pub(crate) sequence: Option<u64>,
    /// How many entries it has of each kind.
    pub(crate) entries: [(Kind, usize); Kind::ALL.len()],
    /// How many entries could not be read.
    pub(crate) skipped: usize,
    /// The fetches that have ended since the last report.
    pub(crate) fetches: Vec<Outcome>,
    /// How many requests have passed since then although the list was too old.
    pub(crate) unchecked: u64,
}

impl Report {
    /// The same as names and numbers.
    #[must_use]
    pub(crate) fn measures(&self) -> Vec<Measure> {
        let mut measures = Vec::new();
        for outcome in &self.fetches {
            let name = ["fetches", outcome.name()];
            measures.push(Measure::new(&name, Number::Count(1)));
        }
        if self.unchecked > 0 {
            let count = Number::Count(self.unchecked);
            measures.push(Measure::new(&["unchecked"], count));
        }
        for state in State::ALL {
            let level = usize::from(state == self.state);
            measures.push(Measure::level(&["state", state.name()], level));
        }
        if let Some(at) = self.generated_at {
            measures.push(Measure::new(&["generated_at_seconds"], Number::Since(at)));
        }
        if let Some(sequence) = self.sequence {
            measures.push(Measure::new(&["sequence"], Number::Is(sequence)));
            for (kind, number) in self.entries {
                measures.push(Measure::is(&["entries", kind.name()], number));
            }
            measures.push(Measure::is(&["skipped"], self.skipped));
        }
        measures
    }
}
