//! What requests wait for.

use crate::provider_id::ProviderId;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The keys of this provider.
    Keys(ProviderId),
    /// Its list of revocations.
    Revocations(ProviderId),
    /// Its status lists.
    StatusLists(ProviderId),
    /// The passkeys of its people, by the number of what is fetched.
    Credentials(ProviderId, u64),
    /// What it says of a token, by the number of the question.
    Introspection(ProviderId, u64),
    /// The rest of the request itself: the client sends it, and nothing is fetched.
    Body {
        /// A number of the person who has approved it.
        person: u64,
        /// A number of the approval.
        approval: u64,
    },
}

impl Need {
    /// Whose answer it is: what waits for one provider leaves room for what waits for another.
    /// `None`: no provider's.
    #[must_use]
    pub const fn provider(self) -> Option<ProviderId> {
        match self {
            Self::Keys(provider)
            | Self::Revocations(provider)
            | Self::StatusLists(provider)
            | Self::Credentials(provider, _)
            | Self::Introspection(provider, _) => Some(provider),
            Self::Body { .. } => None,
        }
    }

    /// Whether it is for the rest of the request itself.
    #[must_use]
    pub const fn is_body(self) -> bool {
        matches!(self, Self::Body { .. })
    }
}
