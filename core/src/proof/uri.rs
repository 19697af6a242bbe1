//! Whether two ways to write a URI name one resource (RFC 3986 sections 6.2.2 and 6.2.3).

use crate::uri;

/// A URI of `http` or `https` without its query and fragment, normalised: case of scheme, host and
/// percent-encodings, unreserved characters decoded, dot segments removed, no default port, and a
/// path that is at least `/`. `None`: it is not such a URI, or has user information.
pub(super) fn normalised(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (text, _) = text.split_once('#').unwrap_or((text, ""));
    let (text, _) = text.split_once('?').unwrap_or((text, ""));
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match &*scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    // An empty port is the default one (section 6.2.3).
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let authority = authority.to_ascii_lowercase();
    let (host, port) = uri::host_and_port(&authority).ok()?;
    let port = port.filter(|port| *port != default_port);
    let port = port.map_or_else(String::new, |port| [":", &port.to_string()].concat());
    let path = normalised_path(path.as_bytes())?;
    Some([&scheme, "://", host, &port, &path].concat())
}

/// The path of a URI, normalised; bytes that no path has are percent-encoded. `None`: a `%` without
/// two digits, or a backslash, which readers take for a slash or not.
pub(super) fn normalised_path(raw: &[u8]) -> Option<String> {
    let mut path = String::with_capacity(raw.len().max(1));
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                rest = after;
                let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
                let digits = core::str::from_utf8(digits).ok()?;
                let byte = u8::from_str_radix(digits, 16).ok()?;
                if is_unreserved(byte) {
                    path.push(char::from(byte));
                } else {
                    push_encoded(&mut path, byte);
                }
            }
            b'\\' => return None,
            _ if is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte) => {
                path.push(char::from(byte));
            }
            _ => push_encoded(&mut path, byte),
        }
    }
    Some(without_dot_segments(&path))
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_encoded(path: &mut String, byte: u8) {
    let digit =
        |value: u8| char::from_digit(value.into(), 16).map(|digit| digit.to_ascii_uppercase());
    path.push('%');
    path.extend(digit(byte >> 4));
    path.extend(digit(byte & 0x0f));
}

/// RFC 3986 section 5.2.4, for a path that is empty or begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_folder = true;
    for segment in path.split('/').skip(1) {
        ends_in_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let mut whole = String::with_capacity(path.len().max(1));
    for segment in &kept {
        whole.push('/');
        whole.push_str(segment);
    }
    if ends_in_folder {
        whole.push('/');
    }
    whole
}

#[cfg(test)]
mod tests;
