//! Signs of Envoy, of passgate, and of a switch, in files of Envoy and Istio.

use passgate_core::Json;

/// A member by either of its names.
pub(crate) fn member<'j>(json: &'j Json, names: [&str; 2]) -> Option<&'j Json> {
    names.into_iter().find_map(|name| json.get(name))
}

/// The elements of a list; what is none has none.
pub(crate) fn elements(json: Option<&Json>) -> &[Json] {
    match json {
        Some(Json::Array(elements)) => elements,
        _ => &[],
    }
}

/// Whether a document is a resource of Kubernetes.
pub(crate) fn is_resource(document: &Json) -> bool {
    document.get("apiVersion").is_some() && document.get("kind").is_some()
}

/// Whether a document is one of Envoy.
pub(crate) fn is_of_envoy(document: &Json) -> bool {
    let is_there = |name: &&str| match document.get(name) {
        Some(Json::Object(_)) => *name != "resources",
        other => other.is_some(),
    };
    !is_resource(document) && ENVOY.iter().any(is_there)
}

/// Whether a document holds configurations, and is none itself.
pub(crate) fn is_around(document: &Json) -> bool {
    is_resource(document) || is_of_envoy(document)
}

/// Members by which a file of Envoy is known: a bootstrap, a set of resources, a listener, a chain
/// of filters, a filter, routes.
const ENVOY: [&str; 18] = [
    "static_resources",
    "staticResources",
    "dynamic_resources",
    "dynamicResources",
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

/// The types that a message says it has: its own, and that of what a wrapper holds.
pub(crate) fn types(message: &Json) -> impl Iterator<Item = &str> {
    let names = ["@type", "type_url", "typeUrl"].into_iter();
    names.filter_map(|name| message.get(name)?.as_str())
}

/// Whether an HTTP filter is passgate: a Wasm filter that says so by its name or by its module; or
/// a filter around one, which decides when passgate is asked.
pub(crate) fn is_gate(filter: &Json) -> bool {
    is_gate_in(filter, false)
}

fn is_gate_in(filter: &Json, named: bool) -> bool {
    let is_named = |json: &Json| json.get("name").is_some_and(names_passgate);
    let named = named || is_named(filter);
    let discovery = member(filter, ["config_discovery", "configDiscovery"]);
    let typed = member(filter, ["typed_config", "typedConfig"])
        .or_else(|| member(discovery?, ["default_config", "defaultConfig"]));
    let Some(typed) = typed else { return named };
    let config = typed.get("value").unwrap_or(typed);
    if let Some(inner) = member(config, ["extension_config", "extensionConfig"]) {
        return is_gate_in(inner, named);
    }
    let has_type = types(typed).next().is_some();
    let is_wasm = types(typed).any(|name| name.contains(".http.wasm."));
    let plugin = config.get("config");
    let vm = plugin.and_then(|plugin| member(plugin, ["vm_config", "vmConfig"]));
    let code = vm.and_then(|vm| vm.get("code"));
    (is_wasm || !has_type)
        && (named || plugin.is_some_and(is_named) || code.is_some_and(mentions_passgate))
}
