//! What the places of a request that may hold a token look like: headers, cookies, parameters of
//! the query.

use std::borrow::Cow;

use super::{Request, path};
use crate::{
    reason::{Ambiguous, Reason},
    text::percent,
};

/// The header that holds one credential (RFC 9110 section 11.6.2).
pub(crate) const AUTHORIZATION: &str = "authorization";

/// What the headers of this name hold behind this scheme; an error where that is more than one
/// thing. `may_hide`: whether a token may stand behind a credential of another scheme, which takes
/// a look at each byte.
pub(crate) fn header_candidates<'a, 'n>(
    request: Request<'a>,
    (name, scheme): (&'n str, &'n str),
    may_hide: bool,
) -> impl Iterator<Item = Result<&'a [u8], Reason>> + use<'a, 'n> {
    // RFC 9110 section 11.6.2: one Authorization header, even where the others hold another scheme.
    let mut others = request.values(name);
    let first = others.next();
    let all = first.into_iter().chain(others.clone());
    let is_ambiguous = name == AUTHORIZATION && others.any(|other| first != Some(other));
    all.filter_map(move |value| {
        if is_ambiguous {
            return Some(Err(Ambiguous::Credentials.into()));
        }
        let token = after_scheme(value, scheme);
        // Envoy joins repeated headers with a comma: a second credential behind one of another
        // scheme.
        let hides_one = || {
            let is_one = |part: &[u8]| after_scheme(part.trim_ascii(), scheme).is_some();
            // Most have no comma, which is told faster than they are split.
            match value.contains(&b',') {
                true => value.split(|&byte| byte == b',').any(is_one),
                false => is_one(value),
            }
        };
        match token {
            Some(token) => Some(Ok(token)),
            None => (may_hide && hides_one()).then(|| Err(Ambiguous::Credentials.into())),
        }
    })
}

/// Whether a header holds something that could be a token, or a list that hides one.
pub(crate) fn holds_token(request: Request<'_>, name: &str, scheme: &str) -> bool {
    let mut candidates = header_candidates(request, (name, scheme), true);
    candidates.next().is_some()
}

/// What follows the scheme, which is compared without case and ends in blanks (RFC 9110 section
/// 11.4).
fn after_scheme<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    if scheme.is_empty() {
        return Some(value);
    }
    let (start, rest) = value.split_at_checked(scheme.len())?;
    let ends = scheme.as_bytes().last();
    let needs_blank = ends.is_some_and(u8::is_ascii_alphanumeric);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    // What comes next is told faster than whether the start is the scheme.
    let is_scheme = (!needs_blank || rest.first().is_none_or(is_blank))
        && start.eq_ignore_ascii_case(scheme.as_bytes());
    is_scheme.then(|| rest.trim_ascii())
}

/// Names and values of all cookies (RFC 6265 section 5.4), by exact name.
pub(crate) fn cookies(request: Request<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    request
        .values("cookie")
        .flat_map(|header| header.split(|&byte| byte == b';'))
        .map(cookie_pair)
}

/// Name and value of one `name=value` of a Cookie header.
pub(crate) fn cookie_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |&byte| byte == b'=');
    (
        parts.next().unwrap_or_default().trim_ascii(),
        parts.next().unwrap_or_default().trim_ascii(),
    )
}

/// The name of the header that lists subprotocols (RFC 6455 section 11.3.4).
pub(crate) const SUBPROTOCOLS: &str = "sec-websocket-protocol";

/// Every subprotocol of the request, and whether it stands behind one of these: then it is a token.
pub(crate) fn subprotocols<'a>(
    request: Request<'a>,
    markers: &[&str],
) -> impl Iterator<Item = (&'a [u8], bool)> {
    let elements = request
        .values(SUBPROTOCOLS)
        .flat_map(|header| header.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty());
    let is_marker = |element: &[u8]| {
        let mut markers = markers.iter();
        markers.any(|marker| element.eq_ignore_ascii_case(marker.as_bytes()))
    };
    elements.scan(false, move |is_next, element| {
        let is_token = core::mem::replace(is_next, is_marker(element));
        Some((element, is_token))
    })
}

/// The decoded value of one `name=value` of a query, if it has this name: two spellings of a name
/// are one name. What cannot have it costs nothing: a query may have as many parameters as it has
/// bytes.
pub(crate) fn param<'a>(pair: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let first = pair.first()?;
    let may_be = name.as_bytes().first() == Some(first) || *first == b'%';
    // An encoding is longer than what it stands for.
    if !may_be || pair.len() < name.len() {
        return None;
    }
    let mut parts = pair.splitn(2, |&byte| byte == b'=');
    let is_named = *percent::decode(parts.next()?) == *name.as_bytes();
    is_named.then(|| percent::decode(parts.next().unwrap_or_default()))
}

/// The path with its query but without these parameters, the others byte for byte; `None`: it has
/// none of them.
pub(crate) fn without_params(raw: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    if names.is_empty() {
        return None;
    }
    let (path, query) = path::split(raw);
    let query = query?;
    let is_named = |pair: &&[u8]| names.iter().any(|name| param(pair, name).is_some());
    let pairs = || query.split(|&byte| byte == b'&');
    pairs().find(is_named)?;
    let kept: Vec<&[u8]> = pairs().filter(|pair| !is_named(pair)).collect();
    let mut rebuilt = path.to_vec();
    if !kept.is_empty() {
        rebuilt.push(b'?');
        rebuilt.extend_from_slice(&kept.join(&b'&'));
    }
    Some(rebuilt)
}
