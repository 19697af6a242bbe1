//! How a value of a document is shown in a message: JSON-escaped, cut, and never a whole structure.

use crate::{json::Json, limits, text::cut};

/// A text, quoted, escaped and cut to [`limits::SHOWN_BYTES`].
pub fn text(text: &str) -> String {
    let start = cut(text);
    let more = if start.len() < text.len() { "…" } else { "" };
    let shown = join(&[start, more]);
    let quoted = Json::String(shown.into()).to_string();
    // JSON leaves these control characters as they are; a log must not.
    quoted.replace(|c: char| c.is_control(), "\u{fffd}")
}

/// `60 is a number; write …`. Lists and objects are not shown: they are long, and may hold what is secret.
pub fn mismatch(seen: &Json, wanted: &str) -> String {
    let value = match seen {
        Json::String(seen) => Some(text(seen)),
        Json::Number(digits) if digits.len() <= limits::SHOWN_BYTES => {
            Some(String::from(&**digits))
        }
        Json::Bool(true) => Some("true".to_owned()),
        Json::Bool(false) => Some("false".to_owned()),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => None,
    };
    match value {
        Some(value) => join(&[&value, " is ", seen.kind(), "; write ", wanted]),
        None if *seen == Json::Null => join(&["null; leave the field out, or write ", wanted]),
        None => join(&[seen.kind(), "; write ", wanted]),
    }
}

/// One text from its parts: out of line, since there are many messages and the module has a budget.
#[inline(never)]
pub fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// `a, b or c`
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => join(&[&first.join(", "), " or ", *last]),
    }
}
