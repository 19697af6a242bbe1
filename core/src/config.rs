//! The configuration, valid by construction: there is no other way to a [`Config`] than [`Config::parse`].
//!
//! The decoder and every check of meaning live below this module; the rest of the core reads these types.

mod across;
mod audit;
mod claim;
mod claim_name;
mod date;
mod decode;
mod document;
mod doubts;
mod duration;
mod escape;
mod evidence;
mod header_name;
mod hints;
mod keys;
mod login;
mod mode;
mod neighbours;
mod parse;
mod path;
mod pattern;
mod problems;
mod provider;
mod raw;
mod requirement;
mod resource_metadata;
mod rule;
#[cfg(feature = "schema")]
mod schema;
mod shown;
mod sign_in;
mod suggest;
mod text;
mod uri;
mod words;

use core::time::Duration;
use std::rc::Rc;

pub use self::audit::{Audit, Lines, SubjectForm};
pub use crate::{
    evidence::{ClaimEquals, ClaimValue, DatedBy, Evidence, Kinds, Line, When},
    jwks::{Discovery, Endpoint, KeySource, Location, RemoteJwks, UriPrefix},
    login::{Login, LoginParam, Placeholder},
    policy::matcher::{HostMatch, Matcher, PathMatch},
    provider::{ClaimHeader, Provider},
    provider_id::ProviderId,
    request::{Origin, TokenSource, path::PathPolicy},
};

use crate::{
    evidence::{Facts, Kind},
    json::Json,
    limits::Limits,
    time::UnixTime,
};

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// Where clients reach this gate.
    pub origins: Vec<Origin>,
    /// The issuers that are trusted, in order of their names.
    pub providers: Vec<Provider>,
    /// First match decides. `None`: every request needs a token of one of the providers. Empty: nothing passes.
    pub rules: Option<Vec<Rule>>,
    /// Whether CORS preflights pass.
    pub bypass_cors_preflight: bool,
    /// Whether the host may check signatures.
    pub host_crypto: bool,
    /// Which ambiguous spellings of a path are let through.
    pub path: PathPolicy,
    /// Names of headers that change method or path behind us and are kept all the same, lower case with `-`.
    pub kept_override_headers: Vec<String>,
    /// What is written about each verdict.
    pub audit: Audit,
    /// Bounds on inputs.
    pub limits: Limits,
    /// Whether rules that do not say so themselves are enforced.
    pub mode: Mode,
    /// The document about this resource.
    pub resource_metadata: Option<ResourceMetadata>,
    /// What is allowed but is hardly what was meant, each with its place.
    pub warnings: Vec<InvalidConfig>,
    /// Stable hash of the document, for logs.
    pub hash: Rc<str>,
}

impl Config {
    /// Index and last moment of each rule that is an exemption with an end.
    pub fn exemption_ends(&self) -> impl Iterator<Item = (usize, UnixTime)> {
        let numbered = self.rules.iter().flatten().enumerate();
        numbered.filter_map(|(index, rule)| match &rule.action {
            Action::Public(public) => Some((index, public.until?)),
            Action::Requires(_) => None,
        })
    }

    /// A provider by its index.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.get(id.0)
    }
}

/// One line for logs: how much is configured, and the policy's hash.
/// The JSON Schema of the configuration (draft 2020-12), for editors: the shape alone.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::document::<raw::RawConfig>()
}

impl core::fmt::Display for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let providers = self.providers.len();
        let s = |count: usize| if count == 1 { "" } else { "s" };
        write!(f, "{providers} provider{}, ", s(providers))?;
        match self.rules.as_ref().map(Vec::len) {
            None => f.write_str("no rules: every request needs a token")?,
            Some(0) => f.write_str("0 rules: nothing passes")?,
            Some(rules) => write!(f, "{rules} rule{}", s(rules))?,
        }
        write!(f, ", policy {}", self.hash)
    }
}

/// Whether what is decided is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// Not before this moment is over: requests pass unchanged.
    Shadow {
        /// The last moment.
        until: UnixTime,
    },
}

impl Mode {
    /// Whether a request now passes unchanged, whatever is decided.
    #[must_use]
    pub fn observes(self, now: UnixTime) -> bool {
        match self {
            Self::Enforce => false,
            Self::Shadow { until } => now <= until,
        }
    }
}

/// Where the metadata of this resource are (RFC 9728).
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    /// Named in challenges; on one of the origins, without query and fragment.
    pub uri: String,
    /// The path, in the form that requests are brought to, at which the gate itself serves them on every origin, and
    /// the path of the resource that they are about. `None`: somebody else serves them.
    pub served: Option<(String, String)>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Which requests it is about.
    pub matcher: Matcher,
    /// What it says about them.
    pub action: Action,
    /// Whether it is enforced; `None`: as the whole configuration.
    pub mode: Option<Mode>,
}

/// What a rule says.
#[derive(Debug)]
pub enum Action {
    /// Anybody may pass.
    Public(Public),
    /// A token is needed.
    Requires(Requirement),
}

/// An exemption, the only way past.
#[derive(Clone, Debug)]
pub struct Public {
    /// Why.
    pub reason: String,
    /// Whose responsibility.
    pub owner: String,
    /// Last moment; `None`: never ends.
    pub until: Option<UnixTime>,
    /// A token of this provider, when there is one, must be valid and is written into headers.
    pub identity_from: Option<ProviderId>,
}

/// What a matched rule demands: one token that meets one of the alternatives.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Never empty. What stood beside the alternatives has been put into each of them.
    pub alternatives: Vec<Alternative>,
}

/// One way to meet a requirement.
#[derive(Clone, Debug, Default)]
pub struct Alternative {
    /// Only tokens of this provider; `None`: of any.
    pub provider: Option<ProviderId>,
    /// Of each list the token's audience must hold one; empty: the provider's own audiences count.
    pub audiences: Vec<Vec<String>>,
    /// All of them must be granted, in `scope` or `scp`.
    pub scopes: Vec<String>,
    /// All of them must hold.
    pub claims: Vec<ClaimCondition>,
    /// All of them must be proved by the sign-in.
    pub facts: Facts,
    /// The oldest sign-in that will do.
    pub max_age: Option<Duration>,
    /// Who must act.
    pub kind: Option<Kind>,
    /// Whether a token that names an actor (`act`) carries the facts and the age of somebody else's sign-in.
    pub delegated: bool,
}

/// A condition on a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCondition {
    /// Path of member names into the claims.
    pub path: Vec<String>,
    /// The comparison. Values are strings, numbers or booleans, compared with their type.
    pub test: ClaimTest,
    /// Split a string at blanks before comparing.
    pub split: bool,
}

/// How a claim is compared; a claim that is a list offers each of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// One of these is offered.
    AnyOf(Vec<Json>),
    /// Each of these is offered.
    AllOf(Vec<Json>),
}

/// One thing that is wrong with a configuration, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// Where: `rules[1].match.prefix`.
    pub path: String,
    /// What was seen and what to write instead.
    pub problem: String,
}

impl core::fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "{}: {}", self.path, self.problem)
    }
}
