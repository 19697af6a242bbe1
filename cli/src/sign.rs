//! Signs of Envoy, of passgate, and of a switch, in files of Envoy and Istio.

use passgate_core::Json;

/// A member by either of its names.
pub(crate) fn member<'j>(json: &'j Json, names: [&str; 2]) -> Option<&'j Json> {
    names.into_iter().find_map(|name| json.get(name))
}

/// Whether a document is a resource of Kubernetes.
pub(crate) fn is_resource(document: &Json) -> bool {
    document.get("apiVersion").is_some() && document.get("kind").is_some()
}

/// Whether a document is one of Envoy.
pub(crate) fn is_of_envoy(document: &Json) -> bool {
    !is_resource(document) && ENVOY.iter().any(|name| document.get(name).is_some())
}

/// Whether a document holds configurations, and is none itself.
pub(crate) fn is_around(document: &Json) -> bool {
    is_resource(document) || is_of_envoy(document)
}

    "admin",
    "resources",
    "filter_chains",
    "filterChains",
    "filters",
    "http_filters",
    "httpFilters",
    "typed_config",
    "typedConfig",
    "vm_config",
    "virtual_hosts",
    "virtualHosts",
    "typed_per_filter_config",
    "typedPerFilterConfig",
];

/// Envoy reads YAML 1.1, in which more words than one are true; here they are strings.
pub(crate) fn is_true(json: Option<&Json>) -> bool {
    match json {
        Some(Json::Bool(value)) => *value,
        Some(Json::String(text)) => ["true", "yes", "on", "y"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text)),
        _ => false,
    }
}

/// Whether Envoy could read this as true: all but what is certainly false. Its JSON takes strings,
/// too (`"t"`, `"1"`), so a switch that opens the gate is not looked for by a list of words.
pub(crate) fn may_be_true(json: Option<&Json>) -> bool {
    match json {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::String(text)) => !["false", "f", "no", "n", "off", "0"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text)),
        Some(_) => true,
    }
}

/// The member by which a plugin of Envoy, of Istio or of Envoy Gateway lets requests pass when the
/// module fails.
pub(crate) fn fails_open(plugin: &Json) -> Option<&'static str> {
    // `fail_open` was written before there was a `failure_policy`.
    for name in ["fail_open", "failOpen"] {
        if may_be_true(plugin.get(name)) {
            return Some(name);
        }
    }
    let mut policies = ["failure_policy", "failurePolicy", "failStrategy"].into_iter();
    policies.find(|name| match plugin.get(name) {
        Some(Json::Number(number)) => is_three(number),
        Some(Json::String(policy)) => policy.eq_ignore_ascii_case("FAIL_OPEN") || is_three(policy),
        _ => false,
    })
}

/// An enum of Envoy may be written as its number, also as a string.
fn is_three(text: &str) -> bool {
    text.parse::<f64>() == Ok(3.0)
}

/// What a resource says, if it is one by which Istio loads a module.
pub(crate) fn plugin_of_istio(resource: &Json) -> Option<&Json> {
    let kind = resource.get("kind").and_then(Json::as_str)?;
    let is_plugin = matches!(kind, "WasmPlugin" | "TrafficExtension");
    resource.get("spec").filter(|_| is_plugin)
}

/// Whether a plugin says that its module is passgate.
pub(crate) fn module_is_passgate(spec: &Json) -> bool {
    let wasm = spec.get("wasm");
    let member = |name| {
        spec.get(name)
            .or_else(|| wasm.and_then(|wasm| wasm.get(name)))
    };
    ["pluginName", "url"]
        .into_iter()
        .filter_map(member)
        .any(names_passgate)
}

/// Whether a name holds ours.
pub(crate) fn names_passgate(name: &Json) -> bool {
    name.as_str().is_some_and(|name| name.contains("passgate"))
}

/// Whether anything in it names us.
pub(crate) fn mentions_passgate(json: &Json) -> bool {
    match json {
        Json::Object(members) => members.iter().any(|(_, value)| mentions_passgate(value)),
        Json::Array(elements) => elements.iter().any(mentions_passgate),
        leaf => names_passgate(leaf),
    }
}
