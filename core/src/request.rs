//! The request as the verifier sees it: a borrowed view of all that a decision may look at, read in
//! one way only.

mod authority;
mod body;
mod connection;
pub(crate) mod credentials;
mod mcp;
mod origin;
pub(crate) mod path;
mod source;

pub(crate) use authority::Authority;
pub use body::Body;
pub use connection::Connection;
pub(crate) use mcp::McpCall;
pub use origin::Origin;
pub use source::TokenSource;

use self::path::PathPolicy;

use std::borrow::Cow;

use crate::{limits, reason::Ambiguous};

/// The headers of a request, pseudo headers (`:method`, `:path`, `:authority`) among them.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    headers: &'a [(&'a [u8], &'a [u8])],
    connection: Option<&'a dyn Connection>,
    body: Body,
}

impl<'a> Request<'a> {
    /// A view of header names and values as the host gave them. A body may follow.
    #[must_use]
    pub const fn new(headers: &'a [(&'a [u8], &'a [u8])]) -> Self {
        Self {
            headers,
            connection: None,
            body: Body::Unread,
        }
    }

    /// The same, on this connection.
    #[must_use]
    pub const fn on(self, connection: &'a dyn Connection) -> Self {
        Self {
            connection: Some(connection),
            ..self
        }
    }

    /// The same, where the request ends with its headers, or does not.
    #[must_use]
    pub const fn ending_here(self, ends: bool) -> Self {
        self.with_body(if ends { Body::None } else { Body::Unread })
    }

    /// The same with what is known of its body.
    #[must_use]
    pub const fn with_body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// What is known of its body.
    pub(crate) const fn body(&self) -> Body {
        self.body
    }

    /// How many bytes to expect of a body that is still to come, by what the client says of it:
    /// hosts hold it to `content-length` (RFC 9110 section 8.6). `None`: it does not say.
    pub(crate) fn body_length(&self) -> Option<usize> {
        let length = core::str::from_utf8(self.one("content-length")?).ok()?;
        length.parse().ok()
    }

    /// Whether what follows the headers has no end of its own: an upgrade (RFC 9110 section 7.8),
    /// or CONNECT.
    pub(crate) fn is_endless(&self) -> bool {
        self.has("upgrade") || self.one(":method") == Some(b"CONNECT")
    }

    /// SHA-256 of the client's certificate.
    pub(crate) fn certificate(&self) -> Option<[u8; 32]> {
        self.connection?.client_certificate()
    }

    /// The client's certificate, in PEM.
    pub(crate) fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.connection?.peer_certificate()
    }

    /// All headers, in their order.
    pub(crate) const fn headers(&self) -> &'a [(&'a [u8], &'a [u8])] {
        self.headers
    }

    /// The values of all headers of this name.
    pub(crate) fn values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |(n, _)| is_named(n, name.as_bytes()))
            .map(|(_, value)| *value)
    }

    /// Whether a header of this name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The host's id of the request, where it is fit to be shown.
    #[must_use]
    pub fn id(&self) -> Option<&'a str> {
        let id = core::str::from_utf8(self.values("x-request-id").next()?).ok()?;
        (id.len() <= limits::SHOWN_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic()))
            .then_some(id)
    }

    /// Method, path and authority, if each can be read in one way only.
    pub(crate) fn target(&self, policy: PathPolicy) -> Result<Target<'a>, Ambiguous> {
        let method = self.method()?;
        let authority = self
            .one(":authority")
            .and_then(Authority::parse)
            .ok_or(Ambiguous::Authority)?;
        let mut target = Target {
            method,
            path: None,
            readings: Vec::new(),
            query: None,
            authority,
            mcp: None,
        };
        match self.one(":path") {
            // CONNECT to an authority has no path (RFC 9113 section 8.5).
            None if method == "CONNECT" && !self.has(":path") => {}
            None => return Err(Ambiguous::Path),
            Some(b"*") if method == "OPTIONS" => target.path = Some(Cow::Borrowed("*")),
            Some(raw) => {
                let (path, query) = path::split(raw);
                let (path, readings) = path::read(path, policy).map_err(|_| Ambiguous::Path)?;
                target.path = Some(path);
                target.readings = readings;
                target.query = query;
            }
        }
        Ok(target)
    }

    /// The only value of a header.
    fn one(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Methods are case-sensitive (RFC 9110 section 9.1); HTTP/2 lets `get` through, which some
    /// servers take for `GET`.
    fn method(&self) -> Result<&'a str, Ambiguous> {
        let method = self
            .one(":method")
            .and_then(|method| core::str::from_utf8(method).ok());
        method
            .filter(|m| {
                !m.is_empty()
                    && m.bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
            })
            .ok_or(Ambiguous::Method)
    }

    /// Whether the client speaks gRPC, as Envoy tells it when it makes an answer of its own: other
    /// clients, those of gRPC-Web too, get a status and a body.
    pub(crate) fn is_grpc(&self) -> bool {
        let rest = self
            .one("content-type")
            .and_then(|value| value.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'+'))
    }

    /// Whether it begins a stream that lasts: an upgrade (RFC 9110 section 7.8; the host makes one
    /// of the extended CONNECT of RFC 8441), CONNECT, gRPC, or an event stream.
    pub(crate) fn lasts(&self) -> bool {
        let is_grpc = |value: &[u8]| has_prefix(value, b"application/grpc");
        self.is_endless()
            || self.values("content-type").any(is_grpc)
            || self.accepts(b"text/event-stream")
    }

    /// Whether `accept` names this media type.
    fn accepts(&self, media_type: &[u8]) -> bool {
        self.values("accept").any(|value| {
            let mut texts = value.windows(media_type.len());
            texts.any(|text| text.eq_ignore_ascii_case(media_type))
        })
    }

    /// A CORS preflight (Fetch standard, section 4.8), not any OPTIONS. No browser asks for an
    /// upgrade in one, and a service that does not look at the method would begin a stream.
    pub(crate) fn is_preflight(&self, target: &Target<'_>) -> bool {
        target.method == "OPTIONS"
            && self.has("origin")
            && self.has("access-control-request-method")
            && !self.has("upgrade")
    }

    /// The configured origin whose page made this request, as its browser says.
    pub(crate) fn page_of<'c>(&self, origins: &'c [Origin]) -> Option<&'c str> {
        let origin = self.one("origin")?;
        let mut texts = origins.iter().map(|ours| ours.text.as_str());
        texts.find(|ours| ours.as_bytes() == origin)
    }

    /// The same of pages that ask for passkeys.
    pub(crate) fn page_among<'c>(&self, origins: &'c [String]) -> Option<&'c str> {
        let origin = self.one("origin")?;
        let ours = origins.iter().find(|ours| ours.as_bytes() == origin)?;
        Some(ours)
    }

    /// Whether a cookie may speak for this request: a browser attaches cookies to what other sites
    /// cause, too.
    pub(crate) fn cookie_may_speak(&self, target: &Target<'_>, origins: &[Origin]) -> bool {
        let safe = matches!(target.method, "GET" | "HEAD" | "OPTIONS") && !self.has("upgrade");
        let from_ours = || self.page_of(origins).is_some();
        let same_origin = || self.one("sec-fetch-site") == Some(b"same-origin");
        safe || from_ours() || same_origin()
    }
}

/// Whether a header has this name, without regard to case (RFC 9110 section 5.1). Most differ in
/// length, which costs no call.
#[inline(always)]
pub(crate) fn is_named(header: &[u8], name: &[u8]) -> bool {
    header.len() == name.len() && are_equal_names(header, name)
}

/// Hosts write names in lower case, so that most comparisons are plain ones.
fn are_equal_names(one: &[u8], other: &[u8]) -> bool {
    one == other || one.eq_ignore_ascii_case(other)
}

fn has_prefix(value: &[u8], prefix: &[u8]) -> bool {
    let start = value.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A character of a header's name as the laxest of servers reads it.
pub(crate) const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

/// A name as the laxest of servers reads it.
pub(crate) fn folded(name: &str) -> String {
    name.bytes().map(|byte| char::from(fold(byte))).collect()
}

/// What a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    /// Upper case letters and `-`.
    pub(crate) method: &'a str,
    /// In normal form, without query; none for CONNECT.
    pub(crate) path: Option<Cow<'a, str>>,
    /// Other ways to read the path; nearly always none.
    pub(crate) readings: Vec<String>,
    /// What follows the first `?`.
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) authority: Authority<'a>,
    /// What it calls, where some rule about its path wants to know.
    pub(crate) mcp: Option<McpCall>,
}

impl Target<'_> {
    /// The configured origin that this request reached, by its authority alone. Where that names no
    /// port, Envoy may have taken it away (`strip_any_host_port`): then it is the origin with its
    /// scheme's own port, or the only one of the host.
    pub(crate) fn origin<'c>(&self, origins: &'c [Origin]) -> Option<&'c Origin> {
        let mut of_host = origins
            .iter()
            .filter(|origin| origin.host == self.authority.host);
        if let Some(port) = self.authority.port {
            return of_host.find(|origin| origin.port == port);
        }
        let with_default = of_host.clone().find(|origin| {
            let is_https = origin.text.starts_with("https:");
            origin.port == if is_https { 443 } else { 80 }
        });
        with_default.or_else(|| of_host.next().filter(|_| of_host.next().is_none()))
    }

    /// The same request, its path read in each of the other ways.
    pub(crate) fn read_otherwise(&self) -> impl Iterator<Item = Self> {
        self.readings.iter().map(|path| Self {
            path: Some(Cow::Owned(path.clone())),
            readings: Vec::new(),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests;
