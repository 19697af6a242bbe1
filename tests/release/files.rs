//! The files of a release.

use crate::harness::{MODULE, Release, VERSION, built, documented, run};
use std::fs;
use std::process::Command;

const SIGNED: &str = "cosign verify-blob $SIGNER";
const INSIDE: &str = "verify-blob-attestation $SIGNER --type cyclonedx";
const BUILT: &str = "verify-blob-attestation $SIGNER --type slsaprovenance1";
const REFUSED: &str = "error during command execution";
const SAME: &str = "cd dist/release && sha256sum";

#[test]
fn the_files_are_signed() {
    let release = Release::signed("signed-files");
    let said = release.verify(SIGNED, "ours", "").must_succeed();
    assert!(said.contains(&format!("{}: OK", *MODULE)), "{said}");
}

#[test]
fn a_file_with_one_byte_changed_is_not_signed() {
    let release = Release::signed("changed-file");
    release.change_a_byte(&MODULE);
    release
        .verify(SIGNED, "ours", "")
        .must_fail_with(&format!("{}: FAILED", *MODULE));
}

#[test]
fn sums_with_one_byte_changed_are_not_signed() {
    let release = Release::signed("changed-sums");
    release.change_a_byte("SHA256SUMS");
    release.verify(SIGNED, "ours", "").must_fail_with(REFUSED);
}

#[test]
fn what_another_key_signed_is_not_signed() {
    let release = Release::signed("other-key-files");
    for block in [SIGNED, INSIDE, BUILT] {
        release.verify(block, "ours", "").must_succeed();
        release.verify(block, "other", "").must_fail_with(REFUSED);
    }
}

#[test]
fn what_is_in_each_file_is_said_and_signed() {
    let release = Release::signed("inside-files");
    let program = format!("passgate-{VERSION}-aarch64-unknown-linux-musl");
    for (file, holds, holds_not) in [
        (
            MODULE.as_str(),
            "pkg:cargo/proxy-wasm@",
            "pkg:cargo/serde-saphyr@",
        ),
        (&program, "pkg:cargo/serde-saphyr@", "pkg:cargo/proxy-wasm@"),
    ] {
        let said = release.verify_file(INSIDE, "ours", "", file).must_succeed();
        assert!(said.contains(holds) && !said.contains(holds_not), "{said}");
    }
}

#[test]
fn the_list_of_another_build_is_refused() {
    let release = Release::signed("list-of-another");
    let program = format!("passgate-{VERSION}-x86_64-unknown-linux-musl");
    fs::copy(
        release.folder.join(format!("{program}.cdx.sigstore.json")),
        release
            .folder
            .join(format!("{}.cdx.sigstore.json", *MODULE)),
    )
    .unwrap();
    release.verify(INSIDE, "ours", "").must_fail_with(REFUSED);
}

#[test]
fn who_built_it_from_what_is_said_and_signed() {
    let release = Release::signed("provenance-files");
    // The file beside the signed bundle is not what is shown.
    let unsigned = format!("passgate-{VERSION}.provenance.json");
    fs::write(release.folder.join(unsigned), "{}").unwrap();
    let said = release.verify(BUILT, "ours", "").must_succeed();
    assert!(
        said.contains("\"gitCommit\"") && said.contains("\"id\""),
        "{said}"
    );
    release.change_a_byte(&MODULE);
    release.verify(BUILT, "ours", "").must_fail_with(REFUSED);
}

/// `make test-reproducible` compares with a second build; here the command itself is tried.
#[test]
fn an_own_build_is_compared_file_by_file() {
    let release = Release::signed("own-build");
    let own = release.folder.join("own/dist/release");
    crate::harness::copy(&built(), &own);
    let compare = || {
        let mut bash = Command::new("bash");
        bash.args(["-c", &documented(SAME)])
            .current_dir(release.folder.join("own"))
            .env("RELEASE", &release.folder);
        run(&mut bash)
    };
    compare().must_succeed();
    crate::harness::change_a_byte(&own.join(MODULE.as_str()));
    compare().must_fail_with(&format!("{}: FAILED", *MODULE));
}
