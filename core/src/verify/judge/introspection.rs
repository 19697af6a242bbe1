//! A token about which its issuer is asked: because it says nothing itself, or because the policy
//! wants that for each (RFC 7662).

use core::time::Duration;
use std::{borrow::Cow, rc::Rc};

use super::{Case, Stop};
use crate::{
    audit::{Seen, shown_claim},
    extract::{Credential, Token},
    identity::Identity,
    introspection::{self, Said, Unfit},
    jose::{numeric_date, to_base64url},
    json::Json,
    policy::Requirement,
    proof::Binding,
    provider::Provider,
    provider_id::ProviderId,
    reason::{Malformed, Reason, Unavailable, Untrusted},
    remembered::{KnownToken, Told},
    supply::Need,
    time::UnixTime,
    token::VerifiedJwt,
    verdict::Permit,
};

/// Nobody is asked about a token in this place, or nobody knows who.
pub(super) struct NotOne;

impl<'p> Case<'p, '_, '_> {
    /// The provider that is asked about a token in this place, where the token says nothing itself
    /// and somebody is asked by the rule. One that is known to be another's is not shown.
    #[inline(never)]
    pub(super) fn introspector(
        &self,
        credential: &Credential<'_, '_>,
        requirement: &Requirement,
    ) -> Option<Result<(ProviderId, &'p Provider), NotOne>> {
        let is_opaque = match &credential.token {
            Token::New(text) => introspection::is_opaque(text),
            Token::Known(known) => matches!(known.token, KnownToken::Opaque(_)),
        };
        if !is_opaque {
            return None;
        }
        // Whichever policy it was that asked.
        let owner = match &credential.token {
            Token::Known(known) => known.told(),
            Token::New(_) => None,
        };
        let is_owner = |provider: &Provider| {
            let mut owner = owner.iter();
            owner.all(|told| *told.identity.issuer == *provider.issuer.text())
        };
        let (mut is_any_asked, mut found, mut several) = (false, None, false);
        for (id, provider) in self.prepared.providers() {
            if provider.introspection.is_none() || requirement.open_to(id).next().is_none() {
                continue;
            }
            is_any_asked = true;
            let mut places = credential.found_in.iter();
            let is_looked_for =
                self.again.is_some() || places.any(|place| provider.sources.contains(place));
            if is_looked_for && is_owner(provider) {
                several |= found.replace((id, provider)).is_some();
            }
        }
        is_any_asked.then(|| found.filter(|_| !several).ok_or(NotOne))
    }

    /// What the issuer has said of a token, whether it still counts or not.
    #[inline(never)]
    fn told(&self, token: &Token<'_>) -> Option<Rc<Told>> {
        // Providers have names of their own in each configuration, and so has time.
        let is_ours = self.again.as_ref().is_none_or(|again| again.is_ours);
        match token {
            Token::Known(known) if is_ours => known.told(),
            Token::Known(_) | Token::New(_) => None,
        }
    }

    /// A token that says nothing itself.
    pub(super) fn judge_opaque(
        &mut self,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Permit, Stop> {
        self.is_of((id, provider));
        let most = self.prepared.config.limits().token_bytes;
        if credential.token.as_str().len() > most {
            return Err(Malformed::TokenSize.into());
        }
        self.believe_told(None, credential, (id, provider), requirement)
    }

    /// What the issuer says of a token, on top of what it says itself, if it says anything: a JWT
    /// whose signature is right.
    #[inline(never)]
    pub(super) fn believe_told(
        &mut self,
        own: Option<&VerifiedJwt<'_>>,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Permit, Stop> {
        let (told, binding) = self.ask(own, credential, (id, provider), requirement)?;
        if self.lasts {
            // A stream is judged anew then, by another answer.
            let ends = self.supply.wall(told.until);
            self.ends_after(Some(ends));
        }
        let claims = &*told.claims;
        let identity = Rc::clone(&told.identity);
        self.weigh(
            (claims, &binding),
            (identity, own.is_some()),
            credential,
            (id, provider),
            requirement,
        )
        .inspect_err(|_| self.record.seen = Some(seen(claims, provider)))
    }

    #[inline(never)]
    fn ask(
        &mut self,
        own: Option<&VerifiedJwt<'_>>,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<(Rc<Told>, Binding), Stop> {
        let told = self.told(&credential.token);
        let told = told.filter(|told| told.provider == id);
        let was_active = told.is_some();
        let moment = self.supply.moment(self.now);
        if let Some(told) = told.filter(|told| moment < told.until) {
            let binding = self.check_told(&told.claims, credential, (id, provider), requirement)?;
            if own.is_none() {
                self.remembered.count_hit();
                self.record.remembered = true;
            }
            return Ok((told, binding));
        }
        let token = credential.token.as_str();
        let of = (id, &*provider.algorithms);
        let said = self
            .supply
            .introspect(of, (token, was_active), self.crypto, self.now);
        let active = match said {
            Said::Active(active) => active,
            Said::Unfit(why) => return Err(self.unfit(why, token, was_active).into()),
            Said::Keyless => return Err(Stop::Await(Need::Keys(id))),
            Said::Pending(number) => return Err(Stop::Await(Need::Introspection(id, number))),
            // An open stream waits for a place.
            Said::NoRoom(number) if self.again.is_some() => {
                return Err(Stop::Await(Need::Introspection(id, number)));
            }
            Said::NoQuestions => return Err(Unavailable::Questions.into()),
            Said::NoRoom(_) | Said::Unverified(_) => {
                let retry_after = Duration::from_secs(1);
                return Err(Unavailable::Introspection { retry_after }.into());
            }
            Said::Unavailable(retry_after) => {
                return Err(Unavailable::Introspection { retry_after }.into());
            }
        };
        let claims = match own {
            None => Rc::clone(&active.claims),
            Some(own) => match active.on_top_of(&own.claims, &provider.evidence) {
                Ok(claims) => Rc::new(claims),
                Err(why) => return Err(self.unfit(why, token, was_active).into()),
            },
        };
        let binding = self.check_told(&claims, credential, (id, provider), requirement)?;
        let payload = match own {
            Some(own) => Cow::Borrowed(&*own.payload),
            None => payload(provider, &claims),
        };
        let verified = VerifiedJwt::told(Rc::clone(&claims), payload);
        let told_of = self.prepared.config.told_of_callers();
        let told = Rc::new(Told {
            provider: id,
            identity: Rc::new(Identity::of((id, provider), &verified, told_of)),
            claims,
            until: active.until,
        });
        let is_remembered = moment < told.until && self.remembered.tell(token, Rc::clone(&told));
        self.supply.introspection_taken(id, &active, is_remembered);
        Ok((told, binding))
    }

    /// The claims of an answer, as those of a JWT.
    #[inline(never)]
    fn check_told(
        &mut self,
        claims: &Json,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Binding, Stop> {
        let checked = self.check_claims(claims, credential, (id, provider), requirement);
        let checked = checked.and_then(|binding| {
            if binding.dpop.is_none() && introspection::says_dpop(claims) {
                self.expect("cnf.jkt, because token_type is DPoP");
                return Err(Untrusted::KeyBound.into());
            }
            Ok(binding)
        });
        checked.inspect_err(|stop| {
            self.record.seen = Some(seen(claims, provider));
            self.tell_fault(stop, claims, provider);
        })
    }

    /// The token does not count, and has no right from before.
    #[inline(never)]
    fn unfit(&mut self, why: Unfit, token: &str, was_active: bool) -> Reason {
        if was_active {
            self.remembered.forget(token);
        }
        let (reason, wanted) = match why {
            Unfit::Inactive => (Untrusted::Inactive, "active: true"),
            Unfit::Issuer => (Untrusted::Issuer, "iss: the provider's issuer, or none"),
            Unfit::TokenType => (
                Untrusted::TokenType,
                "token_type: Bearer or DPoP, and an access token by typ and token_use",
            ),
            Unfit::Another => (
                Untrusted::Inactive,
                "the same iss, sub, jti and cnf as in the token",
            ),
        };
        self.expect(&["introspection: ", wanted].concat());
        reason.into()
    }
}

/// What a header gets that holds the payload of a token: there is none, so it is what was said.
fn payload(provider: &Provider, claims: &Json) -> Cow<'static, str> {
    match provider.forward_payload_header {
        Some(_) => to_base64url(claims.to_string().as_bytes()).into(),
        None => Cow::Borrowed(""),
    }
}

#[inline(never)]
fn seen(claims: &Json, provider: &Provider) -> Seen {
    let expires = claims.get("exp").and_then(numeric_date);
    Seen {
        issuer: shown_claim(claims, "iss"),
        audience: shown_claim(claims, &provider.audience_claim),
        expires: expires
            .map(UnixTime::rfc3339)
            .or_else(|| shown_claim(claims, "exp")),
        ..Seen::default()
    }
}
