//! Paths of rules, in the normal form of requests' paths.

use super::PathPolicy;
use crate::request::path::{self, OddPath};

/// The normal form of a path; an error continues a sentence that begins with the path.
pub(super) fn normalise(text: &str, policy: PathPolicy) -> Result<String, String> {
    path::normalise(text.as_bytes(), policy).map_err(|odd| {
        match odd {
            OddPath::NotAbsolute => "does not begin with a slash; write the path from the root, such as /api",
            OddPath::QueryOrFragment => "holds a query or fragment, which rules do not see; remove it",
            OddPath::Percent => "holds a % without two hexadecimal digits; write %25 for the sign itself",
            OddPath::Character => "holds a character that no path has; percent-encode its UTF-8 bytes",
            OddPath::Nul => "holds %00, which no request may have; remove it",
            OddPath::DotSegment => "holds a \".\" or \"..\" segment, which no request may have; write the path without",
            OddPath::Unless { what, word } => {
                return format!(
                    "holds {what}, which is refused in requests; write it without, or allow it with path: {{ allow: [{word}] }}"
                );
            }
        }
        .to_owned()
    })
}
