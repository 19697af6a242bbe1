//! Finds the one token of a request, or says why there is not exactly one.

use std::{borrow::Cow, rc::Rc};

use crate::{
    reason::{Ambiguous, Malformed, Reason},
    remembered::Known,
    request::{
        Request, Target, TokenSource,
        credentials::{AUTHORIZATION, cookies, header_candidates, param, subprotocols},
    },
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
    /// Whether only cookies speak for the request: the one credential that browsers attach by
    /// themselves.
    pub(crate) fn only_in_cookies(&self) -> bool {
        self.found_in
            .iter()
            .all(|source| matches!(source, TokenSource::Cookie(_)))
    }

    /// Whether it is all that `Authorization` holds: there is one such header, and no token has a
    /// comma behind which another one could stand.
    fn fills_authorization(&self) -> bool {
        let is_there = |source: &&TokenSource| matches!(source, TokenSource::Header { name, .. } if name == AUTHORIZATION);
        self.found_in.iter().any(is_there)
    }
}

/// The token in these places. Equal bytes in two places count once; different ones are refused (RFC
/// 6750 section 2). `find` spares bytes that were a token before another look at each of them.
pub(crate) fn extract<'a, 'c>(
    request: Request<'a>,
    target: &Target<'a>,
    sources: impl Iterator<Item = &'c TokenSource>,
    mut find: impl FnMut(&[u8]) -> Option<Rc<Known>>,
) -> Result<Option<Credential<'a, 'c>>, Reason> {
    let mut found: Option<Credential<'a, 'c>> = None;
    for source in sources {
        let may_hide = !found.as_ref().is_some_and(Credential::fills_authorization);
        each_candidate(request, target, (source, may_hide), |candidate| {
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

/// What one place holds, before it is known whether it could be a token. `may_hide`: whether
/// `Authorization` may hold one behind a credential of another scheme.
fn each_candidate<'a>(
    request: Request<'a>,
    target: &Target<'a>,
    (source, may_hide): (&TokenSource, bool),
    mut visit: impl FnMut(Cow<'a, [u8]>) -> Result<(), Reason>,
) -> Result<(), Reason> {
    match source {
        TokenSource::Header { name, scheme } => {
            let may_hide = may_hide || name != AUTHORIZATION;
            let mut candidates = header_candidates(request, (name, scheme), may_hide);
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
        TokenSource::WebSocketProtocol(marker) => subprotocols(request, &[marker])
            .filter(|(_, is_token)| *is_token)
            .try_for_each(|(element, _)| visit(Cow::Borrowed(element))),
    }
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

#[cfg(test)]
mod tests;
