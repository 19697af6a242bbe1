//! The keys that a token is bound to: how it must come, and whether its sender holds them.

use core::time::Duration;
use std::rc::Rc;

use super::{Case, Stop};
use crate::{
    audit::{ShownProof, shown_key},
    budget::Admission,
    extract::Credential,
    headers,
    identity::Identity,
    jose::numeric_date,
    json::Json,
    limits,
    policy::{Alternative, ProofDemand, Requirement},
    proof::{
        self, Asked, Binding, Fault, NonceUse, NotShared, Spend, SpendKind, Thumbprint,
        UnverifiedProof, VerifiedProof,
    },
    provider::Provider,
    provider_id::ProviderId,
    reason::{DPOP, Malformed, Missing, Reason, Unavailable, Untrusted},
    request::path,
    time::UnixTime,
};

/// A DPoP proof that counts, but for its time: how long it may take is for the rule to say.
pub(super) struct Possession<'r> {
    proof: UnverifiedProof<'r>,
    verified: VerifiedProof,
    /// The time of its nonce, where that is one of ours.
    nonce: Option<UnixTime>,
}

impl<'r> Case<'_, 'r, '_> {
    /// What a token with these claims is bound to, where it came in the way that goes with that and
    /// some alternative takes it. It can only refuse, so the claims need not be believed yet.
    pub(super) fn binding(
        &mut self,
        claims: &Json,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Binding, Reason> {
        let is_dpop = credential.found_in.iter().any(|source| source.is_dpop());
        if is_dpop {
            // RFC 9449 section 7.1: the client is answered in the scheme that it speaks.
            self.aside.schemes = DPOP;
        }
        let Some(mut binding) = Binding::of(claims, provider.cnf_jwk) else {
            self.expect("cnf with jkt or x5t#S256, or jwk where the provider has cnf_jwk");
            return Err(Untrusted::KeyBound.into());
        };
        binding.is_of_holder = provider.credentials.is_some() && binding.passkey.is_none();
        match (binding.dpop.is_some(), is_dpop) {
            _ if self.again.is_some() => {}
            (true, false) => {
                self.expect("a token that names a key of proofs comes as Authorization: DPoP");
                self.aside.schemes = DPOP;
                return Err(Untrusted::KeyBound.into());
            }
            (false, true) => {
                self.expect("Authorization: DPoP brings a token with cnf.jkt");
                return Err(Untrusted::ProofToken.into());
            }
            (true, true) | (false, false) => {}
        }
        if !requirement.open_to(id).any(|way| way.takes(&binding)) {
            let wanted = requirement.open_to(id).filter_map(|way| way.proof);
            let words: Vec<&str> = wanted.map(ProofDemand::word).collect();
            let wanted = match &*words {
                [] => "a rule with proof.webauthn: the token names a passkey",
                words => &["a token that is bound for ", &words.join(" or ")].concat(),
            };
            self.expect(wanted);
            return Err(Untrusted::ProofToken.into());
        }
        Ok(binding)
    }

    /// Whether the sender holds the keys that the token is bound to. `None`: none of them makes
    /// proofs.
    pub(super) fn possession(
        &mut self,
        binding: &Binding,
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Option<Possession<'r>>, Stop> {
        if self.again.is_some() {
            // It was proved when the stream began.
            return Ok(None);
        }
        if let Some(digest) = &binding.certificate {
            self.record.proof = Some(ShownProof::of("certificate"));
            let Some(own) = self.request.certificate() else {
                self.expect("the client certificate of this connection");
                return Err(Missing::Proof.into());
            };
            if own != *digest {
                self.expect("the client certificate that cnf.x5t#S256 names");
                return Err(Untrusted::ProofKey.into());
            }
        }
        let Some(key) = &binding.dpop else {
            return Ok(None);
        };
        self.record.proof = Some(ShownProof::of("dpop"));
        let ways = requirement.open_to(id).filter(|way| way.takes(binding));
        let ways: Vec<&Alternative> = ways.collect();
        let judged = self.dpop(key, credential, provider, &ways);
        judged.map(Some)
    }

    /// The DPoP proof of the request, cheap checks first.
    #[inline(never)]
    pub(super) fn dpop(
        &mut self,
        key: &Thumbprint,
        credential: &Credential<'_, '_>,
        provider: &Provider,
        ways: &[&Alternative],
    ) -> Result<Possession<'r>, Stop> {
        let text = match proof::find(self.request, headers::PROOF) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.offer_nonce(provider, ways)?;
                self.expect("a DPoP header");
                return Err(Missing::Proof.into());
            }
            Err(fault) => return Err(self.at_fault(fault)),
        };
        let proof = UnverifiedProof::parse(text).map_err(|fault| self.at_fault(fault))?;
        proof.is_by(key).map_err(|fault| self.at_fault(fault))?;
        let origin = self.target.origin(self.prepared.config.origins());
        let path = self.request.values(":path").next().map(path::split);
        let (Some(origin), Some((path, _))) = (origin, path) else {
            self.expect("a request to one of origins");
            return Err(Untrusted::ProofRequest.into());
        };
        let asked = Asked {
            method: self.target.method,
            origin: &origin.text,
            path,
            token: credential.token.as_str(),
            is_token_hidden: credential.only_in_cookies(),
        };
        proof.is_for(asked).map_err(|fault| self.at_fault(fault))?;
        let nonce = match proof.unverified_nonce() {
            None => None,
            Some(nonce) => self
                .proofs
                .time_of((NonceUse::Dpop, provider.issuer.text()), nonce)
                .map_err(broken)?,
        };
        // What no alternative would take is not worth its signature.
        let mut times = ways
            .iter()
            .map(|way| proof.made_at(nonce, way.terms(), self.now));
        let first = times.next();
        if let Some(Err(fault)) = first
            && !times.any(|made| made.is_ok())
        {
            if let Fault::Nonce(_) | Fault::ForeignNonce = fault {
                self.give_nonce(NonceUse::Dpop, provider, proof.unverified_nonce())?;
            }
            return Err(self.at_fault(fault));
        }
        let share = self.proofs.share_of(key);
        let admission = self.proof_budget.admit(share, false, self.now);
        let admission = admission.ok_or(Unavailable::Budget)?;
        let cost = proof.cost(self.crypto);
        match proof.verify(self.crypto) {
            Ok(verified) => {
                self.owe(admission, cost);
                Ok(Possession {
                    proof,
                    verified,
                    nonce,
                })
            }
            Err(fault) => {
                self.proof_budget.was_wrong(admission, cost);
                Err(self.at_fault(fault))
            }
        }
    }

    /// A signature was right: what it has cost is paid for unless the request passes.
    pub(super) fn owe(&mut self, admission: Admission, cost: Duration) {
        let before = self.unpaid.map_or(Duration::ZERO, |(_, before)| before);
        self.unpaid = Some((admission, before.saturating_add(cost)));
    }

    /// Takes the proof by the terms of the alternative that the token meets: it is to be spent, if
    /// all else is well.
    #[inline(never)]
    pub(super) fn take(
        &mut self,
        possession: &Possession<'_>,
        alternative: &Alternative,
        provider: &Provider,
        identity: &Identity,
    ) -> Result<(), Stop> {
        let terms = alternative.terms();
        let made = possession.proof.made_at(possession.nonce, terms, self.now);
        let needs_nonce = match possession.nonce {
            Some(made) => proof::is_ageing(made, terms, self.now),
            None => terms.wants_nonce,
        };
        if needs_nonce {
            let before = possession.proof.unverified_nonce();
            self.give_nonce(NonceUse::Dpop, provider, before)?;
        }
        let made = made.map_err(|fault| self.at_fault(fault))?;
        self.record.proof = Some(ShownProof {
            kind: "dpop",
            key: Some(shown_key(&possession.verified.thumbprint)),
            age: Some(self.now.since(made).as_secs()),
        });
        self.spend(Spend {
            kind: SpendKind::Proof,
            id: possession.verified.id.into(),
            principal: principal(identity),
            made,
            dated: made.max(possession.proof.latest(terms, self.now)),
        });
        Ok(())
    }

    /// Takes a token that counts once (RFC 7519 section 4.1.7): it is to be spent, if all else is
    /// well.
    #[inline(never)]
    pub(super) fn take_token(&mut self, claims: &Json, identity: &Identity) -> Result<(), Stop> {
        let date = |name: &str| claims.get(name).and_then(numeric_date);
        let jti = claims.get("jti").and_then(Json::as_str);
        let (Some(jti), Some(made), Some(expires)) =
            (jti.filter(|jti| !jti.is_empty()), date("iat"), date("exp"))
        else {
            self.expect("jti: a string that is not empty, and iat: for a token of a single use");
            return Err(Malformed::Claims.into());
        };
        // No issuer holds a zero byte.
        let id = [identity.issuer.as_bytes(), &[0], jti.as_bytes()].concat();
        let skew = Duration::from_secs(limits::CLOCK_SKEW_SECS);
        self.spend(Spend {
            kind: SpendKind::Token,
            id: id.into(),
            principal: principal(identity),
            made,
            dated: expires.saturating_add(skew),
        });
        Ok(())
    }

    /// A path with several readings is judged several times, and pays once.
    #[inline(never)]
    pub(super) fn spend(&mut self, spend: Spend) {
        let is_it = |other: &Spend| (other.kind, &other.id) == (spend.kind, &spend.id);
        if !self.spends.iter().any(is_it) {
            self.spends.push(spend);
        }
    }

    /// A nonce for the next proof, where some alternative wants one.
    fn offer_nonce(&mut self, provider: &Provider, ways: &[&Alternative]) -> Result<(), Stop> {
        if ways.iter().any(|way| way.terms().wants_nonce) {
            self.give_nonce(NonceUse::Dpop, provider, None)?;
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn give_nonce(
        &mut self,
        usage: NonceUse,
        provider: &Provider,
        before: Option<&str>,
    ) -> Result<(), Stop> {
        let nonce = self
            .proofs
            .nonce((usage, provider.issuer.text()), self.now, before)
            .map_err(broken)?;
        self.aside.nonce = Some(usage.header(nonce));
        Ok(())
    }

    #[inline(never)]
    pub(super) fn at_fault(&mut self, fault: Fault) -> Stop {
        let (reason, wanted): (Reason, _) = match fault {
            Fault::Malformed(wanted) => (Malformed::Proof.into(), wanted),
            Fault::Key(wanted) => (Untrusted::ProofKey.into(), wanted),
            Fault::Request(wanted) => (Untrusted::ProofRequest.into(), wanted),
            Fault::Token(wanted) => (Untrusted::ProofToken.into(), wanted),
            Fault::Time(wanted) => (Untrusted::ProofTime.into(), wanted),
            Fault::Nonce(wanted) => (Untrusted::ProofNonce.into(), wanted),
            Fault::Origin(wanted) => (Untrusted::ProofOrigin.into(), wanted),
            Fault::Flags(wanted) => (Untrusted::ProofFlags.into(), wanted),
            Fault::Body(wanted) => (Untrusted::ProofBody.into(), wanted),
            Fault::Credential(wanted) => (Untrusted::Credential.into(), wanted),
            Fault::ForeignNonce => {
                self.record.has_foreign_nonce = true;
                let wanted = "nonce: one of ours, and not another replica's";
                (Untrusted::ProofNonce.into(), wanted)
            }
            Fault::Signature => (
                Untrusted::ProofSignature.into(),
                "the signature of the key that it is to be made with",
            ),
        };
        self.expect(&["proof: ", wanted].concat());
        Stop::Deny(reason)
    }

    #[inline(never)]
    pub(super) fn expect(&mut self, wanted: &str) {
        self.record.expected = Some(wanted.to_owned());
    }
}

pub(super) fn broken(_: NotShared) -> Stop {
    Unavailable::ReplayMemory.into()
}

pub(super) fn principal(identity: &Identity) -> (Rc<str>, Option<Rc<str>>) {
    (Rc::clone(&identity.issuer), identity.subject.clone())
}
