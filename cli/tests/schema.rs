//! The shipped JSON Schema: up to date, true for every good configuration, false for wrong shapes.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use regex_lite::Regex;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn shipped() -> String {
    fs::read_to_string(root().join("schema/passgate.schema.json")).expect("the shipped schema")
}

/// The configurations of a folder that are YAML, by name.
fn configurations(folder: &str) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(root().join("core/tests/config").join(folder)).expect("the folder");
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

/// Every violation of the schema, with its place.
fn violations(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is_of(value, name)),
                name => is_of(value, name),
            },
            "pattern" => {
                let pattern = Regex::new(rule.as_str().expect("a pattern is a string"))
                    .expect("a regular expression");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= rule.as_f64().expect("a number")),
            "minItems" => {
                let least = rule
                    .as_u64()
                    .and_then(|least| usize::try_from(least).ok())
                    .expect("a number");
                value.as_array().is_none_or(|list| list.len() >= least)
            }
            "required" => value.as_object().is_none_or(|members| {
                let names = rule.as_array().expect("a list").iter();
                names
                    .filter_map(Value::as_str)
                    .all(|name| members.contains_key(name))
            }),
            "const" => value == rule,
            "anyOf" => rule.as_array().expect("a list").iter().any(|schema| {
                let mut wrong = Vec::new();
                violations(schema, value, place, &mut wrong);
                wrong.is_empty()
            }),
            "items" => {
                for (index, element) in value.as_array().into_iter().flatten().enumerate() {
                    violations(rule, element, &format!("{place}[{index}]"), found);
                }
                true
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(name) {
                        violations(schema, member, &format!("{place}.{name}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = |name: &str| {
                    schema
                        .get("properties")
                        .is_some_and(|known| known.get(name).is_some())
                };
                let others = value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| !known(name));
                for (name, member) in others {
                    let place = format!("{place}.{name}");
                    match rule {
                        Value::Bool(true) => {}
                        Value::Bool(false) => found.push(format!("{place}: not a field")),
                        schema => violations(schema, member, &place, found),
                    }
                }
                true
            }
            other => panic!("a keyword that this check does not know: {other}"),
        };
        if !holds {
            found.push(format!("{place}: {keyword}"));
        }
    }
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a type is a string") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("a type that this check does not know: {other}"),
    }
}

fn all_violations(value: &Value) -> Vec<String> {
    let schema = serde_json::from_str(&shipped()).expect("the schema is JSON");
    let mut found = Vec::new();
    violations(&schema, value, "", &mut found);
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
