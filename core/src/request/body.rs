//! What the host has handed over of a request beyond its headers.

use sha2::{Digest as _, Sha256};

/// What is known of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The request ended with its headers.
    None,
    /// One may follow, and nobody has read it.
    Unread,
    /// It was read whole, nothing follows it, and this is its SHA-256.
    Read([u8; 32]),
    /// More than `limits.proof_body_bytes` of it came.
    TooLarge,
    /// Trailers came, behind a body or without one.
    HasTrailers,
    /// The host held the headers, and handed nothing else over.
    NotHandedOver,
}

impl Body {
    /// A body that the host has handed over, whole and as it was received.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::Read(Sha256::digest(bytes).into())
    }
}
