//! What surrounds the filter in a file of Envoy: the HTTP connection manager, which decides what
//! the filter and the routes see of a path and of a host; and others beside it, by which requests
//! may get to the same clusters without the filter.

use passgate_core::{Config, Json};

use crate::sign::{is_true, member, mentions_passgate};

/// An HTTP connection manager, or a proxy of connections, which has no filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    place: String,
    normalizes_path: bool,
    ignores_port: bool,
    strips_dot: bool,
    holds_gate: bool,
    /// The domains of each virtual host; `None` where the routes stand elsewhere.
    domains: Option<Vec<Vec<String>>>,
    /// The clusters of its own routes.
    clusters: Vec<String>,
    /// Managers without a gate, each with a cluster that this one leads to as well.
    beside: Vec<(String, String)>,
}

impl Manager {
    /// The one that holds the filter at this place.
    pub(crate) fn around(document: &Json, place: &str) -> Option<Self> {
        let mut managers = Vec::new();
        collect(document, String::new(), &mut managers);
        let found = managers.iter().find(|manager| {
            let rest = place.strip_prefix(&manager.place).unwrap_or_default();
            let rest = rest.trim_start_matches('.');
            rest.starts_with("http_filters[") || rest.starts_with("httpFilters[")
        });
        let mut found = found?.clone();
        let open = managers.into_iter().filter(|other| !other.holds_gate);
        found.beside = open
            .filter_map(|other| {
                let mut shared = found.clusters.iter();
                let shared = shared.find(|name| other.clusters.contains(name))?;
                Some((other.place, shared.clone()))
            })
            .collect();
        Some(found)
    }

    fn read(json: &Json, place: String) -> Self {
        let is_on = |json: &Json, names: [&str; 2]| is_true(member(json, names));
        let routes = member(json, ["route_config", "routeConfig"]);
        let names = ["ignore_port_in_host_matching", "ignorePortInHostMatching"];
        let by_routes = routes.is_some_and(|routes| is_on(routes, names));
        let mut clusters = Vec::new();
        if let Some(routes) = routes {
            led_to(routes, &mut clusters);
        }
        let filters = member(json, ["http_filters", "httpFilters"]);
        Self {
            holds_gate: filters.is_some_and(mentions_passgate),
            clusters,
            domains: routes.map(domains),
            beside: Vec::new(),
            normalizes_path: is_on(json, ["normalize_path", "normalizePath"]),
            ignores_port: by_routes || is_on(json, ["strip_any_host_port", "stripAnyHostPort"]),
            strips_dot: is_on(json, ["strip_trailing_host_dot", "stripTrailingHostDot"]),
            place,
        }
    }

    /// A proxy of connections leads past every HTTP filter.
    fn tunnel(json: &Json, place: String) -> Self {
        let mut tunnel = Self::read(&Json::Null, place);
        led_to(json, &mut tunnel.clusters);
        tunnel
    }

    /// What lets Envoy's routes read a request in another way than these rules.
    pub(crate) fn doubts(&self, config: &Config) -> Vec<String> {
        let rules = config.rules().into_iter().flatten();
        let names_hosts = { rules }.any(|rule| !rule.matcher.hosts.is_empty());
        let missing = [
            (
                !self.normalizes_path,
                "paths reach the filter and the routes as clients wrote them, and the filter answers 400 where they should have been normalised; write normalize_path: true",
            ),
            (
                names_hosts && !self.ignores_port,
                "rules name hosts, and Envoy's virtual hosts compare the port that a client may add; write strip_any_host_port: true",
            ),
            (
                names_hosts && !self.strips_dot,
                "rules name hosts, and Envoy's virtual hosts compare the final dot that a client may add; write strip_trailing_host_dot: true",
            ),
        ];
        let missing = missing.into_iter().filter(|(is_missing, _)| *is_missing);
        let missing = missing.map(|(_, doubt)| format!("{}: {doubt}", self.place));
        let beside = self.beside.iter().map(|(place, cluster)| {
            format!("{place}: leads to the cluster {cluster:?} without this filter; put the filter there too, unless nobody else can reach it")
        });
        missing.chain(beside).chain(self.escapes(config)).collect()
    }

    /// Hosts that ask for less, and that the routes do not tell from all others.
    fn escapes(&self, config: &Config) -> Vec<String> {
        let Some(domains) = &self.domains else {
            return Vec::new();
        };
        let escapes = config.hosts_that_ask_less().into_iter();
        let shared = escapes.filter(|(host, ..)| {
            !domains.iter().any(|domains| {
                let takes_all = domains.iter().any(|domain| domain == "*");
                !takes_all && domains.iter().any(|domain| names(domain, host))
            })
        });
        let place = &self.place;
        shared
            .map(|(host, weaker, stricter)| {
                format!("{place}: the routes lead {host:?} where they lead every host, so whoever writes it into Host gets past rules[{stricter}] by rules[{weaker}]; give it a virtual host of its own, or leave hosts out")
            })
            .collect()
    }
}

/// The domains of each virtual host.
fn domains(routes: &Json) -> Vec<Vec<String>> {
    let domains = |host: &Json| {
        let texts = elements(host.get("domains"))
            .iter()
            .filter_map(Json::as_str);
        texts.map(str::to_ascii_lowercase).collect()
    };
    let hosts = member(routes, ["virtual_hosts", "virtualHosts"]);
    elements(hosts).iter().map(domains).collect()
}

fn elements(json: Option<&Json>) -> &[Json] {
    match json {
        Some(Json::Array(elements)) => elements,
        _ => &[],
    }
}

/// Whether a domain is this host, or `*.example.com` and what ends so.
fn names(domain: &str, host: &str) -> bool {
    let suffix = domain.strip_prefix('*');
    domain == host || suffix.is_some_and(|suffix| host.ends_with(suffix))
}

/// The clusters that routes name.
fn led_to(routes: &Json, clusters: &mut Vec<String>) {
    match routes {
        Json::Array(elements) => elements.iter().for_each(|it| led_to(it, clusters)),
        Json::Object(members) => {
            let name = match routes.get("weight") {
                Some(_) => routes.get("name"),
                None => routes.get("cluster"),
            };
            clusters.extend(name.and_then(Json::as_str).map(str::to_owned));
            members.iter().for_each(|(_, it)| led_to(it, clusters));
        }
        _ => {}
    }
}

/// All HTTP connection managers and proxies of connections below a value; places are written as
/// `find` writes them.
fn collect(json: &Json, place: String, managers: &mut Vec<Manager>) {
    match json {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, format!("{place}[{index}]"), managers);
            }
        }
        Json::Object(members) => {
            let type_url = json.get("@type").and_then(Json::as_str).unwrap_or_default();
            for (name, value) in members {
                let dot = if place.is_empty() { "" } else { "." };
                collect(value, format!("{place}{dot}{name}"), managers);
            }
            if type_url.ends_with(".HttpConnectionManager") {
                managers.push(Manager::read(json, place));
            } else if type_url.ends_with(".TcpProxy") {
                managers.push(Manager::tunnel(json, place));
            }
        }
        _ => {}
    }
}
