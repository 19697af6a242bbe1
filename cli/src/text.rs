//! Text of others, as people see it in a terminal.

/// A text that neither ends its line nor steers a terminal, and that is read in the order in which
/// it is written: it may be what a token says, or stand in a file that somebody else has written.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// Whether what follows is shown in another direction (UAX #9 section 2).
const fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same of a message with several lines.
pub(crate) fn line_by_line(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(on_one_line).collect();
    lines.join("\n")
}
