//! Rules: which requests they are about and what they say.

use std::rc::Rc;

use super::{
    Action, Denial, Matcher, PathMatch, PathPolicy, Public, Rule, mcp,
    pattern::{self, Refused},
    raw::{RawDeny, RawMatch, RawPublic, RawRule, RawStreams},
    requirement::{self, Providers},
    text::Name,
};
use crate::{
    decode::{At, Fault, Field, List, Problems, shown},
    limits,
};

/// All rules, in order.
pub(super) fn rules(
    raw: List<RawRule>,
    policy: PathPolicy,
    providers: &mut Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<Rule> {
    if raw.len() > limits::RULES {
        problems.add(
            at,
            &["has more than ", &limits::RULES.to_string(), " rules"],
            &["write fewer"],
        );
        return Vec::new();
    }
    let mut earlier: Vec<(usize, Matcher)> = Vec::new();
    let mut lost = Vec::new();
    let mut rules = Vec::new();
    for (index, raw) in raw.into_numbered() {
        let at = at.element(index);
        let RawRule {
            matches,
            public,
            requires,
            mode,
            streams,
            name,
            deny,
        } = raw;
        let matcher = matches
            .given()
            .and_then(|raw| matcher(raw, policy, at.member("match"), problems))
            .and_then(|read| match read {
                Ok(matcher) => Some(matcher),
                Err(refused) => {
                    lost.push((index, refused));
                    None
                }
            });
        one_is_said(
            [
                ("public", public.is_absent()),
                ("requires", requires.is_absent()),
                ("deny", deny.is_absent()),
            ],
            at,
            problems,
        );
        let public = public
            .given()
            .map(|raw| exemption(raw, providers, at.member("public"), problems));
        let requires = requires
            .given()
            .map(|raw| requirement::requirement(raw, providers, at.member("requires"), problems));
        let Some(mut matcher) = matcher else { continue };
        if let Some((first, _)) = earlier.iter().find(|(_, other)| other.covers(&matcher)) {
            let first = first.to_string();
            let seen = [
                "no request gets here: rules[",
                &first,
                "] matches all of them",
            ];
            let wanted = ["move this rule before it, or remove it"];
            problems.add(at.member("match"), &seen, &wanted);
        }
        // After that: a rule that only CONNECT and TRACE get to is misplaced, too.
        matcher.all_methods = !deny.is_absent();
        earlier.push((index, matcher.clone()));
        let action = public
            .flatten()
            .map(Action::Public)
            .or(requires.map(Action::Requires))
            .or(deny.given().and_then(denial));
        let mode = mode.given();
        let ends_streams = ends_streams(streams);
        let name = name.given().map(|Name(name)| Rc::from(name));
        is_first(&name, &rules, at.member("name"), problems);
        rules.extend(action.map(|action| Rule {
            matcher,
            action,
            mode,
            ends_streams,
            name,
        }));
    }
    for (index, lost) in lost {
        let at = at.element(index);
        let at = at.member("match");
        // Which rule its requests would fall to: the first behind it that takes some of them.
        let falls_to = lost.meant.and_then(|meant| {
            let mut later = earlier.iter().filter(|(other, _)| *other > index);
            let (other, _) = later.find(|(_, other)| other.meets(&meant))?;
            Some([", so its requests fall to rules[", &other.to_string(), "]"].concat())
        });
        let seen = [
            &shown::text(&lost.text),
            " ",
            &lost.fault.seen,
            &falls_to.unwrap_or_default(),
        ];
        problems.add(at.member(lost.field), &seen, &[&lost.fault.wanted]);
    }
    rules
}

/// A rule says one thing about its requests.
#[inline(never)]
fn one_is_said(fields: [(&str, bool); 3], at: At<'_>, problems: &mut Problems) {
    let given = fields.iter().filter(|(_, is_absent)| !is_absent);
    let given: Vec<&str> = given.map(|(name, _)| *name).collect();
    match &*given {
        [_] => {}
        [] => problems.add(
            at,
            &["says nothing about its requests"],
            &["write requires: {} for a token of any provider, or public to let them pass"],
        ),
        several => {
            let both = if several.len() == 2 { "both" } else { "all" };
            let seen = [&several.join(" and "), " are ", both, " given"];
            problems.add(at, &seen, &["write one of them"]);
        }
    }
}

/// No two rules have one name, and no name is a number.
#[inline(never)]
fn is_first(name: &Option<Rc<str>>, earlier: &[Rule], at: At<'_>, problems: &mut Problems) {
    let Some(name) = name else { return };
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        let wanted = ["write a letter first"];
        problems.add(at, &[name, " could be taken for an index"], &wanted);
    }
    if earlier
        .iter()
        .any(|other| other.name.as_ref() == Some(name))
    {
        problems.add(
            at,
            &[name, " is the name of a rule before, too"],
            &["write another"],
        );
    }
}

#[inline(never)]
fn denial(raw: RawDeny) -> Option<Action> {
    let RawDeny { reason, owner } = raw;
    Some(Action::Deny(Denial {
        reason: reason.given()?.0,
        owner: owner.given()?.0,
    }))
}

/// Whether streams end with their authority, where that is said.
pub(super) fn ends_streams(raw: Field<RawStreams>) -> Option<bool> {
    raw.given()?.end_with_authority.given()
}

/// A path that is not taken, and what the rule would be about if it were written as it was meant.
struct Lost {
    field: &'static str,
    text: String,
    fault: Fault,
    meant: Option<Matcher>,
}

fn matcher(
    raw: RawMatch,
    policy: PathPolicy,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Result<Matcher, Box<Lost>>> {
    let RawMatch {
        path,
        prefix,
        path_separated_prefix,
        hosts,
        methods,
        ignore_case,
        mcp,
    } = raw;
    let fields = [
        (pattern::Field::Path, path),
        (pattern::Field::Prefix, prefix),
        (pattern::Field::PathSeparatedPrefix, path_separated_prefix),
    ];
    let mut given = fields.into_iter().filter(|(_, field)| !field.is_absent());
    let only = given.next();
    if let Some((second, _)) = given.next() {
        let mut names: Vec<&str> = only.iter().map(|(field, _)| field.name()).collect();
        names.push(second.name());
        names.extend(given.map(|(field, _)| field.name()));
        let seen = [&names.join(" and "), " are given together"];
        let wanted = ["write one of them"];
        problems.add(at, &seen, &wanted);
        return None;
    }
    let path = match only {
        None => Ok(PathMatch::Any),
        Some((field, text)) => {
            let text = text.given()?.0;
            pattern::read(field, &text, policy).map_err(|refused| (field.name(), text, refused))
        }
    };
    let names_calls = !mcp.is_absent();
    let mcp = mcp.given();
    let mcp = mcp.and_then(|raw| mcp::calls(raw, at.member("mcp"), problems));
    let is_whole = hosts.is_whole()
        && methods.is_whole()
        && !ignore_case.is_refused()
        && mcp.is_some() == names_calls;
    let ignore_case = ignore_case.given().unwrap_or(false);
    let hosts = hosts.into_values();
    let methods = methods.into_values().into_iter();
    let methods = methods.map(|method| method.0).collect();
    let matcher = |path| Matcher {
        path,
        ignore_case,
        hosts,
        methods,
        all_methods: false,
        mcp,
    };
    match path {
        Ok(path) => is_whole.then(|| Ok(matcher(path))),
        Err((field, text, refused)) => {
            let Refused { fault, meant } = refused;
            Some(Err(Box::new(Lost {
                field,
                text,
                fault,
                meant: meant.filter(|_| is_whole).map(matcher),
            })))
        }
    }
}

fn exemption(
    raw: RawPublic,
    providers: &mut Providers<'_>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Public> {
    let RawPublic {
        reason,
        owner,
        until,
        identity_from,
    } = raw;
    let identity_from = identity_from.given();
    let identity_from = identity_from
        .and_then(|name| providers.find(&name.0, at.member("identity_from"), problems));
    Some(Public {
        reason: reason.given()?.0,
        owner: owner.given()?.0,
        until: until.given()?.0,
        identity_from,
    })
}
