//! Where a file of Envoy or Istio switches the filter off: its configuration does not count for the
//! requests there.

use passgate_core::Json;

use crate::{
    blinded::blinded,
    read,
    sign::{
        fails_open, is_gate, may_be_true, member, mentions_passgate, module_is_passgate,
        names_passgate, plugin_of_istio, types,
    },
};

/// A place at which requests are not judged, or may not be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Off {
    /// The path in the document and what stands there.
    pub(crate) text: String,
}

const EVERY: &str = "lets every request of this chain pass unjudged; remove it (a path that needs no token is a public rule)";
const THESE: &str = "lets the requests of this place pass unjudged; remove it (a path that needs no token is a public rule)";
const OPTIONAL: &str =
    "lets every request pass unjudged where the proxy was built without Wasm; remove it";
const CHOOSES: &str = "asks the filter about the requests that match here, and lets all others pass unjudged; put the filter itself into http_filters";
const SKIPS: &str = "lets the requests that match pass unjudged; remove it (a path that needs no token is a public rule)";
const CHAIN: &str = "asks the filter where no route has another one in its place, and lets all other requests pass unjudged; put the filter itself into http_filters";
const UPGRADE: &str = "stands in the place of http_filters without the filter, and lets these upgrades pass unjudged; remove it, or put the filter there too";
const OTHER: &str = "does not see requests, and lets all of them pass unjudged; put the filter itself into http_filters";
const NETWORK: &str =
    "NETWORK does not see requests, and lets all of them pass unjudged; remove it";
const OVERRIDES: &str = "puts this policy in the place of the one with the filter, which is the Gateway's, so that requests of this target pass unjudged; put the filter into this policy too";
const REMOVES: &str = "takes the filter out, so that requests pass unjudged; remove this patch";

const MERGES: &str = "puts this in the place of the policy that stands at the filter, where it is not looked at here; write it there";
const MODULE: &str = "puts another module in the place of the filter's, and lets every request pass unjudged; remove it";

/// What a setting does by which requests pass when the module fails, or cannot be had.
pub(crate) fn when_it_fails(member: &str) -> String {
    let remedy = match member {
        "fail_open" | "failOpen" => "remove it",
        _ => "write FAIL_RELOAD",
    };
    format!("lets every request pass unjudged when the module fails or cannot be had; {remedy}")
}

/// All places in these documents of a file that switch the filter off.
pub(crate) fn places(documents: &[Json]) -> Vec<Off> {
    let mut inside = Vec::new();
    for file in documents
        .iter()
        .flat_map(|document| read::all_inside(document, ""))
    {
        let documents = file.documents.into_iter().flatten();
        inside.extend(documents.map(|document| (file.place.clone(), document)));
    }
    let all = || {
        let whole = documents.iter().map(|document| ("", document));
        whole.chain(inside.iter().map(|(place, file)| (&**place, file)))
    };
    let mut names = Vec::new();
    for (place, document) in all() {
        each(document, place, &mut |object, _| {
            names.extend(name_of_ours(object))
        });
    }
    let mut guards_gateway = false;
    for (place, document) in all() {
        each(document, place, &mut |object, _| {
            guards_gateway |= extension_policy(object)
                .is_some_and(|spec| has_filter(object, spec) && targets(spec).any(is_gateway));
        });
    }
    let mut found = Vec::new();
    for (place, document) in all() {
        each(document, place, &mut |object, place| {
            of_object(object, place, &names, &mut found);
            if guards_gateway && overrides(object) {
                let text = format!("{}: {OVERRIDES}", joined(place, "spec"));
                found.push(Off { text });
            }
        });
    }
    found
}

/// The names by which others in this document speak of the filter.
pub(crate) fn names(document: &Json) -> Vec<String> {
    let mut names = Vec::new();
    each(document, "", &mut |object, _| {
        names.extend(name_of_ours(object))
    });
    names
}

/// Whether this object itself keeps requests from the filter: it is the filter, a route, or what
/// stands around one.
pub(crate) fn is_off(object: &Json, names: &[String]) -> bool {
    let mut found = Vec::new();
    of_object(object, "", names, &mut found);
    !found.is_empty()
}

/// What an EnvoyExtensionPolicy of Envoy Gateway says.
pub(crate) fn extension_policy(object: &Json) -> Option<&Json> {
    let kind = object.get("kind").and_then(Json::as_str)?;
    object
        .get("spec")
        .filter(|_| kind == "EnvoyExtensionPolicy")
}

/// Whether a policy of Envoy Gateway loads passgate.
pub(crate) fn has_filter(policy: &Json, spec: &Json) -> bool {
    let metadata = policy.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name"));
    spec.get("wasm")
        .is_some_and(|wasm| mentions_passgate(wasm) || name.is_some_and(names_passgate))
}

/// What a policy of Envoy Gateway is about.
pub(crate) fn targets(spec: &Json) -> impl Iterator<Item = &Json> {
    let lists = ["targetRefs", "targetSelectors"].into_iter();
    let listed = lists.filter_map(|name| match spec.get(name)? {
        Json::Array(targets) => Some(targets.as_slice()),
        _ => None,
    });
    listed.flatten().chain(spec.get("targetRef"))
}

/// Whether a target is a whole Gateway.
pub(crate) fn is_gateway(target: &Json) -> bool {
    let kind = target.get("kind").and_then(Json::as_str);
    kind == Some("Gateway") && target.get("sectionName").is_none()
}

/// Whether this is a policy without the filter for a part of a Gateway. Of two policies Envoy
/// Gateway takes the more specific one alone, unless that says how they are merged.
fn overrides(object: &Json) -> bool {
    extension_policy(object).is_some_and(|spec| {
        !has_filter(object, spec)
            && spec.get("mergeType").is_none()
            && targets(spec).any(|target| !is_gateway(target))
    })
}

/// The name by which others speak of the filter, if this is it: an HTTP filter's own, or the one
/// that Istio makes.
fn name_of_ours(object: &Json) -> Option<String> {
    let text = |json: &Json, name| json.get(name).and_then(Json::as_str).map(str::to_owned);
    if is_gate(object) {
        return text(object, "name");
    }
    let spec = plugin_of_istio(object)?;
    let metadata = object.get("metadata")?;
    let name = text(metadata, "name")?;
    let namespace = text(metadata, "namespace").unwrap_or_else(|| "default".to_owned());
    module_is_passgate(spec).then(|| [&namespace, ".", &name].concat())
}

fn of_object(object: &Json, place: &str, names: &[String], found: &mut Vec<Off>) {
    let mut add = |member: &str, what: &str| {
        let place = joined(place, member);
        found.push(Off {
            text: format!("{place}: {what}"),
        });
    };
    // What bears our name was meant to be the gate, whatever its type is.
    if is_gate(object) || object.get("name").is_some_and(names_passgate) {
        if may_be_true(object.get("disabled")) {
            add("disabled", EVERY);
        }
        if may_be_true(member(object, ["is_optional", "isOptional"])) {
            add("is_optional", OPTIONAL);
        }
    }
    if is_other_extension(object) {
        add("@type", OTHER);
    }
    if let Some(spec) = plugin_of_istio(object).filter(|_| name_of_ours(object).is_some()) {
        let wasm = spec.get("wasm").unwrap_or(spec);
        if wasm.get("type").and_then(Json::as_str) == Some("NETWORK") {
            add("spec.type", NETWORK);
        }
    }
    // Envoy's `composite` filter: one that is chosen request by request, by itself or by the name
    // of its chain.
    if is_of_type(object, &[".ExecuteFilterAction"]) && mentions_passgate(object) {
        add("@type", CHOOSES);
    }
    for field in ["named_filter_chains", "namedFilterChains"] {
        if object.get(field).is_some_and(mentions_passgate) {
            add(field, CHOOSES);
        }
    }
    // Envoy's `filter_chain` filter: routes add to its chain, and replace what is in it by name.
    let chains = [".FilterChainConfig", ".FilterChainConfigPerRoute"];
    if is_of_type(object, &chains) && mentions_passgate(object) {
        add("@type", CHAIN);
    }
    // An HTTP connection manager: upgrades may have filters of their own.
    let filters = member(object, ["http_filters", "httpFilters"]);
    for field in ["upgrade_configs", "upgradeConfigs"] {
        let Some(Json::Array(upgrades)) = object.get(field) else {
            continue;
        };
        for (index, upgrade) in upgrades.iter().enumerate() {
            if let Some(Json::Array(own)) = upgrade.get("filters")
                && !own.is_empty()
                && !own.iter().any(is_gate)
                && filters.is_some_and(mentions_passgate)
            {
                add(&format!("{field}[{index}].filters"), UPGRADE);
            }
        }
    }
    // Envoy's filter of a filter: `ExtensionWithMatcher`.
    let extension = member(object, ["extension_config", "extensionConfig"]);
    if extension.is_some_and(is_gate) {
        for name in ["matcher", "xds_matcher", "xdsMatcher"] {
            if object.get(name).is_some_and(skips) {
                add(name, SKIPS);
            }
        }
    }
    // A route, a weighted cluster, a virtual host or all routes.
    for field in ["typed_per_filter_config", "typedPerFilterConfig"] {
        let Some(Json::Object(filters)) = object.get(field) else {
            continue;
        };
        for (name, config) in filters {
            if !is_name_of_ours(name, names) {
                continue;
            }
            let field = format!("{field}.{name}");
            if disables(config) {
                add(&field, &format!("disabled {THESE}"));
            } else if skips(config) {
                add(&field, SKIPS);
            }
        }
    }
    // A patch of an EnvoyFilter speaks of a filter that stands elsewhere.
    let Some(patch) = object.get("patch") else {
        return;
    };
    let applies_to = member(object, ["applyTo", "apply_to"]).and_then(Json::as_str);
    let is_about_ours = object.get("match").is_some_and(|of| mentions(of, names));
    if applies_to == Some("HTTP_FILTER") && is_about_ours {
        let value = patch.get("value");
        let removes = match patch.get("operation").and_then(Json::as_str) {
            Some("REMOVE") => true,
            Some("REPLACE") => !value.is_some_and(is_gate),
            _ => false,
        };
        if removes {
            add("patch.operation", REMOVES);
        }
        if value.is_some_and(|value| !is_gate(value) && may_be_true(value.get("disabled"))) {
            add("patch.value.disabled", EVERY);
        }
        let merges = patch.get("operation").and_then(Json::as_str) == Some("MERGE");
        // A whole plugin in a patch is found as one.
        each(patch, "patch", &mut |inside, place| {
            let is_part = member(inside, ["vm_config", "vmConfig"]).is_none();
            if let Some(member) = fails_open(inside).filter(|_| is_part) {
                add(&joined(place, member), &when_it_fails(member));
            }
            if !merges {
                return;
            }
            if inside.get("configuration").is_some() {
                add(&joined(place, "configuration"), MERGES);
            }
            for vm in ["vm_config", "vmConfig"] {
                let code = inside.get(vm).and_then(|vm| vm.get("code"));
                if code.is_some_and(|code| !mentions_passgate(code)) {
                    add(&joined(place, &format!("{vm}.code")), MODULE);
                }
            }
            let blinded = blinded(inside).filter(|_| is_part);
            if let Some((member, what)) = blinded.as_deref().and_then(|it| it.split_once(": ")) {
                add(&joined(place, member), what);
            }
        });
    }
}

fn is_name_of_ours(name: &str, names: &[String]) -> bool {
    // Istio puts the kind of the resource before it, and how it was made behind.
    let (_, bare) = name.rsplit_once('/').unwrap_or(("", name));
    let (bare, _) = bare.split_once('~').unwrap_or((bare, ""));
    name.contains("passgate") || names.iter().any(|ours| ours == bare)
}

/// Whether something in it is the name of the filter.
fn mentions(json: &Json, names: &[String]) -> bool {
    match json {
        Json::Object(members) => members.iter().any(|(_, value)| mentions(value, names)),
        Json::Array(elements) => elements.iter().any(|value| mentions(value, names)),
        leaf => leaf
            .as_str()
            .is_some_and(|text| is_name_of_ours(text, names)),
    }
}

/// Whether this is a message of one of these types, or one in a wrapper of any type.
fn is_of_type(message: &Json, ends: &[&str]) -> bool {
    types(message).any(|name| ends.iter().any(|end| name.ends_with(end)))
}

/// Whether this is a Wasm extension of Envoy with passgate in it, and not an HTTP filter: one of
/// connections, of access logs, of statistics, or a service.
fn is_other_extension(extension: &Json) -> bool {
    let message = extension.get("value").unwrap_or(extension);
    let is_wasm = |name: &str| name.contains("wasm") && !name.contains(".http.wasm.");
    message.get("config").is_some_and(mentions_passgate) && types(extension).any(is_wasm)
}

/// Whether `FilterConfig` says so, bare or in a wrapper of any type.
fn disables(config: &Json) -> bool {
    may_be_true(config.get("disabled"))
        || ["value", "config"]
            .into_iter()
            .filter_map(|name| config.get(name))
            .any(disables)
}

/// Whether an action somewhere below is `SkipFilter`.
fn skips(matcher: &Json) -> bool {
    match matcher {
        Json::Object(members) => members.iter().any(|(_, value)| skips(value)),
        Json::Array(elements) => elements.iter().any(skips),
        leaf => leaf
            .as_str()
            .is_some_and(|text| text.ends_with(".SkipFilter")),
    }
}

/// Every object in a document, with its path.
pub(crate) fn each<'j>(json: &'j Json, place: &str, visit: &mut dyn FnMut(&'j Json, &str)) {
    match json {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                each(element, &format!("{place}[{index}]"), visit);
            }
        }
        Json::Object(members) => {
            visit(json, place);
            for (name, value) in members {
                each(value, &joined(place, name), visit);
            }
        }
        _ => {}
    }
}

/// Every object in these documents, with its path.
pub(crate) fn each_of<'j>(documents: &'j [Json], visit: &mut dyn FnMut(&'j Json, &str)) {
    for document in documents {
        each(document, "", visit);
    }
}

fn joined(place: &str, member: &str) -> String {
    if place.is_empty() {
        return member.to_owned();
    }
    format!("{place}.{member}")
}
