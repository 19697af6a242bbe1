//! Every example that is shipped has tests of its policy, in `examples/` by its name, and passes
//! them.
#![allow(clippy::expect_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder.expect("the project's folder").to_owned()
}

/// The files of these folders in which passgate is configured, from the project's folder.
fn examples() -> Vec<String> {
    let mut folders = ["envoy", "istio", "envoy-gateway"]
        .map(|name| root().join(name))
        .to_vec();
    let mut examples = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("UTF-8");
            let is_of_ours = text.contains("\"providers\":") || text.contains("    providers:");
            if is_of_ours {
                let path = path.strip_prefix(root()).expect("a file of the project");
                examples.push(path.to_str().expect("UTF-8").to_owned());
            }
        }
    }
    examples.sort();
    examples
}

fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    let command = command.arg("check").args(arguments).current_dir(root());
    command.output().expect("it runs")
}

#[test]
fn every_example_passes_its_tests() {
    let mut known = Vec::new();
    let mut wrong = Vec::new();
    for example in examples() {
        // Istio's two forms of one plugin have one policy.
        let named = example.replace(".traffic-extension.yaml", ".yaml");
        let tests = format!("cli/tests/examples/{named}");
        assert!(root().join(&tests).is_file(), "{example} has no tests");
        let output = check(&["--tests", &tests, &example]);
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        let failed = said.lines().filter(|line| line.starts_with("tests"));
        let failed: Vec<_> = failed.filter(|line| !line.ends_with(" passed")).collect();
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        let passed = said.matches(" passed\n").count();
        let all = fs::read_to_string(root().join(&tests)).expect("UTF-8");
        if passed != all.matches("tests:\n").count() || !failed.is_empty() || !error.is_empty() {
            wrong.push(format!("{example}: {error}{failed:#?}"));
        }
        known.push(tests);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known.len() > 40, "{}", known.len());
}

#[test]
fn tests_beside_a_policy_fail_like_its_own() {
    let folder = std::env::temp_dir().join(format!("passgate-examples-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let open = "tests:\n  - { name: open, request: GET /, expect: { status: 200 } }\n";
    let tests = file("tests.yaml", open);
    let output = check(&["--tests", &tests, "envoy/smallest.yaml"]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    let told = "tests: 1 of 1 failed\ntests[0] \"open\": the status is 401 (missing.token); expected 200\n";
    assert!(said.ends_with(told), "{said}");
    // They come behind those of the file itself.
    let policy = "providers:\n  acme: { issuer: https://id.example, audiences: [a], remote_jwks: { http_uri: { uri: https://id.example/k, cluster: k } } }\n";
    let own =
        "tests:\n  - { name: own, request: GET https://a.example/, expect: { status: 401 } }\n";
    let own = file("own.yaml", &format!("{policy}{own}"));
    let beside = file(
        "beside.yaml",
        &open.replace("GET /", "GET https://a.example/"),
    );
    let output = check(&["--tests", &beside, &own]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        said.contains("tests: 1 of 2 failed\ntests[1] \"open\": "),
        "{said}"
    );
    for (tests, of, why) in [
        (
            &own,
            "envoy/two-instances.yaml",
            "2 configurations, and tests for 1",
        ),
        (
            &file("none.yaml", policy),
            "envoy/smallest.yaml",
            "not a list under tests in each document",
        ),
    ] {
        let output = check(&["--tests", tests, of]);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(why), "{error}");
    }
    fs::remove_dir_all(&folder).expect("the folder");
}
