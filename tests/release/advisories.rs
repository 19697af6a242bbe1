//! The drill of SECURITY.md: an advisory is written, and its documents are what others read.

use crate::harness::{Outcome, root, run};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own, and a release of this version in it: sums alone.
fn release(test: &str, version: &str) -> PathBuf {
    let folder = root().join("target/test-advisories").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let sum = "0123456789abcdef".repeat(4);
    let names = [
        format!("passgate-{version}.wasm"),
        format!("passgate-{version}-x86_64-unknown-linux-musl"),
        format!("passgate-{version}.wasm.cdx.json"),
        "NOTES.md".to_owned(),
    ];
    let sums: String = names
        .iter()
        .map(|name| format!("{sum}  {name}\n"))
        .collect();
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
    folder
}

fn example() -> Value {
    let text = fs::read_to_string(root().join("tools/advisory.example.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn write(advisory: &Value, folder: &Path) -> Outcome {
    let source = folder.join("advisory.json");
    fs::write(&source, advisory.to_string()).unwrap();
    let mut tool = Command::new(root().join("tools/advisory"));
    run(tool.arg(&source).arg(folder).arg(folder))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn an_advisory_becomes_an_osv_entry_with_all_that_its_schema_wants() {
    let folder = release("osv", "0.1.0");
    write(&example(), &folder).must_succeed();
    let entry = read(&folder.join("PASSGATE-2026-0000.osv.json"));
    // The members that the schema of OSV 1.7 requires: of an entry, of what is affected, of a
    // range, of a severity, of credits.
    let has = |of: &Value, names: &[&str]| {
        for name in names {
            assert!(of.get(name).is_some_and(|it| !it.is_null()), "{name}: {of}");
        }
    };
    has(
        &entry,
        &["id", "modified", "schema_version", "summary", "details"],
    );
    for severity in entry["severity"].as_array().unwrap() {
        has(severity, &["type", "score"]);
    }
    let affected = entry["affected"].as_array().unwrap();
    assert_eq!(affected.len(), 2);
    for one in affected {
        has(&one["package"], &["ecosystem", "name"]);
        for range in one["ranges"].as_array().unwrap() {
            has(range, &["type", "events"]);
            assert_eq!(range["type"], "SEMVER");
            // An event has one member, and the first one introduces.
            let events = range["events"].as_array().unwrap();
            assert_eq!(events[0], json!({ "introduced": "0" }));
            assert_eq!(events[1], json!({ "fixed": "0.1.0" }));
        }
    }
    has(&entry["credits"][0], &["name"]);
    assert!(entry["modified"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn an_advisory_becomes_openvex_about_the_files_of_the_release_that_mends_it() {
    let folder = release("vex", "0.1.0");
    write(&example(), &folder).must_succeed();
    let vex = read(&folder.join("PASSGATE-2026-0000.openvex.json"));
    crate::contents::check(&vex, "openvex-0.2.0", &[]).unwrap();
    let [affected, fixed] = vex["statements"].as_array().unwrap().as_slice() else {
        panic!("{vex}");
    };
    assert_eq!(affected["status"], "affected");
    assert!(
        affected["action_statement"]
            .as_str()
            .unwrap()
            .starts_with("Upgrade to 0.1.0.")
    );
    assert_eq!(fixed["status"], "fixed");
    // The module and the program, and not what is said about them.
    assert_eq!(fixed["products"].as_array().unwrap().len(), 2);
    // One without its files is for another release.
    let other = release("other", "0.2.0");
    write(&example(), &other).must_fail_with("SHA256SUMS has no file of 0.1.0");
}

#[test]
fn an_advisory_names_the_files_as_the_release_does() {
    let released = root().join("dist/release");
    let version = env!("CARGO_PKG_VERSION");
    let mut advisory = example();
    advisory["fixed"] = json!(version);
    let folder = release("names", version);
    fs::copy(released.join("SHA256SUMS"), folder.join("SHA256SUMS")).unwrap();
    write(&advisory, &folder).must_succeed();
    let ids = |document: &Value, statement: usize| -> Vec<Value> {
        let products = document["statements"][statement]["products"].as_array();
        let products = products.unwrap().iter();
        products.map(|product| product["@id"].clone()).collect()
    };
    let known = ids(
        &read(&released.join(format!("passgate-{version}.openvex.json"))),
        0,
    );
    let ours = ids(&read(&folder.join("PASSGATE-2026-0000.openvex.json")), 1);
    assert!(ours.len() > 1, "{ours:?}");
    assert!(
        ours.iter().all(|id| known.contains(id)),
        "{ours:?}: {known:?}"
    );
}

#[test]
fn an_advisory_that_lacks_something_is_not_written() {
    let folder = release("lacking", "0.1.0");
    for (name, value) in [
        ("id", json!("CVE-2026-1")),
        ("modified", json!("yesterday")),
        ("fixed", json!(null)),
        ("severity", json!("high")),
        ("affected", json!([])),
        ("workaround", json!("")),
        ("oops", json!("x")),
    ] {
        let mut advisory = example();
        advisory[name] = value;
        write(&advisory, &folder).must_fail_with(&format!("{name}: "));
    }
    assert!(!folder.join("PASSGATE-2026-0000.osv.json").exists());
}
