//! Where Envoy's routes read a request in another way than the rules do: another host, and paths in
//! any case.

use passgate_core::{Config, Json, PathMatch};

use crate::{off::each, sign::is_true};

/// What is to be said of these routes.
pub(crate) fn doubts(routes: &Json, place: &str, config: &Config) -> Vec<String> {
    let rules = config.rules().unwrap_or_default();
    let names_hosts = rules.iter().any(|rule| !rule.matcher.hosts.is_empty());
    let in_another_case: Vec<_> = config.in_another_case().collect();
    let mut doubts = Vec::new();
    each(routes, place, &mut |object, place| {
        for name in ["vhost_header", "vhostHeader"] {
            let header = object.get(name).and_then(Json::as_str).unwrap_or_default();
            if names_hosts && !header.is_empty() {
                doubts.push(format!("{place}.{name}: rules name hosts, and Envoy's virtual hosts are chosen by {header:?}, which a client writes as it likes; remove it"));
            }
        }
        let Some((name, path)) = any_case(object) else {
            return;
        };
        let about = in_another_case.iter().find(|(stricter, _)| {
            let rule = rules.get(*stricter);
            rule.is_some_and(|rule| may_meet(&path, &rule.matcher.path))
        });
        if let Some((stricter, weaker)) = about {
            doubts.push(format!("{place}.match.{name}: this route takes paths in any case, and rules[{stricter}] takes its own in one, so a client that writes other letters gets to rules[{weaker}], which does not ask for the same; write ignore_case: true in rules[{stricter}].match, or remove {name}"));
        }
    });
    doubts
}

/// By which member a route that leads somewhere compares paths in any case, and how these begin.
fn any_case(route: &Json) -> Option<(&'static str, String)> {
    route.get("route")?;
    let of = route.get("match")?;
    let text = |name| of.get(name).and_then(Json::as_str);
    let mut switches = ["case_sensitive", "caseSensitive"].into_iter();
    let switch = switches.find(|name| of.get(name).is_some_and(|it| !is_true(Some(it))));
    if let Some(name) = switch {
        let paths = [
            "path",
            "prefix",
            "path_separated_prefix",
            "pathSeparatedPrefix",
        ];
        let path = paths.into_iter().find_map(text).unwrap_or_default();
        return Some((name, path.to_ascii_lowercase()));
    }
    let mut expressions = ["safe_regex", "safeRegex"].into_iter();
    let name = expressions.find(|name| {
        let regex = of.get(name).and_then(|it| it.get("regex")?.as_str());
        regex.is_some_and(|regex| regex.contains("(?i"))
    })?;
    Some((name, String::new()))
}

/// Whether a path that begins so, in lower case, may be one of a rule's.
fn may_meet(begin: &str, path: &PathMatch) -> bool {
    let text = match path {
        PathMatch::Any => "",
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Segments(text) => text,
    };
    let named = text.split_once("/*").map_or(text, |(named, _)| named);
    let named = named.to_ascii_lowercase();
    named.starts_with(begin) || begin.starts_with(&named)
}
