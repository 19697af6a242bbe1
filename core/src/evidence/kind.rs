//! Who acts.

use super::When;
use crate::json::Json;

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

/// What a token must show to count as one of the kinds; `None` where the kind is not configured.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    /// A person.
    pub human: Option<When>,
    /// A program that acts for itself.
    pub workload: Option<When>,
    /// A program that acts for somebody; a token with `act` always is one.
    pub agent: Option<When>,
}

impl Kinds {
    /// Tokens that name nothing but workloads.
    pub(crate) const WORKLOADS: Self = Self {
        human: None,
        workload: Some(When::ANYTHING),
        agent: None,
    };
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

    /// Reads the kind off a token's claims. `act` (RFC 8693 section 4.1) means agent; the rest
    /// needs positive evidence.
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
