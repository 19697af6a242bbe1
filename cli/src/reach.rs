//! Which rule is the weakest that decides about requests of each route in a file of Envoy, and
//! which routes no rule decides about.

use passgate_core::{
    Action, Alternative, Config, HostMatch, Json, Matcher, PathMatch, Rule, UnixTime,
};

use crate::{
    find,
    manager::{self, Manager},
    off, reading,
    routes::{self, VirtualHost},
    sign::{elements, is_gate, is_true, may_be_true, member},
};

/// A route, and what decides about its requests.
pub(crate) struct Route {
    /// Where it stands in the file.
    pub(crate) place: String,
    /// The domains of its virtual host.
    pub(crate) hosts: Vec<String>,
    /// The paths that it takes.
    pub(crate) paths: String,
    /// One for each filter of passgate before it; a request must pass all of them.
    pub(crate) gates: Vec<Weakest>,
    /// Why no filter decides about it, if none does.
    pub(crate) open: Option<&'static str>,
}

/// What one filter asks for, at the least.
pub(crate) struct Weakest {
    /// The names of rules, or their indices; several where nobody can compare them.
    pub(crate) rules: Vec<String>,
    /// In words.
    pub(crate) asks: String,
    /// The last day on which the filter only observes; then it lets everybody pass.
    pub(crate) shadow_until: Option<String>,
}

impl Route {
    /// Whether some of its requests pass because filters only observe them.
    pub(crate) fn is_observed(&self) -> bool {
        let mut gates = self.gates.iter();
        !self.gates.is_empty() && gates.all(|gate| gate.shadow_until.is_some())
    }

    /// Why not all of its requests are judged, if they are not.
    pub(crate) fn unjudged(&self) -> Option<&'static str> {
        self.open.or(self.is_observed().then_some("shadow"))
    }
}

const NO_GATE: &str = "this listener has no filter of passgate";
const OFF: &str = "the filter is switched off here";

/// The routes of a file of Envoy.
pub(crate) fn routes(document: &Json) -> Vec<Route> {
    let mut managers = Vec::new();
    manager::collect(document, String::new(), &mut managers);
    let names = off::names(document);
    let found = find::configurations(document);
    let mut routes = Vec::new();
    for (json, manager) in &managers {
        let gates = Gates::of(json, manager, &found, &names);
        match manager.hosts() {
            Some(tables) if !tables.is_empty() => {
                let known = routes::tables(json).unwrap_or_default();
                for (table, hosts) in known.into_iter().zip(tables) {
                    gates.add(table, hosts, &mut routes);
                }
            }
            _ if manager.leads_nowhere() && manager.hosts().is_some() => {}
            // Connections, or routes that stand elsewhere.
            _ => {
                let place = manager.place().to_owned();
                routes.push(gates.unknown(place, Vec::new(), false, |_| true));
            }
        }
    }
    routes
}

/// The filters of one connection manager.
struct Gates<'j> {
    place: &'j str,
    names: &'j [String],
    /// `None`: what the proxy would refuse.
    configs: Vec<Option<Config>>,
    open: Option<&'static str>,
}

impl<'j> Gates<'j> {
    fn of(json: &Json, manager: &'j Manager, found: &[find::Found], names: &'j [String]) -> Self {
        let place = manager.place();
        let listed = elements(member(json, ["http_filters", "httpFilters"]));
        let mut gates = listed.iter().filter(|filter| is_gate(filter)).peekable();
        let open = match gates.peek() {
            None => Some(NO_GATE),
            Some(_) => gates.any(|gate| is_off_within(gate, names)).then_some(OFF),
        };
        let own = found.iter().filter(|found| {
            let of = found.place.as_deref().unwrap_or_default();
            let rest = of.strip_prefix(place).map(|it| it.trim_start_matches('.'));
            rest.is_some_and(|rest| {
                rest.starts_with("http_filters[") || rest.starts_with("httpFilters[")
            })
        });
        let configs = own.map(|found| crate::parse(&found.bytes).ok()).collect();
        Self {
            place,
            names,
            configs,
            open,
        }
    }

    /// The routes of one table.
    fn add(&self, table: &Json, hosts: &[VirtualHost], routes: &mut Vec<Route>) {
        let off = |json| off::is_off(json, self.names);
        let listed = elements(member(table, ["virtual_hosts", "virtualHosts"]));
        // Then a header that the client writes chooses the virtual host, and not its host.
        let by_header = member(table, ["vhost_header", "vhostHeader"]).is_some();
        for (index, (json, host)) in listed.iter().zip(hosts).enumerate() {
            let domains = elements(json.get("domains"))
                .iter()
                .filter_map(Json::as_str);
            let domains: Vec<_> = domains.map(str::to_owned).collect();
            let may_meet_host = |rule: &Rule| {
                let named = &rule.matcher.hosts;
                by_header || named.is_empty() || routes::serving(hosts, named, &[])(host)
            };
            let place = format!("{}.virtual_hosts[{index}]", self.place);
            // A tree of matchers chooses its routes.
            if json.get("matcher").is_some_and(|it| *it != Json::Null) {
                let is_off = off(table) || is_off_within(json, self.names);
                let place = format!("{place}.matcher");
                routes.push(self.unknown(place, domains.clone(), is_off, may_meet_host));
            }
            for (number, route) in elements(json.get("routes")).iter().enumerate() {
                let is_off = off(table) || off(json) || is_off_within(route, self.names);
                let of = route.get("match").unwrap_or(&Json::Null);
                let requests = requests(of, if by_header { &[] } else { &domains });
                let begin = begin(of).to_ascii_lowercase();
                let may_meet = |rule: &Rule| {
                    reading::may_meet(&begin, &rule.matcher.path) && may_meet_host(rule)
                };
                let place = format!("{place}.routes[{number}]");
                let row = Row {
                    place,
                    hosts: domains.clone(),
                    paths: shown(of),
                    is_off,
                };
                routes.push(self.told(row, &requests, may_meet));
            }
        }
    }

    /// Routes that cannot be told apart here.
    fn unknown(
        &self,
        place: String,
        hosts: Vec<String>,
        is_off: bool,
        may_meet: impl Fn(&Rule) -> bool,
    ) -> Route {
        let row = Row {
            place,
            hosts,
            paths: "…".to_owned(),
            is_off,
        };
        self.told(row, &every_method(ALL), may_meet)
    }

    fn told(&self, row: Row, requests: &[Matcher], may_meet: impl Fn(&Rule) -> bool) -> Route {
        let open = self.open.or(row.is_off.then_some(OFF));
        let gates = self.configs.iter().filter(|_| open.is_none());
        let gates = gates.map(|config| weakest(config.as_ref(), requests, &may_meet));
        Route {
            place: row.place,
            hosts: row.hosts,
            paths: row.paths,
            gates: gates.collect(),
            open,
        }
    }
}

/// A route, before it is known what decides.
struct Row {
    place: String,
    hosts: Vec<String>,
    paths: String,
    is_off: bool,
}

/// Whether something in it keeps requests from the filter.
fn is_off_within(json: &Json, names: &[String]) -> bool {
    let mut is_off = false;
    off::each(json, "", &mut |object, _| {
        is_off |= off::is_off(object, names)
    });
    is_off
}

/// Every request, but for those of CONNECT and TRACE.
const ALL: Matcher = Matcher {
    path: PathMatch::Any,
    ignore_case: true,
    hosts: Vec::new(),
    methods: Vec::new(),
    all_methods: false,
    mcp: None,
};

/// These requests, and beside them those of CONNECT and TRACE, about which other rules may decide.
fn every_method(requests: Matcher) -> Vec<Matcher> {
    let others = Matcher {
        methods: ["CONNECT", "TRACE"].map(str::to_owned).to_vec(),
        ..requests.clone()
    };
    vec![requests, others]
}

fn weakest(
    config: Option<&Config>,
    requests: &[Matcher],
    may_meet: impl Fn(&Rule) -> bool,
) -> Weakest {
    let told = |rules: Vec<String>, asks: &str| Weakest {
        rules,
        asks: asks.to_owned(),
        shadow_until: None,
    };
    let observed = |rules: Vec<String>, until: UnixTime| {
        let until = until.to_string();
        let day = until.split('T').next().unwrap_or_default();
        Weakest {
            shadow_until: Some(day.to_owned()),
            ..told(rules, &format!("nothing until {day}: shadow"))
        }
    };
    let Some(config) = config else {
        return told(Vec::new(), "the proxy refuses this configuration");
    };
    let now = crate::now();
    let of_none = config.observed_until(None, now);
    let Some(rules) = config.rules() else {
        return match of_none {
            Some(until) => observed(Vec::new(), until),
            None => told(Vec::new(), "a token"),
        };
    };
    let (weakest, is_left) = config.weakest_rules(requests, may_meet, now);
    let labels = weakest.iter().map(|rule| config.rule_label(*rule));
    let labels: Vec<String> = labels.collect();
    let mut ends = weakest.iter();
    if let Some(until) = ends.find_map(|rule| config.observed_until(Some(*rule), now)) {
        return observed(labels, until);
    }
    if let Some(until) = of_none.filter(|_| is_left) {
        return observed(Vec::new(), until);
    }
    if weakest.is_empty() {
        return told(Vec::new(), "nobody passes: no rule is about it");
    }
    let named = weakest.iter().filter_map(|index| rules.get(*index));
    let asks: Vec<String> = named.map(asks_for).collect();
    told(labels, &asks.join(", or "))
}

/// What a rule asks for, in the words of the configuration.
fn asks_for(rule: &Rule) -> String {
    match &rule.action {
        Action::Deny(_) => "nobody passes".to_owned(),
        Action::Public(_) => "nothing: it is public".to_owned(),
        Action::Requires(requirement) => {
            let ways = requirement.alternatives.iter().map(|way| demands(way));
            ways.collect::<Vec<_>>().join(", or ")
        }
    }
}

fn demands(way: &Alternative) -> String {
    let listed = |name: &str, of: &[String]| format!("{name} {}", of.join(" "));
    let names = |of: &[std::rc::Rc<str>]| of.iter().map(ToString::to_string).collect::<Vec<_>>();
    let seconds = way.max_age.unwrap_or_default().as_secs();
    let kind = way.kind.map_or("", |kind| kind.as_str());
    let proof = way.proof.map_or("", |proof| proof.word());
    let asks = [
        (!way.without_token, "a token".to_owned()),
        (!way.peers.is_empty(), "a peer".to_owned()),
        (
            !way.audiences.is_empty(),
            "an audience of its own".to_owned(),
        ),
        (!way.scopes.is_empty(), listed("scopes", &way.scopes)),
        (!way.claims.is_empty(), "claims".to_owned()),
        (!way.roles.is_empty(), listed("roles", &names(&way.roles))),
        (
            !way.products.is_empty(),
            listed("one of the products", &names(&way.products)),
        ),
        (
            !way.facts.is_empty(),
            listed("facts", &[way.facts.words().join(" ")]),
        ),
        (way.max_age.is_some(), format!("max_age {seconds}s")),
        (way.kind.is_some(), format!("kind {kind}")),
        (way.proof.is_some(), format!("proof {proof}")),
        (way.single_use, "single_use".to_owned()),
    ];
    let asks = asks.into_iter().filter(|(is, _)| *is);
    asks.map(|(_, text)| text).collect::<Vec<_>>().join(" and ")
}

/// The requests of a route, or more.
fn requests(of: &Json, domains: &[String]) -> Vec<Matcher> {
    let text = |names: [&str; 2]| member(of, names).and_then(Json::as_str);
    let path = if let Some(path) = text(["path", "path"]) {
        PathMatch::Exact(path.to_owned())
    } else if let Some(path) = text(["path_separated_prefix", "pathSeparatedPrefix"]) {
        PathMatch::Segments(path.trim_end_matches('/').to_owned())
    } else {
        // Of a prefix that ends within a segment these are more; `begin` says the rest.
        match begin(of).rsplit_once('/') {
            Some((before, _)) => PathMatch::Prefix(format!("{before}/")),
            None => PathMatch::Any,
        }
    };
    let host = |domain: &String| {
        let domain = routes::without_port(domain);
        match domain.strip_prefix('*') {
            Some(end) if end.starts_with('.') => Some(HostMatch::Suffix(end.to_owned())),
            None if !domain.ends_with('*') => Some(HostMatch::Exact(domain)),
            _ => None,
        }
    };
    // One that no host of a rule can say takes all of them.
    let hosts: Option<Vec<_>> = domains.iter().map(host).collect();
    let sensitive = member(of, ["case_sensitive", "caseSensitive"]);
    let requests = Matcher {
        path,
        ignore_case: sensitive.is_some_and(|it| !is_true(Some(it))),
        hosts: hosts.unwrap_or_default(),
        methods: method(of).map(str::to_owned).into_iter().collect(),
        all_methods: false,
        mcp: None,
    };
    match &*requests.methods {
        [] => every_method(requests),
        _ => vec![requests],
    }
}

/// How all paths of a route begin.
fn begin(of: &Json) -> &str {
    let named = [
        "path",
        "prefix",
        "path_separated_prefix",
        "pathSeparatedPrefix",
    ];
    let mut texts = named.into_iter().filter_map(|name| of.get(name)?.as_str());
    texts.next().unwrap_or_else(|| reading::literal(of))
}

/// The one method of a route.
fn method(of: &Json) -> Option<&str> {
    elements(of.get("headers")).iter().find_map(|header| {
        let is_method = header.get("name").and_then(Json::as_str) == Some(":method");
        let inverted = member(header, ["invert_match", "invertMatch"]);
        let matching = member(header, ["string_match", "stringMatch"]);
        let any_case = matching.and_then(|it| member(it, ["ignore_case", "ignoreCase"]));
        let is_plain = is_method && !may_be_true(inverted) && !may_be_true(any_case);
        let exact = matching.and_then(|it| it.get("exact"));
        let exact = exact.or_else(|| member(header, ["exact_match", "exactMatch"]));
        exact.filter(|_| is_plain)?.as_str()
    })
}

/// The paths of a route, in the words of Envoy.
fn shown(of: &Json) -> String {
    let text = |names: [&str; 2]| member(of, names).and_then(Json::as_str);
    let regex = member(of, ["safe_regex", "safeRegex"]).and_then(|it| it.get("regex"));
    let known = [
        ("path", text(["path", "path"])),
        ("prefix", text(["prefix", "prefix"])),
        (
            "path_separated_prefix",
            text(["path_separated_prefix", "pathSeparatedPrefix"]),
        ),
        ("safe_regex", regex.and_then(Json::as_str)),
    ];
    let mut named = known
        .into_iter()
        .filter_map(|(name, text)| Some(format!("{name} {}", text?)));
    let paths = named
        .next()
        .unwrap_or_else(|| "match of another kind".to_owned());
    method(of).map_or(paths.clone(), |method| format!("{method} {paths}"))
}
