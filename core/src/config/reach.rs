//! Which rules may decide about the requests of a route, and which of these asks for the least.

use super::{Action, Matcher, Rule, escape::asks_for_as_much};

/// The indices of rules that may decide about a request of these, in order; and whether a request
/// may be left that none of them decides about. Sound, not complete: where it is unsure whether
/// an earlier rule takes all, the later one is there.
pub(super) fn deciding(
    rules: &[Rule],
    requests: &Matcher,
    may_meet: impl Fn(&Rule) -> bool,
) -> (Vec<usize>, bool) {
    let mut deciding: Vec<usize> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut earlier = rules.iter().take(index);
        let is_taken = earlier.any(|earlier| earlier.matcher.covers(&rule.matcher));
        if !is_taken && rule.matcher.meets(requests) && may_meet(rule) {
            deciding.push(index);
        }
        if rule.matcher.covers(requests) {
            return (deciding, false);
        }
    }
    (deciding, true)
}

/// Those of these rules of which none asks for less: more than one where nobody can compare them.
/// Of rules that ask for the same it is the first. One that is only observed asks
/// for less than any other, as it refuses not even a bad token.
pub(super) fn weakest(
    rules: &[Rule],
    of: &[usize],
    is_observed: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let named = of.iter().filter_map(|index| {
        let action = &rules.get(*index)?.action;
        Some((*index, (!is_observed(*index)).then_some(action)))
    });
    let named: Vec<_> = named.collect();
    let asks = |this: Option<&Action>, that: Option<&Action>| match (this, that) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(this), Some(that)) => asks_for_as_much(this, that),
    };
    let is_weakest = |(index, rule): &&(usize, Option<&Action>)| {
        !named.iter().any(|(other, than)| {
            let is_as_weak = asks(*rule, *than);
            let is_weaker = is_as_weak && !asks(*than, *rule);
            is_weaker || (is_as_weak && other < index)
        })
    };
    let weakest = named.iter().filter(is_weakest);
    weakest.map(|(index, _)| *index).collect()
}
