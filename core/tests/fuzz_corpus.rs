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

const TARGETS: [(&str, Target); 16] = [
    ("authenticator_data", |data| {
        _ = judge::authenticator_data(data)
    }),
    ("cbor", |data| _ = judge::cbor(data)),
    ("certificate", |data| _ = judge::certificate(data)),
    ("claims", judge::claims),
    ("client_data", |data| _ = judge::client_data(data)),
    ("configuration", judge::configuration),
    ("cose", |data| _ = judge::cose(data)),
    ("credentials", |data| _ = judge::credentials(data)),
    ("header", judge::header),
    ("jwk_set", judge::jwk_set),
    ("proof", judge::proof),
    ("request", judge::request),
    ("session", |data| _ = judge::session(data)),
    ("statement", |data| _ = judge::statement(data)),
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

/// Else what is asked of those that pass would never be asked.
#[test]
fn what_is_good_about_an_approval_would_pass() {
    let read = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        fs::read(folder.join(name)).unwrap()
    };
    assert!(judge::statement(&read("statement/good")));
    assert!(!judge::statement(&read("statement/another-amount")));
    for (name, passes) in [
        ("good", true),
        ("with-token", true),
        ("fraction", true),
        ("too-long", false),
        ("over", false),
        ("another-key", false),
    ] {
        let input = read(&format!("session/{name}"));
        assert_eq!(judge::session(&input), passes, "{name}");
    }
    for (name, passes) in [
        ("good", true),
        ("whole", true),
        ("another-person", false),
        ("another-issuer", false),
        ("disabled", false),
        ("two-keys", false),
    ] {
        let input = read(&format!("credentials/{name}"));
        assert_eq!(judge::credentials(&input), passes, "{name}");
    }
    assert!(judge::client_data(&read("client_data/good")));
    assert!(!judge::client_data(&read("client_data/created")));
    assert!(judge::authenticator_data(&read(
        "authenticator_data/extended"
    )));
    assert!(!judge::authenticator_data(&read(
        "authenticator_data/nobody"
    )));
    for (name, is_workload) in [
        ("good", true),
        ("pem", true),
        ("long-name", true),
        ("two-uris", false),
        ("authority", false),
        ("another-domain", false),
        ("cut", false),
    ] {
        let input = read(&format!("certificate/{name}"));
        assert_eq!(judge::certificate(&input), is_workload, "{name}");
    }
    assert!(judge::cbor(&read("cbor/deep")));
    assert!(!judge::cbor(&read("cbor/deeper")));
    for key in ["es256", "es384", "es512", "ed25519", "rs256"] {
        assert!(judge::cose(&read(&format!("cose/{key}"))), "{key}");
    }
    assert!(!judge::cose(&read("cose/ed448")));
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
