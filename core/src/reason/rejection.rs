//! What the client is told about a refusal.

use core::fmt::Write as _;

use super::Rpc;

/// What the client is told; never why in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// HTTP status.
    pub status: u16,
    /// The reason's code, for the host's response details and counters; not sent to the client.
    pub code: &'static str,
    /// Values of `WWW-Authenticate` (RFC 6750 section 3, RFC 9449 section 7.1), the preferred one
    /// first.
    pub(super) challenges: Vec<String>,
    /// Value of `Retry-After`, in seconds (RFC 9110 section 10.2.3).
    pub(super) retry_after: Option<u64>,
    /// The header with a nonce.
    pub(super) nonce: Option<Nonce>,
    /// The origin whose page may read the answer.
    pub(super) reader: Option<String>,
    /// What a browser gets in place of a 401.
    pub(super) detour: Option<Detour>,
    /// The host makes a gRPC status of it, and its message of the body.
    pub(super) is_grpc: bool,
    /// What it answers, for a client that speaks MCP.
    pub(super) rpc: Option<Box<Rpc>>,
}

/// A header with a nonce for the next proof: `DPoP-Nonce` (RFC 9449 section 9) or `WebAuthn-Nonce`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    /// Its name, lower case.
    pub name: &'static str,
    /// The same as documents write it.
    pub shown: &'static str,
    /// Its value.
    pub value: String,
}

/// What a person's browser gets in place of a 401.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detour {
    /// The way to the page where people sign in.
    Redirect {
        /// The address.
        location: String,
        /// `Set-Cookie`: says that the browser was sent there.
        cookie: String,
    },
    /// The browser was sent there a moment ago, and it has not helped.
    Page {
        /// `Set-Cookie`: forgets it, so that a person may try again.
        cookie: String,
    },
}

impl Detour {
    /// Its name in records.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Redirect { .. } => "redirect",
            Self::Page { .. } => "page",
        }
    }
}

impl Rejection {
    /// The same, readable by a page of this origin (Fetch standard, section 3.3): without these
    /// headers a script would see a network error instead of the challenge.
    #[must_use]
    pub fn readable_by(mut self, origin: Option<&str>) -> Self {
        self.reader = origin.map(str::to_owned);
        self
    }

    /// The same, whose challenge says what a token must grant (RFC 6750 section 3). Scopes hold
    /// quotable characters only.
    #[must_use]
    pub fn asking_for(mut self, scopes: &[String]) -> Self {
        if !scopes.is_empty() {
            let scopes = scopes.join(" ");
            for challenge in &mut self.challenges {
                // Writing into a string cannot fail.
                let _ = write!(challenge, ", scope=\"{scopes}\"");
            }
        }
        self
    }

    /// The same, whose challenge names the document about this resource (RFC 9728 section 5.1). The
    /// address holds quotable characters only.
    #[must_use]
    pub fn naming(mut self, metadata: Option<&str>) -> Self {
        for challenge in &mut self.challenges {
            if let Some(uri) = metadata {
                // Writing into a string cannot fail.
                let _ = write!(challenge, ", resource_metadata=\"{uri}\"");
            }
        }
        self
    }

    /// The same with a nonce for the next proof.
    #[must_use]
    pub fn with_nonce(mut self, nonce: Option<Nonce>) -> Self {
        self.nonce = nonce;
        self
    }

    /// The same for a client that speaks gRPC, or does not.
    #[must_use]
    pub const fn for_grpc(mut self, is_grpc: bool) -> Self {
        self.is_grpc = is_grpc;
        self
    }

    /// The same for a client that speaks MCP, or does not.
    #[must_use]
    pub(crate) fn for_mcp(mut self, rpc: Option<Box<Rpc>>) -> Self {
        self.rpc = rpc;
        self
    }

    /// The same for a person's browser.
    #[must_use]
    pub fn with_detour(mut self, detour: Detour) -> Self {
        self.status = match detour {
            Detour::Redirect { .. } => 302,
            Detour::Page { .. } => 403,
        };
        self.detour = Some(detour);
        self
    }

    /// Header names and values of the answer.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let no_store = ("cache-control", "no-store".to_owned());
        match &self.detour {
            None => {}
            Some(Detour::Redirect { location, cookie }) => {
                return vec![
                    ("location", location.clone()),
                    ("set-cookie", cookie.clone()),
                    no_store,
                ];
            }
            Some(Detour::Page { cookie }) => {
                return vec![
                    ("content-type", "text/plain; charset=utf-8".to_owned()),
                    ("x-content-type-options", "nosniff".to_owned()),
                    ("set-cookie", cookie.clone()),
                    no_store,
                ];
            }
        }
        let mut headers = Vec::new();
        if !self.is_grpc {
            let media_type = match self.rpc {
                Some(_) => "application/json",
                None => "application/problem+json",
            };
            headers.push(("content-type", media_type.to_owned()));
        }
        headers.push(no_store);
        let challenges = self.challenges.iter().cloned();
        headers.extend(challenges.map(|challenge| ("www-authenticate", challenge)));
        let nonce = self.nonce.as_ref();
        headers.extend(nonce.map(|nonce| (nonce.name, nonce.value.clone())));
        headers.extend(
            self.retry_after
                .map(|seconds| ("retry-after", seconds.to_string())),
        );
        if let Some(origin) = &self.reader {
            headers.push(("access-control-allow-origin", origin.clone()));
            headers.push(("vary", "Origin".to_owned()));
            headers.push(("access-control-allow-credentials", "true".to_owned()));
            let exposed = match &self.nonce {
                Some(nonce) => ["WWW-Authenticate, Retry-After, ", nonce.shown].concat(),
                None => "WWW-Authenticate, Retry-After".to_owned(),
            };
            headers.push(("access-control-expose-headers", exposed));
        }
        headers
    }

    /// The body of the answer. For programs a problem document (RFC 9457): the same for all reasons
    /// of one status, but for the request id. For gRPC the same as the text of a message. For MCP
    /// the same as the data of an error, with the challenges: many a client shows no header.
    #[must_use]
    pub fn body(&self, request_id: Option<&str>) -> String {
        match self.detour {
            None => {}
            Some(Detour::Redirect { .. }) => return String::new(),
            Some(Detour::Page { .. }) => return page(request_id),
        }
        let title = match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            413 => "Content Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        if self.is_grpc {
            let id = request_id.map(|id| [" (request ", id, ")"].concat());
            return [title, id.as_deref().unwrap_or_default()].concat();
        }
        let mut body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{}",
            self.status
        );
        if let Some(id) = request_id.and_then(|id| serde_json::to_string(id).ok()) {
            let _ = write!(body, ",\"request_id\":{id}");
        }
        let Some(rpc) = &self.rpc else {
            body.push_str("}\n");
            return body;
        };
        for (index, challenge) in self.challenges.iter().enumerate() {
            let begin = if index == 0 {
                ",\"www_authenticate\":["
            } else {
                ","
            };
            body.push_str(begin);
            body.push_str(&serde_json::to_string(challenge).unwrap_or_default());
        }
        let end = if self.challenges.is_empty() {
            "}"
        } else {
            "]}"
        };
        body.push_str(end);
        rpc.error(self.status, title, &body)
    }
}

/// What a person reads whose sign-in did not help. It is text without markup, so nothing in it can
/// act.
fn page(request_id: Option<&str>) -> String {
    let mut page = "You signed in, or tried to, but this page still does not know who you are, or wants a stronger or \
        more recent sign-in.\n\nReload to try once more. If that does not help, tell the people who run this site"
        .to_owned();
    if let Some(id) = request_id {
        let _ = write!(page, ", and name this request: {id}");
    }
    page.push_str(".\n");
    page
}
