//! SHA256SUMS, as `sha256sum --check` reads it.

use crate::Result;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// 64 hexadecimal digits.
pub(crate) fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sum of each file below this folder, by its path in it.
///
/// # Errors
///
/// When a file cannot be read, or has a name that is not Unicode.
pub(crate) fn of(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or("a file whose name is not Unicode")?;
        if path.is_dir() {
            let inner = of(&path)?;
            sums.extend(
                inner
                    .into_iter()
                    .map(|(file, sum)| (format!("{name}/{file}"), sum)),
            );
        } else {
            sums.insert(name.to_owned(), sha256(&fs::read(&path)?));
        }
    }
    Ok(sums)
}

/// Two blanks between sum and name.
pub(crate) fn text(sums: &BTreeMap<String, String>) -> String {
    sums.iter()
        .map(|(file, sum)| format!("{sum}  {file}\n"))
        .collect()
}
