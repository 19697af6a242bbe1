//! The path of a request in the one form that rules compare, or nothing.
//!
//! Servers disagree on what `%2f`, `..`, `//`, `;` and `\` mean. A rule that was judged on one reading while
//! the upstream follows another is a bypass, so such paths are refused, and only what every reader of RFC 3986
//! agrees on is normalised: percent-encoded unreserved characters are decoded (section 6.2.2.2) and the digits
//! of the other encodings are put into upper case (section 6.2.2.1).

use crate::config::PathPolicy;

/// Path and query of `:path`.
pub(crate) fn split(raw: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = raw.splitn(2, |&byte| byte == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

/// The normal form of a path without query, unless it can be read in two ways.
pub(crate) fn normalise(raw: &[u8], policy: PathPolicy) -> Option<String> {
    if raw.first() != Some(&b'/') {
        return None;
    }
    let mut normal = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            rest = after;
            push_encoded(
                &mut normal,
                u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?,
                digits,
                policy,
            )?;
        } else {
            push_plain(&mut normal, byte, policy)?;
        }
    }
    (policy.double_slash || !normal.contains("//")).then_some(())?;
    (!has_dot_segment(&normal)).then_some(normal)
}

/// A character that stands for itself.
fn push_plain(normal: &mut String, byte: u8, policy: PathPolicy) -> Option<()> {
    let plain = match byte {
        b'\\' => policy.backslash,
        b';' => policy.semicolon,
        // Never sent by a client that means a path.
        b'#' => false,
        _ => byte.is_ascii_graphic(),
    };
    plain.then(|| normal.push(char::from(byte)))
}

/// A percent-encoded byte.
fn push_encoded(normal: &mut String, byte: u8, digits: &[u8], policy: PathPolicy) -> Option<()> {
    // from_str_radix takes a sign.
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            normal.push(char::from(byte))
        }
        0 => return None,
        b'/' if !policy.encoded_slash => return None,
        b'\\' if !policy.backslash => return None,
        b'%' if !policy.encoded_percent => return None,
        b';' if !policy.semicolon => return None,
        _ => {
            normal.push('%');
            normal.extend(
                digits
                    .iter()
                    .map(|digit| char::from(digit.to_ascii_uppercase())),
            );
        }
    }
    Some(())
}

/// `.` and `..`, also where a reader that decodes `%2F` or `\`, or drops `;parameters`, would see them.
fn has_dot_segment(normal: &str) -> bool {
    let slashes = normal
        .replace("%2F", "/")
        .replace("%5C", "/")
        .replace('\\', "/")
        .replace("%3B", ";");
    slashes
        .split('/')
        .any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}
