//! Who built the release from what: an in-toto statement (version 1) with SLSA provenance (version
//! 1).

use crate::{Result, sums};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a build is, in words: this page says what the parameters mean.
const BUILD_TYPE: &str = "https://passgate.example/docs/verify#provenance-v1";

/// A build outside the forge is a person's own; the signature says whose.
const OWN_MACHINE: &str = "https://passgate.example/docs/verify#own-machine";

/// The statement about every file of the release and about each image.
///
/// # Errors
///
/// When a file cannot be read, or an image's layout is not one.
pub(crate) fn statement(
    root: &Path,
    version: &str,
    source: &str,
    sums: &BTreeMap<String, String>,
) -> Result<Value> {
    // What makes the bytes: the crates, the compiler, and what optimises the module.
    let tools = [
        "Cargo.lock",
        "rust-toolchain.toml",
        "tools/binaryen/package-lock.json",
    ];
    let mut dependencies = vec![source_of(source)];
    for file in tools {
        let sum = sums::sha256(&std::fs::read(root.join(file))?);
        dependencies.push(descriptor(file, "sha256", &sum));
    }
    let subjects: Vec<Value> = sums
        .iter()
        .map(|(file, sum)| descriptor(file, "sha256", sum))
        .collect();
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "version": version },
                "resolvedDependencies": dependencies,
            },
            "runDetails": run_details(),
        },
    }))
}

fn descriptor(name: &str, algorithm: &str, digest: &str) -> Value {
    json!({ "name": name, "digest": { algorithm: digest } })
}

fn source_of(source: &str) -> Value {
    let modified = source.strip_suffix("-modified");
    let mut source = descriptor("passgate", "gitCommit", modified.unwrap_or(source));
    if let Some(members) = source.as_object_mut() {
        if modified.is_some() {
            members.insert("annotations".to_owned(), json!({ "modified": true }));
        }
        if let (Some(server), Some(repository)) = (forge("SERVER_URL"), forge("REPOSITORY")) {
            let at = forge("REF").map(|at| format!("@{at}")).unwrap_or_default();
            members.insert(
                "uri".to_owned(),
                json!(format!("git+{server}/{repository}{at}")),
            );
        }
    }
    source
}

/// The forge's workflow is the builder, where there is one.
fn run_details() -> Value {
    let mut details = Map::new();
    let builder = match (forge("SERVER_URL"), forge("WORKFLOW_REF")) {
        (Some(server), Some(workflow)) => format!("{server}/{workflow}"),
        _ => OWN_MACHINE.to_owned(),
    };
    details.insert("builder".to_owned(), json!({ "id": builder }));
    if let (Some(server), Some(repository), Some(run), Some(attempt)) = (
        forge("SERVER_URL"),
        forge("REPOSITORY"),
        forge("RUN_ID"),
        forge("RUN_ATTEMPT"),
    ) {
        let run = format!("{server}/{repository}/actions/runs/{run}/attempts/{attempt}");
        details.insert("metadata".to_owned(), json!({ "invocationId": run }));
    }
    Value::Object(details)
}

/// What the forge tells its workflows.
fn forge(name: &str) -> Option<String> {
    std::env::var(format!("GITHUB_{name}")).ok()
}
