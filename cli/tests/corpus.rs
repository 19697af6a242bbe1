//! Every refusal has a file in `cli/tests/corpus/bad` and beside it the text that people read;
//! every good configuration is one that stays accepted. `BLESS=1 cargo test` rewrites the texts for
//! review.
#![allow(clippy::expect_used, reason = "tests")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// All configurations in a folder, and a check that no text stands there without one.
fn configurations(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(folder);
    let entries = fs::read_dir(folder).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let (texts, mut files): (Vec<_>, Vec<_>) =
        paths.partition(|path| path.extension().is_some_and(|e| e == "txt"));
    for text in texts {
        assert!(
            files.contains(&text.with_extension("")),
            "{} belongs to no file",
            text.display()
        );
    }
    files.sort();
    files
}

/// Checks every file of a folder; what it prints must stand beside it.
fn check_all(folder: &str, status: i32) -> Vec<String> {
    let bless = env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let mut outputs = Vec::new();
    for file in configurations(folder) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
        let output = command
            .arg("check")
            .arg(&file)
            .output()
            .expect("the program runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        if output.status.code() != Some(status) || !output.stderr.is_empty() {
            wrong.push(format!("{}: {}\n{text}", file.display(), output.status));
        }
        let mut beside = file.clone().into_os_string();
        beside.push(".txt");
        if bless {
            fs::write(&beside, &text).expect("the text is written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if expected != text {
            wrong.push(format!(
                "{}:\n--- expected\n{expected}--- printed\n{text}",
                file.display()
            ));
        }
        outputs.push(text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    outputs
}

#[test]
fn every_bad_configuration_is_refused_with_the_text_beside_it() {
    let outputs = check_all("bad", 1);
    assert!(outputs.len() > 60, "the files were found");
    for output in &outputs {
        for secret in ["jpsQnnQGmL", "c2VjcmV0", "user:secret"] {
            assert!(!output.contains(secret), "{output}");
        }
        let odd = |c: char| c.is_control() && c != '\n';
        assert!(!output.contains(odd), "{output:?}");
    }
}

#[test]
fn every_good_configuration_is_accepted_with_the_text_beside_it() {
    assert!(check_all("good", 0).len() > 5, "the files were found");
}

#[test]
fn every_file_of_envoy_that_we_ship_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy");
    let mut checked = 0;
    for entry in fs::read_dir(folder).expect("the folder") {
        let file = entry.expect("an entry").path();
        if file.is_dir() {
            continue; // what goes with a file
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
        let output = command
            .arg("check")
            .arg(&file)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}: {output:?}", file.display());
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!text.contains("warning"), "{}: {text}", file.display());
        checked += 1;
    }
    assert!(checked > 0, "the files were found");
}
