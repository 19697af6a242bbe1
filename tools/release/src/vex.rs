//! Which known vulnerabilities of what is inside concern passgate: OpenVEX 0.2.0, of the statements
//! in `tools/release/vex.json`, each of which is about a crate.

use crate::Result;
use crate::artifact::Artifact;
use crate::crates::Parts;
use serde_json::{Value, json};

/// The document about all artifacts.
///
/// # Errors
///
/// When a statement is about a crate that is in no artifact: it is outdated, and somebody should
/// look.
pub(crate) fn document(
    statements: &Value,
    inside: &[(Artifact, Parts)],
    version: &str,
    time: &str,
) -> Result<Value> {
    let statements = statements.as_array().ok_or("vex.json holds no list")?;
    let statements = statements
        .iter()
        .map(|statement| with_products(statement, inside));
    Ok(json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": format!("https://openvex.dev/docs/public/passgate-{version}"),
        "author": "passgate",
        "timestamp": time,
        "version": 1,
        "statements": statements.collect::<Result<Vec<_>>>()?,
    }))
}

/// The statement with the artifacts that hold its crate, in the place of the crate's name.
fn with_products(statement: &Value, inside: &[(Artifact, Parts)]) -> Result<Value> {
    let mut statement = statement.clone();
    let members = statement
        .as_object_mut()
        .ok_or("a statement of vex.json is not an object")?;
    let name = members.remove("crate");
    let name = name
        .as_ref()
        .and_then(Value::as_str)
        .ok_or("a statement names no crate")?;
    let products: Vec<Value> = inside
        .iter()
        .filter_map(|(artifact, parts)| product(artifact, parts, name))
        .collect();
    if products.is_empty() {
        return Err(format!("vex.json is about {name}, which is not inside any more").into());
    }
    members.insert("products".to_owned(), json!(products));
    Ok(statement)
}

fn product(artifact: &Artifact, parts: &Parts, name: &str) -> Option<Value> {
    let held = parts.all.iter().filter(|part| part.name == name);
    let held: Vec<Value> = held.map(|part| json!({ "@id": part.purl })).collect();
    (!held.is_empty()).then(|| {
        json!({
            "@id": artifact.purl(),
            "identifiers": { "purl": artifact.purl() },
            "hashes": { "sha-256": artifact.sha256 },
            "subcomponents": held,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_about_what_is_not_inside_is_refused() {
        let statements = json!([{ "crate": "gone", "status": "not_affected" }]);
        let error = document(&statements, &[], "0.1.0", "2026-11-28T00:00:00Z").unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
