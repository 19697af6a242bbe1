//! The record as one line of JSON in ASCII. It is written for every request, so it is written in
//! one go: both a general serialiser and `fmt` would cost more.

use core::fmt::Write as _;

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Line {
    text: String,
    /// What comes next is the first of its kind.
    is_first: bool,
}

/// Bytes of most records, so that they are not copied while they grow.
const USUAL_BYTES: usize = 512;

impl Line {
    /// What an object with these members looks like.
    pub(crate) fn write(members: impl FnOnce(&mut Self)) -> String {
        let text = String::with_capacity(USUAL_BYTES);
        let mut line = Self {
            text,
            is_first: true,
        };
        line.enclose("{", members, "}");
        line.text
    }

    /// A member that is a string; left out where there is none.
    pub(crate) fn string(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            self.quote(value);
        }
    }

    /// A member that is a word of ours, with nothing to escape; left out where there is none.
    pub(crate) fn word(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.name(name);
            self.text.push('"');
            self.text.push_str(value);
            self.text.push('"');
        }
    }

    /// A member that is a number; left out where there is none.
    pub(crate) fn number(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.name(name);
            // Writing into a string cannot fail.
            let _ = write!(self.text, "{}", value.into());
        }
    }

    /// A member that is true; left out where it is not.
    pub(crate) fn truth(&mut self, name: &str, value: bool) {
        if value {
            self.name(name);
            self.text.push_str("true");
        }
    }

    /// A member that is a list of strings; left out where it is empty.
    pub(crate) fn strings<S: AsRef<str>>(&mut self, name: &str, values: &[S]) {
        if values.is_empty() {
            return;
        }
        self.name(name);
        self.enclose(
            "[",
            |line| {
                for value in values {
                    line.separate();
                    line.quote(value.as_ref());
                }
            },
            "]",
        );
    }

    /// A member that is an object.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Self)) {
        self.name(name);
        self.enclose("{", members, "}");
    }

    fn enclose(&mut self, start: &str, content: impl FnOnce(&mut Self), end: &str) {
        self.text.push_str(start);
        self.is_first = true;
        content(self);
        self.is_first = false;
        self.text.push_str(end);
    }

    /// A comma, unless this is the first of its kind.
    fn separate(&mut self) {
        if !self.is_first {
            self.text.push(',');
        }
        self.is_first = false;
    }

    /// The names are ours, and have nothing to escape.
    fn name(&mut self, name: &str) {
        self.separate();
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// RFC 8259 section 7, in ASCII.
    fn quote(&mut self, mut value: &str) {
        self.text.push('"');
        while let Some(at) = value.bytes().position(|byte| !stands_for_itself(byte)) {
            let (plain, rest) = value.split_at_checked(at).unwrap_or_default();
            self.text.push_str(plain);
            let mut rest = rest.chars();
            if let Some(character) = rest.next() {
                self.escape(character);
            }
            value = rest.as_str();
        }
        self.text.push_str(value);
        self.text.push('"');
    }

    /// Twelve characters for what lies beyond the basic plane.
    fn escape(&mut self, character: char) {
        match character {
            '"' => self.text.push_str("\\\""),
            '\\' => self.text.push_str("\\\\"),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(self.text, "\\u{unit:04x}");
                }
            }
        }
    }
}

const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Line;

    #[test]
    fn members_that_are_not_there_are_left_out() {
        let line = Line::write(|line| {
            line.string("a", None);
            line.string("b", Some("{"));
            line.word("b", Some("word"));
            line.number("c", None::<u8>);
            line.truth("d", false);
            line.truth("e", true);
            line.strings::<&str>("f", &[]);
            line.object("g", |line| {
                line.strings("h", &["[", "i,"]);
                line.number("j", Some(7_u8));
            });
            line.number("k", Some(u64::MAX));
        });
        let expected =
            r#"{"b":"{","b":"word","e":true,"g":{"h":["[","i,"],"j":7},"k":18446744073709551615}"#;
        assert_eq!(line, expected);
    }

    proptest! {
        #[test]
        fn a_string_is_ascii_and_reads_as_it_was(text: String) {
            let line = Line::write(|line| line.string("text", Some(&text)));
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(serde_json::from_str::<Value>(&line).ok(), Some(json!({ "text": text })));
        }
    }
}
