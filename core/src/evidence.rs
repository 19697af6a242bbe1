//! What the claims of one issuer say about who acts. Facts about sign-ins will live here too.

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

impl When {
    /// Whether all that is given holds. A missing or ill-typed claim satisfies nothing, negative conditions included.
    fn holds(&self, claims: &Json) -> bool {
        let amr = methods(claims);
        let has = |method: &String| {
            amr.as_ref()
                .is_some_and(|amr| amr.contains(&method.as_str()))
        };
        let all_of = self.amr_all_of.iter().all(has);
        let any_of = self.amr_any_of.is_empty() || self.amr_any_of.iter().any(has);
        let exactly = self.amr_exactly.is_empty()
            || (self.amr_exactly.iter().all(has)
                && amr
                    .iter()
                    .flatten()
                    .all(|method| self.amr_exactly.iter().any(|e| e == method)));
        let none_of =
            self.amr_none_of.is_empty() || (amr.is_some() && !self.amr_none_of.iter().any(has));
        let acr = claims.get("acr").and_then(Json::as_str);
        let acr_any_of = self.acr_any_of.is_empty()
            || acr.is_some_and(|acr| self.acr_any_of.iter().any(|a| a == acr));
        let claim = self
            .claim
            .as_ref()
            .is_none_or(|claim| claims.at(&claim.path) == Some(&claim.equals));
        all_of && any_of && exactly && none_of && acr_any_of && claim
    }
}

/// `amr` (OpenID Connect Core section 2): a list of strings that is not empty, or nothing.
fn methods(claims: &Json) -> Option<Vec<&str>> {
    match claims.get("amr") {
        Some(Json::Array(methods)) if !methods.is_empty() => {
            methods.iter().map(Json::as_str).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
