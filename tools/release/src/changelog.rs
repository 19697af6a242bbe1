//! The section of a version in CHANGELOG.md.

use crate::Result;
use std::path::Path;

/// The lines between this version's heading and the next version's.
///
/// # Errors
///
/// When the version is not that of Cargo.toml, or the changelog has no section of it with something
/// in it.
pub(crate) fn notes(root: &Path, version: &str) -> Result<String> {
    let ours = env!("CARGO_PKG_VERSION");
    if version != ours {
        return Err(format!("version {version} is asked for, but Cargo.toml says {ours}").into());
    }
    let changelog = std::fs::read_to_string(root.join("CHANGELOG.md"))?;
    section(&changelog, version).ok_or_else(|| {
        format!("CHANGELOG.md has no section `## {version}` that says something").into()
    })
}

fn section(changelog: &str, version: &str) -> Option<String> {
    let is_heading = |line: &str| line.starts_with("## ");
    let lines: Vec<&str> = changelog
        .lines()
        .skip_while(|line| !is_heading(line) || line.split_whitespace().nth(1) != Some(version))
        .skip(1)
        .take_while(|line| !is_heading(line))
        .collect();
    let text = lines.join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## 0.2.0\n\nNew.\n\n### Upgrade\n\n- This.\n\n\
        ## 0.1.0 (2026-11-28)\n\nFirst.\n";

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let of = |version| section(CHANGELOG, version);
        assert_eq!(of("0.2.0").unwrap(), "New.\n\n### Upgrade\n\n- This.\n");
        assert_eq!(of("0.1.0").unwrap(), "First.\n");
    }

    #[test]
    fn a_version_without_words_has_no_notes() {
        assert_eq!(section(CHANGELOG, "0.1"), None);
        assert_eq!(section("## 0.3.0\n\n## 0.2.0\n\nNew.\n", "0.3.0"), None);
    }

    #[test]
    fn another_version_than_that_of_cargo_toml_is_refused() {
        let error = notes(&crate::root(), "9.9.9").unwrap_err().to_string();
        assert!(
            error.contains("9.9.9") && error.contains("Cargo.toml"),
            "{error}"
        );
    }
}
