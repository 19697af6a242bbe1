//! The log: one JSON object a line, on standard error. Nothing secret and no name of a person
//! stands in it.

use std::io::Write as _;

use serde_json::{Map, Value};

use crate::clock;

/// Something that is worth a line.
pub(crate) fn info(what: &str, members: &[(&str, &str)]) {
    write("info", what, members);
}

/// Something that an operator should look into.
pub(crate) fn warn(what: &str, members: &[(&str, &str)]) {
    write("warn", what, members);
}

fn write(level: &str, what: &str, members: &[(&str, &str)]) {
    let time = clock::now().as_millis();
    let mut line = Map::new();
    line.insert("time_unix_ms".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), what.into());
    for (name, value) in members {
        line.insert((*name).to_owned(), shown(value).into());
    }
    let mut line = Value::Object(line).to_string();
    line.push('\n');
    // There is nobody to tell that the log cannot be written.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Text of others, cut.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
