//! Rules: which requests they are about and what they say.

use super::{
    Action, Matcher, PathMatch, PathPolicy, Public, Rule,
    decode::{At, Field, List, Problems},
    path,
    raw::{RawMatch, RawPublic, RawRule},
    reach,
    requirement::{self, Providers},
    shown,
    text::Text,
};
use crate::limits;

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
            shown::join(&[
                "has more than ",
                &limits::RULES.to_string(),
                " rules; write fewer",
            ]),
        );
        return Vec::new();
    }
    let mut earlier: Vec<(usize, Matcher)> = Vec::new();
    let mut rules = Vec::new();
    for (index, raw) in raw.into_numbered() {
        let at = at.element(index);
        let RawRule {
            matches,
            public,
            requires,
            mode,
        } = raw;
        let matcher = matches
            .given()
            .and_then(|raw| matcher(raw, policy, at.member("match"), problems));
        match (public.is_absent(), requires.is_absent()) {
            (true, true) => problems.add(
                at,
                "says nothing about its requests; write requires: {} for a token of any provider, or public to let them pass",
            ),
            (false, false) => {
                problems.add(at, "public and requires are both given; write one of them")
            }
            (false, true) | (true, false) => {}
        }
        let public = public
            .given()
            .map(|raw| exemption(raw, providers, at.member("public"), problems));
        let requires = requires
            .given()
            .map(|raw| requirement::requirement(raw, providers, at.member("requires"), problems));
        let Some(matcher) = matcher else { continue };
        if let Some((first, _)) = earlier
            .iter()
            .find(|(_, other)| reach::covers(other, &matcher))
        {
            let first = first.to_string();
            let problem = [
                "no request gets here: rules[",
                &first,
                "] matches all of them; move this rule before it, or remove it",
            ];
            problems.add(at.member("match"), shown::join(&problem));
        }
        earlier.push((index, matcher.clone()));
        let action = public
            .flatten()
            .map(Action::Public)
            .or(requires.map(Action::Requires));
        let mode = mode.given();
        rules.extend(action.map(|action| Rule {
            matcher,
            action,
            mode,
        }));
    }
    rules
}

fn matcher(
    raw: RawMatch,
    policy: PathPolicy,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Matcher> {
    let RawMatch {
        path,
        prefix,
        path_separated_prefix,
        hosts,
        methods,
        ignore_case,
    } = raw;
    let given = [
        ("path", &path),
        ("prefix", &prefix),
        ("path_separated_prefix", &path_separated_prefix),
    ];
    let given: Vec<&str> = given
        .into_iter()
        .filter(|(_, field)| !field.is_absent())
        .map(|(name, _)| name)
        .collect();
    if given.len() > 1 {
        problems.add(
            at,
            shown::join(&[
                &given.join(" and "),
                " are given together; write one of them",
            ]),
        );
        return None;
    }
    let absent = given.is_empty();
    let mut read = |field: Field<Text>, name, meaning: Meaning| {
        let text = field.given()?.0;
        let read = path::normalise(&text, policy).and_then(|normal| meaning(&text, normal));
        read.map_err(|problem| {
            problems.add(
                at.member(name),
                shown::join(&[&shown::text(&text), " ", &problem]),
            )
        })
        .ok()
    };
    let exact = read(path, "path", |_, normal| Ok(PathMatch::Exact(normal)));
    let prefix = read(prefix, "prefix", prefix_match);
    let segments = read(
        path_separated_prefix,
        "path_separated_prefix",
        segments_match,
    );
    let any = absent.then_some(PathMatch::Any);
    if !hosts.is_whole() || !methods.is_whole() || ignore_case.is_refused() {
        return None;
    }
    Some(Matcher {
        path: exact.or(prefix).or(segments).or(any)?,
        ignore_case: ignore_case.given().unwrap_or(false),
        hosts: hosts.into_values(),
        methods: methods
            .into_values()
            .into_iter()
            .map(|method| method.0)
            .collect(),
    })
}

/// Makes the match of a path from what was written and its normal form.
type Meaning = fn(&str, String) -> Result<PathMatch, String>;

fn prefix_match(written: &str, normal: String) -> Result<PathMatch, String> {
    if normal.ends_with('/') {
        return Ok(PathMatch::Prefix(normal));
    }
    let neighbour = shown::text(&shown::join(&[written, "ary"]));
    Err(shown::join(&[
        "would cover ",
        &neighbour,
        " too; write path_separated_prefix: ",
        written,
    ]))
}

fn segments_match(written: &str, normal: String) -> Result<PathMatch, String> {
    match normal.strip_suffix('/') {
        None => Ok(PathMatch::Segments(normal)),
        Some("") => Err("is every path; write prefix: /".to_owned()),
        Some(_) => Err(shown::join(&[
            "ends in a slash; write ",
            written.trim_end_matches('/'),
        ])),
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
