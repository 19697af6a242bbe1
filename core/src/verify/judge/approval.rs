//! A passkey's approval of a request, where the token names the passkey and the rule wants it.

use super::{Case, Stop, proof::broken, proof::principal};
use crate::{
    audit::{ShownProof, shown_key},
    extract::Credential,
    identity::Identity,
    json::Json,
    policy::{Alternative, Requirement},
    proof::{
        self, APPROVAL, ApprovalTerms, Approved, Binding, Fault, NonceUse, Passkey, Sought, Spend,
        SpendKind, Thumbprint, UnverifiedApproval,
    },
    provider::Provider,
    provider_id::ProviderId,
    reason::{Forbidden, Missing, PasskeyWanted, Unavailable, Untrusted},
    request::Body,
    webauthn::RelyingParty,
};

/// An approval whose signature was checked.
pub(super) struct Approval {
    pub(super) approved: Approved,
    /// It covers a body that has not been read.
    pub(super) awaits_body: bool,
    thumbprint: Thumbprint,
    /// Names it among all approvals.
    pub(super) id: [u8; 32],
}

/// SHA-256 of nothing (FIPS 180-4).
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// Why an approval does not count.
enum Halt {
    Fault(Fault),
    Stop(Stop),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Case<'_, '_, '_> {
    /// The approval of a request whose token has these claims, cheap checks first. `None`: the
    /// token does not name a passkey. One that does comes so far only where each way that takes it
    /// wants an approval.
    pub(super) fn approval(
        &mut self,
        (claims, binding): (&Json, &Binding),
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Option<Approval>, Stop> {
        let Some(passkey) = &binding.passkey else {
            return Ok(None);
        };
        let Some(party) = self.prepared.config.relying_party() else {
            self.expect("relying_party in the configuration");
            return Err(Untrusted::ProofToken.into());
        };
        self.record.proof = Some(ShownProof::of("webauthn"));
        let ways = requirement.open_to(id).filter(|way| way.takes(binding));
        let terms: Vec<ApprovalTerms> = ways.filter_map(Alternative::approval).collect();
        self.aside.passkey = terms.first().map(|terms| PasskeyWanted {
            rp_id: party.id.clone(),
            is_verified: terms.is_verified,
            max_age: terms.window.as_secs(),
        });
        // Whatever becomes of it, the next one needs a nonce.
        self.give_nonce(NonceUse::Approval, provider)?;
        match self.judge_approval(passkey, party, credential, (claims, provider), &terms) {
            Ok(approval) => Ok(Some(approval)),
            Err(Halt::Fault(fault)) => Err(self.at_fault(fault)),
            Err(Halt::Stop(stop)) => Err(stop),
        }
    }

    fn judge_approval(
        &mut self,
        passkey: &Passkey,
        party: &RelyingParty,
        credential: &Credential<'_, '_>,
        (claims, provider): (&Json, &Provider),
        terms: &[ApprovalTerms],
    ) -> Result<Approval, Halt> {
        let Some(text) = proof::find(self.request, APPROVAL)? else {
            self.expect("a WebAuthn-Proof header");
            return Err(Halt::Stop(Missing::Proof.into()));
        };
        let approval = UnverifiedApproval::parse(text)?;
        let covers_body = approval.covers_body();
        if !covers_body && self.request.body() != Body::None {
            let wanted = "a request that ends with its headers: no body is approved";
            return Err(Fault::Body(wanted).into());
        }
        let origin = self.target.origin(self.prepared.config.origins());
        let path = self.request.values(":path").next();
        let (Some(origin), Some(path)) = (origin, path) else {
            return Err(Fault::Request("a request to one of origins").into());
        };
        let text = |name: &str| claims.get(name).and_then(Json::as_str);
        approval.is_for(Sought {
            method: self.target.method,
            origin: &origin.text,
            path,
            token: credential.token.as_str(),
            is_token_hidden: credential.only_in_cookies(),
            issuer: text("iss").unwrap_or_default(),
            subject: text("sub"),
        })?;
        let awaits_body = covers_body && self.awaits_body(&approval)?;
        let gesture = approval.unverified_gesture(party)?;
        let usage = (NonceUse::Approval, provider.issuer.text());
        let nonce = approval.unverified_nonce().unwrap_or_default();
        let made = self.proofs.time_of(usage, nonce);
        let made = made.map_err(|error| Halt::Stop(broken(error)))?;
        let made = made.ok_or(Fault::Nonce("nonce: one of ours"))?;
        let approved = Approved {
            gesture,
            made,
            covers_body,
        };
        // What no alternative would take is not worth its signature.
        let mut checked = terms.iter().map(|terms| terms.check(approved, self.now));
        if let Some(Err(fault)) = checked.next()
            && !checked.any(|checked| checked.is_ok())
        {
            return Err(fault.into());
        }
        let share = self.proofs.share_of(&passkey.thumbprint);
        let admission = self.proof_budget.admit(share, false, self.now);
        let admission = admission.ok_or(Halt::Stop(Unavailable::Budget.into()))?;
        let cost = passkey.cost(self.crypto);
        let id = approval.verify(passkey, self.crypto).inspect_err(|_| {
            self.proof_budget.was_wrong(admission, cost);
        })?;
        self.owe(admission, cost);
        Ok(Approval {
            approved,
            awaits_body,
            thumbprint: passkey.thumbprint,
            id,
        })
    }

    /// Whether the body that an approval covers has not been read; else it is the one. It can only
    /// refuse, so the signature need not be checked yet.
    fn awaits_body(&self, approval: &UnverifiedApproval) -> Result<bool, Halt> {
        let most = self.prepared.config.limits().proof_body_bytes;
        let request = self.request;
        let stop = |stop: Stop| Err(Halt::Stop(stop));
        // Also without a body: the service may look at them.
        approval.is_of_content(request)?;
        match request.body() {
            Body::None => approval.is_of_body(EMPTY)?,
            Body::Read(sha256) => approval.is_of_body(sha256)?,
            Body::TooLarge => return stop(Forbidden::BodySize.into()),
            Body::HasTrailers => {
                return Err(Fault::Body("no trailers: an approval does not cover them").into());
            }
            Body::NotHandedOver => return stop(Unavailable::Body.into()),
            Body::Unread if request.is_endless() => {
                return Err(Fault::Body("a body that ends: no upgrade, and no CONNECT").into());
            }
            Body::Unread if request.body_length().is_some_and(|length| length > most) => {
                return stop(Forbidden::BodySize.into());
            }
            Body::Unread => return Ok(true),
        }
        Ok(false)
    }

    /// Takes an approval that the rule took: it is to be spent, if all else is well.
    pub(super) fn take_approval(&mut self, approval: &Approval, identity: &Identity) {
        let made = approval.approved.made;
        self.record.proof = Some(ShownProof {
            kind: "webauthn",
            key: Some(shown_key(&approval.thumbprint)),
            age: Some(self.now.since(made).as_secs()),
        });
        self.spend(Spend {
            kind: SpendKind::Approval,
            id: approval.id,
            principal: principal(identity),
            made,
            dated: made,
        });
    }
}
