//! Claims of a sign-in that rules ask for, too, where a provider is asked about its JWTs: what an
//! answer has taken out of such a claim is not heard (docs/limitations.md). For people at a command
//! line: the filter has no use for it.

use super::{Action, Alternative, Callers, Named, Provider, ProviderId, Rule};
use crate::{
    decode::{At, Problems, shown},
    introspection::{IntrospectedTokens, is_of_sign_in},
};

/// What these say is of the sign-in wherever it is asked for.
const ALWAYS: [&str; 3] = ["acr", "amr", "auth_time"];

/// A warning for each claim of the sign-in that decides something else.
pub(super) fn narrowing(
    providers: &[Provider],
    rules: &[Rule],
    callers: &Callers,
    doubts: &mut Problems,
) {
    let at = At::Root;
    let at = at.member("providers");
    for (index, provider) in providers.iter().enumerate() {
        let source = provider.introspection.as_ref();
        if source.is_none_or(|source| source.tokens != IntrospectedTokens::All) {
            continue;
        }
        let at = at.member(&provider.name);
        let mut said: Vec<&str> = Vec::new();
        for (name, place) in asked(ProviderId(index), rules, callers) {
            let is_plain = ALWAYS.contains(&name) || !is_of_sign_in(name, &provider.evidence);
            if is_plain || said.contains(&name) {
                continue;
            }
            said.push(name);
            let seen = [
                &*shown::text(name),
                " is a claim of the sign-in here, and ",
                &place,
                " asks for it, too: with introspection for: all an answer that says less than the \
                 token is not heard",
            ];
            let wanted = ["name another claim in one of the two, or write for: opaque"];
            doubts.add(at.member("evidence"), &seen, &wanted);
        }
    }
}

/// The claims that decide what tokens of this provider may do, each with a place that says so.
fn asked<'c>(
    provider: ProviderId,
    rules: &'c [Rule],
    callers: &'c Callers,
) -> impl Iterator<Item = (&'c str, String)> {
    let by_rule = rules.iter().enumerate().flat_map(move |(index, rule)| {
        let ways = match &rule.action {
            Action::Requires(requirement) => &*requirement.alternatives,
            Action::Public(_) | Action::Deny(_) => &[],
        };
        let open = ways.iter().filter(move |way| way.accepts(provider));
        open.flat_map(|way| by_alternative(way))
            .map(move |name| (name, format!("rules[{index}]")))
    });
    let lists = [("roles", &callers.roles), ("products", &callers.products)];
    let by_caller = lists.into_iter().flat_map(move |(list, all)| {
        all.iter().enumerate().filter_map(move |(index, named)| {
            let name = by_named(named, provider)?;
            Some((name, format!("{list}[{index}]")))
        })
    });
    by_rule.chain(by_caller)
}

fn by_alternative(way: &Alternative) -> impl Iterator<Item = &str> {
    let claims = way.claims.iter().filter_map(|claim| claim.path.first());
    let scopes: &[&str] = if way.scopes.is_empty() {
        &[]
    } else {
        &["scope", "scp"]
    };
    claims.map(String::as_str).chain(scopes.iter().copied())
}

fn by_named(named: &Named, provider: ProviderId) -> Option<&str> {
    let when = named.when.token.as_ref();
    let when = when.filter(|_| named.when.provider == Some(provider))?;
    Some(when.claim.as_ref()?.path.first()?)
}
