//! Where Envoy's routes read a request in another way than the rules do: another host, and paths in
//! any case; and where they make a path of a stricter rule out of one that a weaker rule decides.

use passgate_core::{Config, HostMatch, Json, PathMatch};

use crate::{
    clusters::Clusters,
    off::each,
    routes::Leads,
    sign::{elements, is_true, member},
};

/// What is to be said of these routes.
pub(crate) fn doubts(
    routes: &Json,
    place: &str,
    config: &Config,
    clusters: &Clusters,
) -> Vec<String> {
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
        rewritten(object, place, config, clusters, &mut doubts);
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
    let mut switches = ["case_sensitive", "caseSensitive"].into_iter();
    let switch = switches.find(|name| of.get(name).is_some_and(|it| !is_true(Some(it))));
    if let Some(name) = switch {
        return Some((name, begin(of).unwrap_or_default().to_ascii_lowercase()));
    }
    let mut expressions = ["safe_regex", "safeRegex"].into_iter();
    let name = expressions.find(|name| {
        let regex = of.get(name).and_then(|it| it.get("regex")?.as_str());
        regex.is_some_and(|regex| regex.contains("(?i"))
    })?;
    Some((name, String::new()))
}

/// How the paths of a route begin; `None`: that cannot be told.
fn begin(of: &Json) -> Option<&str> {
    let path = of.get("path").or_else(|| prefix(of))?;
    path.as_str()
}

fn prefix(of: &Json) -> Option<&Json> {
    let separated = ["path_separated_prefix", "pathSeparatedPrefix"];
    of.get("prefix").or_else(|| member(of, separated))
}

/// Each route of a virtual host that makes paths of a stricter rule out of others, where the routes
/// lead both to one cluster.
fn rewritten(
    host: &Json,
    place: &str,
    config: &Config,
    clusters: &Clusters,
    doubts: &mut Vec<String>,
) {
    let rules = config.rules().unwrap_or_default();
    let routes = elements(host.get("routes"));
    for (index, route) in routes.iter().enumerate() {
        let of = route.get("match").unwrap_or(&Json::Null);
        let from = prefix(of).and_then(Json::as_str);
        let action = route.get("route");
        let to = action.and_then(|action| member(action, ["prefix_rewrite", "prefixRewrite"]));
        let (Some(from), Some(to)) = (from, to.and_then(Json::as_str)) else {
            continue;
        };
        let own = Leads::of(route);
        // `/a` takes `/ab`, too, if it is not separated. Of `/a/b` and `/` comes `//b`, which many
        // services take for `/b`.
        let below = format!("{from}/");
        let longer = format!("{to}/");
        let (start, instead) = match of.get("prefix") {
            Some(_) => (from, to),
            None => (&*below, &*longer),
        };
        let pairs = config.by_rewrite(start, instead);
        let mut pairs = pairs.chain(config.by_rewrite(&below, to));
        let found = pairs.find_map(|(stricter, weaker)| {
            let matcher = &rules.get(stricter)?.matcher;
            if !serves(host, &matcher.hosts) {
                return None;
            }
            let shared = leads_of(routes, &matcher.path).shared_with(&own, clusters)?;
            Some((stricter, weaker, shared))
        });
        if let Some((stricter, weaker, shared)) = found {
            doubts.push(format!("{place}.routes[{index}].route.prefix_rewrite: makes paths of rules[{stricter}] out of paths of rules[{weaker}], which does not ask for the same, and the routes lead both to {shared}; let rules[{weaker}] ask for as much, or write a rule for those paths before it"));
        }
    }
}

/// Where these routes lead what a rule is about, but for those that make another path of it.
fn leads_of(routes: &[Json], path: &PathMatch) -> Leads {
    let mut leads = Leads::default();
    for route in routes {
        let of = route.get("match").unwrap_or(&Json::Null);
        let begin = begin(of).unwrap_or_default();
        if !may_meet(&begin.to_ascii_lowercase(), path) {
            continue;
        }
        let action = route.get("route").unwrap_or(&Json::Null);
        let rewrites = |name: &str| name.contains("rewrite") || name.contains("Rewrite");
        let is_made = matches!(action, Json::Object(members) if members.iter().any(|(name, _)| rewrites(name) && !name.starts_with("host")));
        if !is_made {
            leads.add(action);
        }
        // The rest is not asked.
        let takes_all = matches!(of, Json::Object(members) if members.len() == 1);
        if takes_all && prefix(of).is_some() && text(path).starts_with(begin) {
            break;
        }
    }
    leads
}

/// Whether a virtual host may serve one of these hosts.
fn serves(host: &Json, hosts: &[HostMatch]) -> bool {
    let domains = elements(host.get("domains"))
        .iter()
        .filter_map(Json::as_str);
    let is_one = |domain: &str| {
        let domain = domain.to_ascii_lowercase();
        let (domain, _) = domain.split_once(':').unwrap_or((&domain, ""));
        let is_named = |host: &HostMatch| match host {
            HostMatch::Exact(host) => host == domain,
            HostMatch::Suffix(end) => domain.ends_with(&**end),
        };
        domain.contains('*') || hosts.iter().any(is_named)
    };
    hosts.is_empty() || { domains }.any(is_one)
}

/// Whether a path that begins so, in lower case, may be one of a rule's.
fn may_meet(begin: &str, path: &PathMatch) -> bool {
    let text = text(path);
    let named = text.split_once("/*").map_or(text, |(named, _)| named);
    let named = named.to_ascii_lowercase();
    named.starts_with(begin) || begin.starts_with(&named)
}

fn text(path: &PathMatch) -> &str {
    match path {
        PathMatch::Any => "",
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Segments(text) => text,
    }
}
