//! The lock that a gate in Envoy Gateway needs. Envoy Gateway puts the filter into the listener
//! disabled, and the routes switch it on by a name. While Envoy refuses a new listener, or still
//! warms it, new routes run on the old one, which lacks that name: without any filter.

use passgate_core::Json;

use crate::{
    off::{self, Off},
    sign::elements,
};

/// The header that the filter writes on each request with a good token, and a client cannot write.
const HEADER: &str = "x-passgate-provider";

const UNLOCKED: &str = "Envoy Gateway lets new routes run without the filter while Envoy refuses or still loads what they want, so that requests pass unjudged; put beside it, for the same Gateway, a ClientTrafficPolicy with headers.earlyRequestHeaders.remove: [x-passgate-provider] and a SecurityPolicy with authorization that denies requests without that header (envoy-gateway/gate.yaml)";
const REPLACES: &str = "takes the place of the lock, which is the Gateway's, so that requests of this target may pass unjudged; write its headers or its authorization here too";

/// All policies with the filter that have no lock in these documents, and the policies that take
/// its place.
pub(crate) fn missing(documents: &[Json]) -> Vec<Off> {
    let mut locks = Locks::default();
    off::each_of(documents, &mut |object, _| locks.add(object));
    let mut found = Vec::new();
    let mut has_gate = false;
    off::each_of(documents, &mut |object, place| {
        let gate = off::extension_policy(object).filter(|spec| off::has_filter(object, spec));
        if let Some(spec) = gate {
            has_gate = true;
            if !off::targets(spec).all(|target| locks.hold(target)) {
                found.push(off(place, "spec", UNLOCKED));
            }
        }
    });
    off::each_of(documents, &mut |object, place| {
        let security = policy(object, "SecurityPolicy").filter(|spec| !denies(spec));
        let client = policy(object, "ClientTrafficPolicy").filter(|spec| !removes(spec));
        let spec = security.or(client);
        let spec = spec.filter(|spec| has_gate && spec.get("mergeType").is_none());
        if spec.is_some_and(|spec| !off::targets(spec).all(off::is_gateway)) {
            found.push(off(place, "spec", REPLACES));
        }
    });
    found
}

fn off(place: &str, member: &str, what: &str) -> Off {
    let dot = if place.is_empty() { "" } else { "." };
    let text = [place, dot, member, ": ", what].concat();
    Off { text }
}

/// The Gateways of both halves, by their names.
#[derive(Default)]
struct Locks<'j> {
    /// Those that remove a client's own header before any filter.
    removed: Vec<&'j str>,
    /// Those that want the header.
    wanted: Vec<&'j str>,
}

impl<'j> Locks<'j> {
    fn add(&mut self, object: &'j Json) {
        if let Some(spec) = policy(object, "ClientTrafficPolicy").filter(|spec| removes(spec)) {
            self.removed.extend(gateways(spec));
        }
        if let Some(spec) = policy(object, "SecurityPolicy").filter(|spec| denies(spec)) {
            self.wanted.extend(gateways(spec));
        }
    }

    /// Whether both hold for this target. Which Gateways a route hangs on is said elsewhere.
    fn hold(&self, target: &Json) -> bool {
        let name = target.get("name").and_then(Json::as_str);
        let name = name.filter(|_| kind(target) == Some("Gateway"));
        let has = |all: &[&str]| match name {
            Some(name) => all.contains(&name),
            None => !all.is_empty(),
        };
        has(&self.removed) && has(&self.wanted)
    }
}

/// What a policy of this kind says.
fn policy<'j>(object: &'j Json, of_kind: &str) -> Option<&'j Json> {
    object.get("spec").filter(|_| kind(object) == Some(of_kind))
}

fn kind(object: &Json) -> Option<&str> {
    object.get("kind").and_then(Json::as_str)
}

/// The names of the whole Gateways that a policy is about.
fn gateways(spec: &Json) -> impl Iterator<Item = &str> {
    let whole = off::targets(spec).filter(|target| off::is_gateway(target));
    whole.filter_map(|target| target.get("name")?.as_str())
}

/// Whether a client's header is removed before any filter.
fn removes(spec: &Json) -> bool {
    let early = spec.get("headers");
    let early = early.and_then(|headers| headers.get("earlyRequestHeaders"));
    let removed = elements(early.and_then(|early| early.get("remove"))).iter();
    let mut names = removed.filter_map(Json::as_str);
    names.any(|name| name.eq_ignore_ascii_case(HEADER))
}

/// Whether requests without the header are denied: by default, and by each rule that allows.
fn denies(spec: &Json) -> bool {
    let Some(authorization) = spec.get("authorization") else {
        return false;
    };
    let text = |json: &'_ Json, name: &str| {
        let text = json.get(name).and_then(Json::as_str);
        text.map(str::to_owned)
    };
    let wants = |rule: &Json| {
        let principal = rule.get("principal");
        let headers = elements(principal.and_then(|it| it.get("headers"))).iter();
        let mut ours = headers.filter(|header| {
            text(header, "name").is_some_and(|name| name.eq_ignore_ascii_case(HEADER))
        });
        ours.any(|header| !elements(header.get("values")).is_empty())
    };
    let mut allowing = elements(authorization.get("rules"))
        .iter()
        .filter(|rule| text(rule, "action").as_deref() != Some("Deny"));
    text(authorization, "defaultAction").as_deref() == Some("Deny") && allowing.all(wants)
}
