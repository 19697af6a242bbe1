//! When Istio asks a plugin: about which requests, and in front of what.

use passgate_core::Json;

use crate::sign::{elements, member};

/// What `match` of a plugin leaves out.
const OUTBOUND: &str = "match: names mode CLIENT alone: in a sidecar only what the workload itself calls is judged, and nothing that comes in; leave match out, which is right at a gateway, too";
const PORTS: &str =
    "match: names ports, and requests at any other port are not judged; leave ports out";

/// Where Istio puts a plugin. Without a phase it comes behind those of phase STATS.
const STATS: &str = "phase: STATS puts the filter behind AuthorizationPolicy, which then sees identity headers as a client wrote them; write phase: AUTHN";
const NO_PHASE: &str = "phase: without one Istio puts the filter behind AuthorizationPolicy, which then sees identity headers as a client wrote them; write phase: AUTHN";

/// What `match` keeps from a plugin, and whether its turn comes too late.
pub(crate) fn doubts(spec: &Json) -> Vec<&'static str> {
    unasked(spec).into_iter().chain(late(spec)).collect()
}

/// What `match` keeps from a plugin, if it does: one of its elements must take the request. At a
/// gateway everything is outbound; `targetRefs` may name a waypoint, too, where all is inbound.
fn unasked(spec: &Json) -> Option<&'static str> {
    let selector = spec.get("selector");
    let is_sidecar = member(spec, ["targetRefs", "targetRef"]).is_none()
        && !selector.is_some_and(|selector| selector.to_string().contains("gateway"));
    let is_client = |of: &Json| of.get("mode").and_then(Json::as_str) == Some("CLIENT");
    let is_for_some = |of: &Json| !elements(of.get("ports")).is_empty();
    let all = elements(spec.get("match"));
    let asked = all.iter().filter(|of| !(is_sidecar && is_client(of)));
    let mut asked = asked.peekable();
    if all.is_empty() {
        None
    } else if asked.peek().is_none() {
        Some(OUTBOUND)
    } else {
        asked.all(is_for_some).then_some(PORTS)
    }
}

/// Whether the filters that enforce an `AuthorizationPolicy` come before the plugin.
fn late(spec: &Json) -> Option<&'static str> {
    match spec.get("phase") {
        None | Some(Json::Null) => Some(NO_PHASE),
        Some(phase) => match phase.as_str() {
            // That of a `WasmPlugin`, and that of a `TrafficExtension`.
            Some("UNSPECIFIED_PHASE" | "UNSPECIFIED") => Some(NO_PHASE),
            Some("STATS") => Some(STATS),
            _ => None,
        },
    }
}
