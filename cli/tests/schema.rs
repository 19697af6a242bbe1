//! The shipped JSON Schema: up to date, true for every good configuration, false for wrong shapes.
#![allow(clippy::expect_used, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn shipped() -> String {
    fs::read_to_string(root().join("schema/passgate.schema.json")).expect("the shipped schema")
}

/// The configurations of a folder that are YAML, by name.
fn configurations(folder: &str) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(root().join("cli/tests/corpus").join(folder)).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let yaml = paths.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    yaml.filter_map(|path| {
        let text = fs::read_to_string(&path).expect("the file");
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        Some((name, serde_saphyr::from_str(&text).ok()?))
    })
    .collect()
}

/// Every violation of the schema, with its place; each member that is not a field is one.
fn all_violations(value: &Value) -> Vec<String> {
    let schema = serde_json::from_str(&shipped()).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let mut found = Vec::new();
    for error in validator.iter_errors(value) {
        let place = error.instance_path().to_string();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                found.extend(unexpected.iter().map(|name| format!("{place}/{name}")));
            }
            _ => found.push(format!("{place}: {error}")),
        }
    }
    found
}

#[test]
fn the_shipped_schema_is_up_to_date() {
    for (arguments, file) in [
        (&["schema"][..], "schema/passgate.schema.json"),
        (&["schema", "audit"], "schema/audit-record.schema.json"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_passgate"))
            .args(arguments)
            .output()
            .expect("the program runs");
        assert!(output.status.success());
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        let shipped = fs::read_to_string(root().join(file)).expect(file);
        assert!(printed == shipped, "write {file} anew: make schema");
    }
}

#[test]
fn the_schema_names_the_algorithms_that_we_verify() {
    use passgate_core::Algorithm;
    let names = Algorithm::ALL.map(Algorithm::name).join("|");
    assert!(shipped().contains(&format!("\"^({names})$\"")));
}

#[test]
fn every_good_configuration_has_the_shape_of_the_schema() {
    let good = configurations("good");
    assert!(good.len() > 5, "the files were found");
    for (name, value) in good {
        assert_eq!(all_violations(&value), [""; 0], "{name}");
    }
}

#[test]
fn wrong_shapes_violate_the_schema() {
    let bad = configurations("bad");
    for (name, least) in [
        ("algorithms", 10),
        ("audit", 4),
        ("audit_types", 3),
        ("document_list", 1),
        ("document_null", 2),
        ("durations", 10),
        ("headers_invalid", 6),
        ("kinds", 5),
        ("limits", 2),
        ("match_methods", 7),
        ("override_headers", 3),
        ("provider_empty_values", 7),
        ("provider_jwt_authn_words", 16),
        ("provider_missing", 1),
        ("public", 8),
        ("requires_empty_lists", 3),
        ("scopes", 6),
        ("top_slips", 6),
        ("wrong_types", 33),
    ] {
        let found = all_violations(bad.get(name).expect(name));
        assert!(
            found.len() >= least,
            "{name}: {} of {least}: {found:#?}",
            found.len()
        );
    }
}
