//! Which clusters of a file of Envoy are one and the same service, by whatever names.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use passgate_core::Json;

use crate::sign::{elements, member, types};

/// What the clusters of a file are, beside their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clusters(BTreeMap<String, Cluster>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cluster {
    /// Its addresses, and the names of the clusters that it is made of.
    marks: BTreeSet<String>,
    /// Whether the request chooses the address, or an extension does.
    is_open: bool,
}

/// A listener of the file, and where it leads without a gate.
pub(crate) struct Way {
    marks: BTreeSet<String>,
    clusters: Vec<String>,
    is_open: bool,
}

impl Way {
    pub(crate) fn new(listener: &Json, clusters: Vec<String>, is_open: bool) -> Self {
        let mut marks = BTreeSet::new();
        let more = member(listener, ["additional_addresses", "additionalAddresses"]);
        for address in listener.get("address").into_iter().chain(more) {
            addresses(address, &mut marks);
        }
        let name = listener.get("name").and_then(Json::as_str);
        marks.extend(name.map(|name| format!("internal {name}")));
        Self {
            marks,
            clusters,
            is_open,
        }
    }
}

impl Clusters {
    /// Those of a bootstrap. One that leads to a listener of the same proxy is what comes behind
    /// it.
    pub(crate) fn of(document: &Json, ways: &[Way]) -> Self {
        let resources = member(document, ["static_resources", "staticResources"]);
        let clusters = elements(resources.and_then(|resources| resources.get("clusters")));
        let named = clusters.iter().filter_map(|cluster| {
            let name = cluster.get("name")?.as_str()?;
            let mut parts = Vec::new();
            kind(cluster)
                .into_iter()
                .for_each(|kind| add_parts(kind, &mut parts));
            Some((name, (Cluster::of(cluster, name), parts)))
        });
        let named: BTreeMap<_, _> = named.collect();
        let whole = named.keys().map(|name| {
            let mut whole = Cluster::default();
            let mut left = vec![*name];
            // One that is made of others may hold itself.
            while let Some(name) = left.pop() {
                if whole.marks.insert(name.to_owned())
                    && let Some((cluster, parts)) = named.get(name)
                {
                    whole.marks.extend(cluster.marks.iter().cloned());
                    whole.is_open |= cluster.is_open;
                    left.extend(parts.iter().copied());
                    for way in ways
                        .iter()
                        .filter(|way| !way.marks.is_disjoint(&cluster.marks))
                    {
                        whole.is_open |= way.is_open;
                        left.extend(way.clusters.iter().map(String::as_str));
                    }
                }
            }
            ((*name).to_owned(), whole)
        });
        Self(whole.collect())
    }

    /// Two names with a mark in common are about one service. The name comes first.
    pub(crate) fn marks<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        let known = self.0.get(name).into_iter();
        let marks = known.flat_map(|cluster| cluster.marks.iter().map(String::as_str));
        core::iter::once(name).chain(marks)
    }

    /// Whether the request chooses the address, or an extension does.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|cluster| cluster.is_open)
    }
}

impl Cluster {
    fn of(json: &Json, name: &str) -> Self {
        let mut cluster = Self::default();
        if let Some(load) = member(json, ["load_assignment", "loadAssignment"]) {
            addresses(load, &mut cluster.marks);
        }
        if let Some(discovered) = member(json, ["eds_cluster_config", "edsClusterConfig"]) {
            let service = member(discovered, ["service_name", "serviceName"]);
            let service = service.and_then(Json::as_str).unwrap_or_default();
            let service = if service.is_empty() { name } else { service };
            cluster.marks.insert(format!("eds {service}"));
        }
        let mut kinds = kind(json).into_iter().flat_map(types);
        cluster.is_open = is_original(json.get("type"))
            || kinds.any(|name| !CLOSED.iter().any(|closed| name.contains(closed)));
        cluster
    }
}

/// Types of clusters, of those that are extensions, whose addresses the file says, or names where
/// they are from. A wrapper is none of its own.
const CLOSED: [&str; 6] = [
    ".aggregate.",
    ".composite.",
    ".dns.",
    ".mcp_multicluster.",
    ".redis.",
    ".TypedStruct",
];

/// Whether this type of cluster takes the address to which the client meant to connect, or what a
/// header or a filter puts in its place. An enum may be written as its number.
fn is_original(kind: Option<&Json>) -> bool {
    kind.is_some_and(|kind| {
        let name = kind.as_str().unwrap_or_default();
        name.eq_ignore_ascii_case("ORIGINAL_DST") || number(kind) == "4"
    })
}

/// What a cluster of another type than Envoy's own says.
fn kind(cluster: &Json) -> Option<&Json> {
    let kind = member(cluster, ["cluster_type", "clusterType"])?;
    member(kind, ["typed_config", "typedConfig"])
}

/// The clusters that a cluster of this kind is made of: `clusters` of an aggregate and a composite,
/// `cluster` of each server of MCP.
fn add_parts<'j>(kind: &'j Json, parts: &mut Vec<&'j str>) {
    match kind {
        Json::Array(all) => all.iter().for_each(|it| add_parts(it, parts)),
        Json::Object(members) => {
            let listed = elements(kind.get("clusters")).iter();
            let listed = listed.map(|one| one.get("name").unwrap_or(one));
            let names = listed.chain(kind.get("cluster"));
            parts.extend(names.filter_map(Json::as_str));
            members.iter().for_each(|(_, it)| add_parts(it, parts));
        }
        _ => {}
    }
}

/// The addresses below a value to which requests are led.
fn addresses(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Array(all) => all.iter().for_each(|it| addresses(it, found)),
        Json::Object(members) => {
            if let Some(socket) = member(json, ["socket_address", "socketAddress"])
                && let Some(address) = socket.get("address").and_then(Json::as_str)
            {
                let port = member(socket, ["port_value", "portValue"]);
                let port = port.map(number).unwrap_or_default();
                found.insert(format!("{} {port}", host(address)));
            }
            if let Some(internal) = member(json, ["envoy_internal_address", "envoyInternalAddress"])
                && let Some(name) = member(internal, ["server_listener_name", "serverListenerName"])
                && let Some(name) = name.as_str()
            {
                found.insert(format!("internal {name}"));
            }
            let pipe = json.get("pipe").and_then(|pipe| pipe.get("path"));
            let pipe = pipe.and_then(Json::as_str);
            found.extend(pipe.map(|path| format!("pipe {path}")));
            let served = members
                .iter()
                .filter(|(name, _)| !HEALTH.contains(&&**name));
            served.for_each(|(_, it)| addresses(it, found));
        }
        _ => {}
    }
}

/// Members that hold addresses to which no request is led.
const HEALTH: [&str; 2] = ["health_check_config", "healthCheckConfig"];

/// One spelling of each address; what leads to this machine is one.
fn host(address: &str) -> String {
    let lower = address.to_ascii_lowercase();
    let name = lower.strip_suffix('.').unwrap_or(&lower);
    let own = IpAddr::V4(Ipv4Addr::LOCALHOST).to_string();
    match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) if address.is_loopback() => own,
        Ok(address) if address.is_unspecified() => own,
        Ok(address) => address.to_string(),
        Err(_) if name == "localhost" => own,
        Err(_) => name.to_owned(),
    }
}

/// Envoy takes `9001`, `"9001"` and `9001.0`.
fn number(json: &Json) -> String {
    let text = json
        .as_str()
        .map_or_else(|| json.to_string(), str::to_owned);
    let number = text.parse::<f64>().map(|number| number.to_string());
    number.unwrap_or(text)
}
