//! A strict rule for some hosts, and a weaker one behind it for all: whoever names another host gets past the strict one.
//! What a client writes into `Host` is its own to choose, and the service may well answer all the same.

use super::{Action, Matcher, Rule};

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
        (Action::Requires(this), Action::Requires(that)) => this.asks_at_least(that),
    }
}
