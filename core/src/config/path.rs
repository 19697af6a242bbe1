//! Paths of rules: in the normal form that paths of requests are brought to, by the same function. What a request
//! cannot have, a rule cannot name.

use super::{PathPolicy, shown};
use crate::request::path;

/// The normal form of a path; an error continues a sentence that begins with the path.
pub(super) fn normalise(text: &str, policy: PathPolicy) -> Result<String, String> {
    // Requests lose their query before this; in a rule it is a mistake.
    if text.contains('?') {
        return Err(HAS_QUERY.to_owned());
    }
    path::normalise(text.as_bytes(), policy).ok_or_else(|| why_not(text, policy))
}

const HAS_QUERY: &str = "holds a query or fragment, which rules do not see; remove it";

/// Why a path has no normal form: the first reason that applies.
fn why_not(text: &str, policy: PathPolicy) -> String {
    if !text.starts_with('/') {
        return "does not begin with a slash; write the path from the root, such as /api"
            .to_owned();
    }
    if text.contains('#') {
        return HAS_QUERY.to_owned();
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return "holds a character that no path has; percent-encode its UTF-8 bytes".to_owned();
    }
    let mut encoded = text.split('%').skip(1);
    let hex = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !encoded.all(hex) {
        return "holds a % without two hexadecimal digits; write %25 for the sign itself"
            .to_owned();
    }
    let upper = text.to_ascii_uppercase();
    if upper.contains("%00") {
        return "holds %00, which no request may have; remove it".to_owned();
    }
    let switched = [
        (policy.semicolon, ";", "semicolon"),
        (policy.semicolon, "%3B", "semicolon"),
        (policy.backslash, "\\", "backslash"),
        (policy.backslash, "%5C", "backslash"),
        (policy.encoded_slash, "%2F", "encoded_slash"),
        (policy.encoded_percent, "%25", "encoded_percent"),
        (policy.double_slash, "//", "double_slash"),
    ];
    let refused = switched
        .into_iter()
        .find(|(allowed, what, _)| !allowed && upper.contains(what));
    match refused {
        Some((_, what, word)) => {
            let hint = "\", which is refused in requests; write it without, or allow it with path: { allow: [";
            shown::join(&["holds \"", what, hint, word, "] }"])
        }
        None => {
            "holds a \".\" or \"..\" segment, which no request may have; write the path without"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PathPolicy, normalise};

    #[test]
    fn each_spelling_is_refused_by_name_until_it_is_allowed() {
        let none = PathPolicy::default();
        let all = PathPolicy {
            encoded_slash: true,
            double_slash: true,
            semicolon: true,
            encoded_percent: true,
            backslash: true,
        };
        for (text, word) in [
            ("/a%2fb", "encoded_slash"),
            ("/a//b", "double_slash"),
            ("/a;b", "semicolon"),
            ("/a%3bb", "semicolon"),
            ("/a%25b", "encoded_percent"),
            ("/a\\b", "backslash"),
            ("/a%5cb", "backslash"),
        ] {
            let problem = normalise(text, none).unwrap_err();
            assert!(problem.contains(word), "{text}: {problem}");
            assert!(normalise(text, all).is_ok(), "{text}");
        }
    }

    #[test]
    fn dot_segments_are_refused_whatever_is_allowed_and_however_they_are_spelled() {
        for text in ["/..", "/a/./b", "/a/%2e%2E", "/a/..", "/%2E"] {
            let problem = normalise(text, PathPolicy::default()).unwrap_err();
            assert!(problem.contains("segment"), "{text}: {problem}");
        }
    }
}
