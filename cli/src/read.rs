//! What a file holds: documents of JSON or YAML, and the files inside a ConfigMap.

use passgate_core::{Json, JsonError, limits};

use crate::{sign, yaml};

/// All documents of a file. An error is a sentence about the file.
pub(crate) fn documents(bytes: &[u8]) -> Result<Vec<Json>, String> {
    let documents = match strict(bytes) {
        Ok(json) => vec![json],
        // Envoy's own JSON may be deeper and larger than a configuration, so it is read as YAML.
        Err(_) => {
            let text = core::str::from_utf8(bytes).map_err(|error| error.to_string());
            text.and_then(yaml::documents)
                .map_err(|error| format!("the file is not YAML that is accepted: {error}"))?
        }
    };
    let count = documents.len();
    if count > 1 && documents.iter().any(sign::is_of_envoy) {
        return Err(format!(
            "the file has {count} documents, but Envoy reads the first one alone; write each into a file of its own"
        ));
    }
    Ok(documents)
}

/// JSON as the filter reads it.
pub(crate) fn strict(bytes: &[u8]) -> Result<Json, JsonError> {
    Json::parse(bytes, limits::DOCUMENT_JSON_NODES)
}

pub(crate) fn is_meant_as_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{\"")
}

/// Whether it is JSON, however deep and large.
pub(crate) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// A file that stands as text in a resource.
pub(crate) struct Inside {
    /// Its path in the document.
    pub(crate) place: String,
    pub(crate) documents: Result<Vec<Json>, String>,
}

/// The files of a resource, and those inside them: a ConfigMap may hold another.
pub(crate) fn all_inside(resource: &Json, place: &str) -> Vec<Inside> {
    let mut found = inside(resource, place);
    let mut next = 0_usize;
    while let Some(file) = found.get(next) {
        let place = format!("{}.", file.place);
        let documents = file.documents.iter().flatten();
        let more: Vec<_> = documents.flat_map(|it| inside(it, &place)).collect();
        found.extend(more);
        next = next.saturating_add(1);
    }
    found
}

/// The files of a ConfigMap, or of those in a list of resources. What is not YAML and does not look
/// as if it was meant to be is left out.
pub(crate) fn inside(resource: &Json, place: &str) -> Vec<Inside> {
    let mut found = Vec::new();
    if let Some(Json::Array(items)) = resource.get("items") {
        for (index, item) in items.iter().enumerate() {
            found.extend(inside(item, &format!("{place}items[{index}].")));
        }
    }
    let kind = resource.get("kind").and_then(Json::as_str);
    if let (Some("ConfigMap"), Some(Json::Object(files))) = (kind, resource.get("data")) {
        for (name, file) in files {
            let text = file.as_str().unwrap_or_default();
            let documents = documents(text.as_bytes());
            if documents.is_ok() || is_meant(name, text) {
                let place = format!("{place}data[{name:?}]");
                found.push(Inside { place, documents });
            }
        }
    }
    found
}

/// Whether a file in a ConfigMap should have been read: by its ending, or by its words.
fn is_meant(name: &str, text: &str) -> bool {
    let (_, ending) = name.rsplit_once('.').unwrap_or_default();
    matches!(ending, "yaml" | "yml" | "json") || has_our_words(text)
}

/// Whether a text that cannot be read looks like a configuration, or like one of Envoy.
pub(crate) fn has_our_words(text: &str) -> bool {
    let mut words = ["http_filters", "httpFilters", "providers:", "\"providers\""].into_iter();
    words.any(|word| text.contains(word))
}
