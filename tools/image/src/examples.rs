//! The examples with an image that exists. A digest that is checked in would be wrong after the
//! next change of the filter, so the files of `istio/`, `envoy-gateway/` and `kubernetes/` hold
//! zeros in its place, which no image has: who applies them as they are denies everything.

use std::fs;
use std::io;
use std::path::Path;

/// What the checked-in examples say.
const PLACEHOLDER: &str = "registry.example.com/passgate@sha256:\
    0000000000000000000000000000000000000000000000000000000000000000";

/// Copies every file below `source` to `target`, which is made anew, with the image in the place of
/// the zeros. A link is copied as what it leads to.
pub(crate) fn fill(source: &Path, target: &Path, name: &str, digest: &str) -> io::Result<()> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        let Some(file) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            fill(&path, &target.join(file), name, digest)?;
        } else {
            let text = fs::read_to_string(&path)?;
            let filled = text.replace(PLACEHOLDER, &format!("{name}@{digest}"));
            fs::write(target.join(file), filled)?;
        }
    }
    Ok(())
}
