//! What a rule wants proved beside the token.

use crate::proof::{Binding, Terms};

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
}

impl ProofDemand {
    /// Whether a token that is bound so can meet it.
    pub(crate) const fn takes(self, binding: &Binding) -> bool {
        match self {
            Self::Dpop { .. } => binding.dpop.is_some(),
            Self::Certificate => binding.certificate.is_some(),
        }
    }

    /// Whether whatever meets this meets the other, too.
    pub(super) fn asks_at_least(self, other: Self) -> bool {
        match (self, other) {
            (Self::Certificate, Self::Certificate) => true,
            (Self::Dpop { terms, .. }, Self::Dpop { terms: other, .. }) => {
                terms.window <= other.window && (terms.wants_nonce || !other.wants_nonce)
            }
            (Self::Certificate, Self::Dpop { .. }) | (Self::Dpop { .. }, Self::Certificate) => {
                false
            }
        }
    }

    /// In the words of the configuration.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Dpop { .. } => "dpop",
            Self::Certificate => "certificate",
        }
    }
}
