//! Where a provider's keys come from.

use core::time::Duration;
use std::rc::Rc;

use super::uri_prefix::UriPrefix;
use crate::{
    crypto::Algorithm,
    fetch::Endpoint,
    jose::{JwkSet, KeyUse},
    limits::Limits,
};

/// The providers whose keys are held, in the order of their indices, and what bounds what they
/// send.
#[derive(Clone, Debug)]
pub struct Sources<'c> {
    /// Bounds.
    pub limits: Limits,
    /// One for each provider.
    pub providers: Vec<SourceOf<'c>>,
}

/// The keys of one provider.
#[derive(Clone, Copy, Debug)]
pub struct SourceOf<'c> {
    /// Its name in the configuration.
    pub name: &'c Rc<str>,
    /// Where they come from.
    pub keys: &'c KeySource,
    /// What an RSA key is for that does not say it.
    pub rsa: Option<Algorithm>,
    /// What its keys are for.
    pub usage: KeyUse,
}

/// Where a provider's keys come from.
#[derive(Debug)]
pub enum KeySource {
    /// Fetched over HTTP.
    Remote(RemoteJwks),
    /// Part of the configuration.
    Local(JwkSet),
}

/// A JWK set behind a URL.
#[derive(Clone, Debug)]
pub struct RemoteJwks {
    /// Where it is.
    pub location: Location,
    /// Most that one fetch may take.
    pub timeout: Duration,
    /// How long a set is fresh when the answer does not say.
    pub cache_duration: Duration,
    /// Most that `Cache-Control` may lengthen freshness to.
    pub max_cache_duration: Duration,
    /// How long a set that is no longer fresh may serve while fetches fail.
    pub max_stale: Duration,
    /// Pace of the fetches that unknown keys may cause.
    pub refetch_cooldown: Duration,
}

/// Where a JWK set is.
#[derive(Clone, Debug)]
pub enum Location {
    /// Here.
    Fixed(Endpoint),
    /// Where the issuer's own document says.
    Discovered(Box<Discovery>),
}

/// The document in which an issuer says where its keys are (OpenID Connect Discovery 1.0).
#[derive(Clone, Debug)]
pub struct Discovery {
    /// What the document must say that its issuer is.
    pub issuer: String,
    /// Where the document is.
    pub document: Endpoint,
    /// What the `jwks_uri` must lie below.
    pub jwks_uri_prefix: UriPrefix,
    /// The host's cluster that leads there.
    pub jwks_cluster: String,
    /// How long the document is fresh.
    pub refresh: Duration,
}
