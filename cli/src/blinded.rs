//! Settings that keep callbacks from the filter.

use passgate_core::Json;

use crate::sign::member;

/// The callbacks of the module: those by which it sees, and holds, what goes on; and those without
/// which it has no keys, or never forgets a request.
const CALLBACKS: [&str; 10] = [
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_delete",
];

/// What is wrong with settings of a plugin that keep callbacks from the filter; a list that is
/// empty restricts nothing.
pub(crate) fn blinded(plugin: &Json) -> Option<String> {
    let restriction = member(plugin, CAPABILITIES);
    let allowed = restriction.and_then(|it| member(it, ALLOWED_CAPABILITIES));
    let Some(Json::Object(allowed)) = allowed else {
        return None;
    };
    let is_allowed = |name: &str| allowed.iter().any(|(known, _)| &**known == name);
    let left_out = CALLBACKS.into_iter().filter(|name| !is_allowed(name));
    let left_out: Vec<_> = left_out.collect();
    let names = left_out.join(", ");
    (!allowed.is_empty() && !names.is_empty()).then(|| format!("capability_restriction_config: leaves out {names}, but the filter needs all its callbacks, and what it is not asked about passes unjudged; leave capability_restriction_config out"))
}

const CAPABILITIES: [&str; 2] = [
    "capability_restriction_config",
    "capabilityRestrictionConfig",
];
const ALLOWED_CAPABILITIES: [&str; 2] = ["allowed_capabilities", "allowedCapabilities"];
