//! Images of programs: the program, and for the feed a folder for its store. There is nothing else
//! in them: no shell, and no authorities to trust, which are for whoever runs them.

use crate::form::{CREATED, labels};
use crate::layer::{Entry, Layer};
use crate::layout::{Blob, Image};
use serde_json::{Value, json};
use std::io;

/// A program that has an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// The service that serves lists of revocations.
    Feed,
    /// The command line, for pipelines.
    CommandLine,
}

/// Who runs the feed: a user and a group that no machine has.
const USER: u64 = 65_532;

impl Program {
    /// The folder of its layout.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::CommandLine => "cli",
        }
    }

    /// What its image is called, behind the name of the filter's.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Feed => "-feed",
            Self::CommandLine => "-cli",
        }
    }

    /// The image that holds this program, which is for Linux on x86-64.
    ///
    /// # Errors
    ///
    /// When the archive cannot be written, for lack of memory.
    pub(crate) fn image(self, program: &[u8]) -> io::Result<Image> {
        let layer = match self {
            Self::Feed => Layer::of(&[
                Entry::File("passgate-feed", 0o755, program),
                Entry::Folder("var/lib/passgate-feed", USER),
            ])?,
            Self::CommandLine => Layer::of(&[Entry::File("passgate", 0o755, program)])?,
        };
        let (title, description) = match self {
            Self::Feed => (
                "passgate-feed",
                "passgate-feed: events of sign-in systems become lists of revocations that gates fetch",
            ),
            Self::CommandLine => (
                "passgate-cli",
                "passgate: says what the gate would say about policies, and tries their tests",
            ),
        };
        let labels = labels(title, description);
        let mut settings = self.settings();
        if let Some(members) = settings.as_object_mut() {
            members.insert("Labels".to_owned(), Value::Object(labels.clone()));
        }
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "created": CREATED,
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": [Blob::digest_of(&layer.tar)] },
            "history": [{ "created": CREATED, "comment": title }],
        });
        let config = config.to_string().into_bytes();
        let config = Blob::new("application/vnd.oci.image.config.v1+json", config);
        let layer = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", layer.gzip);
        Ok(Image::of(config, vec![layer], labels))
    }

    /// How an engine runs it.
    fn settings(self) -> Value {
        match self {
            Self::Feed => json!({
                "User": format!("{USER}:{USER}"),
                "Entrypoint": ["/passgate-feed"],
                "Cmd": ["/etc/passgate-feed/feed.yaml"],
                "ExposedPorts": { "8090/tcp": {}, "8091/tcp": {} },
                "Volumes": { "/var/lib/passgate-feed": {} },
                "WorkingDir": "/var/lib/passgate-feed",
                "StopSignal": "SIGTERM",
            }),
            // Without a user: GitHub lets nobody but root into the workspace of a container action
            // (Dockerfile support for GitHub Actions, USER).
            Self::CommandLine => json!({ "Entrypoint": ["/passgate"], "Cmd": ["--help"] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read as _;

    /// Name, rights, owner and content of what is in the layer.
    fn entries(image: &Image) -> Vec<(String, u32, u64, String)> {
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
        seen
    }

    fn row(name: &str, mode: u32, owner: u64, content: &str) -> (String, u32, u64, String) {
        (name.to_owned(), mode, owner, content.to_owned())
    }

    fn config(image: &Image) -> Value {
        serde_json::from_slice(&image.blobs.first().unwrap().content).unwrap()
    }

    #[test]
    fn the_feeds_image_holds_the_program_and_a_folder_that_its_user_can_write() {
        let image = Program::Feed.image(b"program").unwrap();
        let program = row("passgate-feed", 0o755, 0, "program");
        let folder = row("var/lib/passgate-feed", 0o700, USER, "");
        assert_eq!(entries(&image), [program, folder]);
        let config = config(&image);
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["architecture"], "amd64");
    }

    #[test]
    fn the_image_of_the_command_line_holds_the_program_alone() {
        let image = Program::CommandLine.image(b"program").unwrap();
        assert_eq!(entries(&image), [row("passgate", 0o755, 0, "program")]);
        let config = config(&image);
        assert_eq!(config["config"]["Entrypoint"], json!(["/passgate"]));
        assert_eq!(config["config"]["User"], Value::Null);
        assert_eq!(config["architecture"], "amd64");
    }

    #[test]
    fn the_same_program_gives_the_same_bytes() {
        for which in [Program::Feed, Program::CommandLine] {
            let of = |program: &[u8]| which.image(program).unwrap().manifest.content;
            assert_eq!(of(b"program"), of(b"program"), "{which:?}");
            assert_ne!(of(b"program"), of(b"another program"), "{which:?}");
        }
    }
}
