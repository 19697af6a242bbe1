//! The path of a request in the one form that rules compare, or why it has none.
//!
//! Servers disagree on what `%2f`, `..`, `//`, `;` and `\` mean. A rule that was judged on one
//! reading while the upstream follows another is a bypass, so such paths are refused. What is let
//! through all the same is read in every way ([`readings`]). All else has one form, whether it came
//! encoded or not: characters that a segment may hold (`pchar`, RFC 3986 section 3.3) stand for
//! themselves, and `*`, which is a pattern in a rule, and characters that no URI holds are encoded,
//! with digits in upper case (section 6.2.2.1). Percent-encoded unreserved characters are refused:
//! Envoy's `normalize_path` decodes them (section 6.2.2.2), so where one arrives, Envoy's routes
//! saw another path than its services will. Paths of rules are brought to the same form: what a
//! request cannot have, a rule cannot name.

pub(crate) mod case;
mod characters;
mod double;
mod readings;

use std::borrow::Cow;

use crate::text::percent;

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
    /// It holds another percent-encoded control character (RFC 3986 section 7.3).
    Control,
    /// It holds a percent-encoded unreserved character (RFC 3986 section 2.3).
    Unreserved,
    /// It holds `%25` before `2E`, `2F`, `5C` or `00`: a dot, a slash or the like for a reader that
    /// decodes twice.
    Twice,
    /// Its percent-encoded bytes are not UTF-8; overlong forms are not (RFC 3629 section 3).
    Utf8,
    /// It holds a character whose compatibility form has `.`, `/` or `\`.
    Compatibility,
    /// There are more ways to read it than anybody needs.
    Readings,
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

/// The path of a request in its normal form, and the other ways to read it.
pub(crate) fn read(raw: &[u8], policy: PathPolicy) -> Result<(Cow<'_, str>, Vec<String>), OddPath> {
    let normal = one_spelling(raw, policy)?;
    let others = match &normal {
        Cow::Borrowed(_) => Vec::new(),
        Cow::Owned(normal) => readings::of(normal, as_sent(raw, policy)?)?,
    };
    Ok((normal, others))
}

/// The normal form of a path that has no other spelling for unreserved characters. A path of a
/// request or of a rule that has one is refused; it is decoded in addresses that are not compared
/// with requests.
pub(crate) fn one_spelling(raw: &[u8], policy: PathPolicy) -> Result<Cow<'_, str>, OddPath> {
    let normal = normalise(raw, policy)?;
    if matches!(normal, Cow::Owned(_)) && encoded_bytes(raw).any(percent::is_unreserved) {
        return Err(OddPath::Unreserved);
    }
    Ok(normal)
}

/// The path as Envoy's routes see it: percent-encodings as they came.
fn as_sent(raw: &[u8], policy: PathPolicy) -> Result<String, OddPath> {
    let mut sent = String::with_capacity(raw.len());
    for &byte in raw {
        if byte == b'%' {
            sent.push('%');
        } else {
            push_plain(&mut sent, byte, policy)?;
        }
    }
    Ok(sent)
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
    check(&normal)?;
    double::check(&normal, policy)?;
    Ok(normal)
}

/// What no path may hold in any of its readings.
fn check(path: &str) -> Result<(), OddPath> {
    if has_dot_segment(path) {
        return Err(OddPath::DotSegment);
    }
    if encoded_bytes(path.as_bytes()).any(|byte| byte.is_ascii_control()) {
        return Err(OddPath::Control);
    }
    characters::check(path)
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
            percent::push(normal, byte);
            return Ok(());
        }
        _ if byte.is_ascii_graphic() => {}
        _ => return Err(OddPath::Character),
    }
    normal.push(char::from(byte));
    Ok(())
}

/// Graphic characters that are percent-encoded in the normal form: `*`, and those that no URI holds
/// (RFC 3986 appendix A), which clients send all the same.
const fn is_kept_encoded(byte: u8) -> bool {
    matches!(
        byte,
        b'*' | b'"' | b'<' | b'>' | b'[' | b']' | b'^' | b'`' | b'{' | b'|' | b'}'
    )
}

/// Characters that stand for themselves in a segment (`pchar`, RFC 3986 section 3.3) and in the
/// normal form.
const fn is_kept_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'+' | b',' | b'=' | b':' | b'@'
        )
}

/// A percent-encoded byte, by its two digits.
fn push_encoded(normal: &mut String, digits: &[u8], policy: PathPolicy) -> Result<(), OddPath> {
    let byte = percent::byte(digits).ok_or(OddPath::Percent)?;
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
        _ if byte.is_ascii_control() => return Err(OddPath::Control),
        _ => {}
    }
    percent::push(normal, byte);
    Ok(())
}

/// What is percent-encoded in a path.
fn encoded_bytes(path: &[u8]) -> impl Iterator<Item = u8> {
    let parts = path.split(|&byte| byte == b'%').skip(1);
    parts.filter_map(|part| part.get(..2).and_then(percent::byte))
}

/// `.` and `..`, also where a reader that decodes `%2F` or `\`, or drops `;parameters`, would see
/// them.
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
