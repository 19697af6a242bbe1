//! The images of a release, in a registry.

use crate::harness::{Registry, Release, change_a_byte, documented_blocks, root, run};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const SIGNED: &str = "cosign verify $SIGNER";
const INSIDE: &str = "verify-attestation $SIGNER --type cyclonedx \"$IMAGE\"";
const VULNERABLE: &str = "verify-attestation $SIGNER --type openvex";
const BUILT: &str = "verify-attestation $SIGNER --type slsaprovenance1 \"$IMAGE\"";
const REFUSED: &str = "error during command execution";
const ALL: [&str; 4] = [SIGNED, INSIDE, VULNERABLE, BUILT];

#[test]
fn each_form_is_signed_with_all_that_is_said_of_it() {
    let release = Release::signed("images");
    let registry = Registry::start("images");
    let images = registry.publish(&release, "ours");
    let chart = images.last().unwrap().clone();
    // The chart has no crates, and its images are said what is known of.
    let holds = [
        "proxy-wasm",
        "proxy-wasm",
        "proxy-wasm",
        "tokio-postgres",
        "serde-saphyr",
    ];
    for (image, holds) in images.into_iter().zip(holds) {
        release.verify(SIGNED, "ours", &image).must_succeed();
        let inside = release.verify(INSIDE, "ours", &image).must_succeed();
        assert!(inside.contains(&format!("pkg:cargo/{holds}@")), "{inside}");
        let known = release.verify(VULNERABLE, "ours", &image).must_succeed();
        assert!(
            known.contains("RUSTSEC-2023-0071") && known.contains("not_affected"),
            "{known}"
        );
        let built = release.verify(BUILT, "ours", &image).must_succeed();
        assert!(built.contains("gitCommit"), "{built}");
    }
    release.verify(SIGNED, "ours", &chart).must_succeed();
    let built = release.verify(BUILT, "ours", &chart).must_succeed();
    assert!(built.contains("gitCommit"), "{built}");
}

#[test]
fn no_command_of_the_page_is_left_untried() {
    // These four and the four of `files`.
    assert_eq!(documented_blocks(), ALL.len() + 4);
}

#[test]
fn an_image_that_another_key_signed_is_refused() {
    let release = Release::signed("other-key-images");
    let registry = Registry::start("other-key-images");
    let images = registry.publish(&release, "other");
    for block in ALL {
        release.verify(block, "other", &images[0]).must_succeed();
        release
            .verify(block, "ours", &images[0])
            .must_fail_with(REFUSED);
    }
}

#[test]
fn an_image_of_another_build_is_refused() {
    let release = Release::signed("another-build");
    let registry = Registry::start("another-build");
    let images = registry.publish(&release, "ours");
    let (name, digest) = images[0].split_once('@').unwrap();

    let another = registry.name("passgate:another");
    let mut change = Command::new("crane");
    change.args([
        "mutate", &images[0], "--label", "one=more", "--tag", &another,
    ]);
    run(&mut change).must_succeed();
    let changed = run(Command::new("crane").args(["digest", &another])).must_succeed();
    let changed = changed.lines().last().unwrap();
    assert_ne!(changed, digest);
    let image = format!("{name}@{changed}");
    for block in ALL {
        release
            .verify(block, "ours", &image)
            .must_fail_with(REFUSED);
    }

    // A person who can write to the registry can say that our statements are about another image.
    // They are not.
    let tag = |digest: &str| format!("{name}:{}", digest.replace(':', "-"));
    run(Command::new("crane").args(["copy", &tag(digest), &tag(changed)])).must_succeed();
    for block in ALL {
        release
            .verify(block, "ours", &image)
            .must_fail_with("does not match any digest in statement");
    }
}

#[test]
fn a_layer_with_one_byte_changed_is_refused() {
    let release = Release::signed("changed-layer");
    let registry = Registry::start("changed-layer");
    let images = registry.publish(&release, "ours");
    release.verify(SIGNED, "ours", &images[0]).must_succeed();
    change_a_byte(&layer(&registry, &images[0]));
    release
        .verify(SIGNED, "ours", &images[0])
        .must_fail_with("validating layer");
}

#[test]
fn a_missing_layer_is_noticed() {
    let release = Release::signed("missing-layer");
    let registry = Registry::start("missing-layer");
    let images = registry.publish(&release, "ours");
    fs::remove_file(layer(&registry, &images[0])).unwrap();
    release
        .verify(SIGNED, "ours", &images[0])
        .must_fail_with("BLOB_UNKNOWN");
}

/// Where the registry keeps the image's layer.
fn layer(registry: &Registry, image: &str) -> PathBuf {
    let manifest = run(Command::new("crane").args(["manifest", image])).must_succeed();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let digest = manifest["layers"][0]["digest"].as_str().unwrap();
    let file = registry.blobs.join(digest.replace(':', "/"));
    assert!(file.exists(), "{}", file.display());
    file
}

/// A key is needed, or the identity of a forge's workflow.
#[test]
fn nobody_signs_without_saying_who_signs() {
    for script in ["tools/sign-release", "tools/publish-release"] {
        let mut sign = Command::new(root().join(script));
        sign.args(["0.1.0", "127.0.0.1:1/passgate"])
            .env_remove("KEY");
        run(&mut sign).must_fail_with("KEY=cosign.key is missing");
    }
}
