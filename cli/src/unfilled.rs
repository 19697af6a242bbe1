//! What was copied and not filled in, and what no proxy can run: a digest of zeros, which no image
//! has, and a runtime that Envoy's own builds do not have.

use passgate_core::Json;

use crate::{off::each, sign::member};

/// What `make image` puts a digest in the place of.
const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The runtime of Envoy's own builds.
const V8: &str = "envoy.wasm.runtime.v8";

/// All such places of these documents.
pub(crate) fn places(documents: &[Json]) -> Vec<String> {
    let mut found = Vec::new();
    for document in documents {
        each(document, "", &mut |object, place| {
            let Json::Object(members) = object else {
                return;
            };
            let dot = if place.is_empty() { "" } else { "." };
            for (name, value) in members {
                let text = value.as_str().unwrap_or_default();
                let is_digest = ["url", "sha256"].contains(&&**name) && text.ends_with(ZEROS);
                if is_digest {
                    found.push(format!("{place}{dot}{name}: the digest is of zeros, which no module has, so the proxy never gets it and refuses every request; write the image's own (make image does)"));
                }
            }
            let is_vm = ["vm_config", "vmConfig"].into_iter();
            for name in is_vm.filter(|name| object.get(name).is_some()) {
                let runtime = member(object, [name, name]).and_then(|vm| vm.get("runtime"));
                let runtime = runtime.and_then(Json::as_str).unwrap_or(V8);
                if !runtime.is_empty() && runtime != V8 {
                    found.push(format!("{place}{dot}{name}.runtime: Envoy's own builds do not have {runtime:?}, and refuse the listener; write {V8}"));
                }
            }
        });
    }
    found
}
