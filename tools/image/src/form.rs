//! The three forms of an image that Istio's agent takes. It looks for `plugin.wasm` in the last
//! layer of a Docker or an OCI image, or for a layer of its own type in an artifact, which must
//! have two layers.

use crate::layer::{Entry, Layer};
use crate::layout::{Blob, Image};
use serde_json::{Map, Value, json};
use std::io;

/// How the module lies in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An OCI image with one compressed layer: what the examples name, because every registry takes
    /// it.
    Oci,
    /// The same in Docker's older types.
    Docker,
    /// The module itself, uncompressed, as an artifact.
    Artifact,
}

/// The name that the agent looks for.
const FILE: &str = "plugin.wasm";

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Oci, Self::Docker, Self::Artifact];

    /// The folder's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Docker => "docker",
            Self::Artifact => "artifact",
        }
    }

    fn manifest_type(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
            Self::Oci | Self::Artifact => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    fn config_type(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
            Self::Artifact => "application/vnd.module.wasm.config.v1+json",
        }
    }

    fn layer_type(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Artifact => "application/vnd.module.wasm.content.layer.v1+wasm",
        }
    }

    /// The image that holds this module.
    ///
    /// # Errors
    ///
    /// When the archive cannot be written, for lack of memory.
    pub(crate) fn image(self, wasm: &[u8]) -> io::Result<Image> {
        let (config, layers) = match self {
            Self::Oci | Self::Docker => {
                let layer = Layer::of(&[Entry::File(FILE, 0o644, wasm)])?;
                let config = json!({
                    "architecture": "wasm",
                    "os": "wasip1",
                    "created": CREATED,
                    "config": { "Labels": labels(TITLE, DESCRIPTION) },
                    "rootfs": { "type": "layers", "diff_ids": [Blob::digest_of(&layer.tar)] },
                    "history": [{ "created": CREATED, "comment": "passgate" }],
                });
                let config = Blob::new(self.config_type(), config.to_string().into_bytes());
                (config, vec![Blob::new(self.layer_type(), layer.gzip)])
            }
            Self::Artifact => {
                let config = json!({ "type": "envoy_proxy", "labels": labels(TITLE, DESCRIPTION) });
                let config = Blob::new(self.config_type(), config.to_string().into_bytes());
                let module = Blob::new(self.layer_type(), wasm.to_vec());
                // The agent counts: an artifact has two layers, of which the first is the
                // configuration again.
                (config.clone(), vec![config, module])
            }
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.manifest_type(),
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        // Docker's manifest has no annotations.
        if let (Self::Oci | Self::Artifact, Some(members)) = (self, manifest.as_object_mut()) {
            let labels = labels(TITLE, DESCRIPTION);
            members.insert("annotations".to_owned(), Value::Object(labels));
        }
        let manifest = Blob::new(self.manifest_type(), manifest.to_string().into_bytes());
        let blobs = std::iter::once(config).chain(layers).collect();
        Ok(Image { manifest, blobs })
    }
}

/// One time for all images: that of the build would make each build another image.
pub(crate) const CREATED: &str = "1970-01-01T00:00:00Z";

const TITLE: &str = "passgate";
const DESCRIPTION: &str =
    "WebAuthn-backed JWT authentication for Envoy and Istio, in one Proxy-Wasm filter";

/// What an image says of itself, in the words of the OCI image specification (annotations).
pub(crate) fn labels(title: &str, description: &str) -> Map<String, Value> {
    Map::from_iter([
        annotation("title", title),
        annotation("description", description),
        annotation("version", env!("CARGO_PKG_VERSION")),
        annotation("licenses", env!("CARGO_PKG_LICENSE")),
    ])
}

/// One of its words.
pub(crate) fn annotation(name: &str, value: &str) -> (String, Value) {
    (
        format!("org.opencontainers.image.{name}"),
        Value::String(value.to_owned()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    #[test]
    fn the_same_module_gives_the_same_bytes() {
        for form in Form::ALL {
            let (one, other) = (form.image(b"module"), form.image(b"module"));
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_eq!(one.manifest.content, other.manifest.content, "{form:?}");
            let different = form.image(b"another module").unwrap();
            assert_ne!(one.manifest.content, different.manifest.content, "{form:?}");
        }
    }

    #[test]
    fn an_image_holds_the_module_as_plugin_wasm_and_nothing_of_this_machine() {
        for form in [Form::Oci, Form::Docker] {
            let image = form.image(b"module").unwrap();
            let layer = &image.blobs.last().unwrap().content;
            let mut archive = tar::Archive::new(GzDecoder::new(layer.as_slice()));
            let mut entries = archive.entries().unwrap();
            let mut entry = entries.next().unwrap().unwrap();
            assert_eq!(entry.path_bytes().as_ref(), b"plugin.wasm");
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.username_bytes(), Some(&b""[..]));
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            assert_eq!(content, b"module");
            assert!(entries.next().is_none());
        }
    }

    #[test]
    fn an_artifact_holds_the_module_itself_behind_its_configuration() {
        let image = Form::Artifact.image(b"module").unwrap();
        let manifest: Value = serde_json::from_slice(&image.manifest.content).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
        assert_eq!(manifest["layers"][1]["digest"], Blob::digest_of(b"module"));
        assert_eq!(image.blobs.last().unwrap().content, b"module");
    }

    #[test]
    fn every_form_carries_labels() {
        for form in Form::ALL {
            let image = form.image(b"module").unwrap();
            let config: Value =
                serde_json::from_slice(&image.blobs.first().unwrap().content).unwrap();
            let labels = match form {
                Form::Artifact => &config["labels"],
                Form::Oci | Form::Docker => &config["config"]["Labels"],
            };
            assert_eq!(
                labels["org.opencontainers.image.title"], "passgate",
                "{form:?}"
            );
            assert_eq!(labels["org.opencontainers.image.licenses"], "Apache-2.0");
        }
    }
}
