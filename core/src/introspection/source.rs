//! Where a provider is asked about tokens.

use core::time::Duration;

use crate::fetch::Endpoint;

/// Where a provider is asked about tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionSource {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Most that one question may take.
    pub timeout: Duration,
    /// How long an answer counts, whatever it says.
    pub cache_duration: Duration,
    /// Which tokens it is asked about.
    pub tokens: IntrospectedTokens,
    /// What a signed answer must say. `None`: answers are JSON.
    pub signed_for: Option<SignedFor>,
}

/// What a signed answer must say (RFC 9701 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFor {
    /// The client that asks: `aud` names it.
    pub client: String,
    /// How far clocks may be apart.
    pub skew: Duration,
}

/// Which tokens a provider is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntrospectedTokens {
    /// Those that are not JWTs.
    Opaque,
    /// JWTs too, after their signature.
    All,
}
