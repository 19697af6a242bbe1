//! Every way to read a path that is let through although readers differ about it.
//!
//! What a service does to a path before it routes is made of a few steps: it decodes, turns `\`
//! into `/`, drops parameters, merges slashes, and so on. The core does not know which steps, and
//! in which order. So a reading is the result of any of them in any order, and a request must be
//! permitted in each of its readings.

use super::{OddPath, check};
use crate::{limits, text::percent};

/// What a reader may do. `None`: it does not change this path.
type Step = fn(&str) -> Option<String>;

const STEPS: [Step; 9] = [
    decode,
    decode_slashes,
    decode_percents,
    turn_backslashes,
    drop_parameters,
    cut_at_semicolon,
    merge_slashes,
    drop_authority,
    cut_at_query,
];

/// The readings of a path beside its normal form, each once.
///
/// # Errors
/// One of them holds what no path may hold, or there are too many.
pub(super) fn of(normal: &str, as_sent: String) -> Result<Vec<String>, OddPath> {
    let mut all = vec![normal.to_owned()];
    let mut bytes = 0_usize;
    let mut next = 0_usize;
    while let Some(path) = all.get(next).cloned() {
        next = next.saturating_add(1);
        for read in STEPS.iter().filter_map(|step| step(&path)) {
            if all.contains(&read) {
                continue;
            }
            check(&read)?;
            bytes = bytes.saturating_add(read.len());
            if all.len() >= limits::PATH_READINGS || bytes > limits::PATH_READING_BYTES {
                return Err(OddPath::Readings);
            }
            all.push(read);
        }
    }
    if !all.contains(&as_sent) {
        all.push(as_sent);
    }
    Ok(all.split_off(1))
}

/// Decodes characters that stand for themselves in a segment (`pchar`, RFC 3986 section 3.3), and
/// `\`.
fn decode(path: &str) -> Option<String> {
    let stands = |byte: u8| percent::is_unreserved(byte) || b"!$&'()+,=:@;\\".contains(&byte);
    let decoded = replace_encoded(path, |byte| stands(byte).then(|| char::from(byte)))?;
    Some(upper_case(&decoded))
}

fn decode_slashes(path: &str) -> Option<String> {
    replace_encoded(path, |byte| (byte == b'/').then_some('/'))
}

/// One level of encoding less.
fn decode_percents(path: &str) -> Option<String> {
    let once = replace_encoded(path, |byte| (byte == b'%').then_some('%'))?;
    Some(upper_case(&once))
}

/// The normal form of what came out of decoding, which may be encoded in its turn.
fn upper_case(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut parts = path.split('%');
    normal.extend(parts.next());
    for part in parts {
        normal.push('%');
        match part.split_at_checked(2) {
            Some((digits, rest)) if percent::byte(digits.as_bytes()).is_some() => {
                normal.push_str(&digits.to_ascii_uppercase());
                normal.push_str(rest);
            }
            _ => normal.push_str(part),
        }
    }
    normal
}

/// As browsers, Windows and Envoy's own normalisation do.
fn turn_backslashes(path: &str) -> Option<String> {
    path.contains('\\').then(|| path.replace('\\', "/"))
}

/// Drops `;` and what follows it in its segment, as Java's servers do.
fn drop_parameters(path: &str) -> Option<String> {
    path.contains(';').then(|| {
        let names = path
            .split('/')
            .map(|segment| segment.split(';').next().unwrap_or_default());
        names.collect::<Vec<_>>().join("/")
    })
}

/// Drops the parameters at the end of a whole path (RFC 1808 section 2.4.5).
fn cut_at_semicolon(path: &str) -> Option<String> {
    path.split_once(';').map(|(before, _)| before.to_owned())
}

fn merge_slashes(path: &str) -> Option<String> {
    path.contains("//").then(|| {
        let mut merged = String::with_capacity(path.len());
        for c in path.chars() {
            if c != '/' || !merged.ends_with('/') {
                merged.push(c);
            }
        }
        merged
    })
}

/// Takes what follows `//` for a host (RFC 3986 section 4.2), as servers do that parse the request
/// target as a URL.
fn drop_authority(path: &str) -> Option<String> {
    let rest = path.strip_prefix("//")?.trim_start_matches('/');
    let (_, path) = rest.split_once('/').unwrap_or_default();
    Some(["/", path].concat())
}

/// A server that decodes before splitting sees a query at `%3F`, and a fragment at `%23`.
fn cut_at_query(path: &str) -> Option<String> {
    let query = path.find("%3F").into_iter();
    let end = query.chain(path.find("%23")).min()?;
    path.get(..end).map(str::to_owned)
}

/// Replaces percent-encoded bytes. `None`: none of them is replaced.
fn replace_encoded(path: &str, with: impl Fn(u8) -> Option<char>) -> Option<String> {
    let mut is_replaced = false;
    let mut text = String::with_capacity(path.len());
    let mut parts = path.split('%');
    text.extend(parts.next());
    for part in parts {
        let encoded = part.split_at_checked(2);
        let read = encoded.and_then(|(digits, rest)| {
            let c = with(percent::byte(digits.as_bytes())?)?;
            Some((c, rest))
        });
        if let Some((c, rest)) = read {
            is_replaced = true;
            text.push(c);
            text.push_str(rest);
        } else {
            text.push('%');
            text.push_str(part);
        }
    }
    is_replaced.then_some(text)
}
