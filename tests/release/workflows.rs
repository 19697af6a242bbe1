//! The workflow files, by two kept linters; and that the linters notice what would matter.

use crate::harness::{Outcome, root, run, scratch};
use std::fs;
use std::path::Path;
use std::process::Command;

/// zizmor, without the network.
fn zizmor(file: &Path) -> Outcome {
    let mut zizmor = Command::new(root().join(".tools/zizmor/zizmor"));
    run(zizmor
        .args(["--offline", "--persona", "pedantic", "--no-progress"])
        .arg(file))
}

pub fn actionlint(file: &Path) -> Outcome {
    run(Command::new("actionlint")
        .args(["-shellcheck", "", "-pyflakes", ""])
        .arg(file))
}

#[test]
fn the_linters_have_nothing_to_say() {
    zizmor(&root().join(".github")).must_succeed();
    for entry in fs::read_dir(root().join(".github/workflows")).unwrap() {
        actionlint(&entry.unwrap().path()).must_succeed();
    }
}

/// The release's workflow with one text in the place of another.
fn with(test: &str, text: &str, other: &str) -> std::path::PathBuf {
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    assert!(workflow.contains(text), "{text}");
    let folder = scratch().join(test);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("release.yml");
    fs::write(&file, workflow.replace(text, other)).unwrap();
    file
}

#[test]
fn an_action_that_is_not_pinned_by_hash_is_noticed() {
    crate::harness::key("ours");
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap();
    let (_, rest) = workflow.split_once("actions/checkout@").unwrap();
    let (hash, _) = rest.split_once(' ').unwrap();
    assert_eq!(hash.len(), 40);
    let file = with(
        "not-pinned",
        &format!("actions/checkout@{hash}"),
        "actions/checkout@v7",
    );
    zizmor(&file).must_fail_with("unpinned-uses");
}

#[test]
fn more_permissions_than_needed_are_noticed() {
    crate::harness::key("ours");
    let file = with(
        "permissions",
        "permissions: {}\n",
        "permissions: write-all\n",
    );
    zizmor(&file).must_fail_with("excessive-permissions");
}

#[test]
fn what_an_outsider_writes_into_a_shell_is_noticed() {
    crate::harness::key("ours");
    let step = "run: make release VERSION=\"${GITHUB_REF_NAME#v}\"";
    let file = with(
        "injection",
        step,
        "run: make release VERSION=\"${{ github.ref_name }}\"",
    );
    zizmor(&file).must_fail_with("template-injection");
}

#[test]
fn a_job_that_is_needed_and_not_there_is_noticed() {
    crate::harness::key("ours");
    let file = with(
        "no-such-job",
        "runs-on: ubuntu-24.04\n",
        "runs-on: ubuntu-24.04\n    needs: nothing\n",
    );
    actionlint(&file).must_fail_with("nothing");
}

/// The action that checks policies, with the release that was built here.
#[test]
fn the_action_checks_policies_with_the_program_whose_sum_it_is_told() {
    crate::harness::key("ours");
    let release = root().join("dist/release");
    let sums = fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    let ending = "-x86_64-unknown-linux-musl";
    let line = sums.lines().find(|line| line.ends_with(ending)).unwrap();
    let (sum, name) = line.split_once("  ").unwrap();
    let version = name.strip_prefix("passgate-").unwrap();
    let version = version.strip_suffix(ending).unwrap();
    let act = |files: &str, sum: &str, strict: &str| {
        run(Command::new(root().join(".github/actions/check/run"))
            .current_dir(root())
            .env("FROM", format!("file://{}", release.display()))
            .env("VERSION", version)
            .env("SHA256", sum)
            .env("FILES", files)
            .env("STRICT", strict)
            .env("FORMAT", "json")
            .env("OUTPUT", ""))
    };
    act("envoy/smallest.yaml\nenvoy/keycloak.yaml\n", sum, "true").must_succeed();
    // A warning: its digest is of zeros.
    act("istio/gateway.yaml", sum, "false").must_succeed();
    act("istio/gateway.yaml", sum, "true").must_fail_with("the digest is of zeros");
    act("envoy/smallest.yaml", &"0".repeat(64), "true")
        .must_fail_with("computed checksum did NOT match");
    act("envoy/smallest.yaml", "", "true").must_fail_with("no properly formatted");
    act("--help", sum, "true").must_fail_with("--help");
}
