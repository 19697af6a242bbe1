//! An issuer that is trusted, and what is done with its tokens.

mod issuer;

use core::time::Duration;
use std::rc::Rc;

use crate::{
    credentials::CredentialSource,
    crypto::Algorithm,
    evidence::{Evidence, Kinds},
    introspection::{IntrospectedTokens, IntrospectionSource},
    jose::{KeyUse, MediaType},
    jwks::KeySource,
    login::Login,
    proof::CnfJwk,
    request::TokenSource,
    revocation::Revocations,
    status_list::StatusListSource,
};

pub(crate) use self::issuer::is_plain;
pub use self::issuer::{Issuer, IssuerTemplate, Tenants};

/// An issuer that is trusted.
#[derive(Debug)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: Rc<str>,
    /// Its values of `iss`; no other provider has one of them.
    pub issuer: Issuer,
    /// Any of them must be in the token's audience; never empty.
    pub audiences: Vec<String>,
    /// The claim that holds the audience: `aud`, `client_id` or `azp`.
    pub audience_claim: String,
    /// Claims of which the first that is a string and not empty names the subject; never empty.
    pub subject_claims: Vec<String>,
    /// Algorithms that its tokens may use. An RSA key without `alg` is for the first RSA algorithm
    /// of them.
    pub algorithms: Vec<Algorithm>,
    /// Types of which its tokens must be one; empty: any, or none, but never a foreign one.
    pub token_types: Vec<MediaType>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Where it is asked about tokens.
    pub introspection: Option<IntrospectionSource>,
    /// Where its tokens are looked for; never empty.
    pub sources: Vec<TokenSource>,
    /// Whether the token stays in the request.
    pub forward: bool,
    /// Header that gets the token's payload, base64url as it came.
    pub forward_payload_header: Option<String>,
    /// Headers made from claims.
    pub claim_to_headers: Vec<ClaimHeader>,
    /// Tolerance for `exp`, `nbf`, `iat`.
    pub clock_skew: Duration,
    /// Most that `exp - iat` may be.
    pub max_token_lifetime: Option<Duration>,
    /// How people, workloads and agents are told apart.
    pub kinds: Kinds,
    /// What its claims prove about a sign-in.
    pub evidence: Evidence,
    /// What `cnf.jwk` of its tokens is; `None`: such tokens are refused.
    pub cnf_jwk: Option<CnfJwk>,
    /// Where it says which passkeys its people have.
    pub credentials: Option<CredentialSource>,
    /// The keys that sign that, and their name in metrics.
    pub credential_keys: Option<Box<(Rc<str>, KeySource)>>,
    /// Where it says what is revoked.
    pub revocations: Option<Revocations>,
    /// Where it says the status of each token.
    pub status_lists: Option<StatusListSource>,
    /// Where browsers are sent to sign in.
    pub login: Option<Login>,
}

impl Provider {
    /// What its keys are for.
    #[must_use]
    pub const fn key_use(&self) -> KeyUse {
        KeyUse::of(matches!(self.issuer, Issuer::TrustDomain(_)))
    }

    /// The algorithm of its RSA keys that do not say it.
    pub(crate) fn rsa(&self) -> Option<Algorithm> {
        let mut algorithms = self.algorithms.iter().copied();
        algorithms.find(|algorithm| algorithm.is_rsa())
    }

    /// Whether it is asked about JWTs, too.
    pub(crate) fn tells_of_all(&self) -> bool {
        let source = self.introspection.as_ref();
        source.is_some_and(|source| source.tokens == IntrospectedTokens::All)
    }
}

/// A header made from a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimHeader {
    /// Path of member names into the claims.
    pub path: Vec<String>,
    /// Lower case.
    pub header: String,
    /// Whether it holds the names of the claim's members.
    pub members: bool,
}
