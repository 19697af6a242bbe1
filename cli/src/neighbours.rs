//! What a request meets before the gate and behind it, in one connection manager: a filter before
//! it sees headers as clients wrote them, and may answer without it; what comes behind may put a
//! client's header in the place of one that the gate wrote.

use passgate_core::{Config, Json, PathMatch};

use crate::{
    clusters::Clusters,
    off::each,
    reading,
    routes::ROUTES,
    sign::{elements, is_gate, member, types},
};

/// Where the filter stands in its connection manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Neighbours {
    manager: Json,
    place: String,
    /// The name of the list of filters, as the file has it.
    list: &'static str,
    /// The index of the filter.
    index: usize,
    /// The clusters of the file, with their place: they may have filters of their own.
    clusters: Option<(String, Json)>,
}

impl Neighbours {
    /// Those of the filter at a place, if it stands in this manager.
    pub(crate) fn of(
        document: &Json,
        manager: &Json,
        place: &str,
        of_filter: &str,
    ) -> Option<Self> {
        let rest = of_filter.strip_prefix(place)?.trim_start_matches('.');
        let mut resources = ["static_resources", "staticResources"].into_iter();
        let clusters = resources.find_map(|name| {
            let clusters = document.get(name)?.get("clusters")?;
            Some((format!("{name}.clusters"), clusters.clone()))
        });
        let mut lists = ["http_filters", "httpFilters"].into_iter();
        lists.find_map(|list| {
            let (index, _) = rest
                .strip_prefix(list)?
                .strip_prefix('[')?
                .split_once(']')?;
            Some(Self {
                manager: manager.clone(),
                place: place.to_owned(),
                list,
                index: index.parse().ok()?,
                clusters: clusters.clone(),
            })
        })
    }

    pub(crate) fn doubts(&self, config: &Config, services: &Clusters) -> Vec<String> {
        let written = Written::of(config);
        let mut doubts = Vec::new();
        let early = [
            "early_header_mutation_extensions",
            "earlyHeaderMutationExtensions",
        ];
        let filters = early.into_iter().chain([self.list]).flat_map(|list| {
            let listed = elements(self.manager.get(list)).iter().enumerate();
            listed.map(move |(index, filter)| (list, index, filter))
        });
        let mut first = Vec::new();
        for (list, index, filter) in filters {
            let place = format!("{}.{list}[{index}]", self.place);
            if list == self.list && index > self.index {
                overwritten(filter, &place, &written, &mut doubts);
                if is_cors(filter) && !config.bypasses_cors_preflight() {
                    doubts.push(format!("{place}: answers preflights behind this filter, which refuses them, since they have no token; put it before this filter"));
                }
            } else if !is_gate(filter) {
                first.extend(filter.get("name").and_then(Json::as_str));
                let discovery = member(filter, ["config_discovery", "configDiscovery"]);
                let config = member(filter, ["typed_config", "typedConfig"])
                    .or_else(|| member(discovery?, ["default_config", "defaultConfig"]));
                if let Some(config) = config {
                    comes_before(config, &place, &written, &mut doubts);
                }
            }
        }
        let filters = elements(self.manager.get(self.list));
        let named = |header: &str| filters.iter().any(|it| writes(it, header, &written));
        for routes in ROUTES {
            let Some(json) = self.manager.get(routes) else {
                continue;
            };
            let place = format!("{}.{routes}", self.place);
            overwritten(json, &place, &written, &mut doubts);
            chosen(json, &place, &written, &named, &mut doubts);
            doubts.extend(reading::doubts(json, &place, config, services));
            // What a filter that comes first is told for a route.
            each(json, &place, &mut |object, place| {
                for field in ["typed_per_filter_config", "typedPerFilterConfig"] {
                    for name in &first {
                        if let Some(config) = object.get(field).and_then(|it| it.get(name)) {
                            let place = format!("{place}.{field}.{name}");
                            comes_before(config, &place, &written, &mut doubts);
                        }
                    }
                }
            });
        }
        if let Some((place, clusters)) = &self.clusters {
            overwritten(clusters, place, &written, &mut doubts);
        }
        doubts
    }
}

/// What the filter writes, and what it judges.
struct Written<'c> {
    names: Vec<&'c str>,
    judged: Vec<&'static str>,
    /// Whether there are rules that may differ.
    differs: bool,
    /// What rules differ by: anything else in its place gets past them.
    telling: Vec<&'static str>,
}

impl<'c> Written<'c> {
    fn of(config: &'c Config) -> Self {
        let mut names = vec![OURS];
        for provider in config.providers() {
            names.extend(provider.claim_to_headers.iter().map(|claim| &*claim.header));
            names.extend(provider.forward_payload_header.as_deref());
        }
        let rules = config.rules().unwrap_or_default();
        let mut judged = Vec::new();
        if !rules.is_empty() {
            judged.extend([":path", ":method"]);
        }
        if rules.iter().any(|rule| !rule.matcher.hosts.is_empty()) {
            judged.extend([":authority", "host"]);
        }
        let mut telling = Vec::new();
        let is_all = |path: &PathMatch| match path {
            PathMatch::Any => true,
            PathMatch::Prefix(text) => text == "/",
            PathMatch::Exact(_) | PathMatch::Segments(_) => false,
        };
        if !rules.iter().all(|rule| is_all(&rule.matcher.path)) {
            telling.push(":path");
        }
        if !rules.iter().all(|rule| rule.matcher.methods.is_empty()) {
            telling.push(":method");
        }
        Self {
            telling,
            names,
            judged,
            differs: rules.len() > 1,
        }
    }

    /// Whether the filter writes this header; the services may take `_` for `-`.
    fn is_ours(&self, header: &str) -> bool {
        let header = header.replace('_', "-");
        let mut names = self.names.iter();
        header.starts_with(OURS) || names.any(|name| name.replace('_', "-") == header)
    }

    /// What is lost where this comes into the place of a header.
    fn loss(&self, header: &str, value: &str) -> Option<&'static str> {
        if self.is_ours(header) {
            let is_clients = may_be_the_clients(value, |name| self.is_ours(name));
            is_clients.then_some("this filter wrote; remove it, or write another header")
        } else if self.judged.contains(&header) {
            let is_judged =
                |name: &str| matches!(name, ":path" | ":method" | ":authority" | "host");
            let is_known = |name: &str| is_judged(name) || self.is_ours(name);
            may_be_the_clients(value, is_known).then_some("this filter judged; remove it")
        } else {
            None
        }
    }
}

/// Headers that are written without being configured begin so.
const OURS: &str = "x-passgate-";

fn comes_before(config: &Json, place: &str, written: &Written<'_>, doubts: &mut Vec<String>) {
    if holds_cache(config) {
        doubts.push(format!(
            "{place}: answers from its cache before this filter is asked; put it behind this filter"
        ));
    }
    let mut names = written.names.iter();
    if let Some(name) = names.find(|name| names_header(config, name)) {
        let shown = if *name == OURS {
            "x-passgate-…"
        } else {
            name
        };
        doubts.push(format!("{place}: names the header {shown} before this filter removes what a client wrote into it; put it behind this filter, unless it does not read the header"));
    }
}

/// Whether this is Envoy's filter of CORS.
fn is_cors(filter: &Json) -> bool {
    let config = member(filter, ["typed_config", "typedConfig"]);
    config.is_some_and(|config| types(config).any(|name| name.contains(".http.cors.")))
}

/// Whether a cache is at any depth: a filter may stand inside another.
fn holds_cache(json: &Json) -> bool {
    match json {
        Json::Array(all) => all.iter().any(holds_cache),
        Json::Object(members) => {
            types(json).any(|name| name.contains(".filters.http.cache"))
                || members.iter().any(|(_, it)| holds_cache(it))
        }
        _ => false,
    }
}

/// Whether a text below a value names this header, but for lists of what is removed.
fn names_header(json: &Json, header: &str) -> bool {
    match json {
        Json::Array(all) => all.iter().any(|it| names_header(it, header)),
        Json::Object(members) => {
            let removes = |name: &str| name.starts_with("remove") || name.ends_with("emove");
            let mut kept = members.iter().filter(|(name, _)| !removes(name));
            kept.any(|(_, it)| names_header(it, header))
        }
        leaf => leaf.as_str().is_some_and(|text| holds_name(text, header)),
    }
}

fn holds_name(text: &str, header: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let goes_on = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
    };
    let (before, after) = (text.split(header), text.split(header).skip(1));
    before.zip(after).any(|(before, after)| {
        let is_whole = header == OURS || !goes_on(after.chars().next());
        is_whole && !goes_on(before.chars().next_back())
    })
}

/// Whether Envoy puts something in the place of an operator in it (`%WORD%`, `%WORD(…)%`) that may
/// come from the client, but for these headers.
fn may_be_the_clients(value: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('%') {
        // `%%` is the sign itself.
        if let Some(after) = after.strip_prefix('%') {
            rest = after;
            continue;
        }
        let end = after.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let (word, after) = after
            .split_at_checked(end.unwrap_or(after.len()))
            .unwrap_or_default();
        let inside = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        let (names, after) = inside.unwrap_or(("", after));
        rest = after.split_once('%').map_or("", |(_, rest)| rest);
        let is_clients = match word {
            // `%REQ(X?Y)%` is the one, or else the other.
            "req" | "req_without_query" | "request_header" => !names.split('?').all(&is_known),
            "path" => !is_known(":path"),
            _ => !word.is_empty() && !PROXYS.iter().any(|own| word.starts_with(own)),
        };
        if is_clients {
            return true;
        }
    }
    false
}

/// How operators begin that Envoy knows without the client.
const PROXYS: [&str; 12] = [
    "bytes_",
    "connection_id",
    "downstream_direct_",
    "downstream_local_",
    "environment",
    "hostname",
    "protocol",
    "route_name",
    "start_time",
    "stream_id",
    "upstream_",
    "virtual_",
];

/// Each header of ours that is made anew from what is not one; and what was judged, too.
fn overwritten(json: &Json, place: &str, written: &Written<'_>, doubts: &mut Vec<String>) {
    each(json, place, &mut |object, place| {
        let text = |name| object.get(name).and_then(Json::as_str);
        let told = |key: &str, value: &str, place: &str| {
            let key = key.to_ascii_lowercase();
            let loss = written.loss(&key, &value.to_ascii_lowercase())?;
            let key = key.replace('_', "-");
            Some(format!(
                "{place}: puts what may be the client's in the place of {key}, which {loss}"
            ))
        };
        if let (Some(key), Some(value)) = (text("key"), text("value")) {
            let is_telling = |name: &&&str| name.eq_ignore_ascii_case(key);
            match written.telling.iter().find(is_telling) {
                Some(name) => doubts.push(format!("{place}: puts something else in the place of {name}, by which rules of this filter differ; remove it")),
                None => doubts.extend(told(key, value, place)),
            }
        }
        for (name, header) in forwards(object) {
            let header = header.to_ascii_lowercase();
            if written.is_ours(&header) {
                doubts.push(format!("{place}.{name}: puts what another filter knows in the place of {header}, which this filter wrote; name another header"));
            }
        }
        for (name, key) in REWRITES {
            let value = text(name).filter(|value| !value.is_empty());
            let is_header = name.ends_with("eader");
            let value = value.map(|value| match is_header {
                true => format!("%REQ({value})%"),
                false => value.to_owned(),
            });
            if let Some(value) = value {
                doubts.extend(told(key, &value, &format!("{place}.{name}")));
            }
        }
    });
}

/// Whether a filter writes this header: by a mutation that leaves nothing of the client's, or by
/// code or a service that is told its name.
fn writes(filter: &Json, header: &str, written: &Written<'_>) -> bool {
    let mut is_written = false;
    each(filter, "", &mut |object, _| {
        is_written |= sets(object, header, written);
        let is_writer = |name: &str| WRITERS.iter().any(|writer| name.contains(writer));
        is_written |= types(object).any(is_writer) && names_header(object, header);
        is_written |= forwards(object).any(|(_, name)| name.eq_ignore_ascii_case(header));
    });
    is_written
}

/// Whether this `HeaderValueOption` replaces a header by what is not the client's.
fn sets(option: &Json, header: &str, written: &Written<'_>) -> bool {
    let text = |json: &Json, name| json.get(name).and_then(Json::as_str).map(str::to_owned);
    let Some(of) = option.get("header") else {
        return false;
    };
    let is_it = text(of, "key").is_some_and(|key| key.eq_ignore_ascii_case(header));
    let action = member(option, ["append_action", "appendAction"]).and_then(Json::as_str);
    let replaces = action.is_some_and(|action| {
        let action = action.to_ascii_uppercase();
        action.starts_with("OVERWRITE_IF_EXISTS")
    });
    let replaces = replaces || option.get("append") == Some(&Json::Bool(false));
    let value = text(of, "value").unwrap_or_default().to_ascii_lowercase();
    is_it && replaces && !may_be_the_clients(&value, |name| written.is_ours(name))
}

/// HTTP filters of code, and of services, that may write any header.
const WRITERS: [&str; 6] = [
    ".http.lua.",
    ".http.wasm.",
    ".http.golang.",
    ".http.dynamic_modules.",
    ".http.ext_proc.",
    ".http.ext_authz.",
];

/// The headers into which a filter that authenticates writes who it is, with the members that say
/// so.
fn forwards(object: &Json) -> impl Iterator<Item = (&'static str, &str)> {
    let of_claim = member(object, ["claim_name", "claimName"]).map(|_| object);
    let plain = FORWARDS
        .into_iter()
        .map(move |name| (name, object.get(name)));
    let of_claims = ["header_name", "headerName"].into_iter();
    let of_claims = of_claims.map(move |name| (name, of_claim.and_then(|it| it.get(name))));
    let forwarding = object.get("forwarding").and_then(|it| it.get("header"));
    let all = plain.chain(of_claims);
    let all = all.chain([("forwarding.header", forwarding)]);
    all.filter_map(|(name, header)| Some((name, header?.as_str()?)))
}

const FORWARDS: [&str; 4] = [
    "forward_username_header",
    "forwardUsernameHeader",
    "forward_payload_header",
    "forwardPayloadHeader",
];

/// Each header that is the client's and chooses the cluster, where rules may differ from cluster to
/// cluster; but for those that a filter writes.
fn chosen(
    routes: &Json,
    place: &str,
    written: &Written<'_>,
    is_named: &dyn Fn(&str) -> bool,
    doubts: &mut Vec<String>,
) {
    each(routes, place, &mut |object, place| {
        for name in ["cluster_header", "clusterHeader"] {
            let header = object.get(name).and_then(Json::as_str).unwrap_or_default();
            let header = header.to_ascii_lowercase();
            let is_known = written.is_ours(&header) || is_named(&header);
            if written.differs && !header.is_empty() && !is_known {
                doubts.push(format!("{place}.{name}: a client may choose any cluster by the header {header}, whichever rule lets its request pass; name a header that this filter writes, or the cluster"));
            }
        }
    });
}

/// Members of a route by which the service gets something else in the place of what was judged.
const REWRITES: [(&str, &str); 6] = [
    ("host_rewrite", ":authority"),
    ("hostRewrite", ":authority"),
    ("host_rewrite_header", ":authority"),
    ("hostRewriteHeader", ":authority"),
    ("path_rewrite", ":path"),
    ("pathRewrite", ":path"),
];
