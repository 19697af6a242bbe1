//! URIs and their parts: where keys are fetched, where clients reach the gate, and hosts in rules
//! (RFC 3986).

use super::{Endpoint, HostMatch, Origin, UriPrefix};
use crate::{
    credentials::Piece,
    decode::{Fault, FromText, shown},
    uri::{host_and_port, is_loopback, split},
};

/// An `http` or `https` URI, split as a request needs it.
#[derive(Debug)]
pub(super) struct HttpUri {
    pub(super) scheme: String,
    pub(super) authority: String,
    pub(super) path: String,
}

impl FromText for HttpUri {
    const WANTED: &'static str = "a URI, such as https://id.example.com/certs";
    const PATTERN: &'static str = "^https?://";

    fn shown(text: &str) -> String {
        shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (scheme, authority, rest) = split(text)?;
        if rest.contains('#') {
            return Err((
                "has a fragment, which is never sent",
                "write it without # and what follows",
            )
                .into());
        }
        host_and_port(authority)?;
        let slash = if rest.starts_with('/') { "" } else { "/" };
        Ok(Self {
            scheme: scheme.to_owned(),
            authority: authority.to_ascii_lowercase(),
            path: shown::join(&[slash, rest]),
        })
    }
}

impl HttpUri {
    /// What is there, to be asked through this cluster.
    pub(super) fn through(self, cluster: String) -> Endpoint {
        let Self {
            scheme,
            authority,
            path,
        } = self;
        Endpoint {
            scheme,
            authority,
            path,
            cluster,
        }
    }
}

/// An `http` or `https` URI with names in its path or query.
#[derive(Debug)]
pub(super) struct SubjectUri {
    /// Its path is empty.
    pub(super) uri: HttpUri,
    pub(super) pieces: Vec<Piece>,
}

impl FromText for SubjectUri {
    const WANTED: &'static str = "a URI, such as https://id.example.com/credentials/{sub}";
    const PATTERN: &'static str = r"^https?://.*\{sub\}";

    fn shown(text: &str) -> String {
        shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        const SUBJECT: &str = "%7Bsub%7D";
        const ISSUER: &str = "%7Biss%7D";
        // No other brace is part of a URI, and a host has no percent sign.
        let encoded = text.replace("{sub}", SUBJECT).replace("{iss}", ISSUER);
        let mut uri = HttpUri::from_text(&encoded)?;
        let path = core::mem::take(&mut uri.path);
        let (mut pieces, mut rest) = (Vec::new(), path.as_str());
        let next = |rest: &str| {
            let names = [(SUBJECT, Piece::Subject), (ISSUER, Piece::Issuer)].into_iter();
            let places = names.filter_map(|(name, piece)| Some((rest.find(name)?, piece)));
            places.min_by_key(|(at, _)| *at)
        };
        while let Some((at, piece)) = next(rest) {
            let (before, after) = rest.split_at_checked(at).unwrap_or_default();
            pieces.extend([Piece::Text(before.to_owned()), piece]);
            // Both names have this length.
            rest = after.get(SUBJECT.len()..).unwrap_or_default();
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if !pieces.contains(&Piece::Subject) {
            let wanted = "write {sub} in its path, or a document for all people";
            return Err(("does not say where the subject goes", wanted).into());
        }
        Ok(Self { uri, pieces })
    }
}

/// Where an issuer's document is (OpenID Connect Discovery 1.0 section 4): below the issuer, which
/// has no query.
pub(super) fn openid_document(issuer: &str) -> Option<HttpUri> {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    if issuer.contains('?') {
        return None;
    }
    HttpUri::from_text(&[issuer, "/.well-known/openid-configuration"].concat()).ok()
}

/// Where its metadata as an authorization server are (RFC 8414 section 3.1): between host and path
/// of the issuer.
pub(super) fn oauth_document(issuer: &str) -> Option<HttpUri> {
    let (scheme, authority, path) = split(issuer).ok()?;
    if path.contains('?') {
        return None;
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    let well_known = "/.well-known/oauth-authorization-server";
    HttpUri::from_text(&[scheme, "://", authority, well_known, path].concat()).ok()
}

impl FromText for Origin {
    const WANTED: &'static str = "an origin, such as https://api.example.com";
    const PATTERN: &'static str = "^https?://[^/?#]+$";

    fn shown(text: &str) -> String {
        shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (scheme, authority, rest) = split(text)?;
        if !rest.is_empty() {
            return Err(Fault::of(
                &["is more than an origin"],
                &["write ", scheme, "://", authority],
            ));
        }
        let (host, port) = host_and_port(authority)?;
        let host = host.to_ascii_lowercase();
        if scheme == "http" && !is_loopback(&host) {
            return Err(Fault::of(
                &["is reached without TLS, which only loopback may be"],
                &["write https://", authority],
            ));
        }
        let default = if scheme == "http" { 80 } else { 443 };
        let shown_port = match port {
            Some(port) if port != default => shown::join(&[":", &port.to_string()]),
            _ => String::new(),
        };
        Ok(Self {
            text: shown::join(&[scheme, "://", &host, &shown_port]),
            port: port.unwrap_or(default),
            host,
        })
    }
}

impl FromText for UriPrefix {
    const WANTED: &'static str = "a URI, such as https://id.example.com/realms/acme/";
    const PATTERN: &'static str = "^https?://";

    fn shown(text: &str) -> String {
        shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        Self::parse(text).map_err(Fault::from)
    }
}

/// An address without query and fragment.
#[derive(Debug)]
pub(super) struct PageUri {
    pub(super) text: String,
    pub(super) origin: Origin,
    pub(super) path: String,
}

impl FromText for PageUri {
    const WANTED: &'static str =
        "a URI, such as https://api.example.com/.well-known/oauth-protected-resource";
    const PATTERN: &'static str = "^https?://[^?#]+$";

    fn shown(text: &str) -> String {
        shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (scheme, authority, path) = split(text)?;
        if path.contains(['?', '#']) {
            return Err((
                "has a query or a fragment",
                "write scheme, host and path only",
            )
                .into());
        }
        Ok(Self {
            origin: Origin::from_text(&shown::join(&[scheme, "://", authority]))?,
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }
}

impl FromText for HostMatch {
    const WANTED: &'static str = "a host, such as api.example.com or *.example.com";
    const PATTERN: &'static str = r"^(\*\.)?[a-z0-9._-]+$|^\[[0-9a-f:.]+\]$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text == "*" {
            return Err(("would match every host", "leave hosts out to say so").into());
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Fault::of(
                &["is compared in lower case"],
                &["write ", &text.to_ascii_lowercase()],
            ));
        }
        let (wildcard, host) = match text.strip_prefix("*.") {
            Some(parent) => (true, parent),
            None => (false, text),
        };
        if host.contains('*') {
            return Err((
                "has a * inside",
                "write it as the whole first label only: *.example.com",
            )
                .into());
        }
        match host_and_port(host) {
            Ok((bare, Some(_))) => {
                let star = if wildcard { "*." } else { "" };
                Err(Fault::of(
                    &["names a port, which is not compared"],
                    &["write ", star, bare, ", and the port in origins"],
                ))
            }
            Ok(_) if wildcard && host.starts_with('[') => Err(NO_HOST.into()),
            Ok(_) if wildcard => Ok(Self::Suffix(shown::join(&[".", host]))),
            Ok(_) => Ok(Self::Exact(host.to_owned())),
            Err(_) => Err(NO_HOST.into()),
        }
    }
}

/// Without user information, which may be a password.
pub(super) fn shown_uri(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    match rest.split_once('@') {
        Some((_, host)) => shown::text(&shown::join(&["…@", host])),
        None => shown::text(text),
    }
}

const NO_HOST: (&str, &str) = (
    "is not a host",
    "write its name alone, such as api.example.com",
);
