//! Who may act for a person, by a token that names an actor (RFC 8693 section 4.1).

use super::Alternative;
use crate::{identity, json::Json};

impl Alternative {
    /// What it wants of whoever acts, where these claims say that somebody does and it is somebody
    /// else, or one too many. A person's own token has no actor to speak of.
    #[inline(never)]
    pub(super) fn actor_fault(&self, issuer: &str, claims: &Json) -> Option<String> {
        let act = claims.get("act")?;
        if self.actors.is_empty() && self.max_act_depth.is_none() && !self.delegated {
            return None;
        }
        let Some(depth) = depth(act) else {
            return Some("act: an object with sub, and iss if any, both strings".to_owned());
        };
        if let Some(most) = self.max_act_depth.filter(|most| depth > *most) {
            return Some(["max_act_depth ", &most.to_string()].concat());
        }
        let actor = identity::actor(issuer, claims);
        let is_one = actor.is_some_and(|actor| self.actors.contains(&actor));
        (!self.actors.is_empty() && !is_one).then(|| self.actors.join(" "))
    }

    /// Whether whoever may act by this may by the other.
    pub(super) fn asks_at_least_of_actor(&self, other: &Self) -> bool {
        let is_less = |most| self.max_act_depth.is_some_and(|own| own <= most);
        let mut actors = self.actors.iter();
        let is_within = !self.actors.is_empty() && actors.all(|own| other.actors.contains(own));
        other.max_act_depth.is_none_or(is_less) && (other.actors.is_empty() || is_within)
    }
}

/// How many actors there are, one within the other. `None`: one of them is not named as RFC 8693
/// wants it.
fn depth(mut act: &Json) -> Option<usize> {
    let mut depth = 1_usize;
    loop {
        let is_text = |claim: &Json| claim.as_str().is_some_and(|text| !text.is_empty());
        let is_named = act.get("sub").is_some_and(is_text);
        if !is_named || !act.get("iss").is_none_or(is_text) {
            return None;
        }
        let Some(inner) = act.get("act") else {
            return Some(depth);
        };
        act = inner;
        depth = depth.saturating_add(1);
    }
}
