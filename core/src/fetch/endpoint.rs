//! Where something is that is fetched over HTTP.

use core::fmt;

/// Something that is fetched over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: String,
    /// The authority of the URL, for `:authority`.
    pub authority: String,
    /// Path and query of the URL, for `:path`.
    pub path: String,
    /// The host's cluster that leads there.
    pub cluster: String,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}
