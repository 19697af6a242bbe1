//! What an operator is told: changes of state for the log, and numbers.

use core::fmt;

use crate::{
    fetch::{Measure, Number, fault::Fault, health::Health},
    json::Unreadable,
};

/// How a fetch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What came is in force.
    Ok,
    /// 304.
    NotModified,
    /// It cannot be had.
    Failed,
    /// It cannot be read.
    Unusable,
}

/// Why a fetch brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Fetch(Fault),
    Unreadable(Unreadable),
    /// It is not signed as it must be, and how.
    Signed(&'static str),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fetch(fault)
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => fault.fmt(f),
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Signed(why) => write!(f, "not a credentials+jwt of signed_by: {why}"),
        }
    }
}

impl Failure {
    pub(super) const fn outcome(&self) -> Outcome {
        match self {
            Self::Fetch(_) => Outcome::Failed,
            Self::Unreadable(_) | Self::Signed(_) => Outcome::Unusable,
        }
    }
}

/// What was not told yet.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) health: Health,
    outcomes: Vec<Outcome>,
    /// Entries of answers about one person that could not be read.
    unreadable: u64,
}

/// Most outcomes that are kept for a shell that does not ask for them.
const MOST: usize = 64;

impl Told {
    pub(super) fn note(&mut self, outcome: Outcome) {
        if self.outcomes.len() < MOST {
            self.outcomes.push(outcome);
        }
    }

    pub(super) fn unreadable(&mut self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.unreadable = self.unreadable.saturating_add(entries);
    }

    pub(super) fn take_measures(&mut self) -> Vec<Measure> {
        let outcomes = core::mem::take(&mut self.outcomes).into_iter();
        let measure = |outcome| {
            let name = match outcome {
                Outcome::Ok => "ok",
                Outcome::NotModified => "not_modified",
                Outcome::Failed => "failed",
                Outcome::Unusable => "unusable",
            };
            Measure::new(&["fetches", name], Number::Count(1))
        };
        let mut measures: Vec<Measure> = outcomes.map(measure).collect();
        let unreadable = core::mem::take(&mut self.unreadable);
        if unreadable > 0 {
            let count = Number::Count(unreadable);
            measures.push(Measure::new(&["unreadable"], count));
        }
        measures
    }
}
