//! Where a provider is asked about tokens.

use core::time::Duration;

use super::keys::RawHttpUri;
use crate::{decode::record, introspection::IntrospectedTokens};

record! {
    /// Where the provider is asked about tokens that say nothing themselves (RFC 7662).
    pub(in crate::config) RawIntrospection "introspection" {
        /// Where it is and how to get there. The cluster adds the client's secret.
        http_uri: RawHttpUri = "{ uri: https://id.example.com/introspect, cluster: id_introspect }" => "http_uri",
        "client_id": "remove it; the cluster adds the secret: envoy.filters.http.credential_injector",
        "client_secret": "remove it; the cluster adds the secret: envoy.filters.http.credential_injector",
        "client_auth": "remove it; the cluster adds the secret: envoy.filters.http.credential_injector",
        /// Which tokens it is asked about: `opaque` (default), those that are not JWTs; or `all`,
        /// JWTs too, after their signature.
        tokens as "for": IntrospectedTokens,
        /// How long an answer counts, whatever it says, and never beyond `exp`: a token that was
        /// revoked is refused within this time. Default: 30s.
        cache_duration: Duration,
        "max_stale": "remove it; an answer counts for cache_duration and not longer",
    }
}
