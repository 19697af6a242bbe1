//! Why a fetch brought no list.

use core::fmt;

use super::edition::Refused;
use crate::{fetch::fault::Fault, json::Unreadable};

/// Why a fetch brought no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
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

impl Failure {
    /// Its name in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Fetch(fault) => fault.name(),
            Self::Unreadable(Unreadable::TooLarge | Unreadable::TooMany(_)) => "too_large",
            Self::Unreadable(Unreadable::Json(..) | Unreadable::Member(_)) => "unreadable",
            Self::Refused(Refused::Older { .. } | Refused::Gap { .. }) => "rolled_back",
            Self::Refused(Refused::TooOld(_) | Refused::Future(_)) => "time",
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
