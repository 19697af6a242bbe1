//! Text that others wrote, as operators see it.

pub(crate) mod host;
pub(crate) mod percent;

use crate::limits;

/// A value from a token, cut at a character boundary.
pub(crate) fn shown(text: &str) -> String {
    cut(text).to_owned()
}

/// The beginning of a text, at most [`limits::SHOWN_BYTES`] bytes of it.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(limits::SHOWN_BYTES);
    text.get(..end).unwrap_or_default()
}
