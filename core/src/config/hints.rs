//! What to write instead of a field that is not ours.

use super::suggest;

/// The text for an unknown field of a record.
pub(super) fn unknown(record: &str, name: &str, fields: &[&str]) -> String {
    match suggest::closest(name, fields.iter().copied()) {
        Some(field) => ["unknown here; did you mean ", field, "?"].concat(),
        None => ["unknown here; ", record, " takes ", &fields.join(", ")].concat(),
    }
}
