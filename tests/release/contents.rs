//! What a release says about itself is well formed, and true of the files beside it.

use crate::harness::{MODULE, VERSION, built, root};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

fn read(file: &str) -> Value {
    let text =
        fs::read_to_string(built().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).unwrap()
}

fn schema(name: &str) -> Value {
    let file = root().join(format!("tests/release/schemas/{name}.schema.json"));
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Checks a document against an official schema, which may refer to these others.
pub fn check(document: &Value, name: &str, others: &[&str]) -> Result<(), String> {
    let mut registry = jsonschema::Registry::new();
    for other in others {
        let other = schema(other);
        let id = other["$id"].as_str().unwrap().to_owned();
        registry = registry.add(id, other).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let schema = schema(name);
    let validator = jsonschema::options()
        .with_registry(&registry)
        .build(&schema)
        .unwrap();
    let problems = validator.iter_errors(document);
    let problems: Vec<String> = problems
        .map(|problem| format!("{}: {problem}", problem.instance_path()))
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

/// The feed's program.
fn feed() -> String {
    format!("passgate-feed-{VERSION}-x86_64-unknown-linux-musl")
}

/// The module, the command line for each target, and the feed.
fn artifacts() -> Vec<String> {
    let targets = fs::read_to_string(root().join("tools/cli-targets")).unwrap();
    let programs = targets
        .lines()
        .map(|target| format!("passgate-{VERSION}-{target}"));
    std::iter::once(MODULE.clone())
        .chain(programs)
        .chain([feed()])
        .collect()
}

/// The sums by file.
fn sums() -> Vec<(String, String)> {
    let sums = fs::read_to_string(built().join("SHA256SUMS")).unwrap();
    let line = |line: &str| {
        let (sum, file) = line.split_once("  ").unwrap();
        (file.to_owned(), sum.to_owned())
    };
    sums.lines().map(line).collect()
}

fn sum_of(file: &str) -> String {
    let sums = sums();
    let found = sums.iter().find(|(name, _)| name == file);
    found
        .unwrap_or_else(|| panic!("no sum of {file}"))
        .1
        .clone()
}

const CYCLONEDX_REFERS_TO: [&str; 2] = ["jsf-0.82", "spdx-licenses"];

#[test]
fn the_lists_are_well_formed() {
    for file in artifacts() {
        let list = read(&format!("{file}.cdx.json"));
        check(&list, "cyclonedx-1.6", &CYCLONEDX_REFERS_TO).unwrap();
        let list = read(&format!("{file}.spdx.json"));
        check(&list, "spdx-2.3", &[]).unwrap();
    }
    let vex = read(&format!("passgate-{VERSION}.openvex.json"));
    check(&vex, "openvex-0.2.0", &[]).unwrap();
}

#[test]
fn what_is_not_well_formed_is_noticed() {
    let mut list = read(&format!("{}.cdx.json", *MODULE));
    list["components"][0]["type"] = json!("thing");
    let problem = check(&list, "cyclonedx-1.6", &CYCLONEDX_REFERS_TO).unwrap_err();
    assert!(problem.contains("/components/0/type"), "{problem}");

    let mut list = read(&format!("{}.spdx.json", *MODULE));
    list["packages"][0]["checksums"][0]["algorithm"] = json!("SUM");
    let problem = check(&list, "spdx-2.3", &[]).unwrap_err();
    assert!(
        problem.contains("/packages/0/checksums/0/algorithm"),
        "{problem}"
    );

    let mut vex = read(&format!("passgate-{VERSION}.openvex.json"));
    vex["statements"][0]["status"] = json!("fine");
    let problem = check(&vex, "openvex-0.2.0", &[]).unwrap_err();
    assert!(problem.contains("/statements/0"), "{problem}");
}

#[test]
fn each_list_is_about_the_file_beside_it() {
    for file in artifacts() {
        let sum = sum_of(&file);
        let list = read(&format!("{file}.cdx.json"));
        assert_eq!(list["metadata"]["component"]["name"], file);
        assert_eq!(list["metadata"]["component"]["hashes"][0]["content"], sum);
        let list = read(&format!("{file}.spdx.json"));
        assert_eq!(list["packages"][0]["name"], file);
        assert_eq!(list["packages"][0]["checksums"][0]["checksumValue"], sum);
    }
}

/// Package URLs without version: crates of the CycloneDX list.
fn listed(file: &str) -> BTreeSet<String> {
    let list = read(&format!("{file}.cdx.json"));
    let components = list["components"].as_array().unwrap();
    components
        .iter()
        .map(|component| component["purl"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn both_lists_say_the_same() {
    for file in artifacts() {
        let list = read(&format!("{file}.spdx.json"));
        let packages = list["packages"].as_array().unwrap().iter().skip(1);
        let locator = |package: &Value| package["externalRefs"][0]["referenceLocator"].clone();
        let purls: BTreeSet<String> = packages
            .map(|package| locator(package).as_str().unwrap().to_owned())
            .collect();
        assert_eq!(purls, listed(&file), "{file}");
    }
}

/// A program names the files of its crates, for the messages of panics: evidence that does not come
/// from cargo.
fn named_in(file: &str) -> BTreeSet<String> {
    let content = fs::read(built().join(file)).unwrap();
    let text = String::from_utf8_lossy(&content);
    let crates = text.split("/crates/").skip(1).filter_map(|rest| {
        let (folder, _) = rest.split_once("/src/")?;
        let (name, version) =
            folder.split_at(folder.find(|digit: char| {
                digit.is_ascii_digit() && folder.contains(&format!("-{digit}"))
            })?);
        Some(format!("pkg:cargo/{}@{version}", name.strip_suffix('-')?))
    });
    crates.collect()
}

#[test]
fn every_crate_that_a_program_names_is_in_its_list() {
    for file in artifacts() {
        let (named, listed) = (named_in(&file), listed(&file));
        assert!(named.len() > 5, "{file} names {named:?}");
        let missing: Vec<&String> = named.difference(&listed).collect();
        assert!(missing.is_empty(), "{file}: {missing:?}");
    }
}

#[test]
fn what_only_builds_or_tests_is_in_no_list() {
    for file in artifacts() {
        let listed = listed(&file);
        assert!(
            listed
                .iter()
                .any(|purl| purl.starts_with("pkg:generic/rust-std@")),
            "{listed:?}"
        );
        // TLS of the feed stands on it.
        let of_feed = if file == feed() { &[][..] } else { &["ring"] };
        let in_none = ["proptest", "serde_derive", "syn", "rcgen", "jsonschema"];
        for foreign in in_none.iter().chain(of_feed) {
            let foreign = format!("pkg:cargo/{foreign}@");
            assert!(
                !listed.iter().any(|purl| purl.starts_with(&foreign)),
                "{file}: {foreign}"
            );
        }
    }
}

#[test]
fn the_feed_says_that_sqlite_is_inside() {
    let listed = listed(&feed());
    for inside in ["pkg:generic/sqlite", "pkg:generic/musl"] {
        assert!(listed.contains(inside), "{listed:?}");
    }
    for inside in ["ring", "tokio-postgres", "rusqlite"] {
        let inside = format!("pkg:cargo/{inside}@");
        assert!(
            listed.iter().any(|purl| purl.starts_with(&inside)),
            "{inside}"
        );
    }
}

#[test]
fn the_vulnerabilities_are_of_crates_that_are_inside() {
    let vex = read(&format!("passgate-{VERSION}.openvex.json"));
    for statement in vex["statements"].as_array().unwrap() {
        for product in statement["products"].as_array().unwrap() {
            let sum = product["hashes"]["sha-256"].as_str().unwrap();
            let file = artifacts()
                .into_iter()
                .find(|file| sum_of(file) == sum)
                .unwrap();
            let part = product["subcomponents"][0]["@id"].as_str().unwrap();
            assert!(listed(&file).contains(part), "{file}: {part}");
        }
    }
}

#[test]
fn the_sums_and_the_provenance_are_about_every_file() {
    let provenance = read(&format!("passgate-{VERSION}.provenance.json"));
    let subjects = provenance["subject"].as_array().unwrap();
    let subjects: BTreeSet<(String, String)> = subjects
        .iter()
        .map(|subject| {
            let name = subject["name"].as_str().unwrap().to_owned();
            (
                name,
                subject["digest"]["sha256"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(subjects, sums().into_iter().collect());

    let mut files = BTreeSet::new();
    files_below("", &mut files);
    for without in [
        "SHA256SUMS".to_owned(),
        format!("passgate-{VERSION}.provenance.json"),
    ] {
        assert!(files.remove(&without), "{without}");
    }
    assert_eq!(files, sums().into_iter().map(|(file, _)| file).collect());
}

/// Signatures aside: they come later.
fn files_below(folder: &str, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(built().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        if entry.path().is_dir() {
            files_below(&path, files);
        } else if !path.ends_with(".sigstore.json") {
            files.insert(path);
        }
    }
}

#[test]
fn the_provenance_has_the_members_that_slsa_demands() {
    let provenance = read(&format!("passgate-{VERSION}.provenance.json"));
    assert_eq!(provenance["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(
        provenance["predicateType"],
        "https://slsa.dev/provenance/v1"
    );
    let definition = &provenance["predicate"]["buildDefinition"];
    assert!(
        definition["buildType"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    assert_eq!(
        definition["externalParameters"],
        json!({ "version": VERSION })
    );
    let commit = definition["resolvedDependencies"][0]["digest"]["gitCommit"]
        .as_str()
        .unwrap();
    assert!(
        commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit()),
        "{commit}"
    );
    let builder = &provenance["predicate"]["runDetails"]["builder"]["id"];
    assert!(builder.as_str().unwrap().starts_with("https://"));
}

#[test]
fn the_provenance_is_about_each_image() {
    for form in ["oci", "docker", "artifact", "feed", "cli", "chart"] {
        let index = read(&format!("image/{form}/index.json"));
        let digest = index["manifests"][0]["digest"].as_str().unwrap();
        let digest = digest.strip_prefix("sha256:").unwrap();
        assert_eq!(
            sum_of(&format!("image/{form}/blobs/sha256/{digest}")),
            digest
        );
    }
}

#[test]
fn the_programs_are_what_their_names_say() {
    let cli = |target: &str| format!("passgate-{VERSION}-{target}");
    for (target, magic, machine) in [
        (cli("x86_64-unknown-linux-musl"), b"\x7fELF", 62_u16),
        (cli("aarch64-unknown-linux-musl"), b"\x7fELF", 183),
        (feed(), b"\x7fELF", 62),
    ] {
        let program = fs::read(built().join(&target)).unwrap();
        assert_eq!(&program[..4], magic, "{target}");
        assert_eq!(
            u16::from_le_bytes([program[18], program[19]]),
            machine,
            "{target}"
        );
        // No interpreter is asked for: it is static.
        assert!(
            !program.windows(7).any(|text| text == b"/ld-mus"),
            "{target}"
        );
    }
    for (target, processor) in [("x86_64-apple-darwin", 7), ("aarch64-apple-darwin", 12)] {
        let program = fs::read(built().join(format!("passgate-{VERSION}-{target}"))).unwrap();
        assert_eq!(program[..4], [0xcf, 0xfa, 0xed, 0xfe], "{target}");
        assert_eq!(program[4..8], [processor, 0, 0, 1], "{target}");
        let system = b"/usr/lib/libSystem.B.dylib";
        assert!(
            program.windows(system.len()).any(|text| text == system),
            "{target}"
        );
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_program_of_this_machine_runs_anywhere() {
    let program = built().join(format!("passgate-{VERSION}-x86_64-unknown-linux-musl"));
    let configuration = root().join("envoy/envoy.yaml");
    let mut check = std::process::Command::new(program);
    // Without a library to load.
    check.env_clear().arg("check").arg(configuration);
    crate::harness::run(&mut check).must_succeed();
}
