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
    /// The last moment at which requests pass unchanged, whatever is decided; `None`: what is
    /// decided now is done.
    #[must_use]
    pub fn observes_until(self, now: UnixTime) -> Option<UnixTime> {
        match self {
            Self::Enforce => None,
            Self::Shadow { until } => (now <= until).then_some(until),
        }
    }
}
