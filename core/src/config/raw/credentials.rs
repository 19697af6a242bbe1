//! Which passkeys people have.

use core::time::Duration;

use super::keys::RawHttpUri;
use crate::decode::record;

record! {
    /// Which passkeys the provider's people have, for tokens whose `cnf.jwk` does not name one.
    pub(in crate::config) RawCredentials "credentials" {
        /// One document for all people.
        document: RawCredentialDocument = "{ http_uri: { uri: https://id.example.com/credentials, cluster: id.example.com } }" => "document",
    }
}

record! {
    /// One document with the passkeys of all people.
    pub(in crate::config) RawCredentialDocument "document" {
        /// Where it is and how to get there.
        http_uri: RawHttpUri = "{ uri: https://id.example.com/credentials, cluster: id.example.com }" => "http_uri",
        /// How long it is fresh, whatever its answer says: a new passkey counts, and a disabled one
        /// does not count any more, within this time and one answer. Default: 1m.
        cache_duration: Duration,
        /// How long it may serve while fetches fail, once it is no longer fresh. Default: 10m.
        max_stale: Duration,
    }
}
