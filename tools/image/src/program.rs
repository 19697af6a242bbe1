//! The image of the feed: the program, and a folder for its store. There is nothing else in it: no
//! shell, and no authorities to trust, which are for whoever runs it.

use crate::form::{CREATED, labels};
use crate::layer::{Entry, Layer};
use crate::layout::{Blob, Image};
use serde_json::json;
use std::io;

/// Who runs it: a user and a group that no machine has.
const USER: u64 = 65_532;
const DESCRIPTION: &str =
    "passgate-feed: events of sign-in systems become lists of revocations that gates fetch";

/// The image that holds this program, which is for Linux on x86-64.
///
/// # Errors
///
/// When the archive cannot be written, for lack of memory.
pub(crate) fn image(program: &[u8]) -> io::Result<Image> {
    let layer = Layer::of(&[
        Entry::File("passgate-feed", 0o755, program),
        Entry::Folder("var/lib/passgate-feed", USER),
    ])?;
    let labels = labels("passgate-feed", DESCRIPTION);
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/passgate-feed"],
            "Cmd": ["/etc/passgate-feed/feed.yaml"],
            "ExposedPorts": { "8090/tcp": {}, "8091/tcp": {} },
            "Volumes": { "/var/lib/passgate-feed": {} },
            "WorkingDir": "/var/lib/passgate-feed",
            "StopSignal": "SIGTERM",
            "Labels": labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [Blob::digest_of(&layer.tar)] },
        "history": [{ "created": CREATED, "comment": "passgate-feed" }],
    });
    let config = config.to_string().into_bytes();
    let config = Blob::new("application/vnd.oci.image.config.v1+json", config);
    let layer = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", layer.gzip);
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
        "annotations": labels,
    });
    Ok(Image {
        manifest: Blob::new(MANIFEST, manifest.to_string().into_bytes()),
        blobs: vec![config, layer],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use serde_json::Value;
    use std::io::Read as _;

    #[test]
    fn the_image_holds_the_program_and_a_folder_that_its_user_can_write() {
        let image = image(b"program").unwrap();
        let layer = &image.blobs.last().unwrap().content;
        let mut archive = tar::Archive::new(GzDecoder::new(layer.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            let name = String::from_utf8(entry.path_bytes().to_vec()).unwrap();
            seen.push((name, header.mode().unwrap(), header.uid().unwrap(), content));
        }
        let row = |name: &str, mode, owner, content: &str| {
            (name.to_owned(), mode, owner, content.to_owned())
        };
        let program = row("passgate-feed", 0o755, 0, "program");
        assert_eq!(
            seen,
            [program, row("var/lib/passgate-feed", 0o700, USER, "")]
        );
        let config: Value = serde_json::from_slice(&image.blobs.first().unwrap().content).unwrap();
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["architecture"], "amd64");
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        let of = |program: &[u8]| image(program).unwrap().manifest.content;
        assert_eq!(of(b"program"), of(b"program"));
        assert_ne!(of(b"program"), of(b"another program"));
    }
}
