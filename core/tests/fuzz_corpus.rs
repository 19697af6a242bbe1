//! The corpus of the fuzzer, replayed: what it once found stays found, without a fuzzer.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

#[path = "../../fuzz/judge.rs"]
mod judge;

use std::{collections::BTreeSet, fs, path::Path};

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 8] = [
    ("claims", judge::claims),
    ("configuration", judge::configuration),
    ("header", judge::header),
    ("jwk_set", judge::jwk_set),
    ("proof", judge::proof),
    ("request", judge::request),
    ("status_list", judge::status_list),
    ("token", judge::token),
];

#[test]
fn every_input_of_the_corpus_is_judged_without_a_complaint() {
    for (name, judge) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(name);
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            judge(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 5, "{name}: {count} inputs");
    }
}

#[test]
fn every_target_is_replayed() {
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz")
            .join(folder);
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let replayed = BTreeSet::from(TARGETS.map(|(name, _)| name.to_owned()));
    assert_eq!(names("targets"), replayed);
    assert_eq!(names("corpus"), replayed);
}
