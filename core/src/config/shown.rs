//! How a value of the configuration is shown in an error: JSON-escaped, cut, and never a whole structure.

use crate::{json::Json, limits};

/// A text, quoted, escaped and cut to [`limits::SHOWN_BYTES`].
pub(super) fn text(text: &str) -> String {
    let mut end = text.len().min(limits::SHOWN_BYTES);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let cut = if end < text.len() { "…" } else { "" };
    let shown = join(&[text.get(..end).unwrap_or_default(), cut]);
    let quoted = Json::String(shown.into()).to_string();
    // JSON leaves these control characters as they are; a log must not.
    quoted.replace(|c: char| c.is_control(), "\u{fffd}")
}

/// `60 is a number; write …`. Lists and objects are not shown: they are long, and may hold what is secret.
pub(super) fn mismatch(seen: &Json, wanted: &str) -> String {
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
pub(super) fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// `a, b or c`
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => join(&[&first.join(", "), " or ", *last]),
    }
}
