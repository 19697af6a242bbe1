//! What would help whoever was refused.

use super::{Insufficient, Malformed, Missing, Reason, StepUp, Untrusted};

impl Reason {
    /// Whether a sign-in would help.
    #[must_use]
    pub const fn wants_sign_in(&self) -> bool {
        match self {
            // Who signs in again has the same key, and would come back with the same proof.
            _ if self.is_of_proof() => false,
            Self::Missing(Missing::Peer) => false,
            Self::Missing(_) | Self::Malformed(_) | Self::Untrusted(_) => true,
            Self::Insufficient(fact) => match fact {
                Insufficient::Scope { .. } => false,
                Insufficient::Authentication { .. } | Insufficient::MaxAge { .. } => true,
            },
            Self::Ambiguous(_) | Self::Forbidden(_) | Self::Unavailable(_) | Self::Internal(_) => {
                false
            }
        }
    }

    /// What a better sign-in would have to be, where the reason says so.
    #[must_use]
    pub const fn step_up(&self) -> Option<&StepUp> {
        match self {
            Self::Missing(Missing::Token { step_up })
            | Self::Insufficient(
                Insufficient::Authentication { step_up } | Insufficient::MaxAge { step_up },
            ) => Some(step_up),
            _ => None,
        }
    }

    /// Whether what is proved of the person does not suffice.
    pub(super) const fn is_of_sign_in(&self) -> bool {
        matches!(
            self,
            Self::Insufficient(Insufficient::Authentication { .. } | Insufficient::MaxAge { .. })
        )
    }

    /// Whether a proof of possession is at fault.
    pub(super) const fn is_of_proof(&self) -> bool {
        match self {
            Self::Missing(fact) => matches!(fact, Missing::Proof),
            Self::Malformed(fact) => matches!(fact, Malformed::Proof),
            Self::Untrusted(fact) => matches!(
                fact,
                Untrusted::ProofSignature
                    | Untrusted::ProofKey
                    | Untrusted::ProofRequest
                    | Untrusted::ProofTime
                    | Untrusted::ProofNonce
                    | Untrusted::ProofReplayed
                    | Untrusted::ProofToken
                    | Untrusted::ProofOrigin
                    | Untrusted::ProofFlags
                    | Untrusted::ProofBody
                    | Untrusted::Credential
            ),
            _ => false,
        }
    }
}
