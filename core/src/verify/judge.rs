//! One request, top to bottom. A request is judged in one go: while keys are missing, the answer is to wait and
//! to ask again, and nothing of the first attempt is kept.

mod token;

use std::borrow::Cow;

use super::Outcome;
use crate::{
    audit::AuditRecord,
    budget::Budget,
    config::Config,
    crypto::Backend,
    headers::{self, Edit, OwnedNames},
    jwks::JwksCache,
    login::Visit,
    policy::{self, Action, Alternative, Index, Public, Requirement, Rule},
    provider::Provider,
    provider_id::ProviderId,
    reason::{Ambiguous, Detour, Forbidden, Reason},
    remembered::RememberedTokens,
    request::{Origin, Request, Target, TokenSource},
    resource_metadata::Documents,
    time::UnixTime,
    verdict::Permit,
};

/// A configuration, made ready for requests.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) config: Config,
    index: Index,
    pub(super) owned_names: OwnedNames,
    pub(super) documents: Option<Documents>,
    /// What is required where no rules are configured: a token of any provider.
    any_provider: Requirement,
    /// Whether some rule is about some hosts only.
    names_hosts: bool,
    /// Every place where a token may be, and whether one of its providers forwards it.
    places: Vec<(TokenSource, bool)>,
    /// Names of the parameters in which a token may be.
    token_params: Vec<String>,
    /// For people at a command line only.
    #[cfg(feature = "explain")]
    pub(super) signatures_assumed: bool,
}

impl Policy {
    pub(super) fn new(config: Config) -> Self {
        let owned_names = OwnedNames::of(config.kept_override_headers(), config.providers());
        let any_provider = Requirement {
            alternatives: vec![Alternative::default()],
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
            token_params,
            config,
            owned_names,
            any_provider,
            #[cfg(feature = "explain")]
            signatures_assumed: false,
        }
    }

    /// The configured origin that the request reached; never text of the client's.
    pub(super) fn origin(&self, request: Request<'_>) -> Option<&Origin> {
        let origins = self.config.origins();
        if origins.is_empty() {
            return None;
        }
        self.target(request).ok()?.origin(origins)
    }

    /// Where a client that came to this origin finds the document about this resource.
    pub(super) fn metadata_uri(&self, origin: Option<&Origin>) -> Option<Cow<'_, str>> {
        let metadata = self.config.resource_metadata()?;
        let own = self.documents.as_ref().zip(origin);
        Some(
            own.map_or(Cow::Borrowed(&*metadata.uri), |(documents, origin)| {
                documents.uri(origin).into()
            }),
        )
    }

    /// What the request is about, if we and Envoy's routes read it alike.
    fn target<'r>(&self, request: Request<'r>) -> Result<Target<'r>, Ambiguous> {
        let target = request.target(self.config.path())?;
        if self.names_hosts && !self.is_host_alone(&target) {
            return Err(Ambiguous::Authority);
        }
        Ok(target)
    }

    /// Rules compare hosts without port and trailing dot, Envoy's virtual hosts with both. So where rules name hosts there is no
    /// dot, and no port on a host that a rule names unless an origin has it.
    fn is_host_alone(&self, target: &Target<'_>) -> bool {
        let authority = &target.authority;
        let is_named = || rules(&self.config).any(|rule| rule.matcher.names(&authority.host));
        authority.is_plain
            && (authority.port.is_none()
                || target.origin(self.config.origins()).is_some()
                || !is_named())
    }

    /// The rules that are about the request in each of its readings, as far as anybody can tell.
    pub(super) fn rules_of(&self, request: Request<'_>) -> Vec<Option<usize>> {
        let target = self.target(request);
        let matches = target.map(|target| self.all_matches(&target));
        matches.iter().flatten().map(number).collect()
    }

    /// The first rule that is about this request, and its index.
    fn first_match(&self, target: &Target<'_>) -> Match<'_> {
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
    fn all_matches(&self, target: &Target<'_>) -> Vec<Match<'_>> {
        let mut matches = vec![self.first_match(target)];
        for reading in target.read_otherwise() {
            let rule = self.first_match(&reading);
            if !matches.iter().any(|other| number(other) == number(&rule)) {
                matches.push(rule);
            }
        }
        matches
    }

    /// Whether what this rule decides, or what no rule is about, is only observed.
    pub(super) fn observes(&self, rule: Option<usize>, now: UnixTime) -> bool {
        let rules = self.config.rules();
        let rule = rule.and_then(|index| rules?.get(index));
        let mode = rule.and_then(|rule| rule.mode);
        mode.unwrap_or(self.config.mode()).observes(now)
    }

    /// Whether everything is only observed: what may belong to any rule must not get past one that is enforced.
    pub(super) fn observes_all(&self, now: UnixTime) -> bool {
        let rules = self.config.rules().unwrap_or_default();
        self.observes(None, now) && (0..rules.len()).all(|rule| self.observes(Some(rule), now))
    }

    fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        let numbered = self.config.providers().iter().enumerate();
        numbered.map(|(index, provider)| (ProviderId(index), provider))
    }
}

/// Why a judgement stops before a permit.
#[derive(PartialEq, Eq)]
pub(super) enum Stop {
    Deny(Reason),
    Await(ProviderId),
}

impl<R: Into<Reason>> From<R> for Stop {
    fn from(reason: R) -> Self {
        Self::Deny(reason.into())
    }
}

/// What is known of a request so far, for what is decided later.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The rule that is about it; of several, the one that refused it or whose permit it is.
    pub(super) rule: Option<usize>,
    /// All rules that a path with several readings belongs to, `None` for no rule.
    pub(super) rules: Vec<Option<usize>>,
    /// Whose token it brought.
    provider: Option<ProviderId>,
}

impl Trail {
    /// Of a request that these rules are about.
    pub(super) fn of(rules: Vec<Option<usize>>) -> Self {
        Self {
            rule: rules.first().copied().flatten(),
            rules,
            provider: None,
        }
    }
}

/// A request, and everything that its verdict depends on.
pub(super) struct Case<'p, 'r, 'k> {
    pub(super) policy: &'p Policy,
    pub(super) request: Request<'r>,
    pub(super) keys: &'k mut JwksCache,
    pub(super) crypto: &'k mut Backend,
    pub(super) budget: &'k mut Budget,
    pub(super) remembered: &'k mut RememberedTokens,
    pub(super) now: UnixTime,
    /// What is told; it is never read.
    pub(super) record: &'k mut AuditRecord,
    pub(super) trail: Trail,
    /// What a person's browser gets where others get 401.
    pub(super) detour: Option<Detour>,
}

impl<'p, 'r> Case<'p, 'r, '_> {
    pub(super) fn judge(&mut self) -> Result<Outcome, Stop> {
        let policy = self.policy;
        let target = policy.target(self.request)?;
        let rule = policy.first_match(&target);
        self.trail.rule = number(&rule);
        let documents = policy.documents.as_ref();
        if let Some(document) = documents.and_then(|documents| {
            documents.asked_for(self.request, &target, policy.config.origins())
        }) {
            return Ok(Outcome::Serve(document));
        }
        if target.readings.is_empty() {
            let rule = rule.map(|(_, rule)| rule);
            return self.judge_target(&target, rule).map(Outcome::Permit);
        }
        self.judge_readings(&target).map(Outcome::Permit)
    }

    /// A path that readers differ about: each reading must be permitted by its own rule. The record names the rule that
    /// refuses; or whose permit it is: the last one with an identity, or else the first one.
    fn judge_readings(&mut self, target: &Target<'r>) -> Result<Permit, Stop> {
        let matches = self.policy.all_matches(target);
        self.trail.rules = matches.iter().map(number).collect();
        let mut permitted: Option<(Permit, Option<usize>)> = None;
        let mut known = None;
        for rule in matches {
            self.trail.rule = number(&rule);
            self.detour = None;
            let permit = self.judge_target(target, rule.map(|(_, rule)| rule))?;
            let provider = permit.identity.as_ref().and(self.trail.provider);
            if provider.is_some() && known.is_some() && provider != known {
                // Two tokens: by each of them the service would get another user.
                return Err(Ambiguous::Credentials.into());
            }
            known = known.or(provider);
            if permitted.is_none() || provider.is_some() {
                permitted = Some((permit, number(&rule)));
            }
        }
        let (permit, rule) = permitted.ok_or(Forbidden::NoRule)?;
        self.trail.rule = rule;
        Ok(permit)
    }

    fn judge_target(
        &mut self,
        target: &Target<'r>,
        rule: Option<&'p Rule>,
    ) -> Result<Permit, Stop> {
        let policy = self.policy;
        if policy.config.bypasses_cors_preflight() && self.request.is_preflight(target) {
            return Ok(self.pass_unjudged("permitted.preflight"));
        }
        let must_be_named = policy::must_be_named(target.method);
        let Some(rule) = rule else {
            return if must_be_named {
                Err(Forbidden::Method.into())
            } else if policy.config.rules().is_none() {
                self.require(&policy.any_provider, target)
            } else {
                Err(Forbidden::NoRule.into())
            };
        };
        match &rule.action {
            Action::Public(public) => self.exempt(public, target),
            Action::Requires(requirement) => self.require(requirement, target),
        }
    }

    /// A public rule: anybody passes, and whoever shows a token of the named provider is known.
    fn exempt(&mut self, public: &Public, target: &Target<'r>) -> Result<Permit, Stop> {
        if public.until.is_some_and(|until| self.now > until) {
            return Err(Forbidden::ExemptionEnded.into());
        }
        let Some(provider) = public.identity_from else {
            return Ok(self.pass_unjudged("permitted.public"));
        };
        let alternative = Alternative {
            provider: Some(provider),
            ..Alternative::default()
        };
        let requirement = Requirement {
            alternatives: vec![alternative],
        };
        match self.require(&requirement, target) {
            Err(Stop::Deny(Reason::Missing(_))) => Ok(self.pass_unjudged("permitted.public")),
            judged => judged,
        }
    }

    /// Lets pass without looking at a token.
    fn pass_unjudged(&self, code: &'static str) -> Permit {
        Permit {
            code,
            edits: self.clean(&[]),
            identity: None,
            is_observed: false,
        }
    }

    /// Removals of what must not go on: our headers, the credential that was judged, and every other credential
    /// in a place whose providers do not forward.
    fn clean(&self, judged: &[&TokenSource]) -> Vec<Edit> {
        let places = self.policy.places.iter();
        let sources = places
            .filter(|(source, is_forwarded)| !is_forwarded || judged.contains(&source))
            .map(|(source, _)| source);
        let names = self.request.headers().iter().map(|(name, _)| *name);
        let mut edits = self.policy.owned_names.strip(names);
        edits.extend(headers::remove_credentials(self.request, sources));
        edits
    }

    /// A rule that wants a token. Where it is refused for want of a sign-in, a person's browser is shown the way to one.
    fn require(&mut self, requirement: &Requirement, target: &Target<'r>) -> Result<Permit, Stop> {
        let judged = self.judge_token(requirement, target);
        if let Err(Stop::Deny(reason)) = &judged
            && reason.wants_sign_in()
        {
            self.detour = self.detour(reason, requirement, target);
        }
        judged
    }

    /// The way to the login page of the provider whose token it was, or else of the first that the rule accepts and that
    /// has one, in the order of its alternatives.
    fn detour(
        &self,
        reason: &Reason,
        requirement: &Requirement,
        target: &Target<'r>,
    ) -> Option<Detour> {
        let config = &self.policy.config;
        let alternatives = requirement.alternatives.iter();
        let accepted = || {
            alternatives.clone().flat_map(|alternative| {
                let providers = self.policy.providers();
                providers.filter(|(id, _)| alternative.accepts(*id))
            })
        };
        let own = self.trail.provider;
        let of_token = accepted().filter(|(id, _)| Some(*id) == own);
        let login = of_token
            .chain(accepted())
            .find_map(|(_, provider)| provider.login.as_ref())?;
        // A token that is not believed says nothing of what a better one would need.
        let hint = || requirement.hint(config.providers());
        let visit = Visit {
            request: self.request,
            target,
            origins: config.origins(),
            token_params: &self.policy.token_params,
            step_up: &reason.step_up().cloned().unwrap_or_else(hint),
        };
        visit.detour(login)
    }
}

/// A rule and its index, or none.
type Match<'p> = Option<(usize, &'p Rule)>;

fn number(rule: &Match<'_>) -> Option<usize> {
    rule.map(|(index, _)| index)
}

fn rules(config: &Config) -> impl Iterator<Item = &Rule> {
    config.rules().into_iter().flatten()
}

/// The places where these providers' tokens may be, each once: a request is searched once for each.
fn places<'c>(providers: impl Iterator<Item = &'c Provider>) -> Vec<&'c TokenSource> {
    let mut places = Vec::new();
    for place in providers.flat_map(|provider| &provider.sources) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}
