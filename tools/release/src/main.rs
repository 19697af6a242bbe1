//! What a release says of itself, beside what was built.
//!
//! `passgate-release notes VERSION` prints the version's section of CHANGELOG.md, and refuses a
//! version that is not that of Cargo.toml or that the changelog does not have.
//!
//! `passgate-release describe VERSION FOLDER SOURCE TIME` writes into the folder, beside the
//! module, the programs and the images: for each of them what is inside (CycloneDX and SPDX), what
//! is known of vulnerabilities (OpenVEX), the sums, and the provenance. SOURCE is the commit, with
//! `-modified` behind it where the files are not quite the commit's; TIME is the commit's (RFC
//! 3339), so that each build says the same.

mod artifact;
mod changelog;
mod crates;
mod cyclonedx;
mod lockfile;
mod provenance;
mod spdx;
mod sums;
mod vex;

use artifact::Artifact;
use passgate_arguments::Program;
use serde_json::Value;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What can go wrong is told to a person, who can read it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PROGRAM: Program = Program {
    name: "passgate-release",
    usage: "usage: passgate-release notes VERSION | describe VERSION FOLDER SOURCE TIME\n",
    options: &[],
    flags: &[],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let words = line.texts();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["notes", version] => {
                Some(changelog::notes(&root(), version).map(|notes| print!("{notes}")))
            }
            ["describe", version, folder, source, time] => {
                Some(describe(version, Path::new(folder), source, time))
            }
            _ => None,
        }
    })
}

fn describe(version: &str, folder: &Path, source: &str, time: &str) -> Result<()> {
    let notes = changelog::notes(&root(), version)?;
    std::fs::write(folder.join("NOTES.md"), notes)?;

    let checksums = lockfile::checksums(&root().join("Cargo.lock"))?;
    let mut inside = Vec::new();
    for artifact in Artifact::all(&root(), version, folder)? {
        let parts = crates::linked_into(&root(), &artifact, &checksums)?;
        write(
            folder,
            &artifact.file,
            "cdx.json",
            &cyclonedx::document(&artifact, &parts, time),
        )?;
        write(
            folder,
            &artifact.file,
            "spdx.json",
            &spdx::document(&artifact, &parts, time),
        )?;
        inside.push((artifact, parts));
    }
    let statements = std::fs::read_to_string(root().join("tools/release/vex.json"))?;
    let vex = vex::document(&serde_json::from_str(&statements)?, &inside, version, time)?;
    write(folder, &format!("passgate-{version}"), "openvex.json", &vex)?;

    let sums = sums::of(folder)?;
    std::fs::write(folder.join("SHA256SUMS"), sums::text(&sums))?;
    let provenance = provenance::statement(&root(), version, source, &sums)?;
    write(
        folder,
        &format!("passgate-{version}"),
        "provenance.json",
        &provenance,
    )
}

/// Writes `FOLDER/NAME.KIND`, for people too: a line for each member.
fn write(folder: &Path, name: &str, kind: &str, document: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(std::fs::write(folder.join(format!("{name}.{kind}")), text)?)
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
