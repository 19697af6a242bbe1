//! What is inside, as an SPDX document (ISO/IEC 5962, version 2.3).

use crate::artifact::Artifact;
use crate::crates::Parts;
use serde_json::{Map, Value, json};

/// The document about this artifact.
pub(crate) fn document(artifact: &Artifact, parts: &Parts, time: &str) -> Value {
    let Artifact {
        file,
        version,
        sha256,
        ..
    } = artifact;
    let about = package(
        &identifier(0),
        file,
        Some(version),
        env!("CARGO_PKG_LICENSE"),
        Some(sha256),
        &artifact.purl(),
    );
    // The first part is the artifact itself.
    let inside = parts.all.iter().enumerate().skip(1).map(|(place, part)| {
        package(
            &identifier(place),
            &part.name,
            part.version.as_deref(),
            &part.license,
            part.checksum.as_deref(),
            &part.purl,
        )
    });
    let described = json!({
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": identifier(0),
    });
    let uses = parts.uses.iter().map(|(user, used)| {
        json!({
            "spdxElementId": identifier(*user),
            "relationshipType": "DEPENDS_ON",
            "relatedSpdxElement": identifier(*used),
        })
    });
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": file,
        "documentNamespace": format!("https://spdx.org/spdxdocs/{file}-{sha256}"),
        "creationInfo": {
            "created": time,
            "creators": [concat!("Tool: ", env!("CARGO_PKG_NAME"), "-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": std::iter::once(about).chain(inside).collect::<Vec<_>>(),
        "relationships": std::iter::once(described).chain(uses).collect::<Vec<_>>(),
    })
}

fn identifier(place: usize) -> String {
    format!("SPDXRef-{place}")
}

fn package(
    identifier: &str,
    name: &str,
    version: Option<&str>,
    license: &str,
    sha256: Option<&str>,
    purl: &str,
) -> Value {
    let mut members = Map::from_iter([
        ("SPDXID".to_owned(), json!(identifier)),
        ("name".to_owned(), json!(name)),
        ("downloadLocation".to_owned(), json!("NOASSERTION")),
        ("filesAnalyzed".to_owned(), json!(false)),
        ("licenseConcluded".to_owned(), json!("NOASSERTION")),
        ("licenseDeclared".to_owned(), json!(license)),
        ("copyrightText".to_owned(), json!("NOASSERTION")),
        (
            "externalRefs".to_owned(),
            json!([{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            }]),
        ),
    ]);
    if let Some(version) = version {
        members.insert("versionInfo".to_owned(), json!(version));
    }
    if let Some(sha256) = sha256 {
        let checksums = json!([{ "algorithm": "SHA256", "checksumValue": sha256 }]);
        members.insert("checksums".to_owned(), checksums);
    }
    Value::Object(members)
}
