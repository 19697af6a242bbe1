//! What comes back from a fetch.

use super::{
    fault::Fault,
    freshness::{Headers, values},
};

/// What came of a fetch.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// An HTTP response.
    Http {
        /// Its status.
        status: u16,
        /// Its headers; names in any case.
        headers: &'a [(&'a [u8], &'a [u8])],
        /// Its body.
        body: &'a [u8],
    },
    /// The host gave up: timeout, reset, a body that it would not hold.
    NoAnswer,
    /// The host refused the call to this cluster: it does not know it, or has too much to do.
    NotSent {
        /// The cluster's name.
        cluster: &'a str,
    },
}

impl<'a> Answer<'a> {
    /// What a Proxy-Wasm host hands over: `:status` among the headers, and no headers at all when
    /// there was no answer.
    #[must_use]
    pub fn from_host(headers: &'a [(&'a [u8], &'a [u8])], body: &'a [u8]) -> Self {
        let status = headers.iter().find(|(name, _)| *name == b":status");
        let status = status.and_then(|(_, value)| core::str::from_utf8(value).ok()?.parse().ok());
        status.map_or(Self::NoAnswer, |status| Self::Http {
            status,
            headers,
            body,
        })
    }

    /// Its body; empty where there is none.
    pub(crate) const fn body(&self) -> &'a [u8] {
        match self {
            Self::Http { body, .. } => body,
            Self::NoAnswer | Self::NotSent { .. } => &[],
        }
    }

    /// What it brings. 304 says something only to a fetch that asked for it. Redirects are not
    /// followed: the configuration alone says where something comes from.
    pub(crate) fn content(&self, conditional: bool) -> Result<Content<'a>, Fault> {
        match *self {
            Self::Http {
                status: 200,
                headers,
                body,
            } => match coding(headers) {
                None => Ok(Content::New { headers, body }),
                Some(coding) => Err(Fault::Encoded(coding)),
            },
            Self::Http {
                status: 304,
                headers,
                ..
            } if conditional => Ok(Content::Same { headers }),
            Self::Http {
                status: status @ (301 | 302 | 303 | 307 | 308),
                headers,
                ..
            } => Err(Fault::Redirect {
                status,
                location: text(headers, "location"),
            }),
            Self::Http { status, .. } => Err(Fault::Status(status)),
            Self::NoAnswer => Err(Fault::NoAnswer),
            Self::NotSent { cluster } => Err(Fault::NotSent(cluster.to_owned())),
        }
    }
}

/// What an answer brings.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// Something to read.
    New {
        headers: Headers<'a>,
        body: &'a [u8],
    },
    /// What is there already.
    Same { headers: Headers<'a> },
}

/// The content coding of an answer (RFC 9110 section 8.4), if it has one: all of them are asked not
/// to be.
fn coding(headers: Headers<'_>) -> Option<String> {
    let coding = text(headers, "content-encoding");
    let is_one =
        |coding: &str| !["", "identity"].contains(&coding.trim().to_ascii_lowercase().as_str());
    coding.split(',').any(is_one).then_some(coding)
}

/// The values of a header, one after the other.
fn text(headers: Headers<'_>, name: &'static str) -> String {
    let values = values(headers, name).map(String::from_utf8_lossy);
    values.collect::<Vec<_>>().join(", ")
}
