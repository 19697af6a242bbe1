//! The path of a request in the one form that rules compare, or why it has none.
//!
//! Servers disagree on what `%2f`, `..`, `//`, `;` and `\` mean. A rule that was judged on one reading while
//! the upstream follows another is a bypass, so such paths are refused. All else has one form, whether it came
//! encoded or not: characters that a segment may hold (`pchar`, RFC 3986 section 3.3) stand for themselves, and
//! `*`, which is a pattern in a rule, and characters that no URI holds are encoded, with digits in upper case
//! (section 6.2.2.1). The RFC makes unreserved characters alone equal to their encodings (section 6.2.2.2), but
//! services decode before they route. Paths of rules are brought to the same form: what a request cannot have, a
//! rule cannot name.

use std::borrow::Cow;

/// Which ambiguous spellings of a path are let through (`path.allow`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// `%2f`
    pub encoded_slash: bool,
    /// `//`
    pub double_slash: bool,
    /// `;`
    pub semicolon: bool,
    /// `%25`
    pub encoded_percent: bool,
    /// `\` and `%5c`
    pub backslash: bool,
}

/// Headers by which a client could change method or path behind us.
pub(crate) const OVERRIDE_HEADERS: [&str; 6] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
];

/// What makes a path readable in two ways, or in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OddPath {
    /// It does not begin with a slash.
    NotAbsolute,
    /// It holds `?` or `#`.
    QueryOrFragment,
    /// It holds a `%` without two hexadecimal digits.
    Percent,
    /// It holds a byte that no path has.
    Character,
    /// It holds `%00`.
    Nul,
    /// A segment is `.` or `..`, for some reader at least.
    DotSegment,
    /// It holds this, which the word in `path.allow` would let through.
    Unless {
        what: &'static str,
        word: &'static str,
    },
}

/// Path and query of `:path`.
pub(crate) fn split(raw: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = raw.splitn(2, |&byte| byte == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

/// The normal form of a path without query.
pub(crate) fn normalise(raw: &[u8], policy: PathPolicy) -> Result<Cow<'_, str>, OddPath> {
    if raw.first() != Some(&b'/') {
        return Err(OddPath::NotAbsolute);
    }
    match core::str::from_utf8(raw) {
        Ok(plain) if is_plain(raw) => Ok(Cow::Borrowed(plain)),
        _ => rewrite(raw, policy).map(Cow::Owned),
    }
}

/// Whether a path is in normal form by any policy: most are, and need no second look.
fn is_plain(raw: &[u8]) -> bool {
    let mut last = 0;
    raw.iter().all(|&byte| {
        let is_plain = match byte {
            b'/' | b'.' => last != b'/',
            b'%' | b'\\' | b';' | b'?' | b'#' => false,
            _ => byte.is_ascii_graphic() && !is_kept_encoded(byte),
        };
        last = byte;
        is_plain
    })
}

fn rewrite(raw: &[u8], policy: PathPolicy) -> Result<String, OddPath> {
    let mut normal = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2).ok_or(OddPath::Percent)?;
            rest = after;
            push_encoded(&mut normal, digits, policy)?;
        } else {
            push_plain(&mut normal, byte, policy)?;
        }
    }
    if normal.contains("//") {
        unless(policy.double_slash, "\"//\"", "double_slash")?;
    }
    if has_dot_segment(&normal) {
        return Err(OddPath::DotSegment);
    }
    Ok(normal)
}

const fn unless(allowed: bool, what: &'static str, word: &'static str) -> Result<(), OddPath> {
    if allowed {
        Ok(())
    } else {
        Err(OddPath::Unless { what, word })
    }
}

/// A character that stands for itself.
fn push_plain(normal: &mut String, byte: u8, policy: PathPolicy) -> Result<(), OddPath> {
    match byte {
        b'?' | b'#' => return Err(OddPath::QueryOrFragment),
        b'\\' => unless(policy.backslash, "a backslash", "backslash")?,
        b';' => unless(policy.semicolon, "\";\"", "semicolon")?,
        _ if is_kept_encoded(byte) => {
            push_escape(normal, byte);
            return Ok(());
        }
        _ if byte.is_ascii_graphic() => {}
        _ => return Err(OddPath::Character),
    }
    normal.push(char::from(byte));
    Ok(())
}

/// Graphic characters that are percent-encoded in the normal form: `*`, and those that no URI holds (RFC 3986
/// appendix A), which clients send all the same.
const fn is_kept_encoded(byte: u8) -> bool {
    matches!(
        byte,
        b'*' | b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}'
    )
}

/// Characters that stand for themselves in a segment (`pchar`, RFC 3986 section 3.3) and in the normal form.
const fn is_kept_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

fn push_escape(normal: &mut String, byte: u8) {
    normal.push('%');
    for nibble in [byte >> 4, byte & 0xf] {
        let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        normal.push(digit.to_ascii_uppercase());
    }
}

/// A percent-encoded byte, by its two digits.
fn push_encoded(normal: &mut String, digits: &[u8], policy: PathPolicy) -> Result<(), OddPath> {
    // from_str_radix takes a sign, too.
    let digits = core::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .ok_or(OddPath::Percent)?;
    let byte = u8::from_str_radix(digits, 16).map_err(|_| OddPath::Percent)?;
    match byte {
        _ if is_kept_plain(byte) => {
            normal.push(char::from(byte));
            return Ok(());
        }
        0 => return Err(OddPath::Nul),
        b'/' => unless(policy.encoded_slash, "%2F", "encoded_slash")?,
        b'\\' => unless(policy.backslash, "%5C", "backslash")?,
        b'%' => unless(policy.encoded_percent, "%25", "encoded_percent")?,
        b';' => unless(policy.semicolon, "%3B", "semicolon")?,
        _ => {}
    }
    push_escape(normal, byte);
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::{PathPolicy, is_plain, rewrite};

    proptest::proptest! {
        #[test]
        fn what_is_not_rewritten_would_not_change(path in "/[ -~]{0,8}|/([a-c./;]|%2f){0,8}") {
            if is_plain(path.as_bytes()) {
                proptest::prop_assert_eq!(rewrite(path.as_bytes(), PathPolicy::default()), Ok(path));
            }
        }
    }
}
