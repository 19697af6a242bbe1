//! What ends the authority of tokens before `exp`.

use core::time::Duration;

use super::keys::RawHttpUri;
use crate::{
    config::UriPrefix,
    decode::{Text, record},
    revocation::WhenUnavailable,
};

record! {
    /// The provider's list of what is revoked.
    pub(in crate::config) RawRevocations "revocations" {
        /// Where it is and how to get there.
        http_uri: RawHttpUri = "{ uri: https://feed.example.com/acme/revocations, cluster: feed }" => "http_uri",
        /// How long a list is fresh, whatever its answer says: an entry takes effect within this
        /// time and one answer. Default: 5s.
        cache_duration: Duration,
        /// How much older than `cache_duration` a list may be, counted from its `generated_at`.
        /// Default: 60s.
        max_stale: Duration,
        /// What becomes of requests while no list is young enough: `deny` (default) answers 503,
        /// `allow` lets pass whom the last list does not name.
        when_unavailable: WhenUnavailable,
        /// The claim that names the session. Default: sid.
        session_claim: Text,
        /// The claim that names the client. Default: client_id.
        client_claim: Text,
        /// The claim that holds the id of the WebAuthn credential, base64url. No default.
        credential_claim: Text,
        /// The claim that holds the AAGUID of the authenticator, as a UUID. No default.
        aaguid_claim: Text,
        "required": "write when_unavailable: deny",
    }
}

record! {
    /// The provider's status lists (draft-ietf-oauth-status-list).
    pub(in crate::config) RawStatusLists "status_lists" {
        /// What the address of each list must lie below: scheme, host, port and path.
        uri_prefix: UriPrefix = "https://id.example.com/status/",
        "uri": "write uri_prefix; each token names the address of its list",
        /// Name of the cluster in Envoy that leads there.
        cluster: Text = "id.example.com",
        "http_uri": "write uri_prefix and cluster; each token names the address of its list",
        /// Most that one fetch may take. Default: 4s.
        timeout: Duration,
        /// How long a list without `ttl` is fresh. Default: 5m.
        cache_duration: Duration,
        /// The longest `ttl` that is believed. Default: 1h.
        max_cache_duration: Duration,
        /// Whether a token without `status` is refused. Default: false.
        required: bool,
    }
}
