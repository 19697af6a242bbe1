//! Why a fetch brought nothing that counts.

use core::fmt;

use super::fault::Fault;

/// Why a fetch brought nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure<W> {
    /// Nothing came that could be read.
    Fetch(Fault),
    /// This is wrong with what came.
    Content(W),
}

impl<W> From<Fault> for Failure<W> {
    fn from(fault: Fault) -> Self {
        Self::Fetch(fault)
    }
}

impl<W> Failure<W> {
    /// Which of both it is, by its name in metrics.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "failed",
            Self::Content(_) => "unusable",
        }
    }
}

impl<W: fmt::Display> fmt::Display for Failure<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => fault.fmt(f),
            Self::Content(wrong) => wrong.fmt(f),
        }
    }
}
