//! The token of a request: whose it is, whether it is genuine, and whether it is enough.

use std::rc::Rc;

use super::{Case, Stop, introspection::NotOne};
use crate::{
    audit::{Seen, SubjectForm, shown_claim},
    claims,
    crypto::Algorithm,
    extract::{Credential, Token, extract},
    headers::{self, Edit},
    identity::Identity,
    jose::{self, MediaType},
    json::Json,
    jwks::Lookup,
    mint::Shown,
    policy::{Met, ProofDemand, Requirement},
    proof::{APPROVAL, Binding},
    provider::{Issuer, Provider},
    provider_id::ProviderId,
    reason::{Forbidden, Malformed, Missing, Reason, Unavailable, Untrusted},
    remembered::KnownToken,
    request::TokenSource,
    supply::Need,
    text::shown,
    time::UnixTime,
    token::{UnverifiedJwt, VerifiedJwt, unverified_type},
    verdict::Permit,
    verify::prepared::places,
};

impl Case<'_, '_, '_> {
    /// The one token of the request, by a rule that wants one. `whole`: what the rule wants, where
    /// this is only what is left of it on this connection.
    pub(super) fn judge_token(
        &mut self,
        requirement: &Requirement,
        whole: Option<&Requirement>,
    ) -> Result<Permit, Stop> {
        let config = &self.prepared.config;
        let providers = || self.prepared.providers();
        let accepted = || providers().filter(|(id, _)| requirement.open_to(*id).next().is_some());
        let sources = places(accepted().map(|(_, provider)| provider)).into_iter();
        let credential = match &self.again {
            Some(again) => again.token.clone().map(|known| Credential {
                token: Token::Known(known),
                found_in: Vec::new(),
            }),
            None => {
                let find = |bytes: &[u8]| self.remembered.find(bytes);
                extract(self.request, self.target, sources, find)?
            }
        };
        let Some(credential) = credential else {
            if requirement.alternatives.iter().any(|way| way.without_token) {
                return self.pass_as_workload(requirement, whole);
            }
            let first = requirement.by_token().next();
            self.aside.scopes = first.map(|way| way.scopes.clone()).unwrap_or_default();
            let step_up = requirement.hint(config.providers());
            return Err(Missing::Token { step_up }.into());
        };
        if self.again.is_none()
            && credential.only_in_cookies()
            && !self.request.cookie_may_speak(self.target, config.origins())
        {
            return Err(Forbidden::CrossSite.into());
        }
        if self.prepared.introspects
            && let Some(of) = self.introspector(&credential, requirement)
        {
            return match of {
                Ok(of) => self.judge_opaque(&credential, of, requirement),
                Err(NotOne) => Err(self.of_nobody(requirement)),
            };
        }
        let (jwt, known) = self.take_apart(&credential.token)?;
        let Some((id, provider)) = issuer_of(&jwt, accepted(), &credential, self.again.is_some())
        else {
            self.record.seen = Some(seen(&jwt, "aud"));
            return Err(self.of_nobody(requirement));
        };
        self.is_of((id, provider));
        self.believe(&jwt, known, &credential, (id, provider), requirement)
            .inspect_err(|stop| {
                self.record.seen = Some(seen(&jwt, &provider.audience_claim));
                self.tell_fault(stop, jwt.unverified_claims(), provider);
            })
    }

    /// The token is of none of the providers that the rule accepts.
    #[inline(never)]
    fn of_nobody(&mut self, requirement: &Requirement) -> Stop {
        let mut issuers = String::new();
        for (id, provider) in self.prepared.providers() {
            if requirement.open_to(id).next().is_some() {
                if !issuers.is_empty() {
                    issuers.push(' ');
                }
                issuers.push_str(provider.issuer.text());
            }
        }
        self.record.expected = Some(shown(&issuers));
        Untrusted::Issuer.into()
    }

    /// Notes whose token it is.
    #[inline(never)]
    pub(super) fn is_of(&mut self, (id, provider): (ProviderId, &Provider)) {
        self.record.provider = Some(provider.name.clone());
        self.record.provider_id = Some(id);
        self.trail.provider = Some(id);
    }

    /// Tells what is wrong with claims that are malformed.
    #[inline(never)]
    pub(super) fn tell_fault(&mut self, stop: &Stop, claims: &Json, provider: &Provider) {
        if *stop == Malformed::Claims.into() {
            let fault = claims::fault(claims, &provider.audience_claim, &provider.subject_claims);
            if fault.is_some() {
                self.record.expected = fault;
            }
        }
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
        self.check_header(jwt, provider)?;
        let claims = jwt.unverified_claims();
        let token = credential.token.as_str();
        if provider.tells_of_all() {
            // What it does not say itself, its issuer may.
            claims::check_time(claims, provider, self.now)?;
            let (own, _) = self.check_signature(jwt, known, token, (id, provider))?;
            return self.believe_told(Some(&own), credential, (id, provider), requirement);
        }
        let binding = self.check_claims(claims, credential, (id, provider), requirement)?;
        let (jwt, identity) = self.check_signature(jwt, known, token, (id, provider))?;
        self.weigh(
            (&jwt.claims, &binding),
            (identity, true),
            credential,
            (id, provider),
            requirement,
        )
    }

    /// A token whose claims are believed. `is_jwt`: by its own signature.
    #[inline(never)]
    pub(super) fn weigh(
        &mut self,
        (claims, binding): (&Json, &Binding),
        (identity, is_jwt): (Rc<Identity>, bool),
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Permit, Stop> {
        self.record.issuer = Some(Rc::clone(&identity.issuer));
        self.record.subject.clone_from(&identity.subject);
        self.record.kind = Some(identity.kind.as_str());
        self.tell_actor(identity.actor.as_ref());
        if let Some(key) = self.prepared.config.correlation() {
            let hash = || key.of_token(credential.token.as_str(), is_jwt);
            self.record.token = identity.hash.get_or_init(hash).clone();
        }
        self.check_not_ended((claims, binding), &identity, (id, provider))?;
        // A name or an address may stand in any claim.
        let tells_values = self.prepared.config.audit().subject == SubjectForm::Clear;
        // A thief is told of the proof, and not what the token would be good for.
        let possession = self.possession(binding, credential, (id, provider), requirement)?;
        let approval = self.approval((claims, binding), credential, (id, provider), requirement)?;
        let approved = approval.as_ref().map(|approval| approval.approved);
        let shown = (claims, binding, approved);
        let asking = self.asking(&identity);
        let met = requirement.met_by((id, provider), shown, asking, self.now, tells_values);
        let Met {
            proved,
            alternative,
            names,
        } = match met {
            Ok(met) => met,
            Err(unmet) => {
                self.record.expected = Some(unmet.expected);
                self.record.proved(&unmet.proved);
                if approved.is_none() {
                    let of = (id, provider);
                    return Err(self.or_approval(unmet.reason, binding, of, requirement));
                }
                if !unmet.wants_gesture {
                    self.aside.passkey = None;
                } else if self.aside.passkey.is_none() {
                    self.ask_for_approval(binding, (id, provider), requirement);
                }
                return Err(unmet.reason.into());
            }
        };
        self.record.proved(&proved);
        // All else is well, so it is worth a place among those who wait.
        if let Some(need) = approval.as_ref().and_then(|own| own.awaits_body(&identity)) {
            return Err(Stop::Await(need));
        }
        if self.lasts {
            let asking = self.asking(&identity);
            let of_names = alternative.age_of_names(asking, (claims, provider), approved, self.now);
            let left = alternative
                .max_age
                .zip(proved.age.max(of_names))
                .map(|(most, age)| most.saturating_sub(age));
            self.ends_after(left.map(|left| self.now.saturating_add(left)));
            self.lease_token(credential, claims, &identity, (id, provider));
        }
        let mut edits = Vec::new();
        let mut forwards: &[&str] = &[];
        if let Some(possession) = &possession {
            self.take(possession, alternative, provider, &identity)?;
            if let Some(ProofDemand::Dpop { forward: true, .. }) = alternative.proof {
                forwards = &[headers::PROOF];
            }
        }
        if let Some(approval) = &approval {
            self.take_approval(approval, alternative, provider, &identity)?;
            if let Some(ProofDemand::Approval { forward: true, .. }) = alternative.proof {
                forwards = &[APPROVAL];
                if alternative.approves_session() {
                    forwards = &[APPROVAL, headers::PROOF];
                }
            }
        }
        if alternative.single_use && self.again.is_none() {
            self.take_token(claims, &identity)?;
        }
        self.tell_names(names, &mut edits);
        edits.extend(headers::sign_in(&proved));
        edits.extend(self.peer_header(alternative));
        let mut permit = self.permit(provider, credential, identity, edits, forwards);
        if self.prepared.config.identity_token().is_some() {
            permit.shown = Shown::of(&proved, claims, self.now);
        }
        Ok(permit)
    }

    /// The token in its parts, as they are remembered, with whom it was about then; or from its
    /// bytes.
    fn take_apart<'t>(
        &mut self,
        token: &'t Token<'_>,
    ) -> Result<(UnverifiedJwt<'t>, Option<Rc<Identity>>), Stop> {
        if let Token::Known(known) = token
            && let KnownToken::Jwt(jwt) = &known.token
            && let Some(jwt) = UnverifiedJwt::recall(jwt)
        {
            // Sets of keys have names of their own for each verifier.
            let is_ours = self.again.as_ref().is_none_or(|again| again.is_ours);
            return Ok((jwt, is_ours.then(|| Rc::clone(&known.identity))));
        }
        let most = self.prepared.config.limits().token_bytes;
        let find_header = |header: &str| self.remembered.find_header(header);
        let parsed =
            UnverifiedJwt::parse(token.as_str(), most, find_header).inspect_err(|reason| {
                let expected = match reason {
                    Reason::Untrusted(Untrusted::Algorithm) => {
                        Some(Algorithm::ALL.map(Algorithm::name).join(" "))
                    }
                    Reason::Untrusted(Untrusted::TokenType) => {
                        let typ = unverified_type(token.as_str());
                        self.record.seen = typ.map(|typ| Seen {
                            token_type: Some(shown(&typ)),
                            ..Seen::default()
                        });
                        Some(ACCESS_TOKENS.to_owned())
                    }
                    Reason::Malformed(Malformed::Claims) => {
                        Some("claims: one JSON object, without a member twice".to_owned())
                    }
                    _ => None,
                };
                self.record.expected = expected;
            });
        Ok((parsed?, None))
    }

    /// Type and algorithm of a token: it can only refuse.
    fn check_header(&mut self, jwt: &UnverifiedJwt<'_>, provider: &Provider) -> Result<(), Stop> {
        let header = jwt.unverified_header();
        if provider.token_types.is_empty() {
            if header.typ.as_ref().is_some_and(|typ| typ.is_of_its_own) {
                self.record.expected = Some(ACCESS_TOKENS.to_owned());
                return Err(Untrusted::TokenType.into());
            }
        } else if !header
            .typ
            .as_ref()
            .is_some_and(|typ| provider.token_types.contains(&typ.name))
        {
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
        Ok(())
    }

    /// Everything about claims that is the same for all rules and cheaper than a signature: it can
    /// only refuse.
    #[inline(never)]
    pub(super) fn check_claims(
        &mut self,
        claims: &Json,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Binding, Stop> {
        claims::check(claims, provider, self.now)?;
        let binding = self.binding(claims, credential, (id, provider), requirement)?;
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
        Ok(binding)
    }

    fn check_signature<'t>(
        &mut self,
        jwt: &UnverifiedJwt<'t>,
        known: Option<Rc<Identity>>,
        token: &str,
        (id, provider): (ProviderId, &Provider),
    ) -> Result<(VerifiedJwt<'t>, Rc<Identity>), Stop> {
        #[cfg(feature = "explain")]
        if self.prepared.signatures_assumed {
            let assumed = jwt.as_verified();
            let told_of = self.prepared.config.told_of_callers();
            let identity = Identity::of((id, provider), &assumed, told_of);
            return Ok((assumed, Rc::new(identity)));
        }
        let header = jwt.unverified_header();
        let thumbprint = header.thumbprint.as_deref();
        let name = header
            .kid
            .as_deref()
            .or_else(|| thumbprint.filter(|_| self.supply.keys().has_thumbprints(id)));
        let (lookup, set) = self
            .supply
            .lookup_in_set(id, name, header.algorithm, self.now);
        let jwk = match lookup {
            Lookup::Found(jwk) => jwk,
            Lookup::Pending => return Err(Stop::Await(Need::Keys(id))),
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
        let of_key = jwk.issuer.as_deref();
        let issuer = of_key.and_then(|_| jwt.unverified_claims().get("iss"));
        let issuer = issuer.and_then(Json::as_str);
        if !provider.issuer.lends(of_key, issuer.unwrap_or_default()) {
            self.record.expected = of_key.map(shown);
            return Err(Untrusted::Key.into());
        }
        if let (Some(verified), Some(identity)) = (jwt.was_verified(set), known) {
            self.remembered.count_hit();
            self.record.key_id.clone_from(&jwk.kid);
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
                let told_of = self.prepared.config.told_of_callers();
                let identity = Rc::new(Identity::of((id, provider), &verified, told_of));
                self.remembered
                    .insert(token, header, &verified, &identity, set);
                self.record.key_id.clone_from(&jwk.kid);
                Ok((verified, identity))
            }
            Err(wrong) => {
                // Good under a key that has gone: it has no more right than others.
                self.remembered.forget(token);
                let cost = self.crypto.cost(&jwk.key, header.algorithm);
                self.budget.was_wrong(admission, cost);
                Err(wrong.into())
            }
        }
    }

    fn permit(
        &self,
        provider: &Provider,
        credential: &Credential<'_, '_>,
        identity: Rc<Identity>,
        written: Vec<Edit>,
        forwards: &[&str],
    ) -> Permit {
        let judged: &[&TokenSource] = if provider.forward {
            &[]
        } else {
            &credential.found_in
        };
        let mut edits = self.clean(judged);
        if !forwards.is_empty() {
            let stays = |edit: &Edit| forwards.iter().any(|name| headers::removes(edit, name));
            edits.retain(|edit| !stays(edit));
        }
        edits.extend(written);
        Permit {
            code: "permitted.token",
            edits,
            identity: Some(identity),
            shown: Shown::default(),
            answer: Vec::new(),
            is_observed: false,
            lease: None,
        }
    }
}

/// The provider whose issuer the token names, or else whose trust domain its subject lies in, if it
/// is accepted here and its tokens are looked for in this place. The unverified `iss` or `sub`
/// chooses the provider and nothing else.
fn issuer_of<'c>(
    jwt: &UnverifiedJwt<'_>,
    accepted: impl Iterator<Item = (ProviderId, &'c Provider)>,
    credential: &Credential<'_, '_>,
    was_found: bool,
) -> Option<(ProviderId, &'c Provider)> {
    let claims = jwt.unverified_claims();
    let is_looked_for = |provider: &Provider| {
        credential
            .found_in
            .iter()
            .any(|source| provider.sources.contains(source))
    };
    let of_domain = |provider: &Provider| matches!(provider.issuer, Issuer::TrustDomain(_));
    let mut found = None;
    for (id, provider) in accepted {
        // An issuer that is named comes before the trust domain of the subject.
        if provider.issuer.is(claims) && (found.is_none() || !of_domain(provider)) {
            found = Some((id, provider));
        }
    }
    found.filter(|(_, provider)| was_found || is_looked_for(provider))
}

/// The types of tokens that pass where a provider lists none.
const ACCESS_TOKENS: &str = "at+jwt jwt";

#[inline(never)]
fn seen(jwt: &UnverifiedJwt<'_>, audience_claim: &str) -> Seen {
    let (header, claims) = (jwt.unverified_header(), jwt.unverified_claims());
    let expires = claims.get("exp").and_then(jose::numeric_date);
    Seen {
        algorithm: Some(header.algorithm.name()),
        token_type: header.typ.as_ref().map(|typ| shown(typ.name.as_str())),
        kid: header.kid.as_deref().map(shown),
        issuer: shown_claim(claims, "iss"),
        audience: shown_claim(claims, audience_claim),
        expires: expires
            .map(UnixTime::rfc3339)
            .or_else(|| shown_claim(claims, "exp")),
    }
}
