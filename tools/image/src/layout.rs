//! An image as a folder: the OCI image layout, in which every part is a file named by its digest.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;

/// A part of an image.
#[derive(Clone)]
pub(crate) struct Blob {
    media_type: &'static str,
    pub(crate) content: Vec<u8>,
}

/// An image: its manifest, and all that the manifest names.
pub(crate) struct Image {
    pub(crate) manifest: Blob,
    pub(crate) blobs: Vec<Blob>,
}

impl Blob {
    pub(crate) fn new(media_type: &'static str, content: Vec<u8>) -> Self {
        Self {
            media_type,
            content,
        }
    }

    /// `sha256:` and 64 hexadecimal digits.
    pub(crate) fn digest_of(content: &[u8]) -> String {
        let digest = Sha256::digest(content);
        let digits = digest.iter().map(|byte| format!("{byte:02x}"));
        format!("sha256:{}", digits.collect::<String>())
    }

    pub(crate) fn digest(&self) -> String {
        Self::digest_of(&self.content)
    }

    /// How a manifest names it.
    pub(crate) fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.content.len() })
    }
}

impl Image {
    /// An OCI image or artifact of these parts.
    pub(crate) fn of(config: Blob, layers: Vec<Blob>, annotations: Map<String, Value>) -> Self {
        const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
            "annotations": annotations,
        });
        Self {
            manifest: Blob::new(MANIFEST, manifest.to_string().into_bytes()),
            blobs: std::iter::once(config).chain(layers).collect(),
        }
    }
}

/// The digest of the image in this layout; `None` if there is not one.
///
/// # Errors
///
/// When the layout cannot be read.
pub(crate) fn digest(folder: &Path) -> io::Result<Option<String>> {
    let index = folder.join("index.json");
    if !index.exists() {
        return Ok(None);
    }
    let index: Value = serde_json::from_slice(&fs::read(index)?)?;
    let digest = index.pointer("/manifests/0/digest").and_then(Value::as_str);
    Ok(digest.map(ToOwned::to_owned))
}

/// Writes the image as a layout in this folder, in the place of what was there; gives the
/// manifest's digest, which is the image's.
pub(crate) fn write(folder: &Path, image: &Image) -> io::Result<String> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    for blob in image.blobs.iter().chain([&image.manifest]) {
        let digest = blob.digest();
        let file = digest.strip_prefix("sha256:").unwrap_or(&digest);
        fs::write(blobs.join(file), &blob.content)?;
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [image.manifest.descriptor()],
    });
    fs::write(folder.join("index.json"), index.to_string())?;
    let version = json!({ "imageLayoutVersion": "1.0.0" });
    fs::write(folder.join("oci-layout"), version.to_string())?;
    Ok(image.manifest.digest())
}
