//! Where keys come from.

use core::time::Duration;

use crate::{
    config::{UriPrefix, text::InlineString, uri::HttpUri, words::DocumentKind},
    decode::{Text, record},
};

record! {
    /// A JWK set behind a URI.
    pub(in crate::config) RawRemoteJwks "remote_jwks" {
        /// Where it is and how to get there.
        http_uri: RawHttpUri = "{ uri: https://id.example.com/certs, cluster: id.example.com }" => "http_uri",
        ..times: Times,
    }
}

record! {
    /// A JWK set where the issuer's own document says.
    pub(in crate::config) RawDiscovery "discovery" {
        /// Which document: `openid` (default), at the `issuer` followed by `/.well-known/openid-configuration`; or `oauth` (RFC 8414), at `/.well-known/oauth-authorization-server` before the issuer's path.
        document: DocumentKind,
        "uri": "remove it; the document is the issuer's /.well-known/openid-configuration, or with document: oauth that of RFC 8414",
        /// Name of the cluster in Envoy that leads to the issuer.
        cluster: Text = "id.example.com",
        "http_uri": "write cluster; the document is the issuer's /.well-known/openid-configuration, or with document: oauth that of RFC 8414",
        /// Name of the cluster that leads to the keys. Default: `cluster`.
        jwks_cluster: Text,
        /// What the document's `jwks_uri` must lie below: scheme, host, port and path.
        jwks_uri_prefix: UriPrefix = "https://id.example.com/realms/acme/",
        "jwks_uri": "write jwks_uri_prefix, or remote_jwks where the address is known",
        /// Most that one fetch may take, of the document or of the keys. Default: 4s.
        timeout: Duration,
        /// How long the document is fresh. Default: 1h.
        refresh: Duration,
        ..times: Times,
    }
}

record! {
    /// The times in the life of a set.
    pub(in crate::config) Times "times" {
        /// How long a set is fresh when the answer does not say. Default: 5m.
        cache_duration: Duration,
        /// Most that `Cache-Control` may lengthen freshness to. Default: `cache_duration`.
        max_cache_duration: Duration,
        /// How long what was fetched may serve while fetches fail, once it is no longer fresh.
        /// Default: 1h.
        max_stale: Duration,
        "retry_policy": "remove it; failed fetches are repeated at growing intervals, and max_stale bridges an outage",
        /// Pace of the fetches that unknown keys may cause. Default: 30s.
        refetch_cooldown: Duration,
        "async_fetch": "remove it; keys are always fetched before the first request",
    }
}

record! {
    /// A URI and the cluster that leads there.
    pub(in crate::config) RawHttpUri "http_uri" {
        /// An `http` or `https` URI.
        uri: HttpUri = "https://id.example.com/certs",
        /// Name of the cluster in Envoy, such as `outbound|443||id.example.com` in Istio.
        cluster: Text = "id.example.com",
        /// Most that one fetch may take. Default: 4s.
        timeout: Duration,
    }
}

record! {
    /// A JWK set in the configuration.
    pub(in crate::config) RawLocalJwks "local_jwks" {
        /// The set, as a string of JSON. Public keys only.
        inline_string: InlineString = "'{\"keys\":[…]}'",
        "keys": "write the set as a string: inline_string: '{\"keys\":[…]}'",
        "inline_bytes": "write inline_string: '{\"keys\":[…]}'",
        "filename": "write inline_string; the filter reads no files",
        "watched_directory": "write inline_string; the filter reads no files",
        "environment_variable": "write inline_string; the filter reads no environment",
    }
}
