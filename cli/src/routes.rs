//! Where the routes of Envoy lead: which virtual host serves a host, and to which clusters.

use std::collections::BTreeMap;

use passgate_core::{HostMatch, Json};

use crate::{
    clusters::Clusters,
    sign::{elements, member, types},
};

/// The clusters that routes, or a proxy of connections, lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leads {
    clusters: Vec<String>,
    /// Whether something in a request, or a plugin, chooses the cluster: it may be any.
    is_open: bool,
}

/// A virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VirtualHost {
    domains: Vec<Domain>,
    leads: Leads,
}

/// A domain of a virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Domain {
    /// Lower case, without a port.
    text: String,
    /// Whether it names a port, and so is not the host without one.
    has_port: bool,
}

/// Members that hold clusters to which no request is led.
const ASIDE: [&str; 3] = [
    "typed_per_filter_config",
    "typedPerFilterConfig",
    "metadata",
];

impl Leads {
    pub(crate) fn of(json: &Json) -> Self {
        let mut leads = Self::default();
        leads.add(json);
        leads
    }

    /// Those of a connection manager: of its routes, and of filters that are proxies themselves.
    pub(crate) fn of_manager(manager: &Json) -> Self {
        let mut leads = Self::default();
        let routes = ROUTES.iter().filter_map(|name| manager.get(name));
        routes.for_each(|routes| leads.add(routes));
        let filters = member(manager, ["http_filters", "httpFilters"]);
        filters
            .into_iter()
            .for_each(|filters| leads.add_proxies(filters));
        leads
    }

    fn add_proxies(&mut self, filters: &Json) {
        match filters {
            Json::Array(all) => all.iter().for_each(|it| self.add_proxies(it)),
            Json::Object(members) => {
                let is_one = |name: &str| PROXIES.iter().any(|proxy| name.contains(proxy));
                if types(filters).any(is_one) {
                    self.add(filters);
                } else {
                    members.iter().for_each(|(_, it)| self.add_proxies(it));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn add(&mut self, json: &Json) {
        match json {
            Json::Array(all) => all.iter().for_each(|it| self.add(it)),
            Json::Object(members) => {
                let weighted = member(json, ["weighted_clusters", "weightedClusters"]);
                let weighted = elements(weighted.and_then(|weighted| weighted.get("clusters")));
                let names = weighted.iter().filter_map(|one| one.get("name"));
                let names = names
                    .chain(json.get("cluster"))
                    .chain(member(json, INSTEAD));
                self.clusters
                    .extend(names.filter_map(Json::as_str).map(str::to_owned));
                let mut choices = CHOICES.into_iter();
                self.is_open |= choices.any(|names| member(json, names).is_some());
                let inside = members.iter().filter(|(name, _)| !ASIDE.contains(&&**name));
                inside.for_each(|(_, it)| self.add(it));
            }
            leaf => {
                let text = leaf.as_str().unwrap_or_default();
                self.is_open |= BY_CONNECTION.iter().any(|it| text.ends_with(it));
            }
        }
    }

    /// The names of the clusters, and whether there may be any other.
    pub(crate) fn parts(&self) -> (&[String], bool) {
        (&self.clusters, self.is_open)
    }

    pub(crate) const fn is_nowhere(&self) -> bool {
        self.clusters.is_empty() && !self.is_open
    }

    /// The first cluster of these that those others lead to as well, as one says it.
    pub(crate) fn shared_with(&self, others: &Self, clusters: &Clusters) -> Option<String> {
        let mut theirs: BTreeMap<&str, &String> =
            others.clusters.iter().map(|name| (&**name, name)).collect();
        for other in &others.clusters {
            for mark in clusters.marks(other) {
                theirs.entry(mark).or_insert(other);
            }
        }
        let both = self.clusters.iter().find_map(|own| {
            let mut marks = clusters.marks(own);
            let twin = marks.find_map(|mark| theirs.get(mark).copied())?;
            Some(if twin == own {
                format!("the cluster {own:?}")
            } else {
                format!("the cluster {twin:?}, which is {own:?} by another name")
            })
        });
        let is_open =
            |it: &Self| it.is_open || it.clusters.iter().any(|name| clusters.is_open(name));
        let any = |open: &Self, other: &Self| {
            let first = other.clusters.first().filter(|_| is_open(open));
            first.map(|name| {
                format!("a cluster that is chosen by the request or an extension, such as {name:?}")
            })
        };
        let open = is_open(self) && is_open(others);
        let open =
            open.then(|| "clusters that are chosen by the request or an extension".to_owned());
        both.or(open)
            .or_else(|| any(self, others))
            .or_else(|| any(others, self))
    }
}

/// The members of a connection manager with routes.
pub(crate) const ROUTES: [&str; 4] = [
    "route_config",
    "routeConfig",
    "scoped_routes",
    "scopedRoutes",
];

/// HTTP filters that send requests to clusters that they name, whatever the routes say.
const PROXIES: [&str; 2] = [".mcp_router.", ".cache_v2."];

/// A filter of caches names a cluster in the place of the route's so.
const INSTEAD: [&str; 2] = ["override_upstream_cluster", "overrideUpstreamCluster"];

/// Texts by which a filter of connections chooses the cluster of the proxy behind it: the type that
/// takes it from the TLS name, and the names of filter states that hold it.
const BY_CONNECTION: [&str; 3] = [
    ".SniCluster",
    "envoy.tcp_proxy.cluster",
    "envoy.udp_proxy.cluster",
];

/// Members by which a route does not name its cluster.
const CHOICES: [[&str; 2]; 3] = [
    ["cluster_header", "clusterHeader"],
    ["cluster_specifier_plugin", "clusterSpecifierPlugin"],
    [
        "inline_cluster_specifier_plugin",
        "inlineClusterSpecifierPlugin",
    ],
];

/// The route configurations of a connection manager, `None`: there are
/// others elsewhere. Of several, a header that the client writes may choose one.
pub(crate) fn tables(manager: &Json) -> Option<Vec<&Json>> {
    if let Some(routes) = member(manager, ["route_config", "routeConfig"]) {
        return Some(vec![routes]);
    }
    let scopes = member(manager, ["scoped_routes", "scopedRoutes"])?;
    let names = [
        "scoped_route_configurations_list",
        "scopedRouteConfigurationsList",
    ];
    let scopes = member(scopes, names)?;
    let names = ["scoped_route_configurations", "scopedRouteConfigurations"];
    let scopes = elements(member(scopes, names)).iter();
    let routes = scopes.map(|it| member(it, ["route_configuration", "routeConfiguration"]));
    routes.collect()
}

/// The virtual hosts of routes; `None`: there are others elsewhere. Where Envoy ignores ports, a
/// domain with one takes no request.
pub(crate) fn virtual_hosts(routes: &Json, ignores_port: bool) -> Option<Vec<VirtualHost>> {
    // Copies of all requests go there, but for those whose route or host says otherwise.
    let mirrors = member(routes, ["request_mirror_policies", "requestMirrorPolicies"]);
    let of = |host: &Json| {
        let mut leads = Leads::of(host);
        mirrors.into_iter().for_each(|mirrors| leads.add(mirrors));
        let domains = elements(host.get("domains")).iter();
        let domains = domains.filter_map(Json::as_str).map(Domain::of);
        VirtualHost {
            domains: domains
                .filter(|domain| !(ignores_port && domain.has_port))
                .collect(),
            leads,
        }
    };
    let all = elements(member(routes, ["virtual_hosts", "virtualHosts"]));
    routes
        .get("vhds")
        .is_none()
        .then(|| all.iter().map(of).collect())
}

/// Where requests to any of these hosts may be led (none: to every host), but for requests whose
/// host is one of `except`, by each of these tables.
pub(crate) fn leads_of(
    tables: &[Vec<VirtualHost>],
    hosts: &[HostMatch],
    except: &[HostMatch],
) -> Leads {
    let mut leads = Leads::default();
    for table in tables {
        add_leads_of(table, hosts, except, &mut leads);
    }
    leads
}

fn add_leads_of(all: &[VirtualHost], hosts: &[HostMatch], except: &[HostMatch], leads: &mut Leads) {
    let serves = serving(all, hosts, except);
    for host in all.iter().filter(|host| serves(host)) {
        leads.clusters.extend(host.leads.clusters.iter().cloned());
        leads.is_open |= host.leads.is_open;
    }
}

/// Whether one of all virtual hosts serves some request to any of these hosts (none: to every
/// host), but for requests whose host is one of `except`.
pub(crate) fn serving<'v>(
    all: &'v [VirtualHost],
    hosts: &'v [HostMatch],
    except: &'v [HostMatch],
) -> impl Fn(&VirtualHost) -> bool + use<'v> {
    let best = |host: &HostMatch| {
        let domains = all.iter().flat_map(|host| &host.domains);
        let domains = domains.filter(|domain| !domain.has_port);
        let ranks = domains.filter_map(|domain| rank(&domain.text, host));
        ranks.filter(|rank| rank.takes_all).max()
    };
    let hosts: Vec<_> = hosts.iter().map(|host| (host, best(host))).collect();
    // A client may add the port to a host, and gets to a domain with that port, too.
    let is_served_by = |(host, best): &(&HostMatch, Option<Rank>), domain: &Domain| {
        let best = best.as_ref().filter(|_| !domain.has_port);
        rank(&domain.text, host)
            .is_some_and(|rank| best.is_none_or(|best| rank.place >= best.place))
    };
    move |host| {
        host.domains.iter().any(|domain| {
            let mut meant = hosts.iter();
            !is_within(&domain.text, except)
                && (hosts.is_empty() || meant.any(|host| is_served_by(host, domain)))
        })
    }
}

/// A domain of a virtual host in lower case, without the port that it may have.
pub(crate) fn without_port(domain: &str) -> String {
    Domain::of(domain).text
}

impl Domain {
    fn of(written: &str) -> Self {
        let is_port = |port: &str| port == "*" || port.bytes().all(|byte| byte.is_ascii_digit());
        let split = written.rsplit_once(':').filter(|(_, port)| is_port(port));
        Self {
            text: split.map_or(written, |(host, _)| host).to_ascii_lowercase(),
            has_port: split.is_some(),
        }
    }
}

/// How a domain ranks among those that take a host, or some of these hosts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// The host itself comes first, then the longest `*.example.com`, then the longest `www.*`,
    /// then `*`.
    place: (u8, usize),
    takes_all: bool,
}

fn rank(domain: &str, host: &HostMatch) -> Option<Rank> {
    let (HostMatch::Exact(text) | HostMatch::Suffix(text)) = host;
    let is_one = matches!(host, HostMatch::Exact(_));
    let ends = |long: &str, end: &str| long.len() > end.len() && long.ends_with(end);
    let (kind, takes_some, takes_all) = if domain == "*" {
        (0, true, true)
    } else if let Some(end) = domain.strip_prefix('*') {
        let takes_all = text.ends_with(end) && !(is_one && text == end);
        (2, takes_all || !is_one && end.ends_with(&**text), takes_all)
    } else if let Some(start) = domain.strip_suffix('*') {
        let takes_all = is_one && text.starts_with(start);
        (1, takes_all || !is_one, takes_all)
    } else if is_one {
        (3, domain == text, domain == text)
    } else {
        (3, ends(domain, text), false)
    };
    let place = (kind, domain.len());
    takes_some.then_some(Rank { place, takes_all })
}

/// Whether every host of a domain is one of these.
fn is_within(domain: &str, hosts: &[HostMatch]) -> bool {
    hosts
        .iter()
        .any(|host| match (host, domain.strip_prefix('*')) {
            (HostMatch::Exact(host), None) => host == domain,
            (HostMatch::Exact(_), Some(_)) => false,
            (HostMatch::Suffix(end), Some(rest)) => rest.ends_with(&**end),
            (HostMatch::Suffix(end), None) => {
                domain.len() > end.len() && domain.ends_with(&**end) && !domain.ends_with('*')
            }
        })
}
