//! The files that programs are linked into.

use crate::{Result, sums};
use std::fs;
use std::path::Path;

/// A module or a program of the release.
pub(crate) struct Artifact {
    /// Its file's name.
    pub(crate) file: String,
    pub(crate) version: String,
    /// The package that it is built from.
    pub(crate) package: &'static str,
    /// What it is built for, as Rust names it.
    pub(crate) target: String,
    /// 64 hexadecimal digits.
    pub(crate) sha256: String,
}

impl Artifact {
    /// The module, the command line for each target of `tools/cli-targets`, and the feed.
    ///
    /// # Errors
    ///
    /// When one of them is not in the folder.
    pub(crate) fn all(root: &Path, version: &str, folder: &Path) -> Result<Vec<Self>> {
        let artifact = |file: String, package, target: &str| {
            let content =
                fs::read(folder.join(&file)).map_err(|error| format!("{file}: {error}"))?;
            Ok(Self {
                sha256: sums::sha256(&content),
                file,
                version: version.to_owned(),
                package,
                target: target.to_owned(),
            })
        };
        let module = artifact(
            format!("passgate-{version}.wasm"),
            "passgate",
            "wasm32-wasip1",
        );
        let targets = fs::read_to_string(root.join("tools/cli-targets"))?;
        let programs = targets.lines().map(|target| {
            let file = format!("passgate-{version}-{target}");
            artifact(file, "passgate-cli", target)
        });
        let target = "x86_64-unknown-linux-musl";
        let feed = artifact(
            format!("passgate-feed-{version}-{target}"),
            "passgate-feed",
            target,
        );
        std::iter::once(module)
            .chain(programs)
            .chain([feed])
            .collect()
    }

    /// Its name among packages of any kind (package URL).
    pub(crate) fn purl(&self) -> String {
        let Self {
            version,
            sha256,
            file,
            ..
        } = self;
        format!("pkg:generic/passgate@{version}?checksum=sha256:{sha256}&file_name={file}")
    }
}
