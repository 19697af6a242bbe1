//! What is changed in a request that passes: our headers are removed, credentials are removed, and identity
//! headers are written — from a verified token and nothing else.

use core::fmt::Write as _;
use std::{borrow::Cow, rc::Rc};

use crate::{
    config::{ClaimHeader, Config, Provider},
    evidence::{Kind, Proof},
    jose::{VerifiedJwt, to_base64url},
    json::Json,
    request::{
        Request, TokenSource,
        credentials::{cookie_pair, holds_token, without_params},
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

/// The names that a client must not send, compared as the laxest of servers compare them: without case, and every
/// character that is no letter or digit the same. (CGI and WSGI read `x_user` as `x-user`; some read `x.user` so.)
#[derive(Debug)]
pub(crate) struct OwnedNames {
    /// Ours in every spelling, folded; sorted by length, then by bytes.
    ours: Vec<String>,
    /// Headers that hold tokens: ours in every spelling but their own.
    sources: Vec<String>,
}

impl OwnedNames {
    pub(crate) fn of(config: &Config) -> Self {
        let overrides = OVERRIDE_HEADERS.iter().map(|&name| name.to_owned());
        let mut ours: Vec<String> = overrides
            .filter(|name| !config.kept_override_headers.contains(name))
            .collect();
        let mut sources = Vec::new();
        for provider in &config.providers {
            let claims = provider.claim_to_headers.iter().map(|claim| &claim.header);
            ours.extend(
                claims
                    .chain(&provider.forward_payload_header)
                    .map(|name| folded(name)),
            );
            sources.extend(provider.sources.iter().filter_map(|source| match source {
                TokenSource::Header { name, .. } => Some(name.clone()),
                TokenSource::Cookie(_) | TokenSource::Param(_) => None,
            }));
        }
        ours.sort_unstable_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        Self { ours, sources }
    }

    /// Whether a client must not send a header of this name.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        let folded = || name.iter().map(|&byte| fold(byte));
        let is_prefixed =
            name.len() >= PREFIX.len() && folded().zip(PREFIX.bytes()).all(|(a, b)| a == b);
        let order = |own: &String| {
            let by_length = own.len().cmp(&name.len());
            by_length.then_with(|| own.bytes().cmp(folded()))
        };
        let is_ours = || self.ours.binary_search_by(order).is_ok();
        is_prefixed || is_ours() || self.is_other_spelling(name)
    }

    /// Beside the token that was judged, a service that reads `x_token` as `x-token` would see another one.
    fn is_other_spelling(&self, name: &[u8]) -> bool {
        let is_exact = |source: &String| is_named(name, source.as_bytes());
        !self.sources.iter().any(is_exact) && self.looks_like_source(name)
    }

    fn looks_like_source(&self, name: &[u8]) -> bool {
        let folded = || name.iter().map(|&byte| fold(byte));
        let is =
            |source: &String| source.len() == name.len() && source.bytes().map(fold).eq(folded());
        self.sources.iter().any(is)
    }

    /// Removals for the trailers among these that are ours or could hold a token, which no trailer should.
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
    let mut edits = Vec::new();
    for source in sources {
        match source {
            // Another scheme (`Basic`) in the same header is somebody else's.
            TokenSource::Header { name, scheme } if holds_token(request, name, scheme) => {
                edits.push(Edit::Remove(name.clone().into_bytes()));
            }
            TokenSource::Header { .. } => {}
            TokenSource::Cookie(name) => cookies.push(name),
            TokenSource::Param(name) => params.push(name),
        }
    }
    edits.dedup();
    edits.extend(without_cookies(request, &cookies));
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

/// Who a verified token is about, in the words of headers and records: the same for every request with it.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) subject: Option<Rc<str>>,
    pub(crate) kind: Kind,
    pub(crate) edits: Vec<Edit>,
}

impl Identity {
    pub(crate) fn of(provider: &Provider, jwt: &VerifiedJwt<'_>) -> Self {
        let claims = &jwt.claims;
        let subject = claims.get("sub").and_then(Json::as_str);
        let kind = Kind::of(claims, &provider.kinds);
        let from_claims = provider.claim_to_headers.iter();
        let mut edits: Vec<Edit> = from_claims
            .filter_map(|claim| from_claim(claim, claims))
            .collect();
        if let Some(name) = &provider.forward_payload_header {
            edits.push(set(name.clone(), jwt.payload.to_owned()));
        }
        if let Some(subject) = subject {
            let principal = principal(&provider.issuer, subject);
            edits.push(set("x-passgate-principal", principal));
        }
        edits.push(set("x-passgate-provider", String::from(&*provider.name)));
        edits.push(set("x-passgate-kind", kind.as_str()));
        edits.extend(actor(provider, claims).map(|actor| set("x-passgate-actor", actor)));
        Self {
            subject: subject.map(Rc::from),
            kind,
            edits,
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let of_edit = |edit: &Edit| match edit {
            Edit::Remove(name) => name.len(),
            Edit::Set(name, value) => name.len().saturating_add(value.len()),
        };
        let bytes: usize = self.edits.iter().map(of_edit).sum();
        let boxes = self.edits.len().saturating_mul(size_of::<Edit>());
        let subject = self.subject.as_ref().map_or(0, |subject| subject.len());
        bytes.saturating_add(boxes).saturating_add(subject)
    }
}

/// The headers that say what the sign-in proves now.
pub(crate) fn sign_in(proof: &Proof) -> impl Iterator<Item = Edit> {
    let facts = proof.facts.iter().map(|fact| set(fact.header(), "true"));
    let age = proof.age.map(|age| age.as_secs().to_string());
    facts.chain(age.map(|age| set("x-passgate-authentication-age", age)))
}

/// Who acts for the subject (RFC 8693 section 4.1): the outermost `act`, whose issuer is the token's own unless it
/// names one. Nothing where a member is of the wrong type, or its issuer could not stand in a header as it is.
fn actor(provider: &Provider, claims: &Json) -> Option<String> {
    let act = claims.get("act")?;
    let subject = act.get("sub")?.as_str()?;
    let issuer = match act.get("iss") {
        None => &provider.issuer,
        Some(issuer) => issuer.as_str()?,
    };
    let is_plain = !issuer.is_empty() && issuer.bytes().all(|b| b.is_ascii_graphic());
    (is_plain && !subject.is_empty()).then(|| principal(issuer, subject))
}

fn set(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Edit {
    let value = match value.into() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    Edit::Set(name.into(), value)
}

/// `issuer/subject`. The last slash separates: in the subject it is escaped, so no two pairs look alike.
pub(crate) fn principal(issuer: &str, subject: &str) -> String {
    let mut principal = [issuer, "/"].concat();
    escape_into(&mut principal, subject, b"/");
    principal
}

fn from_claim(rule: &ClaimHeader, claims: &Json) -> Option<Edit> {
    let value = match claims.at(&rule.path)? {
        Json::Null => return None,
        Json::String(text) => plain(text)?,
        scalar @ (Json::Number(_) | Json::Bool(_)) => scalar.to_string(),
        Json::Array(elements) => list(elements),
        object @ Json::Object(_) => to_base64url(object.to_string().as_bytes()),
    };
    (!value.is_empty()).then(|| set(rule.header.clone(), value))
}

/// A string as it is, unless a header cannot carry it: control characters, or blanks that the next hop would trim.
fn plain(text: &str) -> Option<String> {
    let carried =
        !text.chars().any(char::is_control) && !text.starts_with(' ') && !text.ends_with(' ');
    carried.then(|| text.to_owned())
}

/// Elements separated by commas; no element can pass for two.
fn list(elements: &[Json]) -> String {
    let mut value = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            value.push(',');
        }
        match element {
            Json::String(text) => escape_into(&mut value, text, b","),
            Json::Array(_) | Json::Object(_) => {
                value.push_str(&to_base64url(element.to_string().as_bytes()))
            }
            scalar => value.push_str(&scalar.to_string()),
        }
    }
    value
}

/// Percent-escapes `%`, the given separators, and all that is not visible ASCII.
fn escape_into(out: &mut String, text: &str, separators: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && !separators.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests;
