//! Where a provider says which passkeys its people have.

use core::time::Duration;

use crate::fetch::Endpoint;

/// Where a provider says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// In one document for all people.
    Document(CredentialDocument),
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
