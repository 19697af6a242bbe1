//! Why a fetch of credentials brought nothing.

use core::fmt;

use crate::{fetch::failure, json::Unreadable};

/// Why a fetch brought nothing.
pub(super) type Failure = failure::Failure<Wrong>;

/// What is wrong with what came.
#[derive(Debug)]
pub(crate) enum Wrong {
    Unreadable(Unreadable),
    /// It is not signed as it must be, and how.
    Signed(&'static str),
}

impl From<Unreadable> for Wrong {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => unreadable.fmt(f),
            Self::Signed(why) => write!(f, "not a credentials+jwt of signed_by: {why}"),
        }
    }
}
