//! The presets, the program that prints them, and the pages about them say the same.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::{fs, path::Path, process::Command};

use passgate_core::{Config, Preset};

fn run(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    let output = command.args(arguments).output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.success(), text)
}

/// What the program prints about a preset: the lines, and what they cannot prove.
fn printed(preset: Preset) -> (String, Vec<String>) {
    let (ok, text) = run(&["presets", preset.name()]);
    assert!(ok);
    let heading = format!("# {}\n", preset.name());
    let text = text.strip_prefix(&heading).expect("the heading");
    let (lines, limits) = text.split_once("# It cannot prove:\n").expect("limits");
    let limits = limits.lines().map(|line| line.trim_start_matches("# - "));
    (lines.to_owned(), limits.map(str::to_owned).collect())
}

/// A configuration with this evidence, as the filter would read it.
fn provider(evidence: &str) -> passgate_core::Evidence {
    let yaml = format!(
        "providers:\n  acme:\n    issuer: https://id.example\n    audiences: [api]\n    remote_jwks: {{ http_uri: {{ uri: https://id.example/jwks, cluster: id }} }}\n{evidence}"
    );
    let json: serde_json::Value = serde_saphyr::from_str(&yaml).expect("YAML");
    let config = Config::parse(json.to_string().as_bytes());
    let config = config.unwrap_or_else(|errors| panic!("{errors:?}\n{yaml}"));
    config.into_providers().remove(0).evidence
}

#[test]
fn the_printed_lines_are_the_preset() {
    for preset in Preset::ALL {
        let (lines, _) = printed(preset);
        let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        let written = provider(&indented);
        let named = provider(&format!("    evidence: {{ preset: {} }}\n", preset.name()));
        assert_eq!(
            format!("{:?}", written.lines),
            format!("{:?}", named.lines),
            "{}",
            preset.name()
        );
    }
}

#[test]
fn every_preset_has_a_page_that_says_its_lines_and_limits_and_no_page_has_no_preset() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/providers");
    for preset in Preset::ALL {
        let name = preset.name();
        let page = fs::read_to_string(folder.join(name).with_extension("md")).expect(name);
        let (lines, limits) = printed(preset);
        assert!(
            page.contains(&format!("```yaml\n{lines}```\n")),
            "docs/providers/{name}.md has other lines than `passgate presets {name}`:\n{lines}"
        );
        let (_, said) = page
            .split_once("## What it cannot prove\n\n")
            .expect("the heading");
        let said = said.split("\n\n").next().expect("a list");
        // An item may go on in lines that are indented.
        let said = said.trim_end().replace("\n  ", " ");
        let said: Vec<&str> = said
            .lines()
            .map(|line| line.trim_start_matches("- "))
            .collect();
        assert_eq!(said, limits, "docs/providers/{name}.md");
    }
    for entry in fs::read_dir(&folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let known = Preset::ALL.iter().any(|preset| preset.name() == name);
        assert!(known, "{} is about no preset", path.display());
    }
    let facts = fs::read_to_string(folder.join("../facts.md")).expect("docs/facts.md");
    for preset in Preset::ALL {
        let link = format!("(providers/{}.md)", preset.name());
        assert!(
            facts.contains(&link),
            "docs/facts.md does not lead to {link}"
        );
    }
}

#[test]
fn all_of_them_are_printed_and_no_other() {
    let (ok, all) = run(&["presets"]);
    assert!(ok);
    for preset in Preset::ALL {
        assert!(all.contains(&format!("# {}\nevidence:\n", preset.name())));
    }
    let (ok, text) = run(&["presets", "keyclock"]);
    assert!(!ok && text.is_empty());
}
