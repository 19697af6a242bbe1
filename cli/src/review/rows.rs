//! Who used which assurance where, as CSV.

use std::{collections::BTreeMap, ffi::OsStr};

use serde_json::Value;

use super::{each_record, strings, text_of};

const COLUMNS: [&str; 13] = [
    "who", "provider", "actor", "kind", "rule", "decision", "facts", "proof", "roles", "product",
    "requests", "first", "last",
];

/// How often, and when first and last.
#[derive(Default)]
struct Uses {
    requests: u64,
    first: String,
    last: String,
}

/// The rows of all records about a caller that is known, sorted.
pub(super) fn table(names: &[&OsStr]) -> Result<String, String> {
    let mut rows: BTreeMap<[String; 10], Uses> = BTreeMap::new();
    each_record(names, |record| {
        let Some(key) = key(record) else { return };
        let time = text_of(record, "time").unwrap_or_default();
        let uses = rows.entry(key).or_default();
        uses.requests = uses.requests.saturating_add(1);
        if uses.first.is_empty() || time < uses.first.as_str() {
            uses.first = time.to_owned();
        }
        if time > uses.last.as_str() {
            uses.last = time.to_owned();
        }
    })?;
    let mut text = line(COLUMNS.into_iter());
    for (key, uses) in &rows {
        let requests = uses.requests.to_string();
        let counted = [&*requests, &*uses.first, &*uses.last];
        text += &line(key.iter().map(String::as_str).chain(counted));
    }
    Ok(text)
}

/// What makes a row. `None`: nobody knows who it was.
fn key(record: &Value) -> Option<[String; 10]> {
    let text = |member: &str| text_of(record, member).unwrap_or_default().to_owned();
    let who = text_of(record, "subject").or(text_of(record, "peer"))?;
    let decision = match record
        .get("shadow")
        .and_then(|shadow| text_of(shadow, "decision"))
    {
        Some(decision) => format!("shadow: {decision}"),
        None => text("decision"),
    };
    let rule = match (text_of(record, "rule_name"), record.get("rule")) {
        (Some(name), _) => name.to_owned(),
        (None, Some(index)) => format!("rules[{index}]"),
        (None, None) => String::new(),
    };
    let list = |member: &str| strings(record, member).collect::<Vec<_>>().join(" ");
    let proof = record.get("proof").and_then(|proof| text_of(proof, "kind"));
    Some([
        who.to_owned(),
        text("provider"),
        text("actor"),
        text("kind"),
        rule,
        decision,
        list("facts"),
        proof.unwrap_or_default().to_owned(),
        list("roles"),
        text("product"),
    ])
}

/// A line of CSV (RFC 4180).
fn line<'f>(fields: impl Iterator<Item = &'f str>) -> String {
    let fields: Vec<String> = fields.map(field).collect();
    fields.join(",") + "\n"
}

/// A field that no spreadsheet takes for a formula: a subject is what an issuer says. Where commas
/// stand in numbers, a spreadsheet may take semicolons for what separates cells, and cuts there.
fn field(text: &str) -> String {
    let begins = |c: char| "=+-@\t\r\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c);
    let mut plain = String::with_capacity(text.len());
    let mut is_begin = true;
    for c in text.chars() {
        if is_begin && begins(c) {
            plain.push('\'');
        }
        is_begin = c == ';' || is_begin && (c == '"' || c.is_whitespace());
        plain.push(if c.is_control() { ' ' } else { c });
    }
    if plain.contains([',', '"', ';']) {
        return format!("\"{}\"", plain.replace('"', "\"\""));
    }
    plain
}
