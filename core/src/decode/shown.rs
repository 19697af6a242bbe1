//! How a value of a document is shown in a message: JSON-escaped, cut, and never a whole structure.

use crate::{json::Json, text::cut};

/// A text, quoted, escaped and cut to [`SHOWN_BYTES`](crate::limits::SHOWN_BYTES).
pub fn text(text: &str) -> String {
    let start = cut(text);
    let more = if start.len() < text.len() { "…" } else { "" };
    let shown = join(&[start, more]);
    let quoted = Json::String(shown.into()).to_string();
    // JSON leaves these control characters as they are; a log must not.
    quoted.replace(|c: char| c.is_control(), "\u{fffd}")
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
