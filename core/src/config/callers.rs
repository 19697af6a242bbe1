//! Roles and products: who has them, and which rules want them.

#[cfg(feature = "explain")]
mod doubts;

use std::rc::Rc;

#[cfg(feature = "explain")]
pub(super) use self::doubts::with_doubts;
use super::{
    Alternative, Caller, Callers, Named, claim, evidence, peer,
    raw::{RawCaller, RawNamed},
    requirement::Providers,
    text::Name,
};
use crate::{
    decode::{At, Field, Filled, List, Problems, Text, shown, suggest},
    evidence::Facts,
    limits,
};

/// All roles, or all products: `word` is the name of both the member and, in the plural, the list.
#[inline(never)]
pub(super) fn named(
    raw: Field<List<RawNamed>>,
    word: &str,
    providers: &Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<Named> {
    let mut list = Vec::new();
    for (index, raw) in raw.given().into_iter().flat_map(List::into_numbered) {
        if index >= limits::CALLER_NAMES {
            let most = limits::CALLER_NAMES.to_string();
            problems.add(at, &["has more than ", &most, " entries"], &["write fewer"]);
            break;
        }
        let at = at.element(index);
        let RawNamed {
            role,
            product,
            when,
            header,
        } = raw;
        let (name, other) = if word == "role" {
            (role, ("product", product.is_absent()))
        } else {
            (product, ("role", role.is_absent()))
        };
        if name.is_absent() {
            problems.add(at.member(word), &["missing"], &["write ", word, ": payer"]);
        }
        if let (other, false) = other {
            problems.add(at.member(other), &["unknown here"], &["write ", word]);
        }
        let when = when.given();
        let when = when.map(|raw| caller(raw, providers, at.member("when"), problems));
        if let (Some(Name(name)), Some(when)) = (name.given(), when) {
            list.push(Named {
                name: name.into(),
                when,
                is_told: header.given().unwrap_or(true),
            });
        }
    }
    list
}

#[inline(never)]
fn caller(
    raw: RawCaller,
    providers: &Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Caller {
    let RawCaller {
        provider_name,
        facts,
        kind,
        peer,
        token,
    } = raw;
    let says = claim::says_something(&token);
    let is_whole = says
        || !(provider_name.is_absent()
            && facts.is_absent()
            && kind.is_absent()
            && peer.is_absent());
    if !is_whole {
        let wanted = ["write a condition, such as claim: { path: [groups], contains: finance }"];
        problems.add(at, &["would hold for every caller"], &wanted);
    }
    let is_named = !provider_name.is_absent();
    let mut provider = provider_name.given().and_then(|Text(name)| {
        let at = at.member("provider_name");
        providers.known(&name, at, problems)
    });
    if says && !is_named {
        provider = providers.only();
        if provider.is_none() {
            let seen = ["reads a token, and there are several providers"];
            let wanted = ["write provider_name beside it: a claim means what its issuer says"];
            problems.add(at, &seen, &wanted);
        }
    }
    let peers = peer
        .given()
        .map(|raw| peer::patterns(raw, at.member("peer"), problems));
    Caller {
        provider,
        token: says.then(|| claim::when(token, at, problems)),
        facts: facts.given().map_or(Facts::NONE, evidence::facts),
        kind: kind.given(),
        peers: peers.unwrap_or_default(),
    }
}

/// As for rules: somebody verifies the certificates that names rely on.
#[inline(never)]
pub(super) fn can_be_known(
    is_verified: bool,
    callers: &Callers,
    at: At<'_>,
    problems: &mut Problems,
) {
    for (field, list) in [("roles", &callers.roles), ("products", &callers.products)] {
        let wants = |named: &Named| !named.when.peers.is_empty();
        if !is_verified && let Some(index) = list.iter().position(wants) {
            let at = at.member(field);
            peer::say_unverified(at.element(index).member("when"), problems);
        }
    }
}

/// Names of roles, or of products, that a rule wants.
#[inline(never)]
fn wanted(
    raw: Field<Filled<Text>>,
    known: &[Named],
    (field, word): (&str, &str),
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<Rc<str>> {
    let at = at.member(field);
    let mut names = Vec::new();
    for (index, Text(name)) in raw.given().into_iter().flat_map(Filled::into_numbered) {
        if let Some(named) = known.iter().find(|named| *named.name == *name) {
            names.push(Rc::clone(&named.name));
            continue;
        }
        let all = known.iter().map(|named| &*named.name);
        let instead = match suggest::closest(&name, all) {
            Some(close) => ["did you mean ", close, "?"].concat(),
            None => ["write it under ", field, ", at the top"].concat(),
        };
        let seen = [&shown::text(&name), " is not a ", word];
        problems.add(at.element(index), &seen, &[&instead]);
    }
    names
}

/// Adds the roles and products that a rule wants, and the facts that nobody has them without: who
/// lacks one of those is asked for it.
#[inline(never)]
pub(super) fn add_to(
    alternative: &mut Alternative,
    (roles, products): (Field<Filled<Text>>, Field<Filled<Text>>),
    callers: &Callers,
    at: At<'_>,
    problems: &mut Problems,
) {
    let roles = wanted(roles, &callers.roles, ("roles", "role"), at, problems);
    for role in &roles {
        let facts = implied(&callers.roles, core::slice::from_ref(role));
        alternative.facts = alternative.facts.and(facts);
    }
    alternative.roles.extend(roles);
    if products.is_absent() {
        return;
    }
    if !alternative.products.is_empty() {
        let seen = ["are asked for beside the alternatives, too"];
        problems.add(at.member("products"), &seen, &["write them in one place"]);
    }
    let products = wanted(
        products,
        &callers.products,
        ("products", "product"),
        at,
        problems,
    );
    let facts = implied(&callers.products, &products);
    alternative.facts = alternative.facts.and(facts);
    alternative.products = products;
}

/// The facts that each of the conditions wants which give one of these names.
#[inline(never)]
fn implied(known: &[Named], names: &[Rc<str>]) -> Facts {
    let giving = known.iter().filter(|named| names.contains(&named.name));
    let facts = giving.map(|named| named.when.facts);
    // What all of them want: all that one wants without what another does not.
    let common = facts.reduce(|all, own| all.without(all.without(own)));
    common.unwrap_or(Facts::NONE)
}
