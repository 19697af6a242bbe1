//! What `make image` left in `dist/`, and a server that offers the bare module.

use super::workspace;
use passgate_harness::servers::{self, Count};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;

/// A file of `istio/` with the image that was built.
pub fn file(name: &str) -> String {
    let path = workspace().join("dist/istio").join(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make image`", path.display()))
}

/// The same as a value, for a story that needs it a little different.
pub fn plugin(name: &str) -> Value {
    serde_saphyr::from_str(&file(name)).unwrap()
}

/// The digest of the image in the layout of this form.
pub fn layout_digest(form: &str) -> String {
    let index = workspace().join("dist/image").join(form).join("index.json");
    let index: Value = serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// The module itself.
pub fn module() -> Vec<u8> {
    fs::read(workspace().join("dist/passgate.wasm")).unwrap()
}

/// 64 hexadecimal digits.
pub fn module_digest(module: &[u8]) -> String {
    let digest = Sha256::digest(module);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves the module at `/passgate.wasm`; counts how often it was fetched.
pub fn serve_module(address: &str) -> Count {
    let fetches = Count::default();
    let count = fetches.clone();
    servers::serve(address, move |request| {
        if servers::path_of(&request) != "/passgate.wasm" {
            return Some(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec());
        }
        count.up();
        servers::ok("application/wasm", &module())
    });
    fetches
}
