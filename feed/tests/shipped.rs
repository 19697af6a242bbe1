//! The files that people copy.

mod running;

use std::{fs, path::Path, process::Command};

use passgate_harness::Issuer;

use running::Feed;

#[test]
fn alerts_and_page_name_metrics_that_there_are() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let exposed = feed.metrics();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = ["../docs/feed.md", "../docs/passkeys-from-keycloak.md"];
    for file in ["alerts.yaml", "dashboard.json"].iter().chain(&pages) {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        let word = |byte: char| !byte.is_ascii_alphanumeric() && byte != '_';
        let names = text
            .split(word)
            .filter(|word| word.starts_with("passgate_feed_"));
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 2, "{file}: {names:?}");
        for name in names {
            assert!(exposed.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}

#[test]
fn the_example_is_accepted() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate-feed"));
    let secret = "0123456789abcdef0123456789abcdef";
    for name in ["FEED_OPERATOR", "FEED_READER", "FEED_PUSH"] {
        command.env(name, secret);
    }
    let folder = env!("CARGO_MANIFEST_DIR");
    let output = command
        .args(["--check", "feed.yaml"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_example_of_the_other_role_is_accepted() {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let secret = "0123456789abcdef0123456789abcdef";
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate-feed"));
    for (name, value) in [
        ("CREDENTIALS_READER", secret),
        ("CREDENTIALS_CLIENT", secret),
        ("CREDENTIALS_KEY", &key),
    ] {
        command.env(name, value);
    }
    let words = ["--check", "credentials", "credentials.yaml"];
    let output = command
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}
