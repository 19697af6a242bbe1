//! What the claims of one issuer say about who acts, and what they prove about a sign-in.

mod fact;
mod preset;
mod sign_in;
mod step_up;
mod when;

pub use self::{
    fact::{Fact, Facts},
    preset::Preset,
};
pub(crate) use self::{
    sign_in::{Demand, Proof, Shortfall, SignIn},
    step_up::{acr_values, acr_values_left, acr_values_of_all, can_meet},
};
use crate::{
    config::{Kinds, When},
    json::Json,
};

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person.
    Human,
    /// A program that acts for itself.
    Workload,
    /// A program that acts for somebody.
    Agent,
    /// The claims do not tell, or tell two things.
    Unknown,
}

impl Kind {
    /// The word in headers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Workload => "workload",
            Self::Agent => "agent",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the kind off a token's claims. `act` (RFC 8693 section 4.1) means agent; the rest needs positive evidence.
    pub(crate) fn of(claims: &Json, kinds: &Kinds) -> Self {
        if claims.get("act").is_some() {
            return Self::Agent;
        }
        let says = |when: &Option<When>| when.as_ref().is_some_and(|when| when.holds(claims));
        match (
            says(&kinds.human),
            says(&kinds.workload),
            says(&kinds.agent),
        ) {
            (true, false, false) => Self::Human,
            (false, true, false) => Self::Workload,
            (false, false, true) => Self::Agent,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
