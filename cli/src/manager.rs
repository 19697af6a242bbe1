//! What surrounds the filter in a file of Envoy: the HTTP connection manager, which decides what
//! the filter and the routes see of a path and of a host; and others beside it, by which requests
//! may get to the same clusters without the filter.

use std::collections::BTreeMap;

use passgate_core::{Config, HostEscape, HostMatch, Json};

use crate::{
    clusters::{Clusters, Way},
    neighbours::Neighbours,
    off::each,
    routes::{self, Leads, VirtualHost},
    sign::{elements, is_gate, is_true, member, types},
};

/// An HTTP connection manager, or another filter of connections, which has no HTTP filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    place: String,
    normalizes_path: bool,
    ignores_port: bool,
    strips_dot: bool,
    /// What lets `x-request-id` be the client's own.
    takes_ids: Option<&'static str>,
    holds_gate: bool,
    /// The configurations of the gates in it.
    policies: Vec<Json>,
    /// What stands beside the filter in it.
    neighbours: Option<Neighbours>,
    /// Its virtual hosts, in one table or more; `None` where there are others elsewhere.
    hosts: Option<Vec<Vec<VirtualHost>>>,
    /// Why nobody can tell where it leads, if it is not for its routes.
    unknown_for: Option<&'static str>,
    leads: Leads,
    clusters: Clusters,
    /// What is to be said of managers without a gate.
    beside: Vec<String>,
    /// Those of which nobody can tell where they lead, and why.
    unknown: Vec<String>,
}

impl Manager {
    /// The one that holds the filter at this place.
    pub(crate) fn around(document: &Json, place: &str) -> Option<Self> {
        let mut managers = Vec::new();
        collect(document, String::new(), &mut managers);
        let mut found = managers.iter().find_map(|(json, manager)| {
            let neighbours = Neighbours::of(document, json, &manager.place, place);
            neighbours.as_ref()?;
            Some(Self {
                neighbours,
                ..manager.clone()
            })
        })?;
        let (ways, internal) = ways(document, &managers);
        found.clusters = Clusters::of(document, &ways);
        for Self {
            place,
            leads,
            hosts,
            unknown_for,
            holds_gate,
            policies,
            ..
        } in managers.into_iter().map(|(_, it)| it)
        {
            let shared = found.leads.shared_with(&leads, &found.clusters);
            if holds_gate {
                if let Some(shared) = shared.filter(|_| policies != found.policies) {
                    found.unknown.push(format!("{place}: leads to {shared}, too, by a filter with a configuration of its own: there its rules hold, and not these"));
                }
                continue;
            }
            // Nobody gets there but by a cluster.
            if internal.iter().any(|listener| place.starts_with(listener)) {
                continue;
            }
            if let Some(shared) = shared {
                found.beside.push(format!("{place}: leads to {shared} without this filter; put the filter there too, unless nobody else can reach it"));
                continue;
            }
            let is_elsewhere = hosts.is_none() || found.hosts.is_none() && !leads.is_nowhere();
            let why = unknown_for.or(is_elsewhere.then_some(ROUTES_ELSEWHERE));
            let note = |why| {
                format!(
                    "{place}: {why}, so whether it leads to the same clusters without this filter is not looked at"
                )
            };
            found.unknown.extend(why.map(note));
        }
        if let Some(dynamic) = member(document, ["dynamic_resources", "dynamicResources"])
            && member(dynamic, ["lds_config", "ldsConfig"]).is_some()
        {
            found.unknown.push(LISTENERS_ELSEWHERE.to_owned());
        }
        Some(found)
    }

    fn read(json: &Json, place: String) -> Self {
        let is_on = |json: &Json, names: [&str; 2]| is_true(member(json, names));
        let tables = routes::tables(json);
        let names = ["ignore_port_in_host_matching", "ignorePortInHostMatching"];
        let mut all = tables.iter().flatten().peekable();
        let by_routes = all.peek().is_some() && all.all(|routes| is_on(routes, names));
        let filters = elements(member(json, ["http_filters", "httpFilters"]));
        let ignores_port = by_routes || is_on(json, ["strip_any_host_port", "stripAnyHostPort"]);
        let mut policies = Vec::new();
        for gate in filters.iter().filter(|filter| is_gate(filter)) {
            each(gate, "", &mut |object, _| {
                let vm = member(object, ["vm_config", "vmConfig"]);
                policies.extend(vm.and(object.get("configuration")).cloned());
            });
        }
        Self {
            holds_gate: filters.iter().any(is_gate),
            policies,
            neighbours: None,
            leads: Leads::of_manager(json),
            hosts: tables.and_then(|tables| {
                let hosts = |routes: &Json| routes::virtual_hosts(routes, ignores_port);
                tables.into_iter().map(hosts).collect()
            }),
            unknown_for: None,
            clusters: Clusters::default(),
            beside: Vec::new(),
            unknown: Vec::new(),
            normalizes_path: is_on(json, ["normalize_path", "normalizePath"]),
            ignores_port,
            strips_dot: is_on(json, ["strip_trailing_host_dot", "stripTrailingHostDot"]),
            takes_ids: takes_ids(json),
            place,
        }
    }

    /// A filter of connections, which may lead them past every HTTP filter.
    fn tunnel(json: &Json, place: String) -> Self {
        let message = json.get("value").unwrap_or(json);
        let elsewhere = ["trds", "drds", "generic_rds", "genericRds"];
        let unknown_for = if elsewhere.iter().any(|name| message.get(name).is_some()) {
            Some(ROUTES_ELSEWHERE)
        } else {
            let is_known = |name: &str| KNOWN.iter().any(|known| name.contains(known));
            let mut kinds = types(json).filter(|name| is_of_connections(name));
            (!kinds.any(is_known)).then_some("is a filter that is not known here")
        };
        Self {
            leads: Leads::of(json),
            hosts: Some(Vec::new()),
            unknown_for,
            ..Self::read(&Json::Null, place)
        }
    }

    /// What the file names and does not hold.
    fn elsewhere(place: String) -> Self {
        Self {
            unknown_for: Some("stands elsewhere"),
            ..Self::read(&Json::Null, place)
        }
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
        let neighbours = self
            .neighbours
            .iter()
            .flat_map(|it| it.doubts(config, &self.clusters));
        let beside = self.beside.iter().cloned();
        missing.chain(neighbours).chain(beside).collect()
    }

    /// Its place in the document.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Its virtual hosts, as [`virtual_hosts`](routes::virtual_hosts) reads them.
    pub(crate) fn hosts(&self) -> Option<&[Vec<VirtualHost>]> {
        self.hosts.as_deref()
    }

    /// Whether requests or connections get anywhere by it.
    pub(crate) const fn leads_nowhere(&self) -> bool {
        self.unknown_for.is_none() && self.leads.is_nowhere()
    }

    /// Where `txn` of the tokens for the services behind may be what a client wrote.
    pub(crate) fn ids(&self, config: &Config) -> Option<String> {
        let why = self.takes_ids.filter(|_| config.names_requests())?;
        Some([&self.place, ": clients may write x-request-id, which is txn of the identity tokens, unless a proxy in front removes it; ", why].concat())
    }

    /// What is not looked at.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().cloned()
    }
}

/// Envoy makes a new id for a request from outside only, and knows that by the address of the
/// connection.
fn takes_ids(json: &Json) -> Option<&'static str> {
    let is_on = |names: [&str; 2]| is_true(member(json, names));
    let generates = member(json, ["generate_request_id", "generateRequestId"]);
    if generates.is_some_and(|generates| !is_true(Some(generates))) {
        return Some("write generate_request_id: true");
    }
    if is_on(["preserve_external_request_id", "preserveExternalRequestId"]) {
        return Some("remove preserve_external_request_id");
    }
    let knows = is_on(["use_remote_address", "useRemoteAddress"]);
    (!knows).then_some("write use_remote_address: true")
}

const ROUTES_ELSEWHERE: &str =
    "has no filter of passgate, and its routes, or those of the filter, stand elsewhere";

const LISTENERS_ELSEWHERE: &str = "dynamic_resources.lds_config: some listeners stand elsewhere, so whether they lead to the same clusters without this filter is not looked at";

/// Most hosts that are noted one by one.
const NOTED_HOSTS: usize = 10;

/// Which rules a client gets past by another host: as warnings, and as notes where the routes that
/// may tell the hosts apart are not known.
pub(crate) fn host_escapes(
    config: &Config,
    manager: Option<&Manager>,
) -> (Vec<String>, Vec<String>) {
    let known = manager.and_then(|manager| Some((manager.hosts.as_ref()?, &manager.clusters)));
    let (mut warnings, mut notes) = (Vec::new(), Vec::new());
    // Where the hosts of each rule are led, for a first look.
    let mut of_rules: BTreeMap<usize, Leads> = BTreeMap::new();
    for HostEscape { host, weaker, past } in config.host_escapes() {
        let written = match host {
            HostMatch::Exact(host) => host.clone(),
            HostMatch::Suffix(end) => format!("*{end}"),
        };
        let tell = |stricter: usize| {
            let instead = if stricter < weaker {
                format!("leave hosts out of rules[{stricter}]")
            } else {
                "let this rule ask for as much".to_owned()
            };
            let gets_past = format!(
                "rules[{weaker}].match.hosts: whoever writes {written:?} into Host gets past rules[{stricter}] by this rule, which does not ask for the same"
            );
            (gets_past, instead)
        };
        if let Some((all, clusters)) = known {
            let own = routes::leads_of(all, core::slice::from_ref(host), &[]);
            // One host with clusters of its own is seen at one look, whatever the rules are; within
            // a pattern there may be hosts of a stricter rule.
            if matches!(host, HostMatch::Exact(_)) {
                let others = routes::leads_of(all, &[], core::slice::from_ref(host));
                if others.shared_with(&own, clusters).is_none() {
                    continue;
                }
            }
            let shared = past.iter().find_map(|past| {
                let hosts = &config.rules()?.get(past.stricter)?.matcher.hosts;
                let others = of_rules.entry(past.stricter);
                let others = others.or_insert_with(|| routes::leads_of(all, hosts, &[]));
                others.shared_with(&own, clusters)?;
                let shared = shared(config, all, clusters, (host, weaker), past.stricter)?;
                Some((past.stricter, shared))
            });
            if let Some((stricter, shared)) = shared {
                let (gets_past, instead) = tell(stricter);
                warnings.push(format!("{gets_past}, since the routes lead both to {shared}; lead {written:?} to a cluster of its own, or {instead}"));
            }
        } else if let Some(past) = past.iter().find(|past| past.is_about_the_same) {
            let (gets_past, instead) = tell(past.stricter);
            warnings.push(format!("{gets_past} and is about its hosts, too; {instead}, or {written:?} out of this rule"));
        } else if let Some(past) = past.first() {
            let (gets_past, _) = tell(past.stricter);
            notes.push(format!("{gets_past}, unless the routes, which are not in this file, lead {written:?} to another service"));
        }
    }
    let more = notes.len().saturating_sub(NOTED_HOSTS);
    notes.truncate(NOTED_HOSTS);
    if more > 0 {
        notes.push(format!("{more} more hosts of rules are such"));
    }
    (warnings, notes)
}

/// The cluster to which the routes lead this host of one rule, and hosts of another one.
fn shared(
    config: &Config,
    all: &[Vec<VirtualHost>],
    clusters: &Clusters,
    (host, weaker): (&HostMatch, usize),
    stricter: usize,
) -> Option<String> {
    let host = core::slice::from_ref(host);
    let hosts = |index: usize| {
        let rule = config.rules()?.get(index)?;
        Some(rule.matcher.hosts.as_slice())
    };
    // The first of two rules decides about the hosts of both.
    let (of_weaker, of_stricter) = if stricter < weaker {
        (hosts(stricter)?, &[][..])
    } else {
        (&[][..], hosts(weaker)?)
    };
    let own = routes::leads_of(all, host, of_weaker);
    let other = routes::leads_of(all, hosts(stricter)?, of_stricter);
    other.shared_with(&own, clusters)
}

/// All HTTP connection managers and other proxies of connections below a value; places are written
/// as `find` writes them.
pub(crate) fn collect<'j>(json: &'j Json, place: String, managers: &mut Vec<(&'j Json, Manager)>) {
    match json {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, format!("{place}[{index}]"), managers);
            }
        }
        Json::Object(members) => {
            // A wrapper of any type holds the message in `value`, Envoy Mobile's in `config`.
            let (message, inside) = match json.get("value") {
                Some(value) => (value, format!("{place}.value")),
                None => (json, place.clone()),
            };
            let is_of = |end: &str| types(json).any(|name| name.ends_with(end));
            if is_of(".HttpConnectionManager") {
                managers.push((message, Manager::read(message, inside)));
            } else if is_of(".EnvoyMobileHttpConnectionManager") {
                let config = message.get("config").unwrap_or(message);
                managers.push((config, Manager::read(config, format!("{inside}.config"))));
            } else if types(json).any(is_of_connections) {
                managers.push((message, Manager::tunnel(json, inside)));
                return;
            }
            let dot = if place.is_empty() { "" } else { "." };
            for (name, value) in members {
                let place = format!("{place}{dot}{name}");
                let kinds = member(value, ["type_urls", "typeUrls"]);
                let mut kinds = elements(kinds).iter().filter_map(Json::as_str);
                if kinds.any(|kind| kind.contains(".filters.network.")) {
                    managers.push((value, Manager::elsewhere(place.clone())));
                }
                collect(value, place, managers);
            }
        }
        _ => {}
    }
}

/// Where each listener of the file leads without a gate; and the places of those that only clusters
/// lead to.
fn ways(document: &Json, managers: &[(&Json, Manager)]) -> (Vec<Way>, Vec<String>) {
    let (mut ways, mut internal) = (Vec::new(), Vec::new());
    for resources in ["static_resources", "staticResources"] {
        let listeners = document.get(resources).and_then(|it| it.get("listeners"));
        for (index, listener) in elements(listeners).iter().enumerate() {
            let start = format!("{resources}.listeners[{index}].");
            let (mut clusters, mut is_open) = (Vec::new(), false);
            let inside = managers.iter().map(|(_, manager)| manager);
            for manager in inside.filter(|it| !it.holds_gate && it.place.starts_with(&start)) {
                let (names, open) = manager.leads.parts();
                clusters.extend_from_slice(names);
                is_open |= open;
            }
            ways.push(Way::new(listener, clusters, is_open));
            if member(listener, ["internal_listener", "internalListener"]).is_some() {
                internal.push(start);
            }
        }
    }
    (ways, internal)
}

/// Whether a type is one of filters of connections, or of datagrams, but for those of HTTP.
fn is_of_connections(type_url: &str) -> bool {
    let mut kinds = [".filters.network.", ".filters.udp.", ".filters.listener."].iter();
    kinds.any(|kind| type_url.contains(kind)) && !type_url.contains(".http_connection_manager.")
}

/// The types of such filters that say by `cluster` where they lead, or lead nowhere.
const KNOWN: [&str; 26] = [
    ".connection_limit.",
    ".direct_response.",
    ".dns_filter.",
    ".dubbo_proxy.",
    ".echo.",
    ".ext_authz.",
    ".generic_proxy.",
    ".geoip.",
    ".http_inspector.",
    ".local_ratelimit.",
    ".mongo_proxy.",
    ".original_dst.",
    ".original_src.",
    ".proxy_protocol.",
    ".ratelimit.",
    ".rbac.",
    ".redis_proxy.",
    ".reverse_tunnel.",
    ".set_filter_state.",
    ".sni_cluster.",
    ".sni_dynamic_forward_proxy.",
    ".tcp_proxy.",
    ".thrift_proxy.",
    ".tls_inspector.",
    ".udp_proxy.",
    ".zookeeper_proxy.",
];
