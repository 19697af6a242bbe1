//! Paths of rules, in the normal form of requests' paths.

use super::PathPolicy;
use crate::{
    decode::Fault,
    request::path::{self, OddPath},
};
use std::borrow::Cow;

/// The normal form of a path; an error continues a sentence that begins with the path.
pub(super) fn normalise(text: &str, policy: PathPolicy) -> Result<String, Fault> {
    let normal = path::one_spelling(text.as_bytes(), policy);
    normal.map(Cow::into_owned).map_err(|odd| {
        match odd {
            OddPath::NotAbsolute => ("does not begin with a slash", "write the path from the root, such as /api"),
            OddPath::QueryOrFragment => ("holds a query or fragment, which rules do not see", "remove it"),
            OddPath::Percent => ("holds a % without two hexadecimal digits", "write %25 for the sign itself"),
            OddPath::Character => ("holds a character that no path has", "percent-encode its UTF-8 bytes"),
            OddPath::Nul => ("holds %00, which no request may have", "remove it"),
            OddPath::Control => ("holds a percent-encoded control character, which no request may have", "remove it"),
            OddPath::Unreserved => ("holds a percent-encoded letter, digit, -, ., _ or ~, which no request may have", "write the character itself"),
            OddPath::Twice => ("holds %25 before 2E, 2F, 5C or 00, which no request may have", "remove it"),
            OddPath::Utf8 => ("holds percent-encoded bytes that are not UTF-8, which no request may have", "write UTF-8"),
            OddPath::Compatibility => ("holds a character that some servers take for a dot, a slash or a backslash, which no request may have", "remove it"),
            OddPath::Readings => ("can be read in more ways than are looked at", "write it shorter"),
            OddPath::DotSegment => ("holds a \".\" or \"..\" segment, which no request may have", "write the path without"),
            OddPath::Unless { what, word } => {
                return Fault::of(
                    &["holds ", what, ", which is refused in requests"],
                    &["write it without, or allow it with path: { allow: [", word, "] }"],
                );
            }
        }
        .into()
    })
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
            assert!(problem.wanted.contains(word), "{text}: {problem:?}");
            assert!(normalise(text, all).is_ok(), "{text}");
        }
    }

    #[test]
    fn dot_segments_are_refused_whatever_is_allowed_and_however_they_are_spelled() {
        for text in ["/..", "/a/./b", "/a/%2e%2E", "/a/..", "/%2E"] {
            let problem = normalise(text, PathPolicy::default()).unwrap_err();
            assert!(problem.seen.contains("segment"), "{text}: {problem:?}");
        }
    }
}
