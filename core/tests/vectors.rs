//! Published vectors, each in [all ways](backend::Way) in which a signature may be checked. Each
//! has one of four outcomes: it passes; it is skipped, with a reason; it is a known divergence,
//! with a reason; or it is unexpected, and the test fails. A skip or divergence that is listed in
//! `vectors/divergences.txt` but does not happen is unexpected too.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

#[path = "vectors/backend.rs"]
mod backend;
#[path = "vectors/jws.rs"]
mod jws;
#[path = "vectors/outcome.rs"]
mod outcome;
#[path = "vectors/wycheproof.rs"]
mod wycheproof;

use std::{fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use passgate_core::{JwkSet, VerifyingKey, limits::Limits};
use serde_json::{Value, json};

/// A file below `tests/vectors`.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name)
}

fn read(name: &str) -> Value {
    let text = fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The public half of a JWK, read as a set of one; `None` where the core does not take it.
fn public_key(jwk: &Value) -> Option<VerifyingKey> {
    let mut jwk = jwk.clone();
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut()?.remove(private);
    }
    let document = json!({ "keys": [jwk] }).to_string();
    let set = JwkSet::parse(document.as_bytes(), &Limits::default()).unwrap();
    set.keys().first().map(|jwk| jwk.key.clone())
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}
