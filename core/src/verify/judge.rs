//! One request, top to bottom. A request is judged in one go: while keys are missing, the answer is to wait and
//! to ask again, and nothing of the first attempt is kept.

use std::rc::Rc;

use super::{Outcome, Permit};
use crate::{
    audit::{AuditRecord, Seen, shown, shown_claim},
    budget::Budget,
    claims,
    config::{
        Action, Alternative, Config, Origin, Provider, ProviderId, Public, Requirement, Rule,
        TokenSource,
    },
    crypto::{Algorithm, Backend},
    evidence::Proof,
    extract::{Credential, Token, extract},
    headers::{self, Edit, Identity, OwnedNames},
    jose::{MediaType, UnverifiedJwt, VerifiedJwt},
    json::Json,
    jwks::{JwksCache, Lookup},
    login::Visit,
    policy,
    reason::{Detour, Forbidden, Missing, Reason, Unavailable, Untrusted},
    remembered::RememberedTokens,
    request::{Request, Target},
    resource_metadata::Documents,
    time::UnixTime,
};

/// A configuration, made ready for requests.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) config: Config,
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
    pub(super) fn metadata_uri(&self, origin: Option<&Origin>) -> Option<&str> {
        let own = || self.documents.as_ref()?.uri(origin?);
        let metadata = self.config.resource_metadata.as_ref()?;
        Some(own().unwrap_or(&metadata.uri))
    }

    /// The rule that is about the request, as far as anybody can tell.
    pub(super) fn rule_of(&self, request: Request<'_>) -> Option<usize> {
        let target = request.target(self.config.path).ok()?;
        let rules = self.config.rules.as_ref()?;
        policy::first_match(rules, &target).map(|(index, _)| index)
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
        let rules = policy.config.rules.as_deref().unwrap_or_default();
        let rule = policy::first_match(rules, &target);
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

    fn judge_token(
        &mut self,
        requirement: &Requirement,
        target: &Target<'r>,
    ) -> Result<Permit, Stop> {
        let config = &self.policy.config;
        let accepted = || {
            self.policy
                .providers()
                .filter(|(id, _)| requirement.open_to(*id).next().is_some())
        };
        let sources = places(accepted().map(|(_, provider)| provider)).into_iter();
        let find = |bytes: &[u8]| self.remembered.find(bytes);
        let credential = extract(self.request, target, sources, find)?;
        let credential = credential.ok_or_else(|| Missing::Token {
            step_up: requirement.hint(&config.providers),
        })?;
        if credential.only_in_cookies() && !self.request.cookie_may_speak(target, &config.origins) {
            return Err(Forbidden::CrossSite.into());
        }
        let (jwt, known) = self.take_apart(&credential.token)?;
        let Some((id, provider)) = issuer_of(&jwt, accepted(), &credential) else {
            let issuers: Vec<&str> = accepted()
                .map(|(_, provider)| provider.issuer.as_str())
                .collect();
            self.record.expected = Some(shown(&issuers.join(" ")));
            self.record.seen = Some(seen(&jwt, "aud"));
            return Err(Untrusted::Issuer.into());
        };
        self.record.provider = Some(provider.name.clone());
        self.record.provider_id = Some(id);
        self.believe(&jwt, known, &credential, (id, provider), requirement)
            .inspect_err(|_| self.record.seen = Some(seen(&jwt, &provider.audience_claim)))
    }

    /// A token that names a provider which the rule accepts.
    fn believe(
        &mut self,
        jwt: &UnverifiedJwt<'_>,
        known: Option<Rc<Identity>>,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Permit, Stop> {
        self.check_claims(jwt, id, provider, requirement)?;
        let (jwt, identity) =
            self.check_signature(jwt, known, credential.token.as_str(), (id, provider))?;
        self.record.subject.clone_from(&identity.subject);
        self.record.kind = Some(identity.kind.as_str());
        let proof = requirement
            .met_by(id, provider, &jwt.claims, self.now)
            .map_err(|unmet| {
                self.record.expected = Some(shown(&unmet.expected));
                self.record.proved(&unmet.proof);
                unmet.reason
            })?;
        self.record.proved(&proof);
        Ok(self.permit(provider, credential, identity, &proof))
    }

    /// The token in its parts, as they are remembered, with whom it was about then; or from its bytes.
    fn take_apart<'t>(
        &mut self,
        token: &'t Token<'_>,
    ) -> Result<(UnverifiedJwt<'t>, Option<Rc<Identity>>), Stop> {
        if let Token::Known(known) = token
            && let Some(jwt) = UnverifiedJwt::recall(known)
        {
            return Ok((jwt, Some(Rc::clone(&known.identity))));
        }
        let most = self.policy.config.limits.token_bytes;
        let parsed = UnverifiedJwt::parse(token.as_str(), most).inspect_err(|reason| {
            if *reason == Reason::from(Untrusted::Algorithm) {
                self.record.expected = Some(Algorithm::ALL.map(Algorithm::name).join(" "));
            }
        });
        Ok((parsed?, None))
    }

    /// Everything about a token that is the same for all rules and cheaper than its signature: it can only refuse.
    fn check_claims(
        &mut self,
        jwt: &UnverifiedJwt<'_>,
        id: ProviderId,
        provider: &Provider,
        requirement: &Requirement,
    ) -> Result<(), Stop> {
        let header = jwt.unverified_header();
        let is_expected = |typ: &MediaType| provider.token_types.contains(typ);
        if !provider.token_types.is_empty() && !header.typ.as_ref().is_some_and(is_expected) {
            let names: Vec<&str> = provider.token_types.iter().map(MediaType::as_str).collect();
            self.record.expected = Some(names.join(" "));
            return Err(Untrusted::TokenType.into());
        }
        if !provider.algorithms.contains(&header.algorithm) {
            let names: Vec<&str> = provider
                .algorithms
                .iter()
                .map(|algorithm| algorithm.name())
                .collect();
            self.record.expected = Some(names.join(" "));
            return Err(Untrusted::Algorithm.into());
        }
        let claims = jwt.unverified_claims();
        claims::check(claims, provider, self.now)?;
        let is_for =
            |audiences: &[String]| claims::audience_is(claims, &provider.audience_claim, audiences);
        let mut of_rule = requirement
            .open_to(id)
            .flat_map(|alternative| &alternative.audiences);
        if !is_for(&provider.audiences)? && !of_rule.any(|audiences| is_for(audiences) == Ok(true))
        {
            self.record.expected = Some(shown(&provider.audiences.join(" ")));
            return Err(Untrusted::Audience.into());
        }
        Ok(())
    }

    fn check_signature<'t>(
        &mut self,
        jwt: &UnverifiedJwt<'t>,
        known: Option<Rc<Identity>>,
        token: &str,
        (id, provider): (ProviderId, &Provider),
    ) -> Result<(VerifiedJwt<'t>, Rc<Identity>), Stop> {
        #[cfg(feature = "explain")]
        if self.policy.signatures_assumed {
            let assumed = jwt.as_verified();
            let identity = Identity::of(provider, &assumed);
            return Ok((assumed, Rc::new(identity)));
        }
        let header = jwt.unverified_header();
        let (lookup, set) =
            self.keys
                .lookup_in_set(id, header.kid.as_deref(), header.algorithm, self.now);
        let jwk = match lookup {
            Lookup::Found(jwk) => jwk,
            Lookup::Pending => return Err(Stop::Await(id)),
            Lookup::Unknown | Lookup::Ambiguous => return Err(Untrusted::Key.into()),
            Lookup::Misfit => return Err(Untrusted::Algorithm.into()),
            Lookup::Unavailable {
                retry_after,
                has_keys: true,
            } => {
                return Err(Unavailable::UnknownKey { retry_after }.into());
            }
            Lookup::Unavailable {
                retry_after,
                has_keys: false,
            } => {
                return Err(Unavailable::Keys { retry_after }.into());
            }
        };
        if let (Some(verified), Some(identity)) = (jwt.was_verified(set), known) {
            self.remembered.count_hit();
            self.record.key_id = jwk.kid.as_deref().map(shown);
            self.record.remembered = true;
            return Ok((verified, identity));
        }
        if !jwt.could_be_of(&jwk.key) {
            return Err(Untrusted::Signature.into());
        }
        let admission = self
            .budget
            .admit(id, jwt.was_good(), self.now)
            .ok_or(Unavailable::Budget)?;
        self.remembered.count_miss();
        match jwt.verify(&jwk.key, self.crypto) {
            Ok(verified) => {
                let identity = Rc::new(Identity::of(provider, &verified));
                self.remembered
                    .insert(token, header, &verified, &identity, set);
                self.record.key_id = jwk.kid.as_deref().map(shown);
                Ok((verified, identity))
            }
            Err(wrong) => {
                // Good under a key that has gone: it has no more right than others.
                self.remembered.forget(token);
                self.budget.was_wrong(admission);
                Err(wrong.into())
            }
        }
    }

    fn permit(
        &self,
        provider: &Provider,
        credential: &Credential<'_, '_>,
        identity: Rc<Identity>,
        proof: &Proof,
    ) -> Permit {
        let judged: &[&TokenSource] = if provider.forward {
            &[]
        } else {
            &credential.found_in
        };
        let mut edits = self.clean(judged);
        edits.extend(headers::sign_in(proof));
        Permit {
            code: "permitted.token",
            edits,
            identity: Some(identity),
            is_observed: false,
        }
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

/// The provider whose issuer the token names, if it is accepted here and its tokens are looked for in this place.
/// The unverified `iss` chooses the provider and nothing else.
fn issuer_of<'c>(
    jwt: &UnverifiedJwt<'_>,
    mut accepted: impl Iterator<Item = (ProviderId, &'c Provider)>,
    credential: &Credential<'_, '_>,
) -> Option<(ProviderId, &'c Provider)> {
    let issuer = jwt.unverified_claims().get("iss").and_then(Json::as_str)?;
    let is_looked_for = |provider: &Provider| {
        credential
            .found_in
            .iter()
            .any(|source| provider.sources.contains(source))
    };
    accepted
        .find(|(_, provider)| provider.issuer == issuer)
        .filter(|(_, provider)| is_looked_for(provider))
}

fn seen(jwt: &UnverifiedJwt<'_>, audience_claim: &str) -> Seen {
    let (header, claims) = (jwt.unverified_header(), jwt.unverified_claims());
    Seen {
        algorithm: header.algorithm.name(),
        token_type: header.typ.as_ref().map(|typ| shown(typ.as_str())),
        kid: header.kid.as_deref().map(shown),
        issuer: shown_claim(claims, "iss"),
        audience: shown_claim(claims, audience_claim),
        expires: shown_claim(claims, "exp"),
    }
}
