//! Where Envoy's routes read a request in another way than the rules do: another host, and paths in
//! any case; and where they make a path of a stricter rule out of one that a weaker rule decides.

use passgate_core::{Config, HostMatch, Json, Matcher, PathMatch, Rule};

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
    let mut hosts = Vec::new();
    each(routes, "", &mut |object, _| {
        hosts.extend(Some(object).filter(|it| it.get("routes").is_some()));
    });
    let made = hosts.iter().flat_map(|host| {
        let routes = elements(host.get("routes")).iter().map(Route::of);
        let made = routes.filter(|route| route.rewrite.is_some());
        made.map(move |route| (*host, route))
    });
    let made: Vec<_> = made.collect();
    // No rule is about CONNECT that does not name it.
    let names_connect = |rule: &Rule| rule.matcher.methods.iter().any(|it| it == "CONNECT");
    let takes_connect = rules.is_empty() || rules.iter().any(names_connect);
    let mut doubts = Vec::new();
    each(routes, place, &mut |object, place| {
        for name in ["vhost_header", "vhostHeader"] {
            let header = object.get(name).and_then(Json::as_str).unwrap_or_default();
            if names_hosts && !header.is_empty() {
                doubts.push(format!("{place}.{name}: rules name hosts, and Envoy's virtual hosts are chosen by {header:?}, which a client writes as it likes; remove it"));
            }
        }
        if takes_connect {
            tunnel(object, place, &hosts, clusters, &mut doubts);
        }
        rewritten(
            object,
            place,
            config,
            (&hosts, &made, clusters),
            &mut doubts,
        );
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

/// A route by which a client connects to a cluster of other routes, and sends it requests that
/// nobody judges.
fn tunnel(
    route: &Json,
    place: &str,
    hosts: &[&Json],
    clusters: &Clusters,
    doubts: &mut Vec<String>,
) {
    let Some(action) = route.get("route") else {
        return;
    };
    let upgrades = elements(member(action, ["upgrade_configs", "upgradeConfigs"]));
    let mut ends = upgrades.iter().filter_map(|it| member(it, CONNECT));
    if ends.next().is_none() {
        return;
    }
    let own = Leads::of(action);
    let mut others = Leads::default();
    let routes = hosts.iter().flat_map(|host| elements(host.get("routes")));
    for other in routes.filter(|other| !core::ptr::eq(*other, route)) {
        others.add(other);
    }
    if let Some(shared) = others.shared_with(&own, clusters) {
        doubts.push(format!("{place}.route.upgrade_configs: connect_config lets a client connect to {shared}, to which other routes lead, and its requests in there are not judged; remove it, or lead it to a cluster of its own"));
    }
}

const CONNECT: [&str; 2] = ["connect_config", "connectConfig"];

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

/// A route that leads somewhere, and what it does to paths.
struct Route<'j> {
    route: &'j Json,
    /// How it chooses paths, and what it puts in the place of that; `None`: paths stay.
    rewrite: Option<(&'static str, &'j str)>,
    leads: Leads,
}

impl<'j> Route<'j> {
    fn of(route: &'j Json) -> Self {
        let action = route.get("route").unwrap_or(&Json::Null);
        let mut names = REWRITES.into_iter();
        let rewrite = names.find_map(|name| Some((name, action.get(name)?.as_str()?)));
        Self {
            route,
            // What is made of parts of the request is not looked at.
            rewrite: rewrite.filter(|(_, to)| !to.is_empty() && !to.contains('%')),
            leads: Leads::of(route),
        }
    }

    fn of_match(&self) -> &'j Json {
        self.route.get("match").unwrap_or(&Json::Null)
    }

    /// The pairs of a beginning of paths and what becomes of it.
    fn begins(&self) -> Vec<(String, String)> {
        let of = self.of_match();
        let from = prefix(of).and_then(Json::as_str);
        let Some(from) = from else {
            return Vec::new();
        };
        let Some((name, to)) = self.rewrite else {
            return vec![(from.to_owned(), from.to_owned())];
        };
        if !name.starts_with("prefix") {
            return Vec::new();
        }
        // `/a` takes `/ab`, too, if it is not separated. Of `/a/b` and `/` comes `//b`, which many
        // services take for `/b`.
        let (below, longer) = (format!("{from}/"), format!("{to}/"));
        let first = match of.get("prefix") {
            Some(_) => (from.to_owned(), to.to_owned()),
            None => (below.clone(), longer),
        };
        vec![first, (below, to.to_owned())]
    }

    /// What one segment of a client's makes of these paths: of `/a../b`, `/a` and `/x/` comes
    /// `/x/../b`.
    fn climbs(&self) -> Option<(String, String)> {
        let from = self.of_match().get("prefix").and_then(Json::as_str)?;
        let (name, to) = self.rewrite?;
        let inside = to.strip_suffix('/')?;
        let (above, _) = inside.rsplit_once('/').unwrap_or_default();
        let is_one = name.starts_with("prefix") && !from.ends_with('/');
        is_one.then(|| (format!("{from}../"), format!("{above}/")))
    }

    /// The paths whose whole a new one takes the place of, and that.
    fn whole(&self) -> Option<(PathMatch, &'j str)> {
        let of = self.of_match();
        let (name, to) = self.rewrite?;
        let is_prefix = name.starts_with("prefix");
        if let Some(path) = of.get("path").and_then(Json::as_str) {
            return Some((PathMatch::Exact(path.to_owned()), to));
        }
        let from = match prefix(of).and_then(Json::as_str) {
            Some(_) if is_prefix => return None,
            Some(from) => from,
            None => literal(of),
        };
        // Prefixes end in `/`; so, of others, all below.
        let (begin, _) = from.rsplit_once('/').unwrap_or_default();
        Some((PathMatch::Prefix(format!("{begin}/")), to))
    }
}

const REWRITES: [&str; 4] = [
    "prefix_rewrite",
    "prefixRewrite",
    "path_rewrite",
    "pathRewrite",
];

/// How all paths begin that an expression or a template takes, as far as that is plain to see.
pub(crate) fn literal(of: &Json) -> &str {
    let regex = member(of, ["safe_regex", "safeRegex"]).and_then(|it| it.get("regex"));
    let policy = member(of, ["path_match_policy", "pathMatchPolicy"]);
    let template = policy.and_then(|it| {
        let config = member(it, ["typed_config", "typedConfig"])?;
        member(config, ["path_template", "pathTemplate"])
    });
    let text = regex
        .or(template)
        .and_then(Json::as_str)
        .unwrap_or_default();
    let text = text.strip_prefix('^').unwrap_or(text);
    if regex.is_some() && text.contains('|') {
        return "";
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_".contains(letter);
    let end = text.find(|letter| !is_plain(letter)).unwrap_or(text.len());
    let (plain, rest) = text.split_at_checked(end).unwrap_or_default();
    // The last letter may be left out.
    let is_optional = regex.is_some() && rest.starts_with(['?', '*', '{']);
    let last = plain.char_indices().next_back().filter(|_| is_optional);
    last.and_then(|(at, _)| plain.get(..at)).unwrap_or(plain)
}

/// Each route of a virtual host that makes paths of a stricter rule out of others, where the routes
/// of all of them lead both to one cluster, or the others nowhere.
fn rewritten(
    host: &Json,
    place: &str,
    config: &Config,
    (hosts, made, clusters): (&[&Json], &[(&Json, Route<'_>)], &Clusters),
    doubts: &mut Vec<String>,
) {
    let rules = config.rules().unwrap_or_default();
    if rules.is_empty() {
        return;
    }
    let routes = elements(host.get("routes")).iter().enumerate();
    for (index, route) in routes.filter(|(_, route)| route.get("route").is_some()) {
        let own = Route::of(route);
        let serving = |(stricter, weaker): (usize, usize)| {
            let matcher = &rules.get(stricter)?.matcher;
            serves(host, &matcher.hosts).then_some((stricter, weaker, matcher))
        };
        let shared = |pair| {
            let (stricter, weaker, matcher) = serving(pair)?;
            let (theirs, is_made) = leads_of(hosts, matcher);
            let theirs = if theirs.is_nowhere() && !is_made {
                &own.leads
            } else {
                &theirs
            };
            Some((stricter, weaker, theirs.shared_with(&own.leads, clusters)?))
        };
        let name = own.rewrite.map(|(name, _)| [".", name].concat());
        let name = name.unwrap_or_default();
        let place = format!("{place}.routes[{index}].route{name}");
        let begins = own.begins();
        let mut pairs = begins
            .iter()
            .flat_map(|(from, to)| config.by_rewrite(from, to));
        let whole = own.whole();
        let mut wholes = whole
            .iter()
            .flat_map(|(from, to)| config.by_whole_rewrite(from, to));
        let found = pairs.find_map(shared).or_else(|| wholes.find_map(shared));
        let climbs = own.climbs();
        let mut climbing = climbs
            .iter()
            .flat_map(|(from, to)| config.by_rewrite(from, to));
        let climbs = climbing.find_map(shared);
        if let Some((stricter, weaker, shared)) = climbs {
            doubts.push(format!("{place}: the prefix does not end in /, and this does, so a client that writes .. behind the prefix gets a path of rules[{stricter}] by rules[{weaker}], which does not ask for the same, and the routes lead both to {shared}; write both with / at the end, or neither"));
        }
        if let Some((stricter, weaker, shared)) = found {
            doubts.push(format!("{place}: makes paths of rules[{stricter}] out of paths of rules[{weaker}], which does not ask for the same, and the routes lead both to {shared}; let rules[{weaker}] ask for as much, or write a rule for those paths before it"));
            continue;
        }
        // What the service gets by another route whose paths are rewritten, as it gets it by this.
        let earlier = elements(host.get("routes")).iter().take(index);
        let is_free = |from: &str| !earlier.clone().any(|route| takes_all_of(route, from));
        let same = made.iter().find_map(|(other, theirs)| {
            let begin = theirs.begins();
            let mut pairs = begins.iter().flat_map(|own| {
                let pairs = begin
                    .iter()
                    .filter_map(move |theirs| same_path(own, theirs));
                pairs.filter(|(from, _)| is_free(from))
            });
            let is_own = core::ptr::eq(theirs.route, route);
            let (stricter, weaker, _) = pairs.find_map(|(from, to)| {
                let mut found = config.by_rewrite(&from, &to).filter_map(serving);
                found.find(|(_, _, matcher)| !is_own && serves(other, &matcher.hosts))
            })?;
            let shared = theirs.leads.shared_with(&own.leads, clusters)?;
            Some((stricter, weaker, shared))
        });
        if let Some((stricter, weaker, shared)) = same {
            doubts.push(format!("{place}: leads to the same paths of {shared} as a route that rewrites those of rules[{stricter}], and here rules[{weaker}] decides, which does not ask for the same; let rules[{weaker}] ask for as much, or write a rule for those paths before it"));
        }
    }
}

/// Of two beginnings of paths and what becomes of each: the beginnings by which both become the
/// same.
fn same_path(own: &(String, String), theirs: &(String, String)) -> Option<(String, String)> {
    let ((from, to), (their_from, their_to)) = (own, theirs);
    if let Some(rest) = to.strip_prefix(&**their_to) {
        return Some((from.clone(), [their_from, rest].concat()));
    }
    let rest = their_to.strip_prefix(&**to)?;
    Some(([from, rest].concat(), their_from.clone()))
}

/// Whether a route asks for nothing but that a path begins so, as all of these do.
fn takes_all_of(route: &Json, begin: &str) -> bool {
    let of = route.get("match").unwrap_or(&Json::Null);
    let takes_all = matches!(of, Json::Object(members) if members.len() == 1);
    let prefix = prefix(of).and_then(Json::as_str);
    takes_all && prefix.is_some_and(|prefix| begin.starts_with(prefix))
}

/// Where the routes of these hosts lead what a rule is about, but for those that make another path
/// of it; and whether there are such.
fn leads_of(hosts: &[&Json], matcher: &Matcher) -> (Leads, bool) {
    let (mut leads, mut is_made) = (Leads::default(), false);
    let serving = hosts.iter().filter(|host| serves(host, &matcher.hosts));
    for host in serving {
        is_made |= add_leads_of(elements(host.get("routes")), &matcher.path, &mut leads);
    }
    (leads, is_made)
}

fn add_leads_of(routes: &[Json], path: &PathMatch, leads: &mut Leads) -> bool {
    let mut some_are_made = false;
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
        some_are_made |= is_made;
        // The rest is not asked.
        if takes_all_of(route, text(path)) {
            break;
        }
    }
    some_are_made
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
pub(crate) fn may_meet(begin: &str, path: &PathMatch) -> bool {
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
