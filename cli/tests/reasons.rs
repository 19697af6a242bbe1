//! docs/reference/reasons.md names every reason once, and what it says the client saw is what the
//! client sees.
#![allow(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use passgate_core::{Permit, Reason};

/// The cells of each row of `docs/reference/reasons.md` that begins with a code.
fn rows() -> Vec<Vec<&'static str>> {
    let page = include_str!("../../docs/reference/reasons.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim()).collect()
    })
    .collect()
}

fn code<'r>(row: &'r [&str]) -> &'r str {
    row.first().expect("a first cell").trim_matches('`')
}

#[test]
fn every_reason_is_in_the_table_once_and_nothing_else_is() {
    let mut written: Vec<String> = rows().iter().map(|row| code(row).to_owned()).collect();
    let mut known: Vec<String> = Reason::codes()
        .chain(Permit::CODES)
        .map(str::to_owned)
        .collect();
    written.sort();
    known.sort();
    assert_eq!(written, known);
}

#[test]
fn every_refusal_says_what_it_means_what_the_client_saw_why_and_what_to_do() {
    let status: BTreeMap<&str, &str> = [
        ("missing", "401"),
        ("malformed", "401, `invalid_token`"),
        ("untrusted", "401, `invalid_token`"),
        ("ambiguous", "400, `invalid_request`"),
        ("insufficient", "40"),
        ("forbidden", "403"),
        ("unavailable", "503, `Retry-After"),
        ("internal", "500"),
    ]
    .into();
    for row in rows() {
        let blame = code(&row).split('.').next().expect("a blame");
        let is_of_proof = code(&row).contains(".proof") || code(&row) == "untrusted.credential";
        let expected = match blame {
            // What a client of DPoP is told; of a certificate the cell says it, too.
            "missing" | "malformed" | "untrusted" if is_of_proof => Some(&"401, `"),
            _ if code(&row) == "forbidden.body_size" => Some(&"413"),
            _ if code(&row) == "missing.peer" => Some(&"403"),
            _ => status.get(blame),
        };
        let Some(expected) = expected else {
            assert_eq!((blame, row.len()), ("permitted", 2), "{row:?}");
            continue;
        };
        assert_eq!(row.len(), 5, "{row:?}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        assert!(
            row.get(2).is_some_and(|saw| saw.starts_with(expected)),
            "{row:?}"
        );
    }
}
