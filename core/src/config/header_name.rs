//! Names of headers: how they are written, and which are ours to write (RFC 9110 section 5.1).

use super::text::is_token_byte;
use crate::{
    decode::{Fault, FromText},
    request::folded,
};

/// A header's name in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderName(pub(super) String);

impl FromText for HeaderName {
    const WANTED: &'static str = "the name of a header";
    const PATTERN: &'static str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.starts_with(':') {
            return Err((
                "is a pseudo header of HTTP/2",
                "write the name of an ordinary header",
            )
                .into());
        }
        if text.is_empty() || !text.bytes().all(is_token_byte) {
            return Err(("is not the name of a header", "write letters, digits and -").into());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl HeaderName {
    /// The name as the laxest of servers reads it.
    pub(super) fn folded(&self) -> String {
        folded(&self.0)
    }

    /// Why an identity header must not have this name.
    pub(super) fn not_ours_to_write(&self) -> Option<(&'static str, &'static str)> {
        let name = self.folded();
        if name.starts_with("x-passgate-") {
            return Some((
                "begins with x-passgate-, which the gate itself writes",
                "write another name",
            ));
        }
        if name == "x-forwarded-access-token" {
            return Some((
                "is where applications look for a token, and neither a claim nor a payload is one",
                "name it under from_headers and write forward: true, so that the token stays there",
            ));
        }
        if IDENTITY_OF_PROXIES.contains(&&*name) {
            return None;
        }
        let prefixed = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        (WRITTEN_BY_OTHERS.contains(&&*name) || prefixed(&PREFIXES_OF_OTHERS)).then_some((
            "has a meaning of its own for proxies or applications",
            "write another name, such as x-user",
        ))
    }

    /// Why no token can be read from this header.
    pub(super) fn no_token_source(&self) -> Option<(&'static str, &'static str)> {
        let name = self.folded();
        match &*name {
            "cookie" => Some((
                "holds cookies",
                "write from_cookies: [<name of the cookie>]",
            )),
            // Another gate's, which is read before it is removed.
            IDENTITY => None,
            name if name.starts_with("x-passgate-") => Some((
                "is removed from every request, as all x-passgate- headers",
                "write another name",
            )),
            name if FRAMING.contains(&name) => Some((
                "belongs to the connection and holds no token",
                "write another name",
            )),
            _ => None,
        }
    }
}

/// The header of identity tokens where none is configured.
pub(super) const IDENTITY: &str = "x-passgate-identity";

/// Headers that frame the message or belong to one connection (RFC 9110 section 7.6.1).
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Headers that others write, or that change who, what or where a request is.
const WRITTEN_BY_OTHERS: [&str; 31] = [
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "cookie",
    "cookie2",
    "set-cookie",
    "dpop",
    "webauthn-proof",
    "forwarded",
    "x-real-ip",
    "x-request-id",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
    "origin",
    "referer",
    "range",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// What applications behind a proxy that authenticates read about people. A client's copies are
/// removed, in every spelling, as soon as a provider writes them.
const IDENTITY_OF_PROXIES: [&str; 4] = [
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
];

const PREFIXES_OF_OTHERS: [&str; 6] = [
    "x-forwarded-",
    "x-envoy-",
    "x-istio-",
    "sec-",
    "access-control-",
    "content-",
];

/// What `from_headers.value_prefix` may be: nothing, or a scheme and one blank (RFC 9110 section
/// 11.1).
#[derive(Debug)]
pub(super) struct ValuePrefix(
    /// Without the blank.
    pub(super) String,
);

impl FromText for ValuePrefix {
    const WANTED: &'static str = "a scheme and a blank: \"Bearer \"";
    const PATTERN: &'static str = "^([!#$%&'*+.^_`|~0-9A-Za-z-]+ )?$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        let scheme = text.strip_suffix(' ').unwrap_or(text);
        if scheme.is_empty() || !scheme.bytes().all(is_token_byte) {
            return Err(("is not a scheme and one blank", "write \"Bearer \"").into());
        }
        if scheme.len() == text.len() {
            return Err(Fault::of(
                &["does not end in a blank"],
                &["write \"", text, " \""],
            ));
        }
        Ok(Self(scheme.to_owned()))
    }
}
