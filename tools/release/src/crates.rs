//! What is linked into an artifact: its crates, as cargo tells for its target and features, without
//! what only builds or tests it; Rust's standard library; the C library below that.

use crate::Result;
use crate::artifact::Artifact;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A crate, or a library that comes with the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    /// Where it has one of its own.
    pub(crate) version: Option<String>,
    /// An SPDX expression.
    pub(crate) license: String,
    /// The SHA-256 of the crate as it was downloaded. The crates of this repository have none.
    pub(crate) checksum: Option<String>,
    /// Its package URL.
    pub(crate) purl: String,
}

/// What is linked together.
pub(crate) struct Parts {
    /// The package that the artifact is built from comes first.
    pub(crate) all: Vec<Part>,
    /// Which part uses which, as places in `all`.
    pub(crate) uses: BTreeSet<(usize, usize)>,
}

impl Parts {
    /// Adds what the first part is linked to; gives its place.
    fn add(&mut self, user: usize, part: Part) -> usize {
        let place = self.all.len();
        self.all.push(part);
        self.uses.insert((user, place));
        place
    }
}

/// Asks `cargo tree`.
///
/// # Errors
///
/// When cargo fails, prints what is not understood, or Cargo.lock has no sum of a downloaded crate.
pub(crate) fn linked_into(
    root: &Path,
    artifact: &Artifact,
    checksums: &BTreeMap<(String, String), String>,
) -> Result<Parts> {
    let target = &artifact.target;
    let tree = output(
        Command::new("cargo")
            .args([
                "tree",
                "--locked",
                "--package",
                artifact.package,
                "--target",
                target,
            ])
            .args(["--edges", "normal,no-proc-macro", "--prefix", "depth"])
            .args(["--charset", "ascii", "--format", "|{p}|{l}"])
            .current_dir(root),
    )?;
    let rustc = output(Command::new("rustc").arg("--version").current_dir(root))?;
    let rust = rustc
        .split_whitespace()
        .nth(1)
        .ok_or("rustc told no version")?;

    let mut parts = crates(&tree, checksums)?;
    if let Some(user) = parts
        .all
        .iter()
        .position(|part| part.name == "libsqlite3-sys")
    {
        // The crate holds it as one file of C, so its version is the crate's affair.
        parts.add(
            user,
            Part {
                name: "sqlite".to_owned(),
                version: None,
                license: "blessing".to_owned(),
                checksum: None,
                purl: "pkg:generic/sqlite".to_owned(),
            },
        );
    }
    let std = parts.add(
        0,
        Part {
            name: "rust-std".to_owned(),
            version: Some(rust.to_owned()),
            license: "MIT OR Apache-2.0".to_owned(),
            checksum: None,
            purl: format!("pkg:generic/rust-std@{rust}"),
        },
    );
    if let Some((name, license)) = c_library(target) {
        // As the compiler ships it, so its version is the compiler's affair.
        parts.add(
            std,
            Part {
                name: name.to_owned(),
                version: None,
                license: license.to_owned(),
                checksum: None,
                purl: format!("pkg:generic/{name}"),
            },
        );
    }
    Ok(parts)
}

/// The C library that is linked into what is built for this target. On macOS it is the system's,
/// outside.
fn c_library(target: &str) -> Option<(&'static str, &'static str)> {
    if target.ends_with("-musl") {
        return Some(("musl", "MIT"));
    }
    let wasi = target.contains("wasi");
    wasi.then_some((
        "wasi-libc",
        "MIT OR Apache-2.0 OR Apache-2.0 WITH LLVM-exception",
    ))
}

fn crates(tree: &str, checksums: &BTreeMap<(String, String), String>) -> Result<Parts> {
    let mut all: Vec<Part> = Vec::new();
    let mut uses = BTreeSet::new();
    // The way from the root to the line before.
    let mut way: Vec<usize> = Vec::new();
    for line in tree.lines() {
        let part = parse(line, checksums).ok_or_else(|| format!("cargo tree said: {line}"))??;
        let (depth, part) = part;
        let place = all
            .iter()
            .position(|known| *known == part)
            .unwrap_or_else(|| {
                all.push(part);
                all.len().saturating_sub(1)
            });
        way.truncate(depth);
        if let Some(user) = way.last() {
            uses.insert((*user, place));
        }
        way.push(place);
    }
    Ok(Parts { all, uses })
}

/// `2|rsa v0.10.0 (/where)|MIT OR Apache-2.0 (*)`: how deep, what, where from, under which license,
/// seen before.
fn parse(
    line: &str,
    checksums: &BTreeMap<(String, String), String>,
) -> Option<Result<(usize, Part)>> {
    let (depth, rest) = line.split_once('|')?;
    let (package, license) = rest.split_once('|')?;
    let mut words = package.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    let ours = words.next().is_some();
    let checksum = checksums.get(&(name.clone(), version.clone())).cloned();
    if ours == checksum.is_some() {
        return Some(Err(format!(
            "Cargo.lock and cargo tree differ about {name} {version}"
        )
        .into()));
    }
    let license = license.trim_end_matches(" (*)").replace('/', " OR ");
    let depth = depth.parse().ok()?;
    let purl = format!("pkg:cargo/{name}@{version}");
    let version = Some(version);
    Some(Ok((
        depth,
        Part {
            name,
            version,
            license,
            checksum,
            purl,
        },
    )))
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{:?}: {said}", command.get_program()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums() -> BTreeMap<(String, String), String> {
        let sum = |name: &str| {
            (
                (name.to_owned(), "1.0.0".to_owned()),
                format!("sum of {name}"),
            )
        };
        BTreeMap::from([sum("a"), sum("b")])
    }

    #[test]
    fn who_uses_whom_is_read_from_the_depth() {
        let tree =
            "0|root v0.1.0 (/here)|MIT\n1|a v1.0.0|MIT/Zlib\n2|b v1.0.0|ISC\n1|b v1.0.0|ISC (*)\n";
        let parts = crates(tree, &sums()).unwrap();
        let names: Vec<&str> = parts.all.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["root", "a", "b"]);
        assert_eq!(parts.uses, BTreeSet::from([(0, 1), (1, 2), (0, 2)]));
        assert_eq!(parts.all[1].license, "MIT OR Zlib");
        assert_eq!(parts.all[2].checksum.as_deref(), Some("sum of b"));
    }

    #[test]
    fn a_crate_that_the_lock_file_does_not_know_is_refused() {
        let tree = "0|root v0.1.0 (/here)|MIT\n1|a v1.0.1|MIT\n";
        assert!(crates(tree, &sums()).is_err());
    }
}
