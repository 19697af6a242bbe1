//! SPIFFE IDs (SPIFFE-ID, section 2): the names of workloads, and patterns of them.

use crate::limits;

/// What each of them begins with, in lower case.
pub(crate) const SCHEME: &str = "spiffe://";
/// The segment of a pattern that stands for any one.
pub(crate) const ONE: &[u8] = b"*";
/// The last segment of a pattern, which stands for all that follow: one or more.
pub(crate) const REST: &[u8] = b"**";

/// The trust domain of a workload's SPIFFE ID. `None`: it is not one.
///
/// There is one spelling of each: lower case, no percent-coding, no empty segment, no port, no
/// query. A trust domain alone is the name of its authority, and not of a workload.
#[inline(never)]
pub(crate) fn trust_domain(id: &str) -> Option<&str> {
    let (trust_domain, path) = parts(id)?;
    let is_one = id.len() <= limits::SPIFFE_ID_BYTES && is_trust_domain(trust_domain);
    (is_one && segments(path).all(is_segment)).then_some(trust_domain)
}

/// The segments of a path. (As bytes: that is a fraction of the code.)
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
    path.as_bytes().split(|byte| *byte == b'/')
}

/// Trust domain and path of what looks like a SPIFFE ID.
pub(crate) fn parts(id: &str) -> Option<(&str, &str)> {
    id.strip_prefix(SCHEME)?.split_once('/')
}

/// Whether this may be the name of a trust domain (section 2.1).
#[inline(never)]
pub(crate) fn is_trust_domain(name: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (1..=limits::TRUST_DOMAIN_BYTES).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether this may be a segment of a path (section 2.2).
#[inline(never)]
pub(crate) fn is_segment(segment: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    !matches!(segment, b"" | b"." | b"..") && segment.iter().all(is_plain)
}

/// SPIFFE IDs of one trust domain: in the path a segment `*` stands for any one, and a final `**`
/// for one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiffePattern(pub(crate) String);

impl SpiffePattern {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it takes this SPIFFE ID; or all that another pattern takes.
    #[inline(never)]
    pub(crate) fn takes(&self, other: &str) -> bool {
        let (mut own, mut others) = (segments(&self.0), segments(other));
        loop {
            match (own.next(), others.next()) {
                (Some(REST), Some(_)) | (None, None) => return true,
                (Some(ONE), Some(REST)) => return false,
                (Some(ONE), Some(_)) => {}
                (Some(own), Some(other)) if own == other => {}
                _ => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests;
