//! Paths of rules, brought to the normal form that paths of requests are brought to: what a request cannot have,
//! a rule cannot name.

use super::PathPolicy;

/// The normal form of a path; an error continues a sentence that begins with the path.
pub(super) fn normalise(text: &str, policy: PathPolicy) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(
            "does not begin with a slash; write the path from the root, such as /api".to_owned(),
        );
    }
    let unless = |allowed: bool, word: &str, what: &str| {
        if allowed {
            return Ok(());
        }
        let hint = [
            " is refused in requests; write it without, or allow it with path: { allow: [",
            word,
            "] }",
        ];
        Err(["holds ", what, ", which", &hint.concat()].concat())
    };
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'?' | b'#' => {
                return Err(
                    "holds a query or fragment, which rules do not see; remove it".to_owned(),
                );
            }
            b';' => unless(policy.semicolon, "semicolon", "\";\"")?,
            b'\\' => unless(policy.backslash, "backslash", "a backslash")?,
            b'%' => {
                let hex = [rest.next(), rest.next()].map(|digit| digit.and_then(hex_value));
                let [Some(high), Some(low)] = hex else {
                    return Err(
                        "holds a % without two hexadecimal digits; write %25 for the sign itself"
                            .to_owned(),
                    );
                };
                match (high << 4) | low {
                    0 => return Err("holds %00, which no request may have; remove it".to_owned()),
                    b'/' => unless(policy.encoded_slash, "encoded_slash", "%2F")?,
                    b';' => unless(policy.semicolon, "semicolon", "%3B")?,
                    b'%' => unless(policy.encoded_percent, "encoded_percent", "%25")?,
                    b'\\' => unless(policy.backslash, "backslash", "%5C")?,
                    plain if is_unreserved(plain) => {
                        normal.push(char::from(plain));
                        continue;
                    }
                    _ => {}
                }
                normal.push('%');
                normal.extend([high, low].map(hex_digit));
                continue;
            }
            _ if !byte.is_ascii_graphic() => {
                return Err(
                    "holds a character that no path has; percent-encode its UTF-8 bytes".to_owned(),
                );
            }
            _ => {}
        }
        normal.push(char::from(byte));
    }
    if normal.contains("//") {
        unless(policy.double_slash, "double_slash", "\"//\"")?;
    }
    if has_dot_segment(&normal) {
        return Err(
            "holds a \".\" or \"..\" segment, which no request may have; write the path without"
                .to_owned(),
        );
    }
    Ok(normal)
}

/// `.` and `..`, also where a reader that decodes `%2F` or `\`, or drops `;parameters`, would see them.
fn has_dot_segment(normal: &str) -> bool {
    let slashes = normal
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace('\\', "/")
        .replace("%3B", ";");
    let mut segments = slashes.split('/');
    segments.any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex_value(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}
