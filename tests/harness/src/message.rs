//! A request to send and an answer received, whatever the protocol.

use super::secrets;
use std::fmt;

/// Names and values as bytes, in the order of the wire.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// All values of the name, compared without regard to case.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let matches = |(n, _): &&(Vec<u8>, Vec<u8>)| n.eq_ignore_ascii_case(name.as_bytes());
        let found = self.0.iter().filter(matches);
        found.map(|(_, value)| value.as_slice()).collect()
    }

    /// The one value of the name; none is `None`, two are a failure.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there {} times", all.len());
        all.first().copied()
    }

    /// The one value of the name as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.bytes(name)?;
        Some(std::str::from_utf8(value).expect("a header of visible ASCII"))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let pairs = self.0.iter().map(|(name, value)| (text(name), text(value)));
        f.debug_map().entries(pairs).finish()
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: Vec<u8>,
    pub authority: Option<String>,
    pub headers: Headers,
    pub body: Option<Vec<u8>>,
    chunked: bool,
    pub trailers: Headers,
}

impl Request {
    pub fn new(method: &str, path: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.as_ref().to_vec(),
            authority: Some("api.example.com".to_owned()),
            headers: Headers::default(),
            body: None,
            chunked: false,
            trailers: Headers::default(),
        }
    }

    pub fn get(path: impl AsRef<[u8]>) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: impl AsRef<[u8]>, body: &[u8]) -> Self {
        let mut request = Self::new("POST", path);
        request.body = Some(body.to_vec());
        request
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        secrets::note(name, value.as_ref());
        let pair = (name.as_bytes().to_vec(), value.as_ref().to_vec());
        self.headers.0.push(pair);
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// The length of the body is not said before.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// With trailers the body goes out in chunks.
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let pair = (name.as_bytes().to_vec(), value.as_ref().to_vec());
        self.trailers.0.push(pair);
        self
    }

    pub fn authority(mut self, authority: &str) -> Self {
        self.authority = Some(authority.to_owned());
        self
    }

    pub fn without_authority(mut self) -> Self {
        self.authority = None;
        self
    }

    /// Whether the length of the body is not said before.
    pub fn is_chunked(&self) -> bool {
        self.chunked || !self.trailers.0.is_empty()
    }

    /// As HTTP/1.1 writes it.
    pub fn to_http1(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            wire.extend(parts.concat());
            wire.extend(b"\r\n");
        };
        line(&[self.method.as_bytes(), b" ", &self.path, b" HTTP/1.1"]);
        if let Some(authority) = &self.authority {
            line(&[b"host: ", authority.as_bytes()]);
        }
        for (name, value) in &self.headers.0 {
            line(&[name, b": ", value]);
        }
        let body = self.body.as_deref().unwrap_or_default();
        if !self.is_chunked() {
            if self.body.is_some() {
                line(&[b"content-length: ", body.len().to_string().as_bytes()]);
            }
            line(&[]);
            wire.extend(body);
            return wire;
        }
        line(&[b"transfer-encoding: chunked"]);
        line(&[]);
        if !body.is_empty() {
            line(&[format!("{:x}", body.len()).as_bytes()]);
            line(&[body]);
        }
        line(&[b"0"]);
        for (name, value) in &self.trailers.0 {
            line(&[name, b": ", value]);
        }
        line(&[]);
        wire
    }
}

/// An answer of the gate, or of the origin behind it.
#[derive(Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} {}",
            self.status,
            self.headers,
            self.body.escape_ascii()
        )
    }
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
