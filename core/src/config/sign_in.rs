//! What rules demand of a sign-in: facts, age, who acts, and whether it may be somebody else's.

use core::time::Duration;

use super::{
    Alternative,
    decode::{At, Field, Filled, Problems},
    duration, evidence, shown,
    words::Delegated,
};
use crate::evidence::{Fact, Kind};

/// The demands as people wrote them, beside alternatives or inside one.
pub(super) struct SignIn {
    pub(super) facts: Field<Filled<Fact>>,
    pub(super) max_age: Field<Duration>,
    pub(super) kind: Field<Kind>,
    pub(super) delegated: Field<Delegated>,
}

impl SignIn {
    /// Adds these demands to those that are there. `beside` is what was said of delegation beside the alternatives;
    /// what is said now is returned. A refusal in either place is one.
    pub(super) fn add_to(
        self,
        alternative: &mut Alternative,
        beside: Option<Delegated>,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<Delegated> {
        if let Some(facts) = self.facts.given() {
            alternative.facts = alternative.facts.and(evidence::facts(facts));
        }
        if let Some(max_age) = self.max_age.given() {
            let (least, at) = (Duration::from_secs(1), at.member("max_age"));
            duration::bound(max_age, least, Duration::MAX, at, problems);
            let shortest = alternative.max_age.unwrap_or(max_age).min(max_age);
            alternative.max_age = Some(shortest);
        }
        if let Some(kind) = self.kind.given() {
            if let Some(other) = alternative.kind.filter(|other| *other != kind) {
                let problem = [
                    "asks for another kind than the ",
                    other.as_str(),
                    " beside the alternatives; write it in one place",
                ];
                problems.add(at.member("kind"), shown::join(&problem));
            }
            alternative.kind = Some(kind);
        }
        let said = match (beside, self.delegated.given()) {
            (Some(Delegated::Deny), _) | (_, Some(Delegated::Deny)) => Some(Delegated::Deny),
            (beside, own) => own.or(beside),
        };
        alternative.delegated = said == Some(Delegated::Allow);
        said
    }
}
