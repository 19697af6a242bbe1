//! A strict rule for some hosts, and a weaker one behind it for all: whoever names another host
//! gets past the strict one. What a client writes into `Host` is its own to choose, and the service
//! may well answer all the same. So it is with a weak rule for some hosts before a strict one for
//! all, where Envoy leads all hosts to one service.

use super::{Action, HostMatch, Matcher, Rule};

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

/// Each host of a rule that asks for less than a later one for all hosts: as it is written, and the
/// indices of both.
pub(super) fn by_its_host(rules: &[Rule]) -> Vec<(String, usize, usize)> {
    let mut escapes = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let everywhere = Matcher {
            hosts: Vec::new(),
            ..rule.matcher.clone()
        };
        let later = rules.iter().enumerate().skip(index.saturating_add(1));
        let mut for_all = later.filter(|(_, other)| other.matcher.hosts.is_empty());
        let stricter = for_all.find(|(_, other)| {
            other.matcher.meets(&everywhere) && !asks_for_as_much(&rule.action, &other.action)
        });
        let Some((stricter, _)) = stricter else {
            continue;
        };
        escapes.extend(rule.matcher.hosts.iter().map(|host| {
            let written = match host {
                HostMatch::Exact(host) => host.clone(),
                HostMatch::Suffix(suffix) => ["*", suffix].concat(),
            };
            (written, index, stricter)
        }));
    }
    escapes
}

/// Whether whatever passes by `this` would pass by `that`. False where that is not plain to see.
fn asks_for_as_much(this: &Action, that: &Action) -> bool {
    match (this, that) {
        (_, Action::Public(_)) => true,
        (Action::Public(_), Action::Requires(_)) => false,
        (Action::Requires(this), Action::Requires(that)) => this.asks_at_least(that),
    }
}
