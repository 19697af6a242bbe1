//! What rules ask of a token: audiences, scopes and claims; and of its sign-in: facts, age, who
//! acts, and whether it may be somebody else's.

use core::time::Duration;

use super::{
    Alternative, Callers, actor, callers, claim, duration, evidence, peer, proof, raw::Demands,
    words::Delegated,
};
use crate::decode::{At, Filled, Problems, texts};

impl Demands {
    /// Adds these demands to those that are there. `beside` is what was said of delegation beside
    /// the alternatives; what is said now is returned. A refusal in either place is one.
    pub(super) fn add_to(
        self,
        alternative: &mut Alternative,
        beside: Option<Delegated>,
        known: &Callers,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<Delegated> {
        alternative
            .audiences
            .extend(self.audiences.given().map(texts));
        for scope in self.scopes.into_values() {
            if !alternative.scopes.contains(&scope.0) {
                alternative.scopes.push(scope.0);
            }
        }
        let claims = self
            .claims
            .given()
            .into_iter()
            .flat_map(Filled::into_numbered);
        let list = at.member("claims");
        let conditions =
            claims.filter_map(|(index, raw)| claim::condition(raw, list.element(index), problems));
        alternative.claims.extend(conditions);
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
                let seen = [
                    "asks for another kind than the ",
                    other.as_str(),
                    " beside the alternatives",
                ];
                let wanted = ["write it in one place"];
                problems.add(at.member("kind"), &seen, &wanted);
            }
            alternative.kind = Some(kind);
        }
        if let Some(raw) = self.proof.given() {
            let at = at.member("proof");
            if alternative.proof.is_some() {
                let seen = ["is asked for beside the alternatives, too"];
                problems.add(at, &seen, &["write it in one place"]);
            }
            if let Some((demand, aaguids)) = proof::demand(raw, at, problems) {
                alternative.proof = Some(demand);
                alternative.aaguids = aaguids;
            }
        }
        if let Some(raw) = self.peer.given() {
            let at = at.member("peer");
            if !alternative.peers.is_empty() {
                let seen = ["is asked for beside the alternatives, too"];
                problems.add(at, &seen, &["write it in one place"]);
            }
            alternative.peers = peer::patterns(raw, at, problems);
        }
        if let Some(longest) = self.max_token_lifetime.given() {
            let (least, at) = (Duration::from_secs(1), at.member("max_token_lifetime"));
            duration::bound(longest, least, Duration::MAX, at, problems);
            let shortest = alternative
                .max_token_lifetime
                .unwrap_or(longest)
                .min(longest);
            alternative.max_token_lifetime = Some(shortest);
        }
        let names = (self.roles, self.products);
        callers::add_to(alternative, names, known, at, problems);
        let (actors, depth) = (self.actors, self.max_act_depth);
        actor::add_to(alternative, actors, depth, at, problems);
        alternative.origin_bound |= self.origin_bound.given().unwrap_or(false);
        alternative.single_use |= self.single_use.given().unwrap_or(false);
        let said = match (beside, self.delegated.given()) {
            (Some(Delegated::Deny), _) | (_, Some(Delegated::Deny)) => Some(Delegated::Deny),
            (beside, own) => own.or(beside),
        };
        alternative.delegated = said == Some(Delegated::Allow);
        said
    }
}
