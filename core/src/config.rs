//! The configuration, valid by construction: there is no other way to a [`Config`] than
//! [`Config::parse`].
//!
//! The decoder lives below this module. What it makes is defined where it is used; only the
//! verifier and the face of the library import from here.

mod across;
mod actor;
mod audit;
mod callers;
mod claim;
mod claim_name;
mod credentials;
mod date;
mod dated_by;
mod demands;
mod document;
mod doubts;
mod duration;
mod ending;
mod escape;
mod evidence;
mod header_name;
mod identity_token;
mod introspection;
mod issuer;
mod keys;
mod literal;
mod login;
mod mcp;
mod mode;
#[cfg(feature = "explain")]
mod narrowing;
mod neighbours;
mod origin;
#[cfg(feature = "explain")]
mod overridden;
mod parse;
mod path;
mod pattern;
mod peer;
mod proof;
mod provider;
mod raw;
mod reach;
mod relying_party;
mod requirement;
mod resource_metadata;
mod rule;
#[cfg(feature = "explain")]
mod slip;
mod subject;
mod text;
mod timer;
mod trial;
mod uri;
mod words;

use std::rc::Rc;

use crate::{
    audit::{Audit, Correlation, Lines},
    callers::{Caller, Callers, Named},
    evidence::{ClaimEquals, ClaimValue, Kinds, When},
    fetch::Endpoint,
    jose::KeyUse,
    jwks::{Discovery, KeySource, Location, RemoteJwks, UriPrefix},
    jwks::{SourceOf, Sources},
    login::{Login, LoginParam, Placeholder},
    mint::IdentityToken,
    policy::{
        Action, Alternative, ClaimCondition, ClaimTest, Denial, HostMatch, Matcher, McpMatch, Mode,
        PathMatch, ProofDemand, Public, Requirement, Rule,
    },
    provider::{ClaimHeader, Issuer, IssuerTemplate, Provider, Tenants},
    provider_id::ProviderId,
    request::{Origin, TokenSource, path::PathPolicy},
    resource_metadata::ResourceMetadata,
    webauthn::RelyingParty,
};

use crate::{
    limits::Limits,
    supply::{EndingOf, Suppliers},
    time::UnixTime,
};

pub use self::{
    escape::{HostEscape, Past},
    trial::{Expected, PolicyTest, TestToken},
};
pub use crate::decode::Problem as InvalidConfig;

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// Where clients reach this gate.
    origins: Vec<Origin>,
    /// The issuers that are trusted, in order of their names.
    providers: Vec<Provider>,
    /// First match decides. `None`: every request needs a token of one of the providers. Empty:
    /// nothing passes.
    rules: Option<Vec<Rule>>,
    /// Whether CORS preflights pass.
    bypass_cors_preflight: bool,
    /// Whether the host may check signatures.
    host_crypto: bool,
    /// Which ambiguous spellings of a path are let through.
    path: PathPolicy,
    /// Names of headers that change method or path behind us and are kept all the same, lower case
    /// with `-`.
    kept_override_headers: Vec<String>,
    /// What is written about each verdict.
    audit: Audit,
    /// Bounds on inputs.
    limits: Limits,
    /// Whether rules that do not say so themselves are enforced.
    mode: Mode,
    /// Whether streams end with their authority where a rule does not say so itself.
    ends_streams: bool,
    /// The documents about this resource, or about parts of it.
    resource_metadata: Vec<ResourceMetadata>,
    /// What is allowed but is hardly what was meant, each with its place.
    warnings: Vec<InvalidConfig>,
    /// Whose passkeys approve requests.
    relying_party: Option<RelyingParty>,
    /// Secrets of nonces, the newest first; none: the workers of a proxy share one of their own.
    nonce_secrets: Vec<Secret>,
    /// The name of this gate.
    gate: Option<Rc<str>>,
    /// The token that the gate signs for the services behind it.
    identity_token: Option<IdentityToken>,
    /// Stable hash of the document, for logs.
    hash: Rc<str>,
    /// The roles and products of callers.
    callers: Callers,
    /// The key of hashes by which records of one thing are told to be of one.
    correlation: Option<Correlation>,
}

impl Config {
    /// Where clients reach this gate.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The issuers that are trusted, in order of their names.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The same, of a configuration that is not needed any more.
    #[must_use]
    pub fn into_providers(self) -> Vec<Provider> {
        self.providers
    }

    /// First match decides. `None`: every request needs a token of one of the providers. Empty:
    /// nothing passes.
    #[must_use]
    pub fn rules(&self) -> Option<&[Rule]> {
        self.rules.as_deref()
    }

    /// Whether CORS preflights pass.
    #[must_use]
    pub const fn bypasses_cors_preflight(&self) -> bool {
        self.bypass_cors_preflight
    }

    /// Whether the host may check signatures.
    #[must_use]
    pub const fn allows_host_crypto(&self) -> bool {
        self.host_crypto
    }

    /// Which ambiguous spellings of a path are let through.
    #[must_use]
    pub const fn path(&self) -> PathPolicy {
        self.path
    }

    /// Names of headers that change method or path behind us and are kept all the same, lower case
    /// with `-`.
    #[must_use]
    pub fn kept_override_headers(&self) -> &[String] {
        &self.kept_override_headers
    }

    /// What is written about each verdict.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Bounds on inputs.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether rules that do not say so themselves are enforced.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The last moment at which requests of this rule pass, whatever is decided; `None`: what is
    /// decided is done now. Of no rule: as the whole configuration.
    #[must_use]
    pub fn observed_until(&self, rule: Option<usize>, now: UnixTime) -> Option<UnixTime> {
        let rule = rule.and_then(|index| self.rules.as_deref()?.get(index));
        let mode = rule.and_then(|rule| rule.mode).unwrap_or(self.mode);
        mode.observes_until(now)
    }

    /// Whether streams end with their authority where a rule does not say so itself.
    #[must_use]
    pub const fn ends_streams(&self) -> bool {
        self.ends_streams
    }

    /// The documents about this resource, or about parts of it.
    #[must_use]
    pub fn resource_metadata(&self) -> &[ResourceMetadata] {
        &self.resource_metadata
    }

    /// What is allowed but is hardly what was meant, each with its place.
    #[must_use]
    pub fn warnings(&self) -> &[InvalidConfig] {
        &self.warnings
    }

    /// Whose passkeys approve requests; always there where a rule wants that.
    #[must_use]
    pub const fn relying_party(&self) -> Option<&RelyingParty> {
        self.relying_party.as_ref()
    }

    /// Whether some rule takes approvals that cover a body: the host must hand bodies over then,
    /// while it holds the headers.
    #[must_use]
    pub fn reads_bodies(&self) -> bool {
        let mut rules = self.rules.iter().flatten();
        rules.any(Rule::reads_body)
    }

    /// Whether a rule, a role or a product asks for the workload at the other end: the listener
    /// must verify client certificates then.
    #[must_use]
    pub fn wants_peer(&self) -> bool {
        let mut rules = self.rules.iter().flatten();
        let by_rule = rules.any(|rule| match &rule.action {
            Action::Requires(requirement) => requirement.wants_peer(),
            Action::Public(_) | Action::Deny(_) => false,
        });
        by_rule || self.callers.wants_peer()
    }

    /// Whether some rule is about some calls of MCP only.
    #[must_use]
    pub fn names_calls(&self) -> bool {
        let mut rules = self.rules.iter().flatten();
        rules.any(|rule| rule.matcher.mcp.is_some())
    }

    /// Whether identity tokens carry the id of their request (`txn`).
    #[must_use]
    pub fn names_requests(&self) -> bool {
        let token = self.identity_token.as_ref();
        token.is_some_and(|token| token.is_transaction)
    }

    /// Secrets of nonces, the newest first; none: the workers of a proxy share one of their own.
    pub(crate) fn nonce_secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.nonce_secrets.iter().map(|Secret(bytes)| &**bytes)
    }

    /// The name of this gate.
    #[must_use]
    pub const fn gate(&self) -> Option<&Rc<str>> {
        self.gate.as_ref()
    }

    /// The header of the token that the gate signs for the services behind it, where it does.
    #[must_use]
    pub fn identity_header(&self) -> Option<&str> {
        self.identity_token.as_ref().map(|token| &*token.header)
    }

    /// That token.
    pub(crate) const fn identity_token(&self) -> Option<&IdentityToken> {
        self.identity_token.as_ref()
    }

    /// Stable hash of the document, for logs.
    #[must_use]
    pub const fn hash(&self) -> &Rc<str> {
        &self.hash
    }

    /// Index and last moment of each rule that is an exemption with an end.
    pub fn exemption_ends(&self) -> impl Iterator<Item = (usize, UnixTime)> {
        let numbered = self.rules.iter().flatten().enumerate();
        numbered.filter_map(|(index, rule)| match &rule.action {
            Action::Public(public) => Some((index, public.until?)),
            Action::Requires(_) | Action::Deny(_) => None,
        })
    }

    /// What a rule is called in metrics and messages: its name, or else its index.
    #[must_use]
    pub fn rule_label(&self, rule: usize) -> String {
        let rules = self.rules.as_deref().unwrap_or_default();
        let name = rules.get(rule).and_then(|rule| rule.name.as_deref());
        name.map_or_else(|| rule.to_string(), str::to_owned)
    }

    /// Hosts by which a client gets past rules, unless Envoy leads them elsewhere: those that rules
    /// name. Beside these, [`warnings`](Self::warnings) has the rules that are escaped by any other
    /// host.
    pub fn host_escapes(&self) -> impl Iterator<Item = HostEscape<'_>> {
        escape::by_its_host(self.rules().unwrap_or_default())
    }

    /// Pairs of rules, where a route puts `to` in the place of `from`, with which paths begin: the
    /// service gets paths of the first one by requests that the second one decides about, which
    /// does not ask for as much.
    pub fn by_rewrite(&self, from: &str, to: &str) -> impl Iterator<Item = (usize, usize)> {
        escape::by_rewrite(self.rules().unwrap_or_default(), from, to)
    }

    /// Pairs of rules, where a route puts `to` in the place of whole paths of `from`: as by
    /// [`by_rewrite`](Self::by_rewrite).
    pub fn by_whole_rewrite<'c>(
        &'c self,
        from: &'c PathMatch,
        to: &str,
    ) -> impl Iterator<Item = (usize, usize)> + use<'c> {
        escape::by_whole_rewrite(self.rules().unwrap_or_default(), from, to)
    }

    /// Pairs of rules: a request with other letters, of those that have two cases, than the path of
    /// the first one gets to the second one, which does not ask for as much.
    pub fn in_another_case(&self) -> impl Iterator<Item = (usize, usize)> {
        escape::by_another_case(self.rules().unwrap_or_default())
    }

    /// Pairs of rules, the first of which takes requests of the second by a `*` in its path, and
    /// does not ask for as much: the indices of both, and the name that the second has there;
    /// `None`: it has none, and only the requests for its path itself are left to it.
    pub fn taken_by_any_segment(&self) -> impl Iterator<Item = (usize, usize, Option<&str>)> {
        neighbours::taken_by_any(self.rules().unwrap_or_default())
    }

    /// The rules of which one decides now about a request of one of these, whose paths `may_meet`
    /// says too; of all that do, those that ask for the least. And whether a request may be left
    /// that no rule is about. Empty where there are no rules.
    pub fn weakest_rules(
        &self,
        requests: &[Matcher],
        may_meet: impl Fn(&Rule) -> bool,
        now: UnixTime,
    ) -> (Vec<usize>, bool) {
        let rules = self.rules().unwrap_or_default();
        let (mut all, mut is_left) = (Vec::new(), false);
        for requests in requests {
            let (deciding, leaves) = reach::deciding(rules, requests, &may_meet);
            all.extend(deciding);
            is_left |= leaves;
        }
        all.sort_unstable();
        all.dedup();
        let is_observed = |rule| self.observed_until(Some(rule), now).is_some();
        (reach::weakest(rules, &all, is_observed), is_left)
    }

    /// The key of hashes in records.
    pub(crate) const fn correlation(&self) -> Option<&Correlation> {
        self.correlation.as_ref()
    }

    /// The roles and products of callers.
    #[must_use]
    pub const fn callers(&self) -> &Callers {
        &self.callers
    }

    /// What is kept of who was let in: what decides their names, and what is written for services.
    pub(crate) const fn told_of_callers(&self) -> (&Callers, Option<&IdentityToken>) {
        (&self.callers, self.identity_token())
    }

    /// A provider by its index.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.get(id.0)
    }
}

/// Bytes that are never shown.
struct Secret(Vec<u8>);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

/// The JSON Schema of the configuration (draft 2020-12), for editors: the shape alone.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    crate::decode::schema::document::<raw::RawConfig>("passgate")
}

impl<'c> From<&'c Config> for Sources<'c> {
    fn from(config: &'c Config) -> Self {
        let source = |provider: &'c Provider| SourceOf {
            name: &provider.name,
            keys: &provider.keys,
            rsa: provider.rsa(),
            usage: provider.key_use(),
        };
        let mut providers: Vec<_> = config.providers.iter().map(source).collect();
        // Behind them, what signs their credentials.
        for provider in &config.providers {
            if let Some((name, keys)) = provider.credential_keys.as_deref() {
                providers.push(SourceOf {
                    name,
                    keys,
                    rsa: None,
                    usage: KeyUse::Signature,
                });
            }
        }
        Self {
            limits: config.limits,
            providers,
        }
    }
}

impl<'c> From<&'c Config> for Suppliers<'c> {
    fn from(config: &'c Config) -> Self {
        let numbered = config.providers.iter().enumerate();
        let mut signers = config.providers.len()..;
        let ending = |(index, provider): (usize, &'c Provider)| {
            let keys = provider.credential_keys.as_ref();
            let signed_by = keys.and_then(|_| signers.next()).map(ProviderId);
            let revocations = provider.revocations.as_ref();
            let ending = EndingOf {
                provider: ProviderId(index),
                name: &provider.name,
                issuer: provider.issuer.text(),
                clock_skew: provider.clock_skew,
                revocations: revocations.map(|revocations| &revocations.source),
                status_lists: provider.status_lists.as_ref(),
                credentials: provider.credentials.as_ref(),
                signed_by,
                introspection: provider.introspection.as_ref(),
            };
            let is_one = ending.revocations.is_some()
                || ending.status_lists.is_some()
                || ending.credentials.is_some()
                || ending.introspection.is_some();
            is_one.then_some(ending)
        };
        Self {
            keys: config.into(),
            endings: numbered.filter_map(ending).collect(),
            reads_bodies: config.reads_bodies(),
        }
    }
}

impl core::fmt::Display for Config {
    /// One line for logs: how much is configured, and the policy's hash.
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
