//! Where a provider says which passkeys its people have.

use core::time::Duration;

use crate::fetch::Endpoint;

/// Where a provider says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// In one document for all people.
    Document(CredentialDocument),
    /// In an answer about each person who is asked about.
    BySubject(CredentialsBySubject),
}

/// An answer about each person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsBySubject {
    /// Where it is. Its path is empty: it is made of the pieces.
    pub endpoint: Endpoint,
    /// Path and query.
    pub pieces: Vec<Piece>,
    /// Most that one fetch may take.
    pub timeout: Duration,
    /// How long an answer counts.
    pub cache_duration: Duration,
    /// How far the clocks of signer and gate may be apart, if answers are signed.
    pub signed_within: Option<Duration>,
}

/// A piece of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it is.
    Text(String),
    /// The percent-encoded subject.
    Subject,
    /// The percent-encoded issuer.
    Issuer,
}

/// One document for all people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialDocument {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Most that one fetch may take.
    pub timeout: Duration,
    /// How long it is fresh, whatever its answer says.
    pub cache_duration: Duration,
    /// How long it may serve while fetches fail, once it is no longer fresh.
    pub max_stale: Duration,
}
