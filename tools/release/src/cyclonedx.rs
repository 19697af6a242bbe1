//! What is inside, as a CycloneDX document (ECMA-424, version 1.6).

use crate::artifact::Artifact;
use crate::crates::{Part, Parts};
use serde_json::{Map, Value, json};

/// The document about this artifact.
pub(crate) fn document(artifact: &Artifact, parts: &Parts, time: &str) -> Value {
    let about = artifact.purl();
    let mut dependencies = vec![dependency(&about, parts, 0)];
    dependencies.extend(
        parts
            .all
            .iter()
            .enumerate()
            .skip(1)
            .map(|(place, part)| dependency(&part.purl, parts, place)),
    );
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(&artifact.sha256),
        "version": 1,
        "metadata": {
            "timestamp": time,
            "tools": { "components": [{
                "type": "application",
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "application",
                "bom-ref": about,
                "name": artifact.file,
                "version": artifact.version,
                "purl": about,
                "hashes": hashes(&artifact.sha256),
                "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
                "properties": [{ "name": "rust:target", "value": artifact.target }],
            },
        },
        // The first part is the artifact itself.
        "components": parts.all.iter().skip(1).map(component).collect::<Vec<_>>(),
        "dependencies": dependencies,
    })
}

fn component(part: &Part) -> Value {
    let mut members = Map::from_iter([
        ("type".to_owned(), json!("library")),
        ("bom-ref".to_owned(), json!(part.purl)),
        ("name".to_owned(), json!(part.name)),
        ("purl".to_owned(), json!(part.purl)),
        (
            "licenses".to_owned(),
            json!([{ "expression": part.license }]),
        ),
    ]);
    if let Some(version) = &part.version {
        members.insert("version".to_owned(), json!(version));
    }
    if let Some(checksum) = &part.checksum {
        members.insert("hashes".to_owned(), hashes(checksum));
    }
    Value::Object(members)
}

fn dependency(of: &str, parts: &Parts, place: usize) -> Value {
    let used = parts.uses.iter().filter(|(user, _)| *user == place);
    let used = used.filter_map(|(_, used)| Some(&parts.all.get(*used)?.purl));
    json!({ "ref": of, "dependsOn": used.collect::<Vec<_>>() })
}

fn hashes(sha256: &str) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256 }])
}

/// A UUID of version 8 (RFC 9562, section 5.8) made of the artifact's sum: another build gets
/// another, the same the same.
fn serial_number(sha256: &str) -> String {
    let digits = |from: usize, to: usize| sha256.get(from..to).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        digits(0, 8),
        digits(8, 12),
        digits(13, 16),
        digits(17, 20),
        digits(20, 32)
    )
}
