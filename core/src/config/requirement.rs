//! What rules demand: alternatives, each with all that stands beside them.

use super::{
    Alternative, ProviderId, Requirement,
    raw::{RawAlternative, RawRequires, RawRequiresAny},
};
use crate::decode::{At, Field, Problems, Text, shown, suggest};

/// The names of all providers, and which of them some rule makes use of.
pub(super) struct Providers<'n> {
    names: &'n [String],
    used: Vec<bool>,
}

impl<'n> Providers<'n> {
    pub(super) fn new(names: &'n [String]) -> Self {
        Self {
            names,
            used: vec![false; names.len()],
        }
    }

    /// The provider with this name, which counts as used from now on.
    pub(super) fn find(
        &mut self,
        name: &str,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<ProviderId> {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            if let Some(used) = self.used.get_mut(index) {
                *used = true;
            }
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
        requires_any,
        demands,
    } = raw;
    let several = !requires_any.is_absent();
    if several && !provider_name.is_absent() {
        problems.add(
            at,
            &["provider_name and requires_any are both given"],
            &["write provider_name inside the alternatives"],
        );
    }
    let mut beside = Alternative::default();
    let delegated = demands.add_to(&mut beside, None, at, problems);
    if !several {
        choose(&mut beside, provider_name, providers, at, problems);
        return Requirement {
            alternatives: vec![beside],
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
                demands,
            } = raw;
            let at = at.element(index);
            let mut alternative = beside.clone();
            demands.add_to(&mut alternative, delegated, at, problems);
            choose(&mut alternative, provider_name, providers, at, problems);
            alternative
        });
    Requirement {
        alternatives: alternatives.collect(),
    }
}

/// Sets the provider; none named means any.
fn choose(
    alternative: &mut Alternative,
    name: Field<Text>,
    providers: &mut Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) {
    if name.is_absent() {
        providers.use_all(at, problems);
    }
    let name = name.given();
    alternative.provider =
        name.and_then(|name| providers.find(&name.0, at.member("provider_name"), problems));
}
