//! What no HTTP filter of Istio sees, though a plugin has the pod: pods without a proxy, and ports
//! that are not of HTTP.

use passgate_core::Json;

use crate::sign::elements;

/// A `Gateway` of Istio.
pub(crate) struct Selecting<'j> {
    name: &'j str,
    pub(crate) labels: &'j Json,
    servers: &'j [Json],
}

impl<'j> Selecting<'j> {
    pub(crate) fn of(resource: &'j Json) -> Option<Self> {
        let of = text(resource, "apiVersion")?;
        if text(resource, "kind") != Some("Gateway") || !of.starts_with("networking.istio.io/") {
            return None;
        }
        let spec = resource.get("spec")?;
        Some(Self {
            name: name(resource),
            labels: spec.get("selector")?,
            servers: elements(spec.get("servers")),
        })
    }

    /// What is to be said of its ports that are not of HTTP.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = String> {
        self.servers.iter().filter_map(|server| {
            let port = server.get("port")?;
            let protocol = text(port, "protocol")?;
            let is_http = |it: &&str| it.eq_ignore_ascii_case(protocol);
            let mode = server.get("tls").and_then(|it| text(it, "mode"));
            let is_passed = mode.is_some_and(|mode| mode.ends_with("PASSTHROUGH"));
            if HTTP.iter().any(is_http) && !is_passed {
                return None;
            }
            let number = port.get("number").map(ToString::to_string);
            let (name, number) = (self.name, number.unwrap_or_default());
            Some(format!("the Gateway {name} has the port {number} ({protocol}), which no HTTP filter sees, so requests there pass unjudged; write HTTP, or HTTPS without PASSTHROUGH, unless nothing behind it needs the gate"))
        })
    }
}

/// The protocols of a `Gateway` that are HTTP to Envoy.
const HTTP: [&str; 5] = ["HTTP", "HTTPS", "HTTP2", "GRPC", "GRPC-WEB"];

/// A `Service` with ports that Istio does not take for HTTP, by `appProtocol` or else by what the
/// name begins with. A port that says neither is looked at by each connection.
pub(crate) struct Served<'j> {
    name: &'j str,
    pub(crate) namespace: &'j str,
    pub(crate) labels: &'j Json,
    ports: &'j [Json],
}

/// Protocols of a Service's port that Istio knows, and that are not HTTP to a sidecar.
const NOT_HTTP: [&str; 6] = ["tcp", "tls", "https", "mongo", "mysql", "redis"];

impl<'j> Served<'j> {
    pub(crate) fn of(resource: &'j Json) -> Option<Self> {
        if text(resource, "kind") != Some("Service") {
            return None;
        }
        let spec = resource.get("spec")?;
        Some(Self {
            name: name(resource),
            namespace: namespace(resource),
            labels: spec.get("selector")?,
            ports: elements(spec.get("ports")),
        })
    }

    pub(crate) fn unseen(&self) -> impl Iterator<Item = String> {
        self.ports.iter().filter_map(|port| {
            let (member, said) = match text(port, "appProtocol") {
                Some(protocol) => ("appProtocol", protocol),
                None => ("name", text(port, "name")?),
            };
            let protocol = said.split('-').next().unwrap_or_default();
            let mut others = NOT_HTTP.iter();
            if !others.any(|it| it.eq_ignore_ascii_case(protocol)) {
                return None;
            }
            let name = self.name;
            Some(format!("the Service {name} has a port with {member}: {said}, which Istio does not take for HTTP, so requests there pass unjudged; write {member}: http, unless nothing behind it needs the gate"))
        })
    }
}

/// Pods that get no proxy.
pub(crate) struct Bare<'j> {
    pub(crate) namespace: &'j str,
    pub(crate) labels: &'j Json,
}

impl<'j> Bare<'j> {
    /// Pods, or a template of them, in this namespace.
    pub(crate) fn of(pods: &'j Json, namespace: &'j str) -> Option<Self> {
        let metadata = pods.get("metadata")?;
        let is_off = |name| {
            let value = metadata.get(name)?.get("sidecar.istio.io/inject")?;
            value.as_str().filter(|it| *it == "false")
        };
        is_off("labels").or_else(|| is_off("annotations"))?;
        let labels = metadata.get("labels")?;
        Some(Self { namespace, labels })
    }
}

/// The namespace of a resource: `default` where it names none.
pub(crate) fn namespace(resource: &Json) -> &str {
    let metadata = resource.get("metadata");
    metadata
        .and_then(|it| text(it, "namespace"))
        .unwrap_or("default")
}

fn name(resource: &Json) -> &str {
    let metadata = resource.get("metadata");
    metadata.and_then(|it| text(it, "name")).unwrap_or_default()
}

/// A member that is a string.
pub(crate) fn text<'j>(json: &'j Json, name: &str) -> Option<&'j str> {
    json.get(name).and_then(Json::as_str)
}
