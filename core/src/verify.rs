//! One request, top to bottom. A request is judged in one go: while keys are missing, the answer is to wait and
//! to ask again, and nothing of the first attempt is kept.

use crate::{
    audit::{AuditRecord, Seen, shown, shown_claim},
    budget::Budget,
    claims,
    config::{Action, Alternative, Config, Provider, ProviderId, Public, Requirement, TokenSource},
    evidence::Kind,
    extract::{Credential, extract},
    headers::{self, Edit, OwnedNames},
    jose::{MediaType, UnverifiedJwt, VerifiedJwt},
    json::Json,
    jwks::{JwksCache, Lookup},
    policy,
    reason::{Forbidden, Internal, Missing, Reason, Rejection, Unavailable, Untrusted},
    request::{Request, Target},
    time::UnixTime,
};

/// What to do about a request now.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made per request, and moved, not kept"
)]
pub enum Step {
    /// It is decided.
    Settle(Verdict, AuditRecord),
    /// Keys of this provider are being fetched: hold the request and ask again when the fetch has ended.
    Await(ProviderId),
}

/// The decision.
#[derive(Debug)]
pub enum Verdict {
    /// Change the request's headers and let it pass.
    Allow(Permit),
    /// Answer in the upstream's place.
    Deny(Rejection),
}

/// Proof that a request may pass. Identity headers exist only in here.
#[derive(Debug)]
pub struct Permit {
    code: &'static str,
    edits: Vec<Edit>,
}

impl Permit {
    /// Why it may pass: `permitted.token`, `permitted.public` or `permitted.preflight`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Changes to the request's headers, in order.
    #[must_use]
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// The codes of all permits.
    pub const CODES: [&'static str; 3] =
        ["permitted.token", "permitted.public", "permitted.preflight"];
}

/// Judges requests by one configuration.
#[derive(Debug)]
pub struct Verifier {
    config: Config,
    owned_names: OwnedNames,
    /// What is required where no rules are configured: a token of any provider.
    any_provider: Requirement,
    budget: Budget,
}

/// What a judgement draws on besides the request.
struct Means<'a> {
    keys: &'a mut JwksCache,
    budget: &'a mut Budget,
    now: UnixTime,
}

/// Why a judgement stops before a permit.
enum Stop {
    Deny(Reason),
    Await(ProviderId),
}

impl<R: Into<Reason>> From<R> for Stop {
    fn from(reason: R) -> Self {
        Self::Deny(reason.into())
    }
}

impl Verifier {
    /// A verifier for this configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let owned_names = OwnedNames::of(&config);
        let any_provider = Requirement {
            alternatives: vec![Alternative::default()],
        };
        let budget = Budget::new(config.providers.len(), &config.limits);
        Self {
            config,
            owned_names,
            any_provider,
            budget,
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Judges one request. `&mut` for the count of wrong signatures: a verdict depends on earlier requests in that it
    /// may be `unavailable.budget`, and in nothing else.
    pub fn verify(&mut self, request: Request<'_>, keys: &mut JwksCache, now: UnixTime) -> Step {
        let mut record = AuditRecord::new(request, &self.config.hash);
        // Taken out while the rest of the verifier is read.
        let mut budget = core::mem::take(&mut self.budget);
        let mut means = Means {
            keys,
            budget: &mut budget,
            now,
        };
        let judged = self.judge(request, &mut means, &mut record);
        self.budget = budget;
        match judged {
            Ok(permit) => {
                record.decision = "allow";
                record.reason = permit.code;
                record.seen = None;
                Step::Settle(Verdict::Allow(permit), record)
            }
            Err(Stop::Await(provider)) => Step::Await(provider),
            Err(Stop::Deny(reason)) => self.deny(request, &reason, record),
        }
    }

    /// The answer for a request that would have to wait although too many do already.
    #[must_use]
    pub fn overloaded(&self, request: Request<'_>) -> Step {
        self.refuse(request, &Unavailable::WaitingLimit.into())
    }

    /// The answer for a request about which the host did not tell us enough.
    #[must_use]
    pub fn failed(&self, request: Request<'_>, failure: Internal) -> Step {
        self.refuse(request, &failure.into())
    }

    /// Removals of headers that a client must not send, for the names of a request's trailers.
    pub fn strip_trailers<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        self.owned_names.strip(names)
    }

    fn refuse(&self, request: Request<'_>, reason: &Reason) -> Step {
        self.deny(
            request,
            reason,
            AuditRecord::new(request, &self.config.hash),
        )
    }

    fn deny(&self, request: Request<'_>, reason: &Reason, mut record: AuditRecord) -> Step {
        record.decision = "deny";
        record.reason = reason.code();
        Step::Settle(Verdict::Deny(reason.rejection(self.realm(request))), record)
    }

    /// The configured origin that the request reached; never text of the client's.
    fn realm(&self, request: Request<'_>) -> &str {
        let target = request.target(self.config.path).ok();
        let origin = target
            .as_ref()
            .and_then(|target| target.origin(&self.config.origins));
        origin.map_or("passgate", |origin| origin.text.as_str())
    }

    fn judge(
        &self,
        request: Request<'_>,
        means: &mut Means<'_>,
        record: &mut AuditRecord,
    ) -> Result<Permit, Stop> {
        let target = request.target(self.config.path)?;
        if self.config.bypass_cors_preflight && request.is_preflight(&target) {
            return Ok(self.pass_unjudged(request, "permitted.preflight"));
        }
        let Some(rules) = &self.config.rules else {
            if policy::must_be_named(target.method) {
                return Err(Forbidden::Method.into());
            }
            return self.require(&self.any_provider, request, &target, means, record);
        };
        let Some((index, rule)) = policy::first_match(rules, &target) else {
            let named = policy::must_be_named(target.method);
            return Err(if named {
                Forbidden::Method
            } else {
                Forbidden::NoRule
            }
            .into());
        };
        record.rule = Some(index);
        match &rule.action {
            Action::Public(public) => self.exempt(public, request, &target, means, record),
            Action::Requires(requirement) => {
                self.require(requirement, request, &target, means, record)
            }
        }
    }

    /// A public rule: anybody passes, and whoever shows a token of the named provider is known.
    fn exempt(
        &self,
        public: &Public,
        request: Request<'_>,
        target: &Target<'_>,
        means: &mut Means<'_>,
        record: &mut AuditRecord,
    ) -> Result<Permit, Stop> {
        if public.until.is_some_and(|until| means.now > until) {
            return Err(Forbidden::ExemptionEnded.into());
        }
        let Some(provider) = public.identity_from else {
            return Ok(self.pass_unjudged(request, "permitted.public"));
        };
        let alternative = Alternative {
            provider: Some(provider),
            ..Alternative::default()
        };
        let requirement = Requirement {
            alternatives: vec![alternative],
        };
        match self.require(&requirement, request, target, means, record) {
            Err(Stop::Deny(Reason::Missing(_))) => {
                Ok(self.pass_unjudged(request, "permitted.public"))
            }
            judged => judged,
        }
    }

    /// Lets pass without looking at a token: ours and the credentials of providers that do not forward are removed.
    fn pass_unjudged(&self, request: Request<'_>, code: &'static str) -> Permit {
        let forwarded = |source: &TokenSource| {
            self.config
                .providers
                .iter()
                .any(|provider| provider.forward && provider.sources.contains(source))
        };
        let all = self
            .config
            .providers
            .iter()
            .flat_map(|provider| &provider.sources);
        let mut edits = self
            .owned_names
            .strip(request.headers().iter().map(|(name, _)| *name));
        edits.extend(headers::remove_credentials(
            request,
            all.filter(|source| !forwarded(source)),
        ));
        Permit { code, edits }
    }

    /// A rule that wants a token.
    fn require(
        &self,
        requirement: &Requirement,
        request: Request<'_>,
        target: &Target<'_>,
        means: &mut Means<'_>,
        record: &mut AuditRecord,
    ) -> Result<Permit, Stop> {
        let accepted = || {
            self.providers()
                .filter(|(id, _)| requirement.open_to(*id).next().is_some())
        };
        let credential = extract(
            request,
            target,
            accepted().flat_map(|(_, provider)| &provider.sources),
        )?
        .ok_or(Missing::Token)?;
        if credential.only_in_cookies() && !request.cookie_may_speak(target, &self.config.origins) {
            return Err(Forbidden::CrossSite.into());
        }
        let jwt = UnverifiedJwt::parse(&credential.token, self.config.limits.token_bytes)?;
        record.seen = Some(seen(&jwt, "aud"));
        let (id, provider) = issuer_of(&jwt, accepted(), &credential).inspect_err(|_| {
            let issuers: Vec<&str> = accepted()
                .map(|(_, provider)| provider.issuer.as_str())
                .collect();
            record.expected = Some(issuers.join(" "));
        })?;
        record.provider = Some(provider.name.clone());
        record.seen = Some(seen(&jwt, &provider.audience_claim));
        let jwt = check_signature(
            jwt,
            &credential.token,
            id,
            provider,
            requirement,
            means,
            record,
        )?;
        record.subject = jwt.claims.get("sub").and_then(Json::as_str).map(shown);
        record.kind = Some(Kind::of(&jwt.claims, &provider.kinds).as_str());
        requirement.met_by(id, provider, &jwt.claims)?;
        Ok(self.permit(request, provider, &credential, &jwt))
    }

    fn permit(
        &self,
        request: Request<'_>,
        provider: &Provider,
        credential: &Credential<'_, '_>,
        jwt: &VerifiedJwt<'_>,
    ) -> Permit {
        let mut edits = self
            .owned_names
            .strip(request.headers().iter().map(|(name, _)| *name));
        if !provider.forward {
            edits.extend(headers::remove_credentials(
                request,
                credential.found_in.iter().copied(),
            ));
        }
        edits.extend(headers::identity(provider, jwt));
        Permit {
            code: "permitted.token",
            edits,
        }
    }

    fn providers(&self) -> impl Iterator<Item = (ProviderId, &Provider)> {
        self.config
            .providers
            .iter()
            .enumerate()
            .map(|(index, provider)| (ProviderId(index), provider))
    }
}

/// The provider whose issuer the token names, if it is accepted here and its tokens are looked for in this place.
/// The unverified `iss` chooses the provider and nothing else.
fn issuer_of<'c>(
    jwt: &UnverifiedJwt<'_>,
    mut accepted: impl Iterator<Item = (ProviderId, &'c Provider)>,
    credential: &Credential<'_, '_>,
) -> Result<(ProviderId, &'c Provider), Reason> {
    let issuer = jwt
        .unverified_claims()
        .get("iss")
        .and_then(Json::as_str)
        .ok_or(Untrusted::Issuer)?;
    accepted
        .find(|(_, provider)| provider.issuer == issuer)
        .filter(|(_, provider)| {
            credential
                .found_in
                .iter()
                .any(|source| provider.sources.contains(source))
        })
        .ok_or_else(|| Untrusted::Issuer.into())
}

/// Everything about a token that is the same for all rules, the signature last: what is refused before it costs little.
fn check_signature<'a>(
    jwt: UnverifiedJwt<'a>,
    token: &str,
    id: ProviderId,
    provider: &Provider,
    requirement: &Requirement,
    means: &mut Means<'_>,
    record: &mut AuditRecord,
) -> Result<VerifiedJwt<'a>, Stop> {
    let header = jwt.unverified_header();
    let is_expected = |typ: &MediaType| provider.token_types.contains(typ);
    if !provider.token_types.is_empty() && !header.typ.as_ref().is_some_and(is_expected) {
        let names: Vec<&str> = provider.token_types.iter().map(MediaType::as_str).collect();
        record.expected = Some(names.join(" "));
        return Err(Untrusted::TokenType.into());
    }
    if !provider.algorithms.contains(&header.algorithm) {
        let names: Vec<&str> = provider
            .algorithms
            .iter()
            .map(|algorithm| algorithm.name())
            .collect();
        record.expected = Some(names.join(" "));
        return Err(Untrusted::Algorithm.into());
    }
    claims::check(jwt.unverified_claims(), provider, means.now)?;
    let mut audiences = requirement
        .open_to(id)
        .flat_map(|alternative| &alternative.audiences);
    let is_for = |audiences: &[String]| {
        claims::audience_is(jwt.unverified_claims(), &provider.audience_claim, audiences)
    };
    if !is_for(&provider.audiences)? && !audiences.any(|audiences| is_for(audiences) == Ok(true)) {
        record.expected = Some(shown(&provider.audiences.join(" ")));
        return Err(Untrusted::Audience.into());
    }
    let jwk = match means
        .keys
        .lookup(id, header.kid.as_deref(), header.algorithm, means.now)
    {
        Lookup::Found(jwk) => jwk,
        Lookup::Pending => return Err(Stop::Await(id)),
        Lookup::Unknown | Lookup::Ambiguous => return Err(Untrusted::Key.into()),
        Lookup::Misfit => return Err(Untrusted::Algorithm.into()),
        Lookup::Unavailable { retry_after } => return Err(Unavailable::Keys { retry_after }.into()),
    };
    if !jwt.could_be_of(&jwk.key) {
        return Err(Untrusted::Signature.into());
    }
    let admission = means
        .budget
        .admit(id, token, means.now)
        .ok_or(Unavailable::Budget)?;
    match jwt.verify(&jwk.key) {
        Ok(verified) => {
            means.budget.was_good(admission);
            Ok(verified)
        }
        Err(wrong) => {
            means.budget.was_wrong(admission);
            Err(wrong.into())
        }
    }
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
