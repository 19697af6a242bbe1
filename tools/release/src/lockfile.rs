//! Cargo.lock: the sums of the crates as they were downloaded.

use crate::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// The SHA-256 of each crate by its name and version; crates of this repository have none.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn checksums(lock: &Path) -> Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(lock)?;
    Ok(lock.split("[[package]]").filter_map(of_package).collect())
}

/// Cargo writes one member a line, each text in quotes.
fn of_package(block: &str) -> Option<((String, String), String)> {
    let member = |name: &str| {
        block.lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(" = ")?;
            Some(value.trim_matches('"').to_owned())
        })
    };
    Some(((member("name")?, member("version")?), member("checksum")?))
}
