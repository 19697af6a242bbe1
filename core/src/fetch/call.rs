//! A call that the host is to send: everything about it is said here.

use core::time::Duration;

use super::endpoint::Endpoint;
use super::freshness::Validator;
use crate::version::SOFTWARE;

/// A call over HTTP. Redirects are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where to.
    pub endpoint: Endpoint,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Headers of its own; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent; empty for `GET`.
    pub body: Vec<u8>,
    /// Most bytes that the body of the answer may have. A host hands over one more if there is one,
    /// so that the reader sees that the answer is too large.
    pub max_bytes: usize,
    /// Most that it may take.
    pub timeout: Duration,
}

impl Call {
    /// Asks for a document; 304 confirms the one that has this tag.
    pub(crate) fn get(
        endpoint: Endpoint,
        accept: &str,
        if_none_match: Option<Validator>,
        max_bytes: usize,
        timeout: Duration,
    ) -> Self {
        let accept = ("accept", accept.to_owned());
        let tag = if_none_match.map(|tag| ("if-none-match", tag.into()));
        Self {
            endpoint,
            method: "GET",
            headers: [Some(accept), tag].into_iter().flatten().collect(),
            body: Vec::new(),
            max_bytes,
            timeout,
        }
    }

    /// Sends what is asked about in the body, such as a form (RFC 7662 section 2.1).
    pub(crate) fn post(
        endpoint: Endpoint,
        accept: &str,
        (content_type, body): (&str, Vec<u8>),
        max_bytes: usize,
        timeout: Duration,
    ) -> Self {
        let mut call = Self::get(endpoint, accept, None, max_bytes, timeout);
        call.headers.push(("content-type", content_type.to_owned()));
        Self {
            method: "POST",
            body,
            ..call
        }
    }

    /// The value of a header of its own.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(own, _)| *own == name)?;
        Some(value)
    }

    /// All that is sent before the body: pseudo-headers (RFC 9113 section 8.3.1), what each call
    /// says, its own.
    #[must_use]
    pub fn head(&self) -> Vec<(&str, &str)> {
        let endpoint = &self.endpoint;
        let mut head = vec![
            (":method", self.method),
            (":scheme", endpoint.scheme.as_str()),
            (":authority", endpoint.authority.as_str()),
            (":path", endpoint.path.as_str()),
            ("accept-encoding", "identity"),
            // Firewalls refuse a client that does not say its name.
            ("user-agent", SOFTWARE),
        ];
        head.extend(self.headers.iter().map(|(name, value)| (*name, &**value)));
        head
    }
}
