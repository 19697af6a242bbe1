//! The request in question, with the token where its provider looks for it.

use core::fmt;

use passgate_core::{Config, Provider, TokenSource};

/// Method, path, authority and the header that holds the token.
pub(crate) struct Sent {
    method: String,
    path: String,
    authority: String,
    more: Vec<(String, String)>,
}

impl Sent {
    /// Reads `GET /payments` or `GET https://api.example.com/payments`.
    pub(crate) fn new(
        line: &str,
        token: Option<&str>,
        provider: Option<&Provider>,
        config: &Config,
    ) -> Result<Self, String> {
        let wrong = || {
            "passgate: write the request as 'GET /payments' or 'GET https://api.example.com/payments'\n".to_owned()
        };
        let (method, target) = line.split_once(' ').ok_or_else(wrong)?;
        let (authority, path) = match target.split_once("://") {
            Some((_, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                (authority.to_owned(), format!("/{path}"))
            }
            None if target.starts_with('/') => {
                let origin = config.origins().first();
                let host = origin.map_or("localhost", |origin| origin.host.as_str());
                (host.to_owned(), target.to_owned())
            }
            None => return Err(wrong()),
        };
        let mut sent = Self {
            method: method.to_owned(),
            path,
            authority,
            more: Vec::new(),
        };
        if let Some(token) = token {
            sent.put(
                token,
                provider.and_then(|provider| provider.sources.first()),
            );
        }
        Ok(sent)
    }

    fn put(&mut self, token: &str, source: Option<&TokenSource>) {
        let header = |name: &str, value: String| (name.to_owned(), value);
        match source {
            None => self
                .more
                .push(header("authorization", format!("Bearer {token}"))),
            Some(TokenSource::Header { name, scheme }) if scheme.is_empty() => {
                self.more.push(header(name, token.to_owned()));
            }
            Some(TokenSource::Header { name, scheme }) => {
                self.more.push(header(name, format!("{scheme} {token}")));
            }
            Some(TokenSource::Cookie(name)) => {
                self.more.push(header("cookie", format!("{name}={token}")));
                self.more
                    .push(header("sec-fetch-site", "same-origin".to_owned()));
            }
            Some(TokenSource::WebSocketProtocol(marker)) => {
                let value = format!("{marker}, {token}");
                self.more.push(header("sec-websocket-protocol", value));
            }
            Some(TokenSource::Param(name)) => {
                let mark = if self.path.contains('?') { '&' } else { '?' };
                self.path = format!("{}{mark}{name}={token}", self.path);
            }
        }
    }

    /// Adds headers.
    pub(crate) fn add(&mut self, headers: &[(String, String)]) {
        let lower = headers.iter();
        let lower = lower.map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        self.more.extend(lower);
    }

    /// As the filter gets them.
    pub(crate) fn headers(&self) -> Vec<(&[u8], &[u8])> {
        let pseudo = [
            (":method", &self.method),
            (":path", &self.path),
            (":authority", &self.authority),
        ];
        let pseudo = pseudo.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let more = self.more.iter();
        let more = more.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        pseudo.into_iter().chain(more).collect()
    }
}

impl fmt::Display for Sent {
    /// Without the token, wherever it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} {path}, host {}", self.method, self.authority)
    }
}
