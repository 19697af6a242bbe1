//! Whether a rule's decision is carried out, or only observed.

use crate::time::UnixTime;

/// Whether what is decided is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// Not before this moment is over: requests pass unchanged.
    Shadow {
        /// The last moment.
        until: UnixTime,
    },
}

impl Mode {
    /// Whether a request now passes unchanged, whatever is decided.
    #[must_use]
    pub fn observes(self, now: UnixTime) -> bool {
        match self {
            Self::Enforce => false,
            Self::Shadow { until } => now <= until,
        }
    }
}
