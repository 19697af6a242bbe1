//! Finds the one token of a request, or says why there is not exactly one.

use std::{borrow::Cow, rc::Rc};

use crate::{
    config::TokenSource,
    reason::{Ambiguous, Malformed, Reason},
    remembered::Known,
    request::{Request, Target},
};

/// A token and the places that hold it.
#[derive(Debug)]
pub(crate) struct Credential<'a, 'c> {
    pub(crate) token: Token<'a>,
    pub(crate) found_in: Vec<&'c TokenSource>,
}

/// What could be a token: text without blanks and commas.
#[derive(Debug)]
pub(crate) enum Token<'a> {
    /// Whatever the client sent.
    New(Cow<'a, str>),
    /// These very bytes were a token before.
    Known(Rc<Known>),
}

impl Token<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::New(text) => text,
            Self::Known(known) => known.token(),
        }
    }
}

impl Credential<'_, '_> {
    /// Whether nothing but cookies speaks for the request: the one credential that browsers attach by themselves.
    pub(crate) fn only_in_cookies(&self) -> bool {
        self.found_in
            .iter()
            .all(|source| matches!(source, TokenSource::Cookie(_)))
    }
}

/// The token in these places. Equal bytes in two places count once; different ones are refused (RFC 6750 section 2).
/// `find` spares bytes that were a token before another look at each of them.
pub(crate) fn extract<'a, 'c>(
    request: Request<'a>,
    target: &Target<'a>,
    sources: impl Iterator<Item = &'c TokenSource>,
    mut find: impl FnMut(&[u8]) -> Option<Rc<Known>>,
) -> Result<Option<Credential<'a, 'c>>, Reason> {
    let mut found: Option<Credential<'a, 'c>> = None;
    for source in sources {
        each_candidate(request, target, source, |candidate| {
            let token = match find(&candidate) {
                Some(known) => Token::Known(known),
                None => Token::New(text(candidate)?),
            };
            match &mut found {
                None => {
                    found = Some(Credential {
                        token,
                        found_in: vec![source],
                    })
                }
                Some(first) if first.token.as_str() != token.as_str() => {
                    return Err(Ambiguous::Credentials.into());
                }
                Some(first) if !first.found_in.contains(&source) => first.found_in.push(source),
                Some(_) => {}
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// What one place holds, before it is known whether it could be a token.
fn each_candidate<'a>(
    request: Request<'a>,
    target: &Target<'a>,
    source: &TokenSource,
    mut visit: impl FnMut(Cow<'a, [u8]>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    match source {
        TokenSource::Header { name, scheme } => {
            let mut candidates = header_candidates(request, name, scheme);
            candidates.try_for_each(|candidate| visit(Cow::Borrowed(candidate?)))
        }
        TokenSource::Cookie(name) => cookies(request)
            .filter(|(n, _)| *n == name.as_bytes())
            .try_for_each(|(_, value)| visit(Cow::Borrowed(value))),
        TokenSource::Param(name) => target
            .query
            .into_iter()
            .flat_map(|query| query.split(|&byte| byte == b'&'))
            .filter_map(|pair| param(pair, name))
            .try_for_each(visit),
    }
}

fn header_candidates<'a, 'n>(
    request: Request<'a>,
    name: &'n str,
    scheme: &'n str,
) -> impl Iterator<Item = Result<&'a [u8], Reason>> + use<'a, 'n> {
    // RFC 9110 section 11.6.2: one Authorization header, even where the others hold another scheme.
    let mut others = request.values(name);
    let first = others.next();
    let all = first.into_iter().chain(others.clone());
    let is_ambiguous = name == "authorization" && others.any(|other| first != Some(other));
    all.filter_map(move |value| {
        if is_ambiguous {
            return Some(Err(Ambiguous::Credentials.into()));
        }
        let token = after_scheme(value, scheme);
        // Envoy joins repeated headers with a comma: a second credential behind one of another scheme.
        let hides_one = || {
            let mut parts = value.split(|&byte| byte == b',');
            parts.any(|part| after_scheme(part.trim_ascii(), scheme).is_some())
        };
        match token {
            Some(token) => Some(Ok(token)),
            None => hides_one().then(|| Err(Ambiguous::Credentials.into())),
        }
    })
}

/// Whether a header holds something that could be a token, or a list that hides one.
pub(crate) fn holds_token(request: Request<'_>, name: &str, scheme: &str) -> bool {
    header_candidates(request, name, scheme).next().is_some()
}

/// What follows the scheme, which is compared without case and ends in blanks (RFC 9110 section 11.4).
fn after_scheme<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    if scheme.is_empty() {
        return Some(value);
    }
    let (start, rest) = value.split_at_checked(scheme.len())?;
    let needs_blank = scheme.ends_with(|c: char| c.is_ascii_alphanumeric());
    let is_scheme = start.eq_ignore_ascii_case(scheme.as_bytes())
        && (!needs_blank
            || rest
                .first()
                .is_none_or(|&byte| byte == b' ' || byte == b'\t'));
    is_scheme.then(|| rest.trim_ascii())
}

/// These bytes, if they could be a token's.
fn text(candidate: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Reason> {
    // One look at each byte of what is good.
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
    if candidate.is_empty() || !candidate.iter().all(is_plain) {
        let separates = |byte: &u8| matches!(byte, b',' | b' ' | b'\t');
        return Err(if candidate.iter().any(separates) {
            Ambiguous::Credentials.into()
        } else {
            Malformed::Credential.into()
        });
    }
    let text = match candidate {
        Cow::Borrowed(bytes) => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    text.ok_or_else(|| Malformed::Credential.into())
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

/// The decoded value of one `name=value` of a query, if it has this name: two spellings of a name are one name. What cannot
/// have it costs nothing: a query may have as many parameters as it has bytes.
pub(crate) fn param<'a>(pair: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let first = pair.first()?;
    let may_be = name.as_bytes().first() == Some(first) || *first == b'%';
    // An encoding is longer than what it stands for.
    if !may_be || pair.len() < name.len() {
        return None;
    }
    let mut parts = pair.splitn(2, |&byte| byte == b'=');
    let is_named = *percent_decode(parts.next()?) == *name.as_bytes();
    is_named.then(|| percent_decode(parts.next().unwrap_or_default()))
}

/// Decodes `%XX`; what is no such encoding stays.
fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after
            .split_at_checked(2)
            .filter(|(digits, _)| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let encoded = hex.and_then(|(digits, after)| {
            Some((
                u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?,
                after,
            ))
        });
        let (byte, after) = encoded.unwrap_or((byte, after));
        decoded.push(byte);
        rest = after;
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests;
