//! Where a provider is asked about tokens.

use core::time::Duration;

use super::keys::RawHttpUri;
use crate::{
    decode::{Text, record},
    introspection::IntrospectedTokens,
};

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
        /// The client that asks, by its name at the provider. With it each answer must be signed
        /// for that client by the provider's keys (RFC 9701). Without it answers are JSON.
        signed_for: Text,
        "max_stale": "remove it; an answer counts for cache_duration and not longer",
    }
}
