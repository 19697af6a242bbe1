//! Where in a file the configuration is: the whole of it, inside an Istio resource, or inside a
//! file of Envoy.

use std::ffi::OsStr;

use passgate_core::{Json, KeySource, Location, Provider};

use crate::{
    blinded::blinded,
    doors,
    files::bytes_of,
    manager::{self, Manager},
    mcp::Reader,
    off::{self, Off},
    peers::Asking,
    read,
    sign::{
        fails_open, is_of_envoy, is_resource, is_true, member, mentions_passgate,
        module_is_passgate, names_passgate,
    },
    turn,
    upstream::{self, Unproved},
};

/// A configuration in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it was found; `None`: it is the whole file.
    pub(crate) place: Option<String>,
    /// What the filter would receive.
    pub(crate) bytes: Vec<u8>,
    /// The member by which requests pass when the module fails.
    fails_open: Option<&'static str>,
    /// What Istio does not ask it about, or asks it too late.
    istio: Vec<String>,
    /// Whether the host hands over a body while the headers are held.
    bodies: Bodies,
    /// What keeps callbacks of the module from the host.
    blinded: Option<String>,
    /// The clusters of the file, where it holds all clusters.
    clusters: Option<Vec<String>>,
    /// Those that do not prove who they are.
    unproved: Vec<Unproved>,
    /// The HTTP connection manager of the file that it is in.
    manager: Option<Manager>,
    /// What its listener does about client certificates.
    asking: Asking,
    /// What reads bodies before it.
    reader: Reader,
    /// The place of a filter that looks after its open streams.
    twin: Option<String>,
}

/// Whether a host hands over the body of a request whose headers are held
/// (`allow_on_headers_stop_iteration` of Envoy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bodies {
    /// The file does not say what is around the configuration.
    Unknown,
    /// It does.
    HandedOver,
    /// It does not; what to do about it.
    Kept(&'static str),
}

impl Found {
    /// A configuration, with nothing around it that is worth knowing.
    fn of(place: Option<String>, bytes: Vec<u8>) -> Self {
        Self {
            place,
            bytes,
            fails_open: None,
            istio: Vec::new(),
            bodies: Bodies::Unknown,
            blinded: None,
            clusters: None,
            unproved: Vec::new(),
            manager: None,
            asking: Asking::default(),
            reader: Reader::default(),
            twin: None,
        }
    }

    /// What is accepted by the filter and can never work.
    pub(crate) fn errors(&self) -> Vec<String> {
        let bodies = match self.bodies {
            Bodies::Kept(remedy) if self.reads_bodies() => Some([KEEPS_BODIES, remedy].concat()),
            Bodies::Kept(_) | Bodies::HandedOver | Bodies::Unknown => None,
        };
        let wants_peer = || crate::parse(&self.bytes).is_ok_and(|config| config.wants_peer());
        let peers = self.asking.error().filter(|_| wants_peer());
        let names_calls = || crate::parse(&self.bytes).is_ok_and(|config| config.names_calls());
        let readers = self.reader.errors().filter(|_| names_calls());
        bodies.into_iter().chain(peers).chain(readers).collect()
    }

    /// The clusters from which its providers' keys and lists come.
    pub(crate) fn named(&self) -> Vec<String> {
        let config = crate::parse(&self.bytes);
        let providers = config.iter().flat_map(|it| it.providers());
        let named = providers.flat_map(named_by).map(|(name, _)| name.clone());
        named.collect()
    }

    /// Whether some rule wants the body of a request approved.
    fn reads_bodies(&self) -> bool {
        crate::parse(&self.bytes).is_ok_and(|config| config.reads_bodies())
    }

    /// The settings that keep requests, or its other callbacks, from the filter, or may.
    pub(crate) fn off(&self) -> Vec<Off> {
        let place = self.place.as_deref().unwrap_or_default();
        let (around, _) = place.rsplit_once('.').unwrap_or_default();
        let dot = if around.is_empty() { "" } else { "." };
        let place_of = |text: String| Off {
            text: [around, dot, &text].concat(),
        };
        let blinded = self.blinded.clone().map(place_of);
        let fails_open = self
            .fails_open
            .map(|member| place_of(format!("{member}: {}", off::when_it_fails(member))));
        blinded.into_iter().chain(fails_open).collect()
    }

    /// What is wrong around the configuration, and what is accepted but worth knowing.
    pub(crate) fn doubts(&self) -> (Vec<String>, Vec<String>) {
        let idle = self.bodies == Bodies::HandedOver && !self.reads_bodies();
        let bodies = idle.then(|| HANDS_OVER_BODIES.to_owned());
        let manager = self.manager.iter().flat_map(Manager::notes);
        let mut notes: Vec<String> = bodies.into_iter().chain(manager).collect();
        let mut warnings = Vec::new();
        let Ok(config) = crate::parse(&self.bytes) else {
            return (warnings, notes);
        };
        warnings.extend(self.istio.clone());
        warnings.extend(self.twin.iter().filter_map(|it| doors::told(it, &config)));
        if config.wants_peer() {
            warnings.extend(self.asking.warning());
        }
        if config.names_calls() {
            warnings.extend(self.reader.warning());
            notes.extend(self.reader.note());
        }
        if let Some(manager) = &self.manager {
            warnings.extend(manager.doubts(&config));
            notes.extend(manager.ids(&config));
        }
        let (escapes, unsure) = manager::host_escapes(&config, self.manager.as_ref());
        warnings.extend(escapes);
        notes.extend(unsure);
        let mut told = Vec::new();
        for (first, second, name) in config.taken_by_any_segment() {
            if !told.contains(&first) {
                told.push(first);
                let name = name.map_or("every segment".to_owned(), |name| format!("{name:?}, too"));
                warnings.push(format!("rules[{first}].match: * stands for {name}, so requests of rules[{second}] come to this rule, which does not ask for the same; move rules[{second}] before it, or name the segments that are meant"));
            }
        }
        for provider in config.providers() {
            let named = named_by(provider);
            for (index, (name, what)) in named.iter().enumerate() {
                let mut earlier = named.iter().take(index);
                let is_new = !earlier.any(|(earlier, _)| earlier == name);
                let all = self.clusters.as_ref();
                if is_new && all.is_some_and(|all| !all.contains(name)) {
                    warnings.push(format!("providers.{}: the file has no cluster {name:?}, so its {what} cannot be fetched", provider.name));
                }
                let mut unproved = self
                    .unproved
                    .iter()
                    .filter(|it| is_new && it.name == **name);
                if let Some(unproved) = unproved.next() {
                    warnings.push(format!(
                        "providers.{}: {what} come from {}",
                        provider.name,
                        unproved.told()
                    ));
                }
            }
        }
        (warnings, notes)
    }
}

/// The clusters that a provider names, and what is fetched through each.
fn named_by(provider: &Provider) -> Vec<(&String, &'static str)> {
    let mut named = match &provider.keys {
        KeySource::Local(_) => Vec::new(),
        KeySource::Remote(remote) => match &remote.location {
            Location::Fixed(endpoint) => vec![(&endpoint.cluster, "keys")],
            Location::Discovered(discovery) => vec![
                (&discovery.document.cluster, "keys"),
                (&discovery.jwks_cluster, "keys"),
            ],
        },
    };
    let revocations = provider.revocations.as_ref();
    named.extend(revocations.map(|list| (&list.source.endpoint.cluster, "revocations")));
    let lists = provider.status_lists.as_ref();
    named.extend(lists.map(|lists| (&lists.cluster, "status lists")));
    let asked = provider.introspection.as_ref();
    named.extend(asked.map(|asked| (&asked.endpoint.cluster, "answers about tokens")));
    named
}

/// What `allow_on_headers_stop_iteration` changes.
const HANDS_OVER_BODIES: &str = "allow_on_headers_stop_iteration: Envoy hands over a body while the headers are held; the filter holds both until the verdict, and no rule has a use for the setting";

/// What a rule with `body: required` meets where the host keeps bodies.
const KEEPS_BODIES: &str = "a rule has proof.webauthn with body: required, and this host keeps the body from the filter while the headers are held, so its requests with a body get 503 (unavailable.body); ";
const IN_ENVOY: &str =
    "write allow_on_headers_stop_iteration: true beside the configuration of the plugin";
const IN_ISTIO: &str = "Istio's resource cannot say otherwise; docs/approvals.md says what can";
const IN_GATEWAY: &str =
    "Envoy Gateway's resource cannot say otherwise; docs/approvals.md says what can";

const STOP_ITERATION: [&str; 2] = [
    "allow_on_headers_stop_iteration",
    "allowOnHeadersStopIteration",
];

/// The names of the clusters of a bootstrap that does not get others from elsewhere.
fn clusters(document: &Json) -> Option<Vec<String>> {
    if member(document, ["dynamic_resources", "dynamicResources"]).is_some() {
        return None;
    }
    let Some(Json::Array(clusters)) =
        member(document, ["static_resources", "staticResources"])?.get("clusters")
    else {
        return Some(Vec::new());
    };
    let names = clusters
        .iter()
        .filter_map(|cluster| cluster.get("name")?.as_str());
    Some(names.map(str::to_owned).collect())
}

/// The one configuration in a file, as the filter would receive it.
pub(crate) fn only_configuration(name: &OsStr) -> Result<Vec<u8>, String> {
    let bytes = bytes_of(name)?;
    let shown = name.to_string_lossy();
    let documents =
        read::documents(&bytes).map_err(|error| format!("passgate: {shown}: {error}\n"))?;
    let mut found = documents.iter().flat_map(configurations);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.bytes),
        (None, _) => Err(format!(
            "passgate: {shown}: no configuration of passgate in it\n"
        )),
        (Some(_), Some(_)) => Err(format!(
            "passgate: {shown}: several configurations; give a file with the one that is meant\n"
        )),
    }
}

/// All configurations of passgate in a document.
pub(crate) fn configurations(document: &Json) -> Vec<Found> {
    let mut found = Vec::new();
    if is_resource(document) {
        resource(document, "", &mut found);
    } else if is_of_envoy(document) {
        filters(document, "", false, &mut found);
        let clusters = clusters(document);
        let unproved = upstream::unproved(document);
        for found in &mut found {
            found.clusters.clone_from(&clusters);
            found.unproved.clone_from(&unproved);
            let place = found.place.as_deref();
            found.manager = place.and_then(|place| Manager::around(document, place));
            found.asking = place
                .map(|place| Asking::around(document, place))
                .unwrap_or_default();
            found.reader = place
                .map(|place| Reader::around(document, place))
                .unwrap_or_default();
            found.twin = place.and_then(|place| doors::twin(document, place));
        }
    } else {
        found.push(Found::of(None, document.to_string().into_bytes()));
    }
    found
}

/// A Kubernetes resource, or a list of them.
fn resource(resource: &Json, place: &str, found: &mut Vec<Found>) {
    let kind = resource
        .get("kind")
        .and_then(Json::as_str)
        .unwrap_or_default();
    if let Some(Json::Array(items)) = resource.get("items") {
        for (index, item) in items.iter().enumerate() {
            self::resource(item, &format!("{place}items[{index}]."), found);
        }
        return;
    }
    let spec = resource.get("spec");
    match kind {
        "WasmPlugin" | "TrafficExtension" => {
            let name = resource
                .get("metadata")
                .and_then(|metadata| metadata.get("name"));
            if name.is_some_and(names_passgate) || spec.is_some_and(module_is_passgate) {
                plugin(spec, &format!("{place}spec"), found);
            }
        }
        "EnvoyExtensionPolicy" => {
            let metadata = resource.get("metadata");
            let named = metadata.and_then(|it| it.get("name"));
            extensions(spec, named.is_some_and(names_passgate), place, found);
        }
        "ConfigMap" => files(resource, place, found),
        _ => filters(resource, place, false, found),
    }
}

/// The Wasm extensions of Envoy Gateway: it hands the filter `config` as JSON.
fn extensions(spec: Option<&Json>, named: bool, place: &str, found: &mut Vec<Found>) {
    let Some(Json::Array(extensions)) = spec.and_then(|spec| spec.get("wasm")) else {
        return;
    };
    for (index, extension) in extensions.iter().enumerate() {
        let is_passgate = named
            || ["name", "code"]
                .into_iter()
                .filter_map(|name| extension.get(name))
                .any(mentions_passgate);
        if !is_passgate {
            continue;
        }
        let bytes = match extension.get("config") {
            None | Some(Json::Null) => Vec::new(),
            Some(config) => config.to_string().into_bytes(),
        };
        found.push(Found {
            fails_open: fails_open(extension),
            bodies: Bodies::Kept(IN_GATEWAY),
            reader: Reader::elsewhere(),
            ..Found::of(Some(format!("{place}spec.wasm[{index}].config")), bytes)
        });
    }
}

/// Files in a ConfigMap: those of Envoy, and configurations of passgate.
fn files(resource: &Json, place: &str, found: &mut Vec<Found>) {
    for file in read::inside(resource, place) {
        for document in file.documents.into_iter().flatten() {
            let is_configuration = document.get("providers").is_some();
            let inside = configurations(&document).into_iter();
            for mut inside in inside.filter(|inside| inside.place.is_some() || is_configuration) {
                inside.place = Some(match inside.place {
                    Some(place) => format!("{}.{place}", file.place),
                    None => file.place.clone(),
                });
                found.push(inside);
            }
        }
    }
}

/// The configuration of a plugin as it reaches the filter: members that are null are dropped on the
/// way, and a plugin without configuration sends nothing. A `TrafficExtension` has it one level
/// deeper.
fn plugin(spec: Option<&Json>, place: &str, found: &mut Vec<Found>) {
    let istio = spec.map(turn::doubts).unwrap_or_default();
    let istio = istio.iter().map(|what| format!("{place}.{what}")).collect();
    let (spec, place) = match spec.and_then(|spec| spec.get("wasm")) {
        Some(wasm) => (Some(wasm), format!("{place}.wasm")),
        None => (spec, place.to_owned()),
    };
    let bytes = match spec.and_then(|spec| spec.get("pluginConfig")) {
        None | Some(Json::Null) => Vec::new(),
        Some(config) => without_nulls(config).to_string().into_bytes(),
    };
    found.push(Found {
        fails_open: spec.and_then(fails_open),
        istio,
        bodies: Bodies::Kept(IN_ISTIO),
        reader: Reader::elsewhere(),
        ..Found::of(Some(format!("{place}.pluginConfig")), bytes)
    });
}

fn without_nulls(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let kept = members.iter().filter(|(_, value)| *value != Json::Null);
            Json::Object(
                kept.map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Json::Array(elements) => Json::Array(elements.iter().map(without_nulls).collect()),
        leaf => leaf.clone(),
    }
}

/// Every Wasm filter of passgate below a value; `named` says that a filter around it bears the
/// name.
fn filters(json: &Json, place: &str, named: bool, found: &mut Vec<Found>) {
    match json {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                filters(element, &format!("{place}[{index}]"), named, found);
            }
        }
        Json::Object(members) => {
            let named = named || json.get("name").is_some_and(names_passgate);
            let vm = json.get("vm_config").or_else(|| json.get("vmConfig"));
            if let Some(vm) = vm
                && (named || vm.get("code").is_some_and(mentions_passgate))
            {
                let place = if place.is_empty() {
                    "configuration".to_owned()
                } else {
                    format!("{place}.configuration")
                };
                found.push(Found {
                    fails_open: fails_open(json),
                    bodies: if is_true(member(json, STOP_ITERATION)) {
                        Bodies::HandedOver
                    } else {
                        Bodies::Kept(IN_ENVOY)
                    },
                    blinded: blinded(json),
                    ..Found::of(Some(place), received(json.get("configuration")))
                });
                return;
            }
            for (name, value) in members {
                let dot = if place.is_empty() || place.ends_with('.') {
                    ""
                } else {
                    "."
                };
                // A name belongs to the filter that bears it: it does not reach the filters below
                // it.
                let named =
                    named && matches!(&**name, "typed_config" | "typedConfig" | "config" | "value");
                filters(value, &format!("{place}{dot}{name}"), named, found);
            }
        }
        _ => {}
    }
}

/// What Envoy hands to the filter for a `configuration`.
fn received(configuration: Option<&Json>) -> Vec<u8> {
    let Some(configuration) = configuration else {
        return Vec::new();
    };
    let type_url = configuration
        .get("@type")
        .and_then(Json::as_str)
        .unwrap_or_default();
    match configuration.get("value") {
        Some(Json::String(text)) if type_url.ends_with("google.protobuf.StringValue") => {
            text.as_bytes().to_vec()
        }
        _ => A_STRUCT.to_vec(),
    }
}

/// Any message but a `StringValue` arrives as its own bytes: here a `google.protobuf.Struct` with
/// one member.
const A_STRUCT: &[u8] = b"\x0a\x05\x0a\x01a\x12\x00";
