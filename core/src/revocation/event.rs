//! What an operator should read about a list: changes of state, one line each.

use core::fmt;

use super::edition::{Edition, Refused};
use crate::{fetch::fault::Fault, json::Unreadable};

/// What changed about the list of a provider; its `Display` is the log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The first edition is in force.
    First(Edition, usize),
    /// Entries came that cannot be read: so many. What they revoke is not revoked.
    Skipped(usize),
    /// Fewer than half of the entries are left of so many.
    Shrunk {
        /// Before.
        from: usize,
        /// Now.
        to: usize,
    },
    /// Fetches fail from now on.
    Failing(Failure),
    /// They fail for another cause than the ones told.
    StillFailing(Failure),
    /// Fetches succeed again.
    Recovered,
    /// The list in hand is too old; whether it must be young is configured.
    TooOld {
        /// Everybody is refused from now on.
        denies: bool,
    },
    /// There is a list again that is young enough.
    Young,
}

impl Change {
    /// Whether an operator should look into it; the rest is good news.
    #[must_use]
    pub(crate) const fn wants_attention(&self) -> bool {
        match self {
            Self::First(..) | Self::Recovered | Self::Young => false,
            Self::Skipped(_)
            | Self::Shrunk { .. }
            | Self::Failing(_)
            | Self::StillFailing(_)
            | Self::TooOld { .. } => true,
        }
    }
}

/// Why a fetch brought no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It brought nothing that could be read.
    Fetch(Fault),
    /// What came cannot be read.
    Unreadable(Unreadable),
    /// What came is not the next edition.
    Refused(Refused),
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

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(edition, entries) => {
                write!(
                    f,
                    "the first list is in force, {entries} entries, {edition}"
                )
            }
            Self::Skipped(entries) => write!(
                f,
                "{entries} entries cannot be read; what they revoke is not revoked"
            ),
            Self::Shrunk { from, to } => {
                write!(f, "the list has shrunk from {from} entries to {to}")
            }
            Self::Failing(failure) => write!(f, "fetches fail: {failure}"),
            Self::StillFailing(failure) => write!(f, "fetches still fail, now: {failure}"),
            Self::Recovered => f.write_str("fetches succeed again"),
            Self::TooOld { denies: true } => {
                f.write_str("the list is too old: requests are answered 503")
            }
            Self::TooOld { denies: false } => f.write_str(
                "the list is too old: what was revoked since passes (when_unavailable: allow)",
            ),
            Self::Young => f.write_str("the list is young enough again"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => write!(f, "{fault}"),
            Self::Unreadable(unreadable) => write!(f, "{unreadable}"),
            Self::Refused(refused) => write!(f, "{refused}"),
        }
    }
}
