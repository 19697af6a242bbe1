//! Files that configure another filter for the same purpose: refused by their own names.

use passgate_core::Json;

/// What a document is, and where its like is written for passgate.
pub(crate) fn name(document: &Json) -> Option<String> {
    if let Some(Json::Array(items)) = document.get("items") {
        return items.iter().find_map(name);
    }
    let (filter, instead) = match document.get("kind")?.as_str()? {
        "RequestAuthentication" => (
            "Istio's own filter for tokens",
            "docs/istio/migration.md writes the same for passgate",
        ),
        "AuthorizationPolicy" => (
            "Istio's own filter for permissions",
            "docs/istio/migration.md writes the same for passgate",
        ),
        "SecurityPolicy" => (
            "Envoy Gateway's own filter for tokens",
            "passgate is configured by an EnvoyExtensionPolicy, under spec.wasm",
        ),
        _ => return None,
    };
    let kind = document.get("kind").and_then(Json::as_str)?;
    Some(format!(
        "{kind}: configures {filter}, not passgate; {instead}"
    ))
}
