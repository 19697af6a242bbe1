//! A passkey's approval of a request, or of the key that proves it, where the rule wants it. The
//! token names the passkey, or the provider says which ones the person has.

use core::time::Duration;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{
    Case, Stop,
    proof::{Possession, broken, principal},
};
use crate::{
    audit::{ShownProof, shown_key},
    credentials::{Credential as Registered, Found},
    extract::Credential,
    identity::Identity,
    json::Json,
    policy::{Alternative, Requirement},
    proof::{
        self, APPROVAL, Approved, Approves, Binding, Fault, NonceUse, Passkey, Session, Sought,
        Spend, SpendKind, Thumbprint, UnverifiedApproval,
    },
    provider::Provider,
    provider_id::ProviderId,
    reason::{DPOP, Forbidden, Missing, PasskeyWanted, Reason, Unavailable, Untrusted},
    request::Body,
    supply::Need,
    webauthn::RelyingParty,
};

/// An approval whose signature was checked.
pub(super) struct Approval<'r> {
    pub(super) approved: Approved,
    /// It covers a body that has not been read.
    awaits_body: bool,
    thumbprint: Thumbprint,
    proves: Proves<'r>,
}

/// What an approval is spent by.
enum Proves<'r> {
    /// It counts once: its name among all approvals.
    Request([u8; 32]),
    /// It counts again and again, with a proof by its key each time. `None`: the token is bound to
    /// that key.
    Session(Option<Box<Possession<'r>>>),
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
    /// The session is good, and its key does not prove this request.
    Unproved(Stop),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Approval<'_> {
    /// The body that it covers and that has not been read; the number of its person beside its own.
    pub(super) fn awaits_body(&self, identity: &Identity) -> Option<Need> {
        let id = match &self.proves {
            Proves::Request(id) if self.awaits_body => id,
            Proves::Request(_) | Proves::Session(_) => return None,
        };
        let subject = identity.subject.as_deref().unwrap_or_default();
        let issuer = Sha256::digest(&*identity.issuer);
        let person = [&issuer[..], subject.as_bytes()].concat();
        Some(Need::Body {
            person: number(&Sha256::digest(person)),
            approval: number(id),
        })
    }
}

/// A number of a hash. Whoever finds two of their own that have the same has a place less.
fn number(hash: &[u8]) -> u64 {
    let first = hash.first_chunk();
    u64::from_be_bytes(first.copied().unwrap_or_default())
}

impl<'r> Case<'_, 'r, '_> {
    /// The approval of a request whose token has these claims, cheap checks first. `None`: no way
    /// that takes the token wants one; or there is none, and some way does not want it.
    pub(super) fn approval(
        &mut self,
        (claims, binding): (&Json, &Binding),
        credential: &Credential<'_, '_>,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Result<Option<Approval<'r>>, Stop> {
        let all = || requirement.open_to(id).filter(|way| way.takes(binding));
        let ways: Vec<&Alternative> = all().filter(|way| way.approval().is_some()).collect();
        let has_others = || all().any(|way| way.approval().is_none());
        let is_shown = || self.request.values(APPROVAL).next().is_some();
        if ways.is_empty() || (has_others() && !is_shown()) {
            return Ok(None);
        }
        let Some(party) = self.prepared.config.relying_party() else {
            self.expect("relying_party in the configuration");
            return Err(Untrusted::ProofToken.into());
        };
        self.record.proof = Some(ShownProof::of("webauthn"));
        let of = (claims, binding, (id, provider));
        let judged = self.judge_approval(of, party, credential, &ways);
        let goes_on = match &judged {
            Ok(approval) => approval.approved.expires.is_some(),
            Err(Halt::Unproved(_)) => true,
            Err(Halt::Fault(_) | Halt::Stop(_)) => false,
        };
        if !goes_on {
            // The next one needs a nonce.
            let is_foreign = matches!(judged, Err(Halt::Fault(Fault::ForeignNonce)));
            self.want_approval(&ways, party, provider, is_foreign)?;
        }
        match judged {
            Ok(approval) => Ok(Some(approval)),
            Err(Halt::Fault(fault)) => Err(self.at_fault(fault)),
            Err(Halt::Stop(stop) | Halt::Unproved(stop)) => Err(stop),
        }
    }

    /// A token without an approval meets no way that does without: an approval would do where the
    /// rule takes one. It is asked for where the rule names it first.
    #[inline(never)]
    pub(super) fn or_approval(
        &mut self,
        reason: Reason,
        binding: &Binding,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> Stop {
        if !self.ask_for_approval(binding, (id, provider), requirement) {
            return reason.into();
        }
        let mut ways = requirement.open_to(id).filter(|way| way.takes(binding));
        if ways.next().is_some_and(|way| way.approval().is_none()) {
            // It is told what the first way wants, and gets a nonce for the other.
            self.aside.passkey = None;
            return reason.into();
        }
        self.expect("a WebAuthn-Proof header");
        Missing::Proof.into()
    }

    /// Tells the client what approval would do. Whether one would.
    pub(super) fn ask_for_approval(
        &mut self,
        binding: &Binding,
        (id, provider): (ProviderId, &Provider),
        requirement: &Requirement,
    ) -> bool {
        let wants_one = |way: &&Alternative| way.takes(binding) && way.approval().is_some();
        let wanting: Vec<&Alternative> = requirement.open_to(id).filter(wants_one).collect();
        let party = self.prepared.config.relying_party();
        let party = party.filter(|_| !wanting.is_empty());
        party.is_some_and(|party| self.want_approval(&wanting, party, provider, false).is_ok())
    }

    /// What a client is told of the approval that these ways want.
    #[inline(never)]
    fn want_approval(
        &mut self,
        ways: &[&Alternative],
        party: &RelyingParty,
        provider: &Provider,
        is_foreign: bool,
    ) -> Result<(), Stop> {
        let Some(terms) = ways.iter().find_map(|way| way.approval()) else {
            return Ok(());
        };
        let mut usage = NonceUse::Approval;
        let (max_age, covers_body, expires) = match terms.of {
            Approves::Request {
                window,
                covers_body,
            } => (window, covers_body, None),
            Approves::Session { longest, .. } => {
                usage = NonceUse::Session;
                // Of the gate's clock: the client's may be another.
                let expires = self.now.saturating_add(longest).as_secs();
                (longest, false, Some(expires))
            }
        };
        self.aside.passkey = Some(PasskeyWanted {
            rp_id: party.id.clone(),
            is_verified: terms.is_verified,
            max_age: max_age.as_secs(),
            covers_body,
            expires,
        });
        let shown = proof::find(self.request, APPROVAL).ok().flatten();
        // Those of one request are for one replica.
        let shown = shown.filter(|_| is_foreign && usage == NonceUse::Session);
        let shown = shown.and_then(|text| UnverifiedApproval::parse(text).ok());
        let before = shown
            .as_ref()
            .and_then(UnverifiedApproval::unverified_nonce);
        self.give_nonce(usage, provider, before)
    }

    #[inline(never)]
    fn judge_approval(
        &mut self,
        (claims, binding, (id, provider)): (&Json, &Binding, (ProviderId, &Provider)),
        party: &RelyingParty,
        credential: &Credential<'_, '_>,
        ways: &[&Alternative],
    ) -> Result<Approval<'r>, Halt> {
        let Some(text) = proof::find(self.request, APPROVAL)? else {
            self.expect("a WebAuthn-Proof header");
            return Err(Halt::Stop(Missing::Proof.into()));
        };
        let approval = UnverifiedApproval::parse(text)?;
        let session = approval.session;
        let mut ways = ways.to_vec();
        ways.retain(|way| way.approves_session() == session.is_some());
        if ways.is_empty() {
            return Err(Fault::Request("mode: the one that the rule wants").into());
        }
        let covers_body = approval.covers_body();
        if session.is_none() && !covers_body && self.request.body() != Body::None {
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
        let usage = (approval.nonce_use(), provider.issuer.text());
        let nonce = approval.unverified_nonce().unwrap_or_default();
        let made = self.proofs.time_of(usage, nonce);
        let made = made.map_err(|error| Halt::Stop(broken(error)))?;
        let made = made.ok_or_else(|| Fault::not_ours(Some(nonce), self.now))?;
        let mut approved = Approved {
            gesture,
            made,
            expires: session.map(|session| session.expires),
            covers_body,
            aaguid: None,
        };
        // What no alternative would take is not worth a question, nor its signature.
        let terms = ways.iter().filter_map(|way| way.approval());
        any_of(terms.map(|terms| terms.check(approved, self.now)))?;
        let known;
        let passkey = match &binding.passkey {
            Some(passkey) => &**passkey,
            None => {
                let person = [text("iss"), text("sub")].map(Option::unwrap_or_default);
                let registered = self.registered(id, person, &approval, approved)?;
                approved.aaguid = registered.aaguid;
                known = registered.passkey();
                let unusable = Fault::Credential("id: that of a passkey whose key can be read");
                known.as_ref().ok_or(unusable)?
            }
        };
        any_of(
            ways.iter()
                .map(|way| way.check_approval(approved, self.now)),
        )?;
        let id_of_request = self.check_approval_signature(&approval, passkey)?;
        let thumbprint = passkey.thumbprint;
        // The id is not signed: where the token names the key, anybody can write another one.
        let named = binding.passkey.is_none().then_some(&*approval.assertion.id);
        self.check_passkey_not_ended((named, &thumbprint, approved), (id, provider))
            .map_err(Halt::Stop)?;
        self.record.aaguid = approved.aaguid.map(|aaguid| aaguid.as_str().into());
        let key = self.prepared.config.correlation();
        self.record.credential = key.and_then(|key| key.of_credential(named?));
        let proves = match session {
            None => Proves::Request(id_of_request),
            Some(session) => {
                let of = (binding, credential, provider);
                Proves::Session(self.session_proof(session, of, &ways)?)
            }
        };
        Ok(Approval {
            approved,
            awaits_body,
            thumbprint,
            proves,
        })
    }

    /// Checks the signature of an approval; that of a session once. Returns its name, which a
    /// session does not have.
    fn check_approval_signature(
        &mut self,
        approval: &UnverifiedApproval,
        passkey: &Passkey,
    ) -> Result<[u8; 32], Halt> {
        let session = approval.session.map(|_| approval.name(passkey));
        if session.is_some_and(|name| self.proofs.sessions.has(&name)) {
            return Ok([0; 32]);
        }
        let share = self.proofs.share_of(&passkey.thumbprint);
        let admission = self.proof_budget.admit(share, false, self.now);
        let admission = admission.ok_or(Halt::Stop(Unavailable::Budget.into()))?;
        let cost = passkey.cost(self.crypto);
        let name = approval.verify(passkey, self.crypto).inspect_err(|_| {
            self.proof_budget.was_wrong(admission, cost);
        })?;
        self.owe(admission, cost);
        if let Some(name) = session {
            self.proofs.sessions.insert(name);
        }
        Ok(name)
    }

    /// The proof of this request by the key of a session. `None`: the token is bound to that key,
    /// so the proof was judged.
    fn session_proof(
        &mut self,
        session: Session,
        (binding, credential, provider): (&Binding, &Credential<'_, '_>, &Provider),
        ways: &[&Alternative],
    ) -> Result<Option<Box<Possession<'r>>>, Halt> {
        if let Some(bound) = binding.dpop {
            return if bound == session.key {
                Ok(None)
            } else {
                Err(Fault::Key("jkt: the key that cnf of the token names").into())
            };
        }
        // What is wrong with a proof is told in the words of RFC 9449.
        self.record.proof = Some(ShownProof::of("dpop"));
        let schemes = core::mem::replace(&mut self.aside.schemes, DPOP);
        let possession = self.dpop(&session.key, credential, provider, ways);
        let possession = possession.map_err(Halt::Unproved)?;
        self.aside.schemes = schemes;
        Ok(Some(Box::new(possession)))
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

    /// The person's credential that an assertion names, if it counts.
    fn registered(
        &mut self,
        provider: ProviderId,
        [issuer, subject]: [&str; 2],
        approval: &UnverifiedApproval,
        approved: Approved,
    ) -> Result<Rc<Registered>, Halt> {
        let id = &approval.assertion.id;
        let person = (issuer, subject);
        let asked = (&mut *self.crypto, self.now);
        let registered = match self.supply.credential(provider, person, id, asked) {
            Found::Known(registered) => registered,
            Found::Unknown => {
                return Err(Fault::Credential("id: that of a passkey of this person").into());
            }
            Found::Pending(number) => {
                let need = Need::Credentials(provider, number);
                return Err(Halt::Stop(Stop::Await(need)));
            }
            Found::Keyless(keys) => return Err(Halt::Stop(Stop::Await(Need::Keys(keys)))),
            Found::Unavailable(retry_after) => {
                return Err(Halt::Stop(Unavailable::Credentials { retry_after }.into()));
            }
            // Nobody says whose keys sign it.
            Found::Unverified(_) => {
                let retry_after = Duration::from_secs(1);
                return Err(Halt::Stop(Unavailable::Credentials { retry_after }.into()));
            }
        };
        if registered.is_disabled {
            return Err(Fault::Credential("id: that of a passkey that is not disabled").into());
        }
        // WebAuthn Level 3 section 7.2 step 6: the credential is the person's.
        let shown = approval.assertion.user_handle.as_ref();
        if let (Some(shown), Some(known)) = (shown, &registered.user_handle)
            && shown != known
        {
            return Err(Fault::Credential("userHandle: that of the passkey").into());
        }
        // Step 19: it never changes.
        let is_eligible = !approved.gesture.is_device_bound;
        if registered
            .is_backup_eligible
            .is_some_and(|known| known != is_eligible)
        {
            return Err(Fault::Flags("flags: BE as the passkey was registered").into());
        }
        Ok(registered)
    }

    /// Takes an approval that the rule took: it is to be spent, or the proof by the key of its
    /// session, if all else is well.
    #[inline(never)]
    pub(super) fn take_approval(
        &mut self,
        approval: &Approval<'_>,
        alternative: &Alternative,
        provider: &Provider,
        identity: &Identity,
    ) -> Result<(), Stop> {
        let made = approval.approved.made;
        match &approval.proves {
            // The rule has let it pass by something else.
            Proves::Session(_) if !alternative.approves_session() => return Ok(()),
            Proves::Session(possession) => {
                if let Some(possession) = possession {
                    self.take(possession, alternative, provider, identity)?;
                }
                if self.lasts {
                    self.ends_after(approval.approved.expires);
                }
            }
            Proves::Request(id) => self.spend(Spend {
                kind: SpendKind::Approval,
                id: (*id).into(),
                principal: principal(identity),
                made,
                dated: made,
            }),
        }
        self.record.proof = Some(ShownProof {
            kind: match approval.proves {
                Proves::Request(_) => "webauthn",
                Proves::Session(_) => "webauthn_session",
            },
            key: Some(shown_key(&approval.thumbprint)),
            age: Some(self.now.since(made).as_secs()),
        });
        Ok(())
    }
}

/// Whether one of these will do; else the fault of the first.
fn any_of(mut checked: impl Iterator<Item = Result<(), Fault>>) -> Result<(), Fault> {
    match checked.next() {
        Some(Err(fault)) if !checked.any(|other| other.is_ok()) => Err(fault),
        _ => Ok(()),
    }
}
