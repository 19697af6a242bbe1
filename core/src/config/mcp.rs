//! Calls of MCP that rules name.

use super::{McpMatch, raw::RawMcp};
use crate::{
    decode::{At, Field, Filled, Problems, Text, shown},
    limits,
};

/// The methods whose calls have a name that rules look at.
const WITH_NAMES: [&str; 2] = ["tools/call", "prompts/get"];

/// The calls that a rule is about.
#[inline(never)]
pub(super) fn calls(raw: RawMcp, at: At<'_>, problems: &mut Problems) -> Option<McpMatch> {
    if raw.methods.is_absent() && raw.names.is_absent() {
        let seen = ["says nothing of the call"];
        problems.add(at, &seen, &["write methods, names, or both"]);
        return None;
    }
    let has_names = !raw.names.is_absent();
    let is_whole = raw.methods.is_whole() && raw.names.is_whole();
    let mut methods = texts(raw.methods, false, at.member("methods"), problems);
    if has_names {
        for method in methods.iter().filter(|it| !WITH_NAMES.contains(&&***it)) {
            let seen = [&shown::text(method), " calls nothing by a name"];
            let wanted = ["write a rule of its own for it, without names"];
            problems.add(at.member("methods"), &seen, &wanted);
        }
        if methods.is_empty() {
            methods = WITH_NAMES.map(str::to_owned).to_vec();
        }
    }
    let names = texts(raw.names, true, at.member("names"), problems);
    is_whole.then_some(McpMatch { methods, names })
}

/// Methods, or names with or without a final `*`. Visible ASCII: what else a call names is not told
/// apart from other calls.
fn texts(
    raw: Field<Filled<Text>>,
    are_names: bool,
    at: At<'_>,
    problems: &mut Problems,
) -> Vec<String> {
    let (seen, wanted) = if are_names {
        let wanted = "write visible ASCII, with * at the end alone for the rest of the name";
        ("is not the name of a tool", wanted)
    } else {
        (
            "is not a method of MCP",
            "write it whole, such as tools/call",
        )
    };
    let mut texts = Vec::new();
    let list = raw.given().into_iter();
    for (index, Text(text)) in list.flat_map(Filled::into_numbered) {
        let fixed = text.strip_suffix('*').filter(|_| are_names);
        let is_plain = fixed
            .unwrap_or(&text)
            .bytes()
            .all(|it| it.is_ascii_graphic() && it != b'*');
        if is_plain && (1..=limits::MCP_NAME_BYTES).contains(&text.len()) {
            texts.push(text);
        } else {
            let seen = [&shown::text(&text), " ", seen];
            problems.add(at.element(index), &seen, &[wanted]);
        }
    }
    texts
}
