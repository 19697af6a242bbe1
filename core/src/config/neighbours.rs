//! Paths beside a rule's own, which many services take for the same, and which another rule decides
//! that does not ask for as much.

use super::{Matcher, PathMatch, Rule, escape::asks_for_as_much, pattern::written};
use crate::{
    decode::{At, Problems},
    policy::ONE,
};

/// A doubt for each rule whose path somebody could miss by a slash, or by one segment more.
pub(super) fn neighbours(rules: &[Rule], at: At<'_>, doubts: &mut Problems) {
    for (index, rule) in rules.iter().enumerate() {
        let Some((path, neighbour, instead)) = neighbour(&rule.matcher.path) else {
            continue;
        };
        let beside = Matcher {
            path,
            ..rule.matcher.clone()
        };
        // A rule for some methods or hosts leaves the rest to those behind it.
        let is_weaker = |other: &Rule| {
            !asks_for_as_much(&other.action, &rule.action) && other.matcher.meets(&beside)
        };
        let mut numbered = rules.iter().enumerate();
        let decides = numbered.find(|(_, other)| is_weaker(other) || other.matcher.covers(&beside));
        let Some((decides, _)) = decides.filter(|(_, other)| is_weaker(other)) else {
            continue;
        };
        let seen = [
            &*neighbour,
            " goes to rules[",
            &decides.to_string(),
            "], which does not ask for the same",
        ];
        let wanted = ["write ", &instead];
        doubts.add(at.element(index).member("match"), &seen, &wanted);
    }
}

/// Pairs of rules, the first of which takes requests of the second by a `*`, and does not ask for
/// as much: each pair with the name that the second has there; `None`: it has none, and all of its
/// requests are taken but those for the path itself.
pub(super) fn taken_by_any(rules: &[Rule]) -> impl Iterator<Item = (usize, usize, Option<&str>)> {
    let numbered = rules.iter().enumerate();
    let pairs = numbered.flat_map(|(index, rule)| {
        let later = rules.iter().enumerate().skip(index.saturating_add(1));
        later.map(move |(later, other)| (index, rule, later, other))
    });
    pairs.filter_map(|(index, rule, later, other)| {
        let mut both = segments(&rule.matcher.path).zip(segments(&other.matcher.path));
        let named = both.find(|(any, name)| *any == ONE && !matches!(*name, ONE | ""));
        let name = named.map(|(_, name)| name);
        let is_taken = name.is_some() || takes_the_rest(&rule.matcher, &other.matcher);
        let is_escape = is_taken && !asks_for_as_much(&rule.action, &other.action);
        let meets = is_escape && rule.matcher.meets(&other.matcher);
        meets.then_some((index, later, name))
    })
}

/// Whether a rule for `/x/*/**` takes all that the other one is about, but `/x` and `/x/`.
fn takes_the_rest(rule: &Matcher, other: &Matcher) -> bool {
    let PathMatch::Segments(text) = &rule.path else {
        return false;
    };
    let Some(head) = text.strip_suffix("/*") else {
        return false;
    };
    let path = match head {
        "" => PathMatch::Prefix("/".to_owned()),
        head => PathMatch::Segments(head.to_owned()),
    };
    let around = Matcher {
        path,
        ..rule.clone()
    };
    around.covers(other)
}

fn segments(path: &PathMatch) -> impl Iterator<Item = &str> {
    let text = match path {
        PathMatch::Any => "",
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Segments(text) => text,
    };
    text.split('/').skip(1)
}

/// What lies beside a path, how it is called, and what to write so that it is meant, too.
fn neighbour(path: &PathMatch) -> Option<(PathMatch, String, String)> {
    let whole = |path: &str| {
        let field = "path_separated_prefix: ";
        [field, &written(path), " if both are one to the service"].concat()
    };
    match path {
        PathMatch::Exact(text) if text.ends_with("/*") => {
            let below = [text, "/"].concat();
            let text = written(text);
            let called = ["what is below ", &text].concat();
            let rest = ["path: ", &text, "* if it is meant, too"].concat();
            Some((PathMatch::Prefix(below), called, rest))
        }
        PathMatch::Exact(text) | PathMatch::Prefix(text) if text.len() > 1 => {
            Some(match text.strip_suffix('/') {
                Some(bare) => (
                    PathMatch::Exact(bare.to_owned()),
                    written(bare),
                    whole(bare),
                ),
                None => {
                    let slash = [text, "/"].concat();
                    let called = written(&slash);
                    (PathMatch::Exact(slash), called, whole(text))
                }
            })
        }
        PathMatch::Any | PathMatch::Exact(_) | PathMatch::Prefix(_) | PathMatch::Segments(_) => {
            None
        }
    }
}
