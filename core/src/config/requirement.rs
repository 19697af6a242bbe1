//! What rules demand: alternatives, each with all that stands beside them.

use std::rc::Rc;

use super::{
    Alternative, Callers, ProviderId, Requirement, peer,
    raw::{RawAlternative, RawRequires, RawRequiresAny},
    words::TokenWish,
};
use crate::decode::{At, Field, Problems, Text, shown, suggest};

/// The names of all providers, and which of them some rule makes use of.
pub(super) struct Providers<'n> {
    names: &'n [String],
    used: Vec<bool>,
    /// The roles and products that rules may want.
    pub(super) callers: Callers,
}

impl<'n> Providers<'n> {
    pub(super) fn new(names: &'n [String]) -> Self {
        Self {
            names,
            used: vec![false; names.len()],
            callers: Callers::default(),
        }
    }

    /// The provider with this name, which counts as used from now on.
    pub(super) fn find(
        &mut self,
        name: &str,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<ProviderId> {
        let found = self.known(name, at, problems)?;
        if let Some(used) = self.used.get_mut(found.0) {
            *used = true;
        }
        Some(found)
    }

    /// The only provider, if there is no other.
    pub(super) fn only(&self) -> Option<ProviderId> {
        (self.names.len() == 1).then_some(ProviderId(0))
    }

    /// The provider with this name.
    pub(super) fn known(
        &self,
        name: &str,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<ProviderId> {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return Some(ProviderId(index));
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let wanted = match suggest::closest(name, names.iter().copied()) {
            Some(close) => ["did you mean ", close, "?"].concat(),
            None if names.is_empty() => "write it under providers".to_owned(),
            None => ["write ", &shown::one_of(&names)].concat(),
        };
        problems.add(at, &[&shown::text(name), " is no provider"], &[&wanted]);
        None
    }

    fn use_all(&mut self, at: At<'_>, problems: &mut Problems) {
        if self.names.is_empty() {
            problems.add(
                at,
                &["asks for a token, but there is no provider"],
                &["write one under providers"],
            );
        }
        self.used.fill(true);
    }

    /// The providers that no rule makes use of.
    pub(super) fn unused(&self) -> impl Iterator<Item = &'n str> {
        let all = self.names.iter().zip(&self.used);
        all.filter(|(_, used)| !**used).map(|(name, _)| &**name)
    }
}

/// What `requires` says.
pub(super) fn requirement(
    raw: RawRequires,
    providers: &mut Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Requirement {
    let RawRequires {
        provider_name,
        token,
        requires_any,
        demands,
    } = raw;
    let several = !requires_any.is_absent();
    for (name, is_absent) in [
        ("provider_name", provider_name.is_absent()),
        ("token", token.is_absent()),
    ] {
        if several && !is_absent {
            let seen = [name, " and requires_any are both given"];
            let wanted = ["write ", name, " inside the alternatives"];
            problems.add(at, &seen, &wanted);
        }
    }
    let mut beside = Alternative::default();
    let beside_peer = !demands.peer.is_absent();
    let delegated = demands.add_to(&mut beside, None, &providers.callers, at, problems);
    if !several {
        let named = (provider_name, token, beside_peer);
        choose(&mut beside, named, providers, at, problems);
        return Requirement {
            alternatives: vec![Rc::new(beside)],
        };
    }
    let list = requires_any
        .given()
        .and_then(|RawRequiresAny { requirements }| requirements.given());
    let at = at.member("requires_any");
    let at = at.member("requirements");
    let alternatives = list
        .into_iter()
        .flat_map(|list| list.0.into_numbered())
        .map(|(index, raw)| {
            let RawAlternative {
                provider_name,
                token,
                demands,
            } = raw;
            let at = at.element(index);
            let mut alternative = beside.clone();
            let asks_for_peer = beside_peer || !demands.peer.is_absent();
            demands.add_to(
                &mut alternative,
                delegated,
                &providers.callers,
                at,
                problems,
            );
            let named = (provider_name, token, asks_for_peer);
            choose(&mut alternative, named, providers, at, problems);
            Rc::new(alternative)
        });
    Requirement {
        alternatives: alternatives.collect(),
    }
}

/// Sets the provider; none named means any, unless no token is wanted.
fn choose(
    alternative: &mut Alternative,
    (name, token, asks_for_peer): (Field<Text>, Field<TokenWish>, bool),
    providers: &mut Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) {
    if !token.is_absent() {
        if !name.is_absent() {
            let seen = ["token: none and provider_name are both given"];
            problems.add(at, &seen, &["remove one of them"]);
        }
        alternative.without_token = true;
        return peer::check_tokenless(alternative, asks_for_peer, at, problems);
    }
    if name.is_absent() {
        providers.use_all(at, problems);
    }
    let name = name.given();
    alternative.provider =
        name.and_then(|name| providers.find(&name.0, at.member("provider_name"), problems));
}
