//! What is read of a document, and what is not.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{START, document, document_of};
use crate::{
    json::Unreadable,
    revocation::{
        Kind, ListBounds,
        edition::Edition,
        entries::Entries,
        entry::Before,
        reader::{Draft, Reader},
    },
    time::UnixTime,
};

const BOUNDS: ListBounds = ListBounds {
    entries: 10_000,
    bytes: 1 << 20,
};

fn read_within(text: &str, bounds: ListBounds) -> Result<(Draft, usize), Unreadable> {
    let mut reader = Reader::new(text.as_bytes().to_vec(), &Entries::new(), bounds)?;
    for slices in 1..10_000 {
        if reader.read_slice()? {
            return reader.take_draft().map(|draft| (draft, slices));
        }
    }
    panic!("reading never ends");
}

fn read(text: &str) -> Result<Draft, String> {
    let read = read_within(text, BOUNDS);
    read.map(|(draft, _)| draft)
        .map_err(|unreadable| unreadable.to_string())
}

#[test]
fn a_document_says_which_edition_it_is_and_whom_it_names() {
    let hash = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";
    let key = format!(r#"{{"jkt":"{hash}"}}"#);
    let credential = format!(r#"{{"credential":"{hash}","reason":"lost"}}"#);
    let text = document_of(
        3,
        42,
        START,
        r#","after":41,"comment":{"by":["feed"]}"#,
        &[
            r#" {"sub":"alice","not_before":1795900000} "#,
            r#"{"sid":"s-1"}"#,
            r#"{"jti":"t-1","not_before":1795900000.5}"#,
            r#"{"client_id":"c-1","not_before":99999999999}"#,
            &credential,
            r#"{"aaguid":"EE882879-721c-4913-9775-3DFCCE97072A"}"#,
            &key,
            r#"{"sub":"\u0062ob"}"#,
        ],
    );
    let draft = read(&text).unwrap();
    assert_eq!(
        draft.edition,
        Edition {
            epoch: 3,
            sequence: 42,
            generated_at: UnixTime::from_secs(START)
        }
    );
    assert_eq!((draft.after, draft.skipped), (Some(41), 0));
    let find = |kind, name| draft.entries.find(kind, name).map(Before::seconds);
    assert_eq!(find(Kind::Subject, "alice"), Some(Some(START)));
    assert_eq!(find(Kind::Session, "s-1"), Some(None));
    assert_eq!(find(Kind::Token, "t-1"), Some(Some(START + 1)));
    assert_eq!(find(Kind::Client, "c-1"), Some(None));
    assert_eq!(find(Kind::Credential, hash), Some(None));
    let aaguid = "ee882879-721c-4913-9775-3dfcce97072a";
    assert_eq!(find(Kind::Aaguid, aaguid), Some(None));
    assert_eq!(find(Kind::Key, hash), Some(None));
    assert_eq!(find(Kind::Subject, "bob"), Some(None));
    for (kind, name) in [
        (Kind::Subject, "s-1"),
        (Kind::Session, "alice"),
        (Kind::Subject, "Alice"),
    ] {
        assert_eq!(find(kind, name), None, "{name}");
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_counted_and_spoils_no_other() {
    let long = format!(r#"{{"sub":"{}"}}"#, "x".repeat(513));
    for odd in [
        "{}",
        "[]",
        "null",
        r#""alice""#,
        r#"{"sub":""}"#,
        r#"{"sub":7}"#,
        r#"{"sub":null}"#,
        r#"{"email":"a@example.com"}"#,
        r#"{"sub":"a","sid":"b"}"#,
        r#"{"sub":"a","sub":"a"}"#,
        r#"{"credential":"short"}"#,
        r#"{"credential":"n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg="}"#,
        r#"{"jkt":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg"}"#,
        r#"{"aaguid":"ee882879721c491397753dfcce97072a"}"#,
        r#"{"aaguid":"ee882879-721c-4913-9775-3dfcce97072g"}"#,
        &long,
    ] {
        let text = document(1, START, &[odd, r#"{"sub":"bob"}"#]);
        let draft = read(&text).unwrap();
        assert_eq!((draft.skipped, draft.entries.len()), (1, 1), "{odd}");
        assert!(draft.entries.find(Kind::Subject, "bob").is_some());
    }
}

/// Milliseconds, a text, and what some libraries write for nothing.
#[test]
fn an_entry_that_says_whom_it_means_and_not_since_when_revokes_everything() {
    for odd in ["1795900000000", "\"1795900000\"", "-1", "null", "[]"] {
        let odd = format!(r#"{{"sub":"alice","not_before":{odd}}}"#);
        let text = document(1, START, &[&odd, r#"{"sub":"bob"}"#]);
        let draft = read(&text).unwrap();
        let alice = draft.entries.find(Kind::Subject, "alice");
        assert_eq!((alice, draft.skipped), (Some(Before::ALWAYS), 1), "{odd}");
    }
}

#[test]
fn a_document_that_breaks_a_rule_is_no_list() {
    let good = document(1, START, &[r#"{"sub":"bob"}"#]);
    assert!(read(&good).is_ok());
    let without = |part: &str| good.replacen(part, "", 1);
    let with = |part: &str, other: &str| good.replacen(part, other, 1);
    let long = format!(r#""x":"{}","version""#, "x".repeat(5_000));
    let blank = " ".repeat(20_000);
    let many: String = (0..20).map(|n| format!("\"m{n}\":0,")).collect();
    for (text, error) in [
        (String::new(), "an object"),
        ("[]".into(), "an object"),
        ("null".into(), "an object"),
        ("{}".into(), "its version is missing"),
        (format!("{good}x"), "nothing more"),
        (format!("{good}{good}"), "nothing more"),
        (
            good[..good.len() - 1].into(),
            "comma or the end of the object",
        ),
        (
            good[..good.len() - 2].into(),
            "comma or the end of the list",
        ),
        (without(r#""version":1,"#), "its version is missing"),
        (with("version\":1", "version\":2"), "its version is not 1"),
        (
            with("version\":1", "version\":\"1\""),
            "its version is not 1",
        ),
        (without(r#""epoch":1,"#), "its epoch is missing"),
        (with("epoch\":1", "epoch\":-1"), "its epoch is not a whole"),
        (
            with("sequence\":1", "sequence\":1.5"),
            "its sequence is not",
        ),
        (
            with("sequence\":1", "sequence\":1e3"),
            "its sequence is not",
        ),
        (without(r#""sequence":1,"#), "its sequence is missing"),
        (
            with(&START.to_string(), "\"now\""),
            "its generated_at is not",
        ),
        (
            with("generated_at", "made_at"),
            "its generated_at is missing",
        ),
        (with("entries", "others"), "its entries are missing"),
        (with("\"entries\":[", "\"entries\":{"), "a list of entries"),
        (
            with("\"version\"", "\"version\":1,\"version\""),
            "no member twice",
        ),
        (
            with("{\"version\"", "{\"entries\":[],\"version\""),
            "no member twice",
        ),
        (
            with("{\"version\"", "{\"\\u0065poch\":1,\"version\""),
            "no member twice",
        ),
        (with("{\"version\"", "{version"), "a value"),
        (with("{\"version\"", "{,\"version\""), "a value"),
        (with(",\"epoch\"", "\"epoch\""), "a comma"),
        (with("[{", "[,{"), "a value"),
        (with("}]", "},]"), "a value"),
        (with("[{", "[[[{"), "a value"),
        (
            with("{\"version\"", "{\"x\":{\"a\":1,\"a\":1},\"version\""),
            "strict JSON",
        ),
        (with("\"version\"", &long), "a value that is not too long"),
        (
            with("{\"version", &format!("{{{blank}\"version")),
            "a value",
        ),
        (
            with("{\"version", &format!("{{{many}\"version")),
            "fewer members",
        ),
        (format!("\u{feff}{good}"), "an object"),
    ] {
        let read = read(&text).map(|draft| draft.edition);
        assert!(
            read.as_ref().is_err_and(|said| said.contains(error)),
            "{text}: {read:?}, expected {error}"
        );
    }
    let not_text = [&good.as_bytes()[..good.len() - 5], b"\xff\"}]}"].concat();
    let mut reader = Reader::new(not_text, &Entries::new(), BOUNDS).unwrap();
    assert!(reader.read_slice().is_err());
}

/// Around the length that is looked at first, and with a character across its end.
#[test]
fn entries_of_every_length_are_read() {
    for length in (200..300).chain([500, 511, 512]) {
        for name in [
            "x".repeat(length),
            "é".repeat(length / 2),
            format!("x{}", "é".repeat(120)),
        ] {
            let text = document(1, START, &[&format!(r#"{{"sub":"{name}"}}"#), "{}"]);
            let draft = read(&text).unwrap();
            assert!(
                draft.entries.find(Kind::Subject, &name).is_some(),
                "{length}"
            );
            assert_eq!(draft.skipped, 1);
        }
    }
}

#[test]
fn bytes_and_entries_are_bounded() {
    let entries: Vec<String> = (0..20).map(|n| format!(r#"{{"sub":"p{n}"}}"#)).collect();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let text = document(1, START, &entries);
    let within = |entries, bytes| read_within(&text, ListBounds { entries, bytes }).map(|_| ());
    assert_eq!(within(20, text.len()), Ok(()));
    assert_eq!(within(19, text.len()), Err(Unreadable::TooMany(19)));
    assert_eq!(within(20, text.len() - 1), Err(Unreadable::TooLarge));
    let odd = document(1, START, &["{}", "{}", "{}"]);
    let odd = read_within(
        &odd,
        ListBounds {
            entries: 2,
            bytes: 1_000,
        },
    )
    .map(|_| ());
    assert_eq!(odd, Err(Unreadable::TooMany(2)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of any entries in any order, with any white space, each name is found with the latest of its
    /// times, and no other is.
    #[test]
    fn what_is_written_is_what_is_found(
        entries in prop::collection::vec((0..4usize, 0..600u32, prop::option::of(1..90_000u64)), 0..1_500),
        space in "[ \t\n\r]{0,3}",
    ) {
        let mut model: BTreeMap<(Kind, String), Option<u64>> = BTreeMap::new();
        let mut texts = Vec::new();
        for (kind, name, before) in &entries {
            let (kind, name) = (Kind::ALL[*kind], format!("nämé-{name}\""));
            let quoted = serde_json::to_string(&name).unwrap();
            let mut text = format!("{{{space}\"{}\"{space}:{space}{quoted}", kind.name());
            if let Some(before) = before {
                text = format!("{text}{space},\"not_before\":{before}");
            }
            texts.push(format!("{text}{space}}}{space}"));
            let held = model.entry((kind, name)).or_insert(*before);
            *held = (*held).zip(*before).map(|(one, other)| one.max(other));
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let text = document(1, START, &texts);
        let (draft, slices) = read_within(&text, BOUNDS).unwrap();
        prop_assert!(slices > entries.len() / 1_600);
        prop_assert_eq!(draft.entries.len(), model.len());
        for kind in Kind::ALL {
            let of_kind = model.keys().filter(|(other, _)| *other == kind).count();
            prop_assert_eq!(draft.entries.count(kind), of_kind);
            for name in 0..600 {
                let name = format!("nämé-{name}\"");
                let found = draft.entries.find(kind, &name).map(Before::seconds);
                prop_assert_eq!(found, model.get(&(kind, name)).copied());
            }
        }
    }

    /// No bytes make the reader panic or read for ever.
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0..200usize) {
        let good = document(1, START, &[r#"{"sub":"bob","not_before":1}"#, "{}"]);
        let mut text = good.as_bytes()[..cut.min(good.len())].to_vec();
        text.extend(bytes);
        if let Ok(mut reader) = Reader::new(text, &Entries::new(), BOUNDS) {
            let ends = (0..1_000).any(|_| reader.read_slice() != Ok(false));
            prop_assert!(ends);
        }
    }
}
