//! A configuration, made ready for requests.

use core::time::Duration;
use std::rc::Rc;

use crate::{
    audit::AuditRecord,
    config::Config,
    headers::OwnedNames,
    policy::{Action, Index, Requirement, Rule},
    proof::{Proofs, Terms},
    provider::Provider,
    provider_id::ProviderId,
    reason::Ambiguous,
    request::{McpCall, Request, Target, TokenSource, path::case},
    resource_metadata::{Document, Documents, KEYS_SERVED},
    time::UnixTime,
};

/// A configuration, made ready for requests.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) config: Config,
    index: Index,
    pub(super) owned_names: OwnedNames,
    pub(super) documents: Documents,
    /// What is required where no rules are configured: a token of any provider.
    pub(super) any_provider: Requirement,
    /// Whether some rule is about some hosts only.
    names_hosts: bool,
    /// Whether some rule compares paths without case.
    ignores_case: bool,
    /// Every place where a token may be, and whether one of its providers forwards it.
    pub(super) places: Vec<(TokenSource, bool)>,
    /// Names of the parameters in which a token may be.
    pub(super) token_params: Vec<String>,
    /// Whether some provider is asked about tokens.
    pub(super) introspects: bool,
    /// Whether some rule is about some calls of MCP only.
    names_calls: bool,
    /// Whether some streams end with their authority.
    pub(super) ends_streams: bool,
    /// Whether some role or product depends on the workload at the other end of a connection.
    pub(super) names_peers: bool,
    /// For people at a command line only.
    #[cfg(feature = "explain")]
    pub(super) signatures_assumed: bool,
    /// The same: the workload of every connection.
    #[cfg(feature = "explain")]
    pub(super) assumed_peer: Option<Rc<str>>,
    /// The same: what every request calls.
    #[cfg(feature = "explain")]
    pub(super) assumed_call: Option<McpCall>,
}

impl Prepared {
    pub(super) fn new(config: Config) -> Self {
        let identity_header = config.identity_header();
        let owned_names = OwnedNames::of(
            config.kept_override_headers(),
            config.providers(),
            identity_header,
        );
        let any_provider = Requirement {
            alternatives: vec![Rc::default()],
        };
        let is_forwarded = |source: &TokenSource| {
            let mut users = config.providers().iter();
            users.any(|provider| provider.forward && provider.sources.contains(source))
        };
        let places = places(config.providers().iter()).into_iter();
        let param = |source: &&TokenSource| match source {
            TokenSource::Param(name) => Some(name.clone()),
            TokenSource::Header { .. }
            | TokenSource::Cookie(_)
            | TokenSource::WebSocketProtocol(_) => None,
        };
        let token_params = places.clone().filter_map(|source| param(&source)).collect();
        let names_calls = config.names_calls();
        let ignores_case = rules(&config).any(|rule| rule.matcher.ignore_case);
        let names_hosts = rules(&config).any(|rule| !rule.matcher.hosts.is_empty());
        Self {
            places: places
                .map(|source| (source.clone(), is_forwarded(source)))
                .collect(),
            documents: Documents::of(
                config.resource_metadata(),
                config.providers(),
                config.rules().unwrap_or_default(),
            ),
            index: Index::new(
                config
                    .rules()
                    .into_iter()
                    .flatten()
                    .map(|rule| &rule.matcher),
            ),
            names_hosts,
            ignores_case,
            names_calls,
            introspects: config
                .providers()
                .iter()
                .any(|provider| provider.introspection.is_some()),
            ends_streams: config.ends_streams()
                || rules(&config).any(|rule| rule.ends_streams == Some(true)),
            token_params,
            names_peers: config.callers().wants_peer(),
            config,
            owned_names,
            any_provider,
            #[cfg(feature = "explain")]
            signatures_assumed: false,
            #[cfg(feature = "explain")]
            assumed_peer: None,
            #[cfg(feature = "explain")]
            assumed_call: None,
        }
    }

    /// What the request is about, if we and Envoy's routes read it alike. `told`: what it calls,
    /// where that was found out before.
    pub(super) fn target<'r>(
        &self,
        request: Request<'r>,
        told: Option<McpCall>,
    ) -> Result<Target<'r>, Ambiguous> {
        let mut target = request.target(self.config.path())?;
        if self.ignores_case {
            let paths = target.path.as_deref().into_iter();
            let paths = paths.chain(target.readings.iter().map(String::as_str));
            let others: Vec<String> = paths.filter_map(case::in_any_case).collect();
            target.readings.extend(others);
        }
        if self.names_hosts && !self.is_host_alone(&target) {
            return Err(Ambiguous::Authority);
        }
        if self.names_calls {
            self.read_call(request, told, &mut target)?;
        }
        Ok(target)
    }

    /// Rules compare hosts without port and trailing dot, Envoy's virtual hosts with both. So where
    /// rules name hosts there is no dot, and no port on a host that a rule names unless an origin
    /// has it.
    fn is_host_alone(&self, target: &Target<'_>) -> bool {
        let authority = &target.authority;
        let is_named = || rules(&self.config).any(|rule| rule.matcher.names(&authority.host));
        authority.is_plain
            && (authority.port.is_none()
                || target.origin(self.config.origins()).is_some()
                || !is_named())
    }

    /// The record of a request, with nothing decided.
    pub(super) fn record(&self, request: Request<'_>) -> AuditRecord {
        AuditRecord::new(request, self.config.hash(), self.config.gate())
    }

    /// The public keys of identity tokens, if these are what is asked for.
    pub(super) fn keys_asked_for(
        &self,
        request: Request<'_>,
        target: &Target<'_>,
    ) -> Option<Document> {
        let own = self.config.identity_token()?;
        let is_there =
            own.keys_path.is_some() && own.keys_path.as_deref() == target.path.as_deref();
        target.origin(self.config.origins()).filter(|_| is_there)?;
        Document::answering(request, target, KEYS_SERVED, &|| own.key_set())
    }

    /// The host that was asked for, if the configuration names it: with its port where an origin
    /// has one. Envoy's virtual hosts tell a host from the same with a trailing dot, or with a port
    /// that no origin is written with.
    pub(super) fn named_host<'t>(&'t self, target: &'t Target<'_>) -> Option<&'t str> {
        let authority = &target.authority;
        if !authority.is_plain {
            return None;
        }
        if let Some(origin) = target.origin(self.config.origins()) {
            let (_, named) = origin.text.split_once("://")?;
            let has_port = named != authority.host;
            return (authority.port.is_none() || has_port).then_some(named);
        }
        let is_named = rules(&self.config).any(|rule| rule.matcher.names(&authority.host));
        (is_named && authority.port.is_none()).then_some(&authority.host)
    }

    /// The rules that are about the request in each of its readings, as far as anybody can tell.
    pub(super) fn rules_of(&self, target: &Target<'_>) -> Vec<Option<usize>> {
        self.all_matches(target).iter().map(number).collect()
    }

    /// Whether some rule about this request takes approvals that cover its body.
    pub(super) fn reads_body(&self, request: Request<'_>) -> bool {
        let target = self.target(request, None);
        let matches = target.map(|target| self.all_matches(&target));
        let matches = matches.unwrap_or_default();
        matches.iter().flatten().any(|(_, rule)| rule.reads_body())
    }

    /// The first rule that is about this request, and its index.
    pub(super) fn first_match(&self, target: &Target<'_>) -> Match<'_> {
        let rules = self.config.rules()?;
        let fits = |rule: usize| {
            rules
                .get(rule)
                .is_some_and(|rule| rule.matcher.fits_all_but_path(target))
        };
        let first = self.index.first(target, fits)?;
        Some((first, rules.get(first)?))
    }

    /// The first rule about each reading of this request, each rule once.
    pub(super) fn all_matches(&self, target: &Target<'_>) -> Vec<Match<'_>> {
        let mut matches = Vec::new();
        self.add_matches(target, &mut matches);
        for reading in target.read_otherwise() {
            self.add_matches(&reading, &mut matches);
        }
        matches
    }

    fn add_matches<'p>(&'p self, target: &Target<'_>, matches: &mut Vec<Match<'p>>) {
        let mut indices: Vec<Option<usize>> = Vec::new();
        if target.mcp == Some(McpCall::Unknown) {
            self.rules_of_calls(target, &mut indices);
        }
        let first = self.first_match(target);
        indices.push(number(&first));
        let rules = self.config.rules().unwrap_or_default();
        for index in indices {
            if !matches.iter().any(|other| number(other) == index) {
                matches.push(index.and_then(|index| Some((index, rules.get(index)?))));
            }
        }
    }

    /// Finds out what the request calls, if some rule about it wants to know. A call that a laxer
    /// reader takes for another one may be either.
    #[inline(never)]
    fn read_call(
        &self,
        request: Request<'_>,
        told: Option<McpCall>,
        target: &mut Target<'_>,
    ) -> Result<(), Ambiguous> {
        let mut indices = Vec::new();
        self.rules_of_calls(target, &mut indices);
        for reading in target.read_otherwise() {
            self.rules_of_calls(&reading, &mut indices);
        }
        if indices.is_empty() {
            return Ok(());
        }
        #[cfg(feature = "explain")]
        let told = told.or_else(|| self.assumed_call.clone());
        let call = match told {
            Some(call) => call,
            None => request.call()?,
        };
        let rules = self.config.rules().unwrap_or_default();
        let is_unsure = indices.iter().any(|index| {
            let rule = index.and_then(|index| rules.get(index));
            let own = rule.and_then(|rule| rule.matcher.mcp.as_ref());
            own.is_some_and(|own| own.nearly_fits(&call))
        });
        target.mcp = Some(if is_unsure { McpCall::Unknown } else { call });
        Ok(())
    }

    /// The rules about some calls of MCP whose path, host and method fit.
    #[inline(never)]
    fn rules_of_calls(&self, target: &Target<'_>, found: &mut Vec<Option<usize>>) {
        let rules = self.config.rules().unwrap_or_default();
        self.index.first(target, |index| {
            let matcher = rules.get(index).map(|rule| &rule.matcher);
            if matcher.is_some_and(|it| it.mcp.is_some() && it.fits_host_and_method(target)) {
                found.push(Some(index));
            }
            false
        });
    }

    /// Whether what this rule decides, or what no rule is about, is only observed.
    pub(super) fn observes(&self, rule: Option<usize>, now: UnixTime) -> bool {
        self.config.observed_until(rule, now).is_some()
    }

    /// Notes which rule a verdict is by.
    pub(super) fn name_rule(&self, record: &mut AuditRecord, rule: Option<usize>) {
        record.rule = rule;
        let rules = self.config.rules();
        let rule = rule.and_then(|index| rules?.get(index));
        record.rule_name = rule.and_then(|rule| rule.name.clone());
    }

    /// Whether a stream of these rules ends with its authority: where readings of a path differ, if
    /// it does by one of them.
    pub(super) fn ends_streams_of(&self, rule: Option<usize>, others: &[Option<usize>]) -> bool {
        let rules = self.config.rules();
        let ends = |index: Option<usize>| {
            let rule = index.and_then(|index| rules?.get(index));
            let own = rule.and_then(|rule| rule.ends_streams);
            own.unwrap_or(self.config.ends_streams())
        };
        ends(rule) || others.iter().any(|rule| ends(*rule))
    }

    /// Whether everything is only observed: what may belong to any rule must not get past one that
    /// is enforced.
    pub(super) fn observes_all(&self, now: UnixTime) -> bool {
        let rules = self.config.rules().unwrap_or_default();
        self.observes(None, now) && (0..rules.len()).all(|rule| self.observes(Some(rule), now))
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        let numbered = self.config.providers().iter().enumerate();
        numbered.map(|(index, provider)| (ProviderId(index), provider))
    }
}

/// What the gate keeps for proofs. Each is remembered as long as some rule would accept it.
pub(super) fn proofs(config: &Config) -> Proofs {
    let requirements = rules(config).filter_map(|rule| match &rule.action {
        Action::Requires(requirement) => Some(requirement),
        Action::Public(_) | Action::Deny(_) => None,
    });
    let ways = requirements.flat_map(|requirement| &requirement.alternatives);
    let windows = ways.filter_map(|way| way.proof?.window());
    let retention = windows.fold(Terms::default().window, Duration::max);
    let secrets: Vec<Vec<u8>> = config.nonce_secrets().map(<[u8]>::to_vec).collect();
    Proofs::new(&secrets, retention)
}

/// A rule and its index, or none.
pub(super) type Match<'p> = Option<(usize, &'p Rule)>;

pub(super) fn number(rule: &Match<'_>) -> Option<usize> {
    rule.map(|(index, _)| index)
}

fn rules(config: &Config) -> impl Iterator<Item = &Rule> {
    config.rules().into_iter().flatten()
}

/// The places where these providers' tokens may be, each once: a request is searched once for each.
pub(super) fn places<'c>(providers: impl Iterator<Item = &'c Provider>) -> Vec<&'c TokenSource> {
    let mut places = Vec::new();
    for place in providers.flat_map(|provider| &provider.sources) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}
