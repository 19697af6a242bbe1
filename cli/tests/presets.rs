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
}

/// The facts, as docs/facts.md names them.
const FACTS: [&str; 6] = [
    "user_present",
    "user_verified",
    "multi_factor",
    "phishing_resistant",
    "device_bound",
    "hardware_bound",
];

/// How these lines prove a fact: all with the date of the sign-in, some, none; or not at all.
fn proof(lines: &str, fact: &str) -> &'static str {
    let of_line = |line: &str| {
        let (_, proves) = line.split_once("proves: [").expect("what it proves");
        let (facts, dated_by) = proves.split_once(']').expect("the end of a list");
        let proves = facts.split(", ").any(|proved| proved == fact);
        proves.then(|| !dated_by.contains("dated_by: none"))
    };
    let proofs: Vec<bool> = lines
        .split("- when: ")
        .skip(1)
        .filter_map(of_line)
        .collect();
    match proofs.as_slice() {
        [] => "",
        dated if !dated.contains(&false) => "yes",
        dated if dated.contains(&true) => "yes, age at times",
        _ => "yes, no age",
    }
}

#[test]
fn the_page_on_facts_has_a_table_of_what_each_preset_proves() {
    let mut table = format!("| Preset | `{}` |\n", FACTS.join("` | `"));
    table.push_str(&format!("|{}\n", "---|".repeat(FACTS.len() + 1)));
    for preset in Preset::ALL {
        let name = preset.name();
        let (lines, _) = printed(preset);
        let cells = FACTS.map(|fact| proof(&lines, fact)).join(" | ");
        table.push_str(&format!("| [{name}](providers/{name}.md) | {cells} |\n"));
    }
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/facts.md");
    let facts = fs::read_to_string(facts).expect("docs/facts.md");
    assert!(
        facts.contains(&table),
        "docs/facts.md wants this table:\n{table}"
    );
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
