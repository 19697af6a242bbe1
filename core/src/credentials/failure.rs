//! Why a fetch of credentials brought nothing.

use core::fmt;

use crate::{fetch::fault::Fault, json::Unreadable};

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
    /// Its name in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "failed",
            Self::Unreadable(_) | Self::Signed(_) => "unusable",
        }
    }
}
