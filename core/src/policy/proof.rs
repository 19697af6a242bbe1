//! What a rule wants proved beside the token.

use core::time::Duration;

use crate::proof::{ApprovalTerms, Approves, Binding, Terms};

/// What a rule wants proved beside the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofDemand {
    /// A DPoP proof by the key that the token is bound to (RFC 9449).
    Dpop {
        /// How it is judged.
        terms: Terms,
        /// Whether it stays in the request.
        forward: bool,
    },
    /// The client certificate that the token is bound to (RFC 8705).
    Certificate,
    /// A passkey's approval, a WebAuthn assertion: of this request, or of a key that proves it.
    Approval {
        /// How it is judged.
        terms: ApprovalTerms,
        /// Whether it stays in the request.
        forward: bool,
    },
}

impl ProofDemand {
    /// Whether a token that is bound so can meet it. A passkey makes assertions and nothing else,
    /// so its token passes only where a rule wants one.
    pub(crate) const fn takes(demand: Option<Self>, binding: &Binding) -> bool {
        match demand {
            Some(Self::Approval { .. }) => binding.passkey.is_some() || binding.is_of_holder,
            Some(_) | None if binding.passkey.is_some() => false,
            Some(Self::Dpop { .. }) => binding.dpop.is_some(),
            Some(Self::Certificate) => binding.certificate.is_some(),
            None => true,
        }
    }

    /// Whether whatever meets this meets the other, too.
    pub(super) fn asks_at_least(self, other: Self) -> bool {
        match (self, other) {
            (Self::Certificate, Self::Certificate) => true,
            (Self::Dpop { terms, .. }, Self::Dpop { terms: other, .. }) => {
                terms.ask_at_least(other)
            }
            (Self::Approval { terms, .. }, Self::Approval { terms: other, .. }) => {
                terms.of.asks_at_least(other.of)
                    && (terms.is_verified || !other.is_verified)
                    && (terms.is_device_bound || !other.is_device_bound)
            }
            (Self::Certificate | Self::Dpop { .. } | Self::Approval { .. }, _) => false,
        }
    }

    /// How long a proof may count that is spent.
    pub(crate) const fn window(self) -> Option<Duration> {
        match self {
            Self::Dpop { terms, .. } => Some(terms.window),
            Self::Approval { terms, .. } => Some(match terms.of {
                Approves::Request { window, .. } => window,
                Approves::Session { dpop, .. } => dpop.window,
            }),
            Self::Certificate => None,
        }
    }

    /// In the words of the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dpop { .. } => "dpop",
            Self::Certificate => "certificate",
            Self::Approval { .. } => "webauthn",
        }
    }
}
