//! One request, top to bottom. A request is judged in one go: while keys are missing, the answer is to wait and
//! to ask again, and nothing of the first attempt is kept.

mod token;

use std::borrow::Cow;

use super::{Outcome, Permit};
use crate::{
    audit::AuditRecord,
    budget::Budget,
    config::{
        Action, Alternative, Config, Origin, Provider, ProviderId, Public, Requirement, Rule,
        TokenSource,
    },
    crypto::Backend,
    headers::{self, Edit, OwnedNames},
    jwks::JwksCache,
    login::Visit,
    policy::{self, Index},
    reason::{Detour, Forbidden, Reason},
    remembered::RememberedTokens,
    request::{Request, Target},
    resource_metadata::Documents,
    time::UnixTime,
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
    /// Every place where a token may be, and whether one of its providers forwards it.
    places: Vec<(TokenSource, bool)>,
    /// For people at a command line only.
    #[cfg(feature = "explain")]
    pub(super) signatures_assumed: bool,
}

impl Policy {
    pub(super) fn new(config: Config) -> Self {
        let owned_names = OwnedNames::of(&config);
        let any_provider = Requirement {
            alternatives: vec![Alternative::default()],
        };
        let is_forwarded = |source: &TokenSource| {
            let mut users = config.providers.iter();
            users.any(|provider| provider.forward && provider.sources.contains(source))
        };
        let places = places(config.providers.iter()).into_iter();
        Self {
            places: places
                .map(|source| (source.clone(), is_forwarded(source)))
                .collect(),
            documents: Documents::of(&config),
            index: Index::new(config.rules.iter().flatten().map(|rule| &rule.matcher)),
            config,
            owned_names,
            any_provider,
            #[cfg(feature = "explain")]
            signatures_assumed: false,
        }
    }

    /// The configured origin that the request reached; never text of the client's.
    pub(super) fn origin(&self, request: Request<'_>) -> Option<&Origin> {
        let origins = &self.config.origins;
        if origins.is_empty() {
            return None;
        }
        request.target(self.config.path).ok()?.origin(origins)
    }

    /// Where a client that came to this origin finds the document about this resource.
    pub(super) fn metadata_uri(&self, origin: Option<&Origin>) -> Option<Cow<'_, str>> {
        let metadata = self.config.resource_metadata.as_ref()?;
        let own = self.documents.as_ref().zip(origin);
        Some(
            own.map_or(Cow::Borrowed(&*metadata.uri), |(documents, origin)| {
                documents.uri(origin).into()
            }),
        )
    }

    /// The rule that is about the request, as far as anybody can tell.
    pub(super) fn rule_of(&self, request: Request<'_>) -> Option<usize> {
        let target = request.target(self.config.path).ok()?;
        self.first_match(&target).map(|(index, _)| index)
    }

    /// The first rule that is about this request, and its number.
    fn first_match(&self, target: &Target<'_>) -> Option<(usize, &Rule)> {
        let rules = self.config.rules.as_deref()?;
        let fits = |rule: usize| {
            rules
                .get(rule)
                .is_some_and(|rule| rule.matcher.fits_all_but_path(target))
        };
        let first = self.index.first(target, fits)?;
        Some((first, rules.get(first)?))
    }

    /// Whether what this rule decides, or what no rule is about, is only observed.
    pub(super) fn observes(&self, rule: Option<usize>, now: UnixTime) -> bool {
        let rules = self.config.rules.as_ref();
        let rule = rule.and_then(|index| rules?.get(index));
        let mode = rule.and_then(|rule| rule.mode);
        mode.unwrap_or(self.config.mode).observes(now)
    }

    /// Whether everything is only observed: what may belong to any rule must not get past one that is enforced.
    pub(super) fn observes_all(&self, now: UnixTime) -> bool {
        let rules = self.config.rules.as_deref().unwrap_or_default();
        self.observes(None, now) && (0..rules.len()).all(|rule| self.observes(Some(rule), now))
    }

    fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        let numbered = self.config.providers.iter().enumerate();
        numbered.map(|(index, provider)| (ProviderId(index), provider))
    }
}

/// Why a judgement stops before a permit.
pub(super) enum Stop {
    Deny(Reason),
    Await(ProviderId),
}

impl<R: Into<Reason>> From<R> for Stop {
    fn from(reason: R) -> Self {
        Self::Deny(reason.into())
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
    pub(super) record: &'k mut AuditRecord,
    /// What a person's browser gets where others get 401.
    pub(super) detour: Option<Detour>,
}

impl<'p, 'r> Case<'p, 'r, '_> {
    pub(super) fn judge(&mut self) -> Result<Outcome, Stop> {
        let policy = self.policy;
        let target = self.request.target(policy.config.path)?;
        let rule = policy.first_match(&target);
        self.record.rule = rule.map(|(index, _)| index);
        let documents = policy.documents.as_ref();
        if let Some(document) = documents.and_then(|documents| {
            documents.asked_for(self.request, &target, &policy.config.origins)
        }) {
            return Ok(Outcome::Serve(document));
        }
        let rule = rule.map(|(_, rule)| rule);
        self.judge_target(&target, rule).map(Outcome::Permit)
    }

    fn judge_target(
        &mut self,
        target: &Target<'r>,
        rule: Option<&'p Rule>,
    ) -> Result<Permit, Stop> {
        let policy = self.policy;
        if policy.config.bypass_cors_preflight && self.request.is_preflight(target) {
            return Ok(self.pass_unjudged("permitted.preflight"));
        }
        let must_be_named = policy::must_be_named(target.method);
        let Some(rule) = rule else {
            return if must_be_named {
                Err(Forbidden::Method.into())
            } else if policy.config.rules.is_none() {
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
        let own = self.record.provider.as_ref();
        let of_token = accepted().filter(|(_, provider)| Some(&provider.name) == own);
        let login = of_token
            .chain(accepted())
            .find_map(|(_, provider)| provider.login.as_ref())?;
        // A token that is not believed says nothing of what a better one would need.
        let hint = || requirement.hint(&config.providers);
        let visit = Visit {
            request: self.request,
            target,
            origins: &config.origins,
            providers: &config.providers,
            step_up: &reason.step_up().cloned().unwrap_or_else(hint),
        };
        visit.detour(login)
    }
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
