//! Where Istio attaches a plugin, and where it silently does not: nothing is at the object's status
//! then, nothing in a log, and requests pass. What was seen in a real Istio is in
//! `tests/istio/waypoint_attachments.rs`.

use passgate_core::Json;

use crate::{
    off::{self, Off},
    sign::{elements, module_is_passgate, names_passgate, plugin_of_istio},
    unseen::{self, Bare, Selecting, Served, text},
};

/// The class of waypoints, and the mesh's root namespace unless the mesh configuration has another.
const WAYPOINT: &str = "istio-waypoint";
const ROOT: &str = "istio-system";

const CLIENT_AT_WAYPOINT: &str =
    "mode CLIENT never matches at a waypoint, so requests pass unjudged; leave match out";
const SERVER_AT_GATEWAY: &str =
    "mode SERVER never matches at a gateway, so requests pass unjudged; leave match out";
const OTHER_NAMESPACE: &str = "a plugin judges Services of its own namespace alone, so requests pass unjudged; put the plugin into the Service's namespace";
const SELECTOR: &str = "selects a waypoint, which takes plugins by targetRefs alone, so requests pass unjudged; write targetRefs in its place";

const NO_PROXY: &str = "pods with sidecar.istio.io/inject: \"false\": they have no proxy, so requests to them pass unjudged; remove it";

/// What is wrong with the attachment of passgate's plugins in these documents.
#[derive(Default)]
pub(crate) struct Doubts {
    /// Requests pass.
    pub(crate) off: Vec<Off>,
    /// They pass unless something is so that is in another file.
    pub(crate) warnings: Vec<String>,
}

impl Doubts {
    pub(crate) fn of(documents: &[Json]) -> Self {
        let mut around = Around::default();
        off::each_of(documents, &mut |resource, _| around.add(resource));
        let mut doubts = Self::default();
        off::each_of(documents, &mut |resource, place| {
            if let Some(plugin) = Plugin::of(resource) {
                doubts.add(&plugin, place, &around);
            }
        });
        doubts
    }

    fn add(&mut self, plugin: &Plugin<'_>, place: &str, around: &Around<'_>) {
        let dot = if place.is_empty() { "" } else { "." };
        let mut off = |member: &str, what: &str| {
            let text = [place, dot, "spec.", member, ": ", what].concat();
            self.off.push(Off { text });
        };
        let mut warnings = Vec::new();
        for target in &plugin.targets {
            let at = around.place_of(plugin, target);
            match (at, plugin.mode) {
                (At::Waypoint, Some("CLIENT")) => off("match", CLIENT_AT_WAYPOINT),
                (At::Gateway, Some("SERVER")) => off("match", SERVER_AT_GATEWAY),
                (At::Unknown, Some(mode)) => warnings.push(format!("match names mode {mode} alone, which never matches at {}; leave match out, which is right at both", if mode == "CLIENT" { "a waypoint" } else { "a gateway that is not one" })),
                _ => {}
            }
            if target.kind == "GatewayClass" && plugin.namespace.is_some_and(|it| it != ROOT) {
                warnings.push(format!("targetRefs names a GatewayClass, which counts in the mesh's root namespace alone ({ROOT} unless rootNamespace says otherwise); elsewhere requests pass unjudged"));
            }
            if target.kind == "Service" {
                if target.namespace.is_some() && target.namespace != plugin.namespace {
                    off("targetRefs", OTHER_NAMESPACE);
                } else if let Some(elsewhere) = around.service_elsewhere(plugin, target) {
                    warnings.push(format!("targetRefs names the Service {}, which the file has in the namespace {elsewhere}; {OTHER_NAMESPACE}", target.name));
                }
            }
        }
        if let Some(labels) = plugin.selector {
            let is =
                |name: &str, value: &str| labels.get(name).and_then(Json::as_str) == Some(value);
            let named = labels.get("gateway.networking.k8s.io/gateway-name");
            let named = named.and_then(Json::as_str);
            let is_gateway = is_like_a_gateways(labels) || around.is_selected_by_gateway(labels);
            for gateway in around.gateways_of(labels) {
                warnings.extend(gateway.unseen());
            }
            // The Deployment of a gateway may have its proxy without injection, and what its ports
            // are is said by its `Gateway`.
            if !is_gateway {
                if around
                    .bare
                    .iter()
                    .any(|pods| is_within(labels, pods.labels))
                {
                    warnings.push(["selector selects ", NO_PROXY].concat());
                }
                let met = |own: &Json| is_within(own, labels) || is_within(labels, own);
                let served = around.served.iter().filter(|it| met(it.labels));
                warnings.extend(served.flat_map(Served::unseen));
            }
            if is("gateway.networking.k8s.io/gateway-class-name", WAYPOINT)
                || is("gateway.istio.io/managed", "istio.io-mesh-controller")
                || named.is_some_and(|name| around.is_waypoint(plugin.namespace, name))
            {
                off("selector", SELECTOR);
            } else if named.is_some() {
                warnings.push("selector names a Gateway; if that is a waypoint, requests pass unjudged, because a waypoint takes plugins by targetRefs alone; write targetRefs, which is right at both".to_owned());
            } else if plugin.mode == Some("SERVER") {
                if around.is_selected_by_gateway(labels) {
                    off("match", SERVER_AT_GATEWAY);
                } else if is_like_a_gateways(labels) {
                    warnings.push(["match: ", SERVER_AT_GATEWAY].concat());
                }
            }
        }
        if plugin.targets.is_empty() && plugin.selector.is_none() {
            let has = |namespace: &str| plugin.is_of_mesh() || plugin.is_in(namespace);
            if around.bare.iter().any(|pods| has(pods.namespace)) {
                warnings.push(["it is for all pods of a namespace, also for ", NO_PROXY].concat());
            }
            let served = around.served.iter().filter(|it| has(it.namespace));
            warnings.extend(served.flat_map(Served::unseen));
            if plugin.is_of_mesh() && plugin.mode.is_none() {
                warnings.extend(around.selecting.iter().flat_map(Selecting::unseen));
            }
        }
        if plugin.targets.is_empty()
            && !around.has_targets
            && let Some((namespace, name)) = around.waypoint_near(plugin)
        {
            let what = if plugin.selector.is_some() {
                "selector"
            } else {
                "the plugin has neither selector nor targetRefs, and"
            };
            warnings.push(format!("{what} reaches no waypoint: requests through {namespace}/{name} pass unjudged unless another plugin has it in targetRefs"));
        }
        let named = |warning| [plugin.name, ": ", warning].concat();
        self.warnings.extend(warnings.iter().map(|it| named(it)));
    }
}

/// One plugin that loads passgate.
struct Plugin<'j> {
    name: &'j str,
    namespace: Option<&'j str>,
    selector: Option<&'j Json>,
    targets: Vec<Target<'j>>,
    /// The one mode that its `match` names.
    mode: Option<&'j str>,
}

/// What a plugin is for.
struct Target<'j> {
    kind: &'j str,
    name: &'j str,
    namespace: Option<&'j str>,
}

/// What a target is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Waypoint,
    Gateway,
    Unknown,
}

impl<'j> Plugin<'j> {
    fn of(resource: &'j Json) -> Option<Self> {
        let spec = plugin_of_istio(resource)?;
        let metadata = resource.get("metadata");
        let name = metadata.and_then(|it| it.get("name"));
        if !(name.is_some_and(names_passgate) || module_is_passgate(spec)) {
            return None;
        }
        let selector = spec.get("selector");
        let selector = selector.and_then(|it| it.get("matchLabels"));
        let names_some = |labels: &&Json| matches!(labels, Json::Object(it) if !it.is_empty());
        Some(Self {
            name: name.and_then(Json::as_str).unwrap_or_default(),
            namespace: namespace(resource),
            selector: selector.filter(names_some),
            targets: targets(spec),
            mode: mode(spec),
        })
    }

    /// Whether it is for pods of all namespaces.
    fn is_of_mesh(&self) -> bool {
        self.namespace == Some(ROOT)
    }

    fn is_in(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|own| own == namespace)
    }
}

fn namespace(resource: &Json) -> Option<&str> {
    text(resource.get("metadata")?, "namespace")
}

/// `targetRefs`, or the one `targetRef` of before.
fn targets(spec: &Json) -> Vec<Target<'_>> {
    let listed = elements(spec.get("targetRefs")).iter();
    let all = listed.chain(spec.get("targetRef"));
    let target = |json| Target {
        kind: text(json, "kind").unwrap_or_default(),
        name: text(json, "name").unwrap_or_default(),
        namespace: text(json, "namespace"),
    };
    all.map(target).collect()
}

/// The mode, where all of `match` names the same one.
fn mode(spec: &Json) -> Option<&str> {
    let (first, others) = elements(spec.get("match")).split_first()?;
    let mode = text(first, "mode").filter(|mode| matches!(*mode, "CLIENT" | "SERVER"))?;
    let same = |it: &Json| text(it, "mode") == Some(mode);
    others.iter().all(same).then_some(mode)
}

/// What else the documents have, by namespace and name.
#[derive(Default)]
struct Around<'j> {
    waypoints: Vec<(&'j str, &'j str)>,
    gateways: Vec<(&'j str, &'j str)>,
    /// Istio's own `Gateway` resources.
    selecting: Vec<Selecting<'j>>,
    bare: Vec<Bare<'j>>,
    served: Vec<Served<'j>>,
    /// The namespace of the resource that is looked at.
    within: &'j str,
    services: Vec<(&'j str, &'j str)>,
    /// Some plugin has targets.
    has_targets: bool,
}

impl<'j> Around<'j> {
    fn add(&mut self, resource: &'j Json) {
        let kind = text(resource, "kind");
        let name = resource.get("metadata").and_then(|it| text(it, "name"));
        let named = (unseen::namespace(resource), name.unwrap_or_default());
        let class = resource.get("spec");
        let class = class.and_then(|it| text(it, "gatewayClassName"));
        match (kind, class) {
            (Some("Gateway"), Some(WAYPOINT)) => self.waypoints.push(named),
            (Some("Gateway"), Some(_)) => self.gateways.push(named),
            (Some("Service"), _) => self.services.push(named),
            _ => {}
        }
        if kind.is_some() {
            self.within = unseen::namespace(resource);
        }
        self.selecting.extend(Selecting::of(resource));
        self.served.extend(Served::of(resource));
        self.bare.extend(Bare::of(resource, self.within));
        self.has_targets |= Plugin::of(resource).is_some_and(|it| !it.targets.is_empty());
    }

    fn place_of(&self, plugin: &Plugin<'_>, target: &Target<'_>) -> At {
        let is_in = |list: &[(&str, &str)]| is_in(list, plugin.namespace, target.name);
        match target.kind {
            "Service" | "ServiceEntry" => At::Waypoint,
            "GatewayClass" if target.name == WAYPOINT => At::Waypoint,
            "GatewayClass" => At::Gateway,
            "Gateway" if is_in(&self.waypoints) => At::Waypoint,
            "Gateway" if is_in(&self.gateways) => At::Gateway,
            _ => At::Unknown,
        }
    }

    /// Whether a `Gateway` has these pods, or some of them, for its own. Its namespace may be
    /// another one than theirs.
    fn is_selected_by_gateway(&self, labels: &Json) -> bool {
        self.gateways_of(labels).next().is_some()
    }

    fn gateways_of(&self, labels: &Json) -> impl Iterator<Item = &Selecting<'j>> {
        let all = self.selecting.iter();
        all.filter(move |own| is_within(own.labels, labels) || is_within(labels, own.labels))
    }

    fn is_waypoint(&self, namespace: Option<&str>, name: &str) -> bool {
        is_in(&self.waypoints, namespace, name)
    }

    /// The namespace of the Service, where it is not the plugin's.
    fn service_elsewhere(&self, plugin: &Plugin<'_>, target: &Target<'_>) -> Option<&'j str> {
        let own = plugin.namespace?;
        let mut found = self
            .services
            .iter()
            .filter(|(_, name)| *name == target.name);
        if found.clone().any(|(namespace, _)| *namespace == own) {
            return None;
        }
        found.next().map(|(namespace, _)| *namespace)
    }

    /// A waypoint that a plugin without targets could be meant for.
    fn waypoint_near(&self, plugin: &Plugin<'_>) -> Option<(&'j str, &'j str)> {
        let mut near = self.waypoints.iter().filter(|(namespace, _)| {
            plugin
                .namespace
                .is_none_or(|own| own == ROOT || own == *namespace)
        });
        near.next().copied()
    }
}

/// Whether all of these labels, and at least one, are among those.
fn is_within(labels: &Json, others: &Json) -> bool {
    let Json::Object(labels) = labels else {
        return false;
    };
    let is_there = |name: &str, value: &Json| others.get(name) == Some(value);
    !labels.is_empty() && labels.iter().all(|(name, value)| is_there(name, value))
}

/// Whether labels look like those that installations of Istio give to gateways: `istio` is
/// `ingressgateway` by istioctl, and `ingress` by Helm.
fn is_like_a_gateways(labels: &Json) -> bool {
    let text = labels.to_string();
    let words = ["gateway", "ingress", "egress"];
    labels.get("istio").is_some() || words.iter().any(|word| text.contains(word))
}

/// Whether it is there, in this namespace if that is known.
fn is_in(list: &[(&str, &str)], namespace: Option<&str>, name: &str) -> bool {
    let is = |one: &&(&str, &str)| one.1 == name && namespace.is_none_or(|own| own == one.0);
    list.iter().any(|one| is(&one))
}
