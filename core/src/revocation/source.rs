//! Where a provider's revocations come from, and what to do without them.

use core::time::Duration;

use super::names::NameClaims;
use crate::{fetch::Endpoint, limits};

/// What of a provider's tokens can be revoked, and where it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// Where the list is.
    pub source: RevocationSource,
    /// Where the names of a token are.
    pub names: NameClaims,
}

/// A list of revocations behind a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationSource {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Most that one fetch may take.
    pub timeout: Duration,
    /// How long a list is fresh, whatever its answer says.
    pub cache_duration: Duration,
    /// How much older than that a list may be, counted from the time at which it was made.
    pub max_stale: Duration,
    /// What to do when there is no list that is young enough.
    pub when_unavailable: WhenUnavailable,
}

/// The bounds of one list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListBounds {
    /// Most entries.
    pub(crate) entries: usize,
    /// Most bytes of a document.
    pub(crate) bytes: usize,
}

impl ListBounds {
    /// What each of so many lists of one worker may have.
    pub(crate) fn shared_by(lists: usize) -> Self {
        let share = |all: usize| all.checked_div(lists).unwrap_or(all);
        Self {
            entries: share(limits::REVOCATION_ENTRIES),
            bytes: share(limits::REVOCATION_BYTES),
        }
    }
}

impl RevocationSource {
    /// How old a list may be.
    pub(super) const fn longest_age(&self) -> Duration {
        self.cache_duration.saturating_add(self.max_stale)
    }
}

/// What to do when there is no list that is young enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnavailable {
    /// Refuse: nobody can tell who is on it.
    #[default]
    Deny,
    /// Let pass whom the last list that came does not name.
    Allow,
}
