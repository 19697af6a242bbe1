//! Which passkeys people have.

use core::time::Duration;

use super::keys::{RawHttpUri, RawLocalJwks, RawRemoteJwks};
use crate::{
    config::uri::SubjectUri,
    decode::{Text, record},
};

record! {
    /// Which passkeys the provider's people have, for tokens whose `cnf.jwk` does not name one.
    pub(in crate::config) RawCredentials "credentials" {
        /// One document for all people. Exactly one of `document` and `by_subject`.
        document: RawCredentialDocument,
        /// An answer about each person, asked for when an approval of theirs comes. Exactly one of
        /// `document` and `by_subject`.
        by_subject: RawBySubject,
        /// The keys that sign each answer of `by_subject`. An answer that they have not signed does
        /// not count. Absent: answers are not signed.
        signed_by: RawSignedBy,
        "http_uri": "write it inside document, or inside by_subject",
    }
}

record! {
    /// The keys that sign answers. Exactly one of `remote_jwks` and `local_jwks`.
    pub(in crate::config) RawSignedBy "signed_by" {
        /// A JWK set behind a URI.
        remote_jwks: RawRemoteJwks,
        "http_uri": "write it inside remote_jwks",
        /// A JWK set in the configuration.
        local_jwks: RawLocalJwks,
        "inline_string": "write it inside local_jwks",
    }
}

record! {
    /// An answer about each person.
    pub(in crate::config) RawBySubject "by_subject" {
        /// Where it is and how to get there.
        http_uri: RawSubjectUri = "{ uri: \"https://id.example.com/credentials/{sub}\", cluster: id.example.com }" => "http_uri",
        /// How long an answer counts, whatever it says: a new passkey counts, and a disabled one
        /// does not count any more, within this time. Default: 1m.
        cache_duration: Duration,
        "max_stale": "remove it; an answer counts for cache_duration and not longer",
    }
}

record! {
    /// A URI for each person, and the cluster that leads there.
    pub(in crate::config) RawSubjectUri "http_uri" {
        /// An `http` or `https` URI with `{sub}`, the token's subject as one percent-encoded
        /// segment; and `{iss}`, its issuer, if there are many.
        uri: SubjectUri = "\"https://id.example.com/credentials/{sub}\"",
        /// Name of the cluster in Envoy, such as `outbound|443||id.example.com` in Istio.
        cluster: Text = "id.example.com",
        /// Most that one fetch may take. Default: 4s.
        timeout: Duration,
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
