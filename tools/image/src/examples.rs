//! The examples with images that exist. A digest that is checked in would be wrong after the next
//! change of a program, so the files of `istio/`, `envoy-gateway/` and `kubernetes/` hold zeros in
//! its place, which no image has: who applies them as they are denies everything.

use std::fs;
use std::io;
use std::path::Path;

/// Where the checked-in files say that images lie.
const REGISTRY: &str = "registry.example.com";
const ZEROS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A text that the checked-in files hold, and what stands in its place.
pub(crate) struct Filling {
    placeholder: String,
    image: String,
}

impl Filling {
    /// The image that the checked-in files name so, without the registry.
    pub(crate) fn new(named: &str, name: &str, digest: &str) -> Self {
        Self {
            placeholder: format!("{REGISTRY}/{named}@{ZEROS}"),
            image: format!("{name}@{digest}"),
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace(&self.placeholder, &self.image)
    }
}

/// Copies every file below `source` to `target`, which is made anew, with these images in the place
/// of the zeros. A link is copied as what it leads to.
pub(crate) fn fill(source: &Path, target: &Path, fillings: &[Filling]) -> io::Result<()> {
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
            fill(&path, &target.join(file), fillings)?;
        } else {
            let text = fs::read_to_string(&path)?;
            let filled = fillings.iter().fold(text, |text, one| one.fill(&text));
            fs::write(target.join(file), filled)?;
        }
    }
    Ok(())
}

/// The container action with this image, which it names by the tag of this version and by digest.
///
/// # Errors
///
/// When the action names another image: it would stay as it is without a word.
pub(crate) fn action(text: &str, name: &str, digest: &str) -> io::Result<String> {
    let zeros = format!("docker://{REGISTRY}/passgate-cli:{VERSION}@{ZEROS}");
    if !text.contains(&zeros) {
        return Err(io::Error::other(format!("the action does not say {zeros}")));
    }
    let filled = format!("docker://{name}:{VERSION}@{digest}");
    Ok(text.replace(&zeros, &filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_is_filled_in_where_it_is_named() {
        let text = format!("a: {REGISTRY}/passgate@{ZEROS}\nb: {REGISTRY}/passgate-feed@{ZEROS}\n");
        let module = Filling::new("passgate", "ghcr.io/you/gate", "sha256:1");
        let feed = Filling::new("passgate-feed", "ghcr.io/you/gate-feed", "sha256:2");
        assert_eq!(
            module.fill(&feed.fill(&text)),
            "a: ghcr.io/you/gate@sha256:1\nb: ghcr.io/you/gate-feed@sha256:2\n"
        );
        // The feed is built by a command of its own: until then it keeps its zeros.
        assert!(module.fill(&text).ends_with(&format!("-feed@{ZEROS}\n")));
    }

    #[test]
    fn an_action_of_another_version_is_refused() {
        let of = |version: &str| format!("docker://{REGISTRY}/passgate-cli:{version}@{ZEROS}");
        let filled = action(&of(VERSION), "ghcr.io/you/passgate-cli", "sha256:1").unwrap();
        let image = format!("docker://ghcr.io/you/passgate-cli:{VERSION}@sha256:1");
        assert_eq!(filled, image);
        assert!(action(&of("0.0.1"), "ghcr.io/you/passgate-cli", "sha256:1").is_err());
    }
}
