//! What is changed in a request that passes: our headers are removed, credentials are removed, and
//! identity headers are written — from a verified token and nothing else.

use std::borrow::Cow;

use crate::{
    evidence::Proved,
    proof::APPROVAL,
    provider::Provider,
    request::{
        Request, TokenSource,
        credentials::{SUBPROTOCOLS, cookie_pair, holds_token, subprotocols, without_params},
        fold, folded, is_named,
        path::OVERRIDE_HEADERS,
    },
};

/// One change to the headers of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Remove all headers of this name.
    Remove(Vec<u8>),
    /// Put this value in the place of all headers of this name.
    Set(Cow<'static, str>, Cow<'static, [u8]>),
}

/// Every header that we write and that is not configured begins so.
const PREFIX: &str = "x-passgate-";

/// The headers of proofs (RFC 9449 section 4.1; [`APPROVAL`]).
pub(crate) const PROOF: &str = "dpop";

/// Whether a change is that the header of this name goes.
pub(crate) fn removes(edit: &Edit, name: &str) -> bool {
    matches!(edit, Edit::Remove(removed) if is_named(removed, name.as_bytes()))
}

/// The names that a client must not send, compared as the laxest of servers compare them: without
/// case, and with every character that is not a letter or digit taken for the same. (CGI and WSGI
/// read `x_user` as `x-user`; some read `x.user` so.)
#[derive(Debug)]
pub(crate) struct OwnedNames {
    /// Ours in every spelling, folded: those of each length, sorted. Most headers have a length
    /// that none of them has.
    ours: Vec<Vec<String>>,
    /// Headers that hold tokens: ours in every spelling but their own.
    sources: Vec<String>,
}

impl OwnedNames {
    /// `kept` are names of headers that change method or path and may stay. `identity` is the
    /// header of identity tokens.
    pub(crate) fn of(kept: &[String], providers: &[Provider], identity: Option<&str>) -> Self {
        let overrides = OVERRIDE_HEADERS.iter().map(|&name| name.to_owned());
        let mut ours: Vec<String> = overrides.filter(|name| !kept.contains(name)).collect();
        ours.extend([PROOF, APPROVAL].map(str::to_owned));
        ours.extend(identity.map(folded));
        let mut sources = Vec::new();
        for provider in providers {
            let claims = provider.claim_to_headers.iter().map(|claim| &claim.header);
            ours.extend(
                claims
                    .chain(&provider.forward_payload_header)
                    .map(|name| folded(name)),
            );
            sources.extend(provider.sources.iter().filter_map(|source| match source {
                TokenSource::Header { name, .. } => Some(name.clone()),
                TokenSource::WebSocketProtocol(_) => Some(SUBPROTOCOLS.to_owned()),
                TokenSource::Cookie(_) | TokenSource::Param(_) => None,
            }));
        }
        Self::new(ours, sources)
    }

    fn new(mut names: Vec<String>, mut sources: Vec<String>) -> Self {
        names.sort_unstable();
        sources.sort_unstable();
        sources.dedup();
        let mut ours: Vec<Vec<String>> = Vec::new();
        for name in names {
            let length = name.len();
            if ours.len() <= length {
                ours.resize_with(length.saturating_add(1), Vec::new);
            }
            if let Some(same) = ours.get_mut(length) {
                same.push(name);
            }
        }
        Self { ours, sources }
    }

    /// Whether a client must not send a header of this name.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        let folded = || name.iter().map(|&byte| fold(byte));
        let is_prefixed =
            name.len() >= PREFIX.len() && folded().zip(PREFIX.bytes()).all(|(a, b)| a == b);
        let order = |own: &String| own.bytes().cmp(folded());
        let of_length = self.ours.get(name.len());
        let is_ours = || of_length.is_some_and(|same| same.binary_search_by(order).is_ok());
        is_prefixed || is_ours() || self.is_other_spelling(name)
    }

    /// Beside the token that was judged, a service that reads `x_token` as `x-token` would see
    /// another one.
    fn is_other_spelling(&self, name: &[u8]) -> bool {
        let is_exact = |source: &String| is_named(name, source.as_bytes());
        self.looks_like_source(name) && !self.sources.iter().any(is_exact)
    }

    fn looks_like_source(&self, name: &[u8]) -> bool {
        let folded = || name.iter().map(|&byte| fold(byte));
        let is =
            |source: &String| source.len() == name.len() && source.bytes().map(fold).eq(folded());
        self.sources.iter().any(is)
    }

    /// Removals for the trailers among these that are ours or could hold a token, which no trailer
    /// should.
    pub(crate) fn strip_trailers<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        let is_credential = |name: &[u8]| {
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            is("authorization") || is("cookie") || self.looks_like_source(name)
        };
        removals(names.filter(|name| self.covers(name) || is_credential(name)))
    }

    /// Removals for the headers among these that are ours.
    pub(crate) fn strip<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        removals(names.filter(|name| self.covers(name)))
    }

    /// `Connection` without our names: what it names is dropped by the next intermediary (RFC 9110
    /// section 7.6.1), and Envoy passes it on with an upgrade.
    pub(crate) fn strip_connection(&self, request: Request<'_>) -> Option<Edit> {
        let options = || {
            let values = request.values("connection");
            let all = values.flat_map(|value| value.split(|&byte| byte == b','));
            all.map(<[u8]>::trim_ascii)
        };
        options().find(|option| self.covers(option))?;
        let kept: Vec<&[u8]> = options().filter(|option| !self.covers(option)).collect();
        Some(Edit::Set("connection".into(), kept.join(&b", "[..]).into()))
    }
}

/// By these a client tells Envoy's router to send a request again, or at once a second time. The
/// router reads them of a client that it holds for an internal one.
const RETRIES: [&str; 7] = [
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-max-retries",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-per-try-timeout-ms",
];

/// Removals for what would have a request sent more than once.
pub(crate) fn send_once(request: Request<'_>) -> Vec<Edit> {
    let names = request.headers().iter().map(|(name, _)| *name);
    // Most headers begin with another letter, which costs less than seven comparisons.
    let repeats = |name: &&[u8]| {
        matches!(name, [b'x' | b'X', ..])
            && RETRIES.iter().any(|other| is_named(name, other.as_bytes()))
    };
    removals(names.filter(repeats))
}

/// Each name once.
fn removals<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
    let mut edits = Vec::new();
    for name in names {
        let edit = Edit::Remove(name.to_vec());
        if !edits.contains(&edit) {
            edits.push(edit);
        }
    }
    edits
}

/// Removes credentials from the places that hold them.
pub(crate) fn remove_credentials<'c>(
    request: Request<'_>,
    sources: impl Iterator<Item = &'c TokenSource>,
) -> Vec<Edit> {
    let mut cookies: Vec<&str> = Vec::new();
    let mut params: Vec<&str> = Vec::new();
    let mut markers: Vec<&str> = Vec::new();
    let mut edits = Vec::new();
    for source in sources {
        match source {
            TokenSource::Header { name, scheme } => {
                // Another scheme (`Basic`) in the same header is somebody else's.
                let is_gone = edits.iter().any(|edit| removes(edit, name));
                if !is_gone && holds_token(request, name, scheme) {
                    edits.push(Edit::Remove(name.clone().into_bytes()));
                }
            }
            TokenSource::Cookie(name) => cookies.push(name),
            TokenSource::Param(name) => params.push(name),
            TokenSource::WebSocketProtocol(marker) => markers.push(marker),
        }
    }
    edits.extend(without_cookies(request, &cookies));
    edits.extend(without_subprotocol_tokens(request, &markers));
    let path = request.values(":path").next();
    let path = path.and_then(|path| without_params(path, &params));
    edits.extend(path.map(|path| Edit::Set(":path".into(), path.into())));
    edits
}

/// The Cookie header without these cookies; the others byte for byte.
fn without_cookies(request: Request<'_>, names: &[&str]) -> Option<Edit> {
    if names.is_empty() {
        return None;
    }
    let is_named = |pair: &&[u8]| {
        names
            .iter()
            .any(|name| cookie_pair(pair).0 == name.as_bytes())
    };
    let pairs = || {
        request
            .values("cookie")
            .flat_map(|header| header.split(|&byte| byte == b';'))
    };
    pairs().find(is_named)?;
    let kept: Vec<&[u8]> = pairs()
        .filter(|pair| !is_named(pair))
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
        .collect();
    Some(if kept.is_empty() {
        Edit::Remove(b"cookie".to_vec())
    } else {
        Edit::Set("cookie".into(), kept.join(&b"; "[..]).into())
    })
}

/// The list of subprotocols without the tokens behind these markers. The markers stay: a browser
/// ends a WebSocket whose server chooses none of what was offered.
fn without_subprotocol_tokens(request: Request<'_>, markers: &[&str]) -> Option<Edit> {
    if markers.is_empty() {
        return None;
    }
    subprotocols(request, markers).find(|(_, is_token)| *is_token)?;
    let others = subprotocols(request, markers).filter(|(_, is_token)| !is_token);
    let kept: Vec<&[u8]> = others.map(|(element, _)| element).collect();
    Some(Edit::Set(SUBPROTOCOLS.into(), kept.join(&b", "[..]).into()))
}

/// The headers that say what the sign-in proves now.
pub(crate) fn sign_in(proved: &Proved) -> impl Iterator<Item = Edit> {
    let facts = proved.facts.iter().map(|fact| set(fact.header(), "true"));
    let age = proved.age.map(|age| age.as_secs().to_string());
    facts.chain(age.map(|age| set("x-passgate-authentication-age", age)))
}

/// Puts this text in the place of all headers of this name.
pub(crate) fn set(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Edit {
    let value = match value.into() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    Edit::Set(name.into(), value)
}

#[cfg(test)]
mod tests;
