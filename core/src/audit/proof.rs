//! A proof of possession, as records show it.

use super::Line;
use crate::{jose::to_base64url, proof::Thumbprint};

/// A proof of possession.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownProof {
    /// `dpop`, `certificate`, `webauthn` or `webauthn_session`.
    pub kind: &'static str,
    /// The beginning of the thumbprint of a key that was proved, where subjects are shown; of a
    /// session the passkey's.
    pub key: Option<String>,
    /// Age of the proof, in seconds; of a session the gesture's.
    pub age: Option<u64>,
}

impl ShownProof {
    /// One of this kind, of which nothing is believed yet.
    pub(crate) fn of(kind: &'static str) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    pub(crate) fn write(&self, line: &mut Line) {
        line.word("kind", Some(self.kind));
        line.word("key", self.key.as_deref());
        line.number("age", self.age);
    }
}

/// As much of a thumbprint as tells keys apart: 96 bits.
pub(crate) fn shown_key(thumbprint: &Thumbprint) -> String {
    let (front, _) = thumbprint
        .split_first_chunk::<12>()
        .unwrap_or((&[0; 12], &[]));
    to_base64url(front)
}
