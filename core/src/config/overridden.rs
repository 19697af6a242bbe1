//! Headers by which a client has the service read another method or path than the rules were about
//! (`override_headers.allow`), and the rules that it gets past so. For people at a command line:
//! the filter has no use for it.

use super::{Action, Matcher, PathMatch, Rule, escape::asks_for_as_much};
use crate::decode::{At, Problems, shown};

/// A warning for each of these headers by which a client gets past a rule.
pub(super) fn overridden(
    kept: &[String],
    rules: Option<&[Rule]>,
    passes_preflights: bool,
    doubts: &mut Problems,
) {
    let at = At::Root;
    let at = at.member("override_headers");
    for name in kept {
        let is_of_method = name.contains("method");
        let (what, past) = if is_of_method {
            ("method", past_by_method(rules, passes_preflights))
        } else {
            ("path", past_by_path(rules))
        };
        let Some(past) = past else { continue };
        let seen = [
            &*shown::text(name),
            " has the service read another ",
            what,
            " than the rules do: ",
            &past,
        ];
        let wanted = ["remove it, or write rules that ask for the same whatever it says"];
        doubts.add(at.member("allow"), &seen, &wanted);
    }
}

/// How another method leads past a rule: the first of two rules about one path names methods, or a
/// preflight may be anything.
fn past_by_method(rules: Option<&[Rule]>, passes_preflights: bool) -> Option<String> {
    let wants_token = |rule: &Rule| matches!(rule.action, Action::Requires(_));
    if passes_preflights && rules.is_none_or(|rules| rules.iter().any(wants_token)) {
        return Some("a preflight with it passes without a token".to_owned());
    }
    past(rules?, |weaker, stricter| {
        let first = weaker.min(stricter);
        let visit = Matcher {
            methods: Vec::new(),
            all_methods: true,
            ..rules?.get(weaker)?.matcher.clone()
        };
        let names_methods = !rules?.get(first)?.matcher.methods.is_empty();
        names_methods.then_some(visit)
    })
}

/// How another path does: by any rule that asks for less, or to what no rule is about.
fn past_by_path(rules: Option<&[Rule]>) -> Option<String> {
    let rules = rules?;
    let by_another_rule = past(rules, |weaker, _| {
        Some(Matcher {
            path: PathMatch::Any,
            ..rules.get(weaker)?.matcher.clone()
        })
    });
    let everything = Matcher {
        path: PathMatch::Prefix("/".to_owned()),
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    };
    by_another_rule.or_else(|| {
        let is_left = !rules.iter().any(|rule| rule.matcher.covers(&everything));
        let mut numbered = rules.iter().enumerate();
        let (first, _) = numbered.find(|(_, rule)| !matches!(rule.action, Action::Deny(_)))?;
        let to_nowhere =
            format!("what rules[{first}] lets pass gets to paths that no rule is about");
        is_left.then_some(to_nowhere)
    })
}

/// The first two rules of which the weaker one lets pass what the service takes for a request of
/// the stricter one. `visit`: what the first of them may be taken for; `None`: for nothing else.
fn past(rules: &[Rule], visit: impl Fn(usize, usize) -> Option<Matcher>) -> Option<String> {
    rules.iter().enumerate().find_map(|(weaker, rule)| {
        let is_past = |(stricter, other): &(usize, &Rule)| {
            weaker != *stricter
                && !asks_for_as_much(&rule.action, &other.action)
                && visit(weaker, *stricter).is_some_and(|visit| visit.meets(&other.matcher))
        };
        let (stricter, _) = rules.iter().enumerate().find(is_past)?;
        Some(format!(
            "what rules[{weaker}] lets pass gets to rules[{stricter}], which does not ask for the same"
        ))
    })
}
