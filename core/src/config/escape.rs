//! A strict rule for some hosts, and a weaker one behind it for all: whoever names another host gets past the strict one.
//! What a client writes into `Host` is its own to choose, and the service may well answer all the same.

use super::{Action, Alternative, ClaimCondition, ClaimTest, Matcher, Rule};

/// The first of these later rules that asks for less, for paths of this rule and every host.
pub(super) fn by_another_host<'c>(
    rule: &Rule,
    mut later: impl Iterator<Item = (usize, &'c Rule)>,
) -> Option<usize> {
    if rule.matcher.hosts.is_empty() {
        return None;
    }
    let everywhere = Matcher {
        hosts: Vec::new(),
        ..rule.matcher.clone()
    };
    // A rule behind one that is about all of them is never asked.
    let mut is_reached = true;
    later.find_map(|(index, other)| {
        let (wide, narrow) = (&other.matcher, &everywhere);
        if !is_reached || !wide.hosts.is_empty() {
            return None;
        }
        is_reached = !wide.covers(narrow);
        (wide.meets(narrow) && !asks_for_as_much(&other.action, &rule.action)).then_some(index)
    })
}

/// Whether whatever passes by `this` would pass by `that`. False where that is not plain to see.
fn asks_for_as_much(this: &Action, that: &Action) -> bool {
    match (this, that) {
        (_, Action::Public(_)) => true,
        (Action::Public(_), Action::Requires(_)) => false,
        (Action::Requires(this), Action::Requires(that)) => this.alternatives.iter().all(|way| {
            let mut weaker = that.alternatives.iter();
            weaker.any(|other| is_as_strict(way, other))
        }),
    }
}

fn is_as_strict(this: &Alternative, that: &Alternative) -> bool {
    let has = |claim: &ClaimCondition| this.claims.iter().any(|own| is_same(own, claim));
    (that.provider.is_none() || this.provider == that.provider)
        && that.audiences.iter().all(|list| this.audiences.contains(list))
        // Without a list of its own a rule takes the provider's audiences.
        && this.audiences.is_empty() == that.audiences.is_empty()
        && that.scopes.iter().all(|scope| this.scopes.contains(scope))
        && that.claims.iter().all(has)
        && that.facts.without(this.facts).is_empty()
        && that.max_age.is_none_or(|most| this.max_age.is_some_and(|own| own <= most))
        && (that.kind.is_none() || this.kind == that.kind)
        && (that.delegated || !this.delegated)
}

fn is_same(this: &ClaimCondition, that: &ClaimCondition) -> bool {
    let is_same_test = match (&this.test, &that.test) {
        (ClaimTest::AnyOf(this), ClaimTest::AnyOf(that))
        | (ClaimTest::AllOf(this), ClaimTest::AllOf(that)) => this == that,
        _ => false,
    };
    this.path == that.path && this.split == that.split && is_same_test
}
