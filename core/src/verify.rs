//! The question that the shell asks: may this request pass? And what it is told.

#[cfg(feature = "explain")]
pub mod explain;
mod judge;
mod onward;
mod prepared;
mod stream;

use core::time::Duration;

pub use self::stream::Cut;
use self::{
    judge::{Again, Aside, Case, Stands, Stop, Trail},
    prepared::Prepared,
};
use crate::{
    audit::{AuditRecord, Shadow},
    budget::Budget,
    config::Config,
    crypto::{Backend, Distrust, ForeignFunctions},
    headers::Edit,
    lease::Round,
    limits,
    mint::{MintedTokens, Shown},
    proof::{APPROVAL, NonceUse, NotSpent, Proofs, SharedData, Spend, SpendKind},
    reason::{Ambiguous, DPOP, Internal, Reason, Unavailable, Untrusted},
    remembered::{RememberedTokens, Tally},
    request::{Body, McpCall, Request, Target},
    resource_metadata::{self, Document},
    supply::{Need, Supply},
    time::UnixTime,
    verdict::{Permit, Verdict},
};

/// What to do about a request now.
#[derive(Debug)]
pub enum Step {
    /// It is decided.
    Settle(Settlement),
    /// This is being fetched, or is still to come: hold the request and ask again when it has come,
    /// or will not.
    Await(Need),
}

/// What was decided about a request, and the record of it.
#[derive(Debug)]
pub struct Settlement {
    /// What is done.
    pub verdict: Verdict,
    /// What is told.
    pub record: Box<AuditRecord>,
}

/// What is done about a request that is not refused.
enum Grant {
    Pass(Permit),
    Serve(Document),
}

/// Judges requests by one configuration.
#[derive(Debug)]
pub struct Verifier {
    prepared: Prepared,
    crypto: Backend,
    budget: Budget,
    /// For wrong signatures of proofs: forged tokens do not spend it, nor forged proofs theirs.
    proof_budget: Budget,
    proofs: Proofs,
    remembered: RememberedTokens,
    minted: MintedTokens,
    /// Whether no more streams may begin that end with their authority.
    is_full: bool,
    /// This verifier's number among those that share open streams.
    judge: u32,
    round: Round,
}

impl Verifier {
    /// A verifier for this configuration. Whoever knows `seed` can foretell which tokens are
    /// verified when forged ones have spent their budget: it should come from a good random source.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            is_full: false,
            judge: 0,
            round: Round::default(),
            crypto: Backend::default(),
            budget: Budget::new(config.providers().len(), config.limits(), seed),
            proof_budget: Budget::new(limits::PROOF_KEY_SHARES, config.limits(), seed),
            proofs: prepared::proofs(&config),
            remembered: RememberedTokens::new(config.limits()),
            minted: MintedTokens::default(),
            prepared: Prepared::new(config),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.prepared.config
    }

    /// Lets the host check signatures, where the configuration allows it and the host passes a
    /// test. It stays so until [`Self::take_lost_host`].
    ///
    /// # Errors
    /// Why it does not: this crate checks all signatures then.
    pub fn use_host(&mut self, host: Box<dyn ForeignFunctions>) -> Result<(), Distrust> {
        if self.prepared.config.allows_host_crypto() {
            self.crypto.use_host(host)
        } else {
            Err(Distrust::Refused)
        }
    }

    /// Lets the host keep what the workers of this gate share: what was spent, and a secret for
    /// nonces. Without it no proof passes. `entropy` must come from a good random source. `gate`
    /// names this gate among those of its host; a new configuration of the same gate has the same
    /// name. What was made before `now` is not believed, unless the gate has shared before.
    pub fn share(
        &mut self,
        data: Box<dyn SharedData>,
        entropy: [u8; 32],
        gate: &str,
        now: UnixTime,
    ) {
        self.proofs.share(data, entropy, gate, now);
    }

    /// True once, when the host did not answer and is not asked any more.
    pub const fn take_lost_host(&mut self) -> bool {
        self.crypto.take_lost_host()
    }

    /// The same as [`Self::take_tally`] when enough has come together: so a repeated token costs no
    /// counter.
    pub const fn due_tally(&mut self) -> Option<Tally> {
        self.remembered.due_tally()
    }

    /// How many tokens were remembered and how many signatures checked, since this was asked last.
    pub const fn take_tally(&mut self) -> Tally {
        self.remembered.take_tally()
    }

    /// Judges one request. `&mut` for tables and remembered tokens, which save work, and for the
    /// budget of wrong signatures: a verdict depends on earlier requests in that it may be
    /// `unavailable.budget`, and in that a proof, or a token that counts once, passes once. It is
    /// spent as the last act before a permit.
    pub fn verify(&mut self, request: Request<'_>, supply: &mut Supply, now: UnixTime) -> Step {
        self.judge(request, None, supply, now)
    }

    #[inline(never)]
    fn judge(
        &mut self,
        request: Request<'_>,
        again: Option<Again>,
        supply: &mut Supply,
        now: UnixTime,
    ) -> Step {
        let told = again.as_ref().and_then(|again| again.mcp.clone());
        let target = self.prepared.target(request, told);
        let mut record = self.prepared.record(request);
        if let Ok(Target {
            mcp: Some(McpCall::Known { method, name }),
            ..
        }) = &target
        {
            record.call = Some((method.clone(), name.clone()));
        }
        let is_again = again.is_some();
        let lasts = is_again || (self.prepared.ends_streams && request.lasts());
        let mut stands = Stands::default();
        let (judged, trail, mut aside, spends, unpaid) = match &target {
            Ok(target) => {
                let mut case = Case {
                    prepared: &self.prepared,
                    request,
                    target,
                    supply,
                    crypto: &mut self.crypto,
                    budget: &mut self.budget,
                    proof_budget: &mut self.proof_budget,
                    unpaid: None,
                    proofs: &mut self.proofs,
                    remembered: &mut self.remembered,
                    now,
                    record: &mut record,
                    trail: Trail::default(),
                    aside: Aside::default(),
                    spends: Vec::new(),
                    again,
                    lasts,
                    stands: Stands::default(),
                };
                let judged = case.judge();
                #[rustfmt::skip]
                let Case { trail, aside, spends, unpaid, stands: on, .. } = case;
                stands = on;
                if lasts {
                    stands.mcp.clone_from(&target.mcp);
                }
                (judged, trail, aside, spends, unpaid)
            }
            Err(ambiguous) => {
                let judged = Err(ambiguous.clone().into());
                (judged, Trail::default(), Aside::default(), Vec::new(), None)
            }
        };
        let lasts = lasts && self.prepared.ends_streams_of(trail.rule, &trail.rules);
        let judged = match judged {
            Ok(_) if lasts && !is_again && self.has_no_room(&trail, now) => {
                Err(Unavailable::Streams.into())
            }
            judged => judged,
        };

        // What is only observed spends nothing, so that the rule behind it, or another gate, can.
        let judged = match judged {
            Ok(grant) if !spends.is_empty() && !self.is_observed(&trail, false, Some(now)) => self
                .spend(&spends, &trail, &mut aside, &mut record, now)
                .map(|()| grant)
                .map_err(Stop::Deny),
            judged => judged,
        };
        // A good proof can be sent again and again, to be refused each time, or without the body
        // that it covers. Who brings the body and passes is given back what was paid for the wait.
        match (&judged, unpaid) {
            (Err(Stop::Deny(_) | Stop::Await(Need::Body { .. })), Some((admission, cost))) => {
                self.proof_budget.was_wrong(admission, cost);
            }
            (Ok(_), Some((admission, cost))) if matches!(request.body(), Body::Read(_)) => {
                self.proof_budget.give_back(admission, cost);
            }
            _ => {}
        }
        self.prepared.name_rule(&mut record, trail.rule);
        let (settlement, hides_rule) = match judged {
            Ok(grant) => {
                record.decision = "allow";
                record.seen = None;
                let verdict = match grant {
                    Grant::Pass(mut permit) => {
                        if let Some(nonce) = aside.nonce {
                            permit.answer = onward::answer(nonce, self.page(request).is_some());
                        }
                        permit.edits.extend(onward::once(request, &spends));
                        if !is_again && let Ok(target) = &target {
                            self.sign(request, target, &trail, &mut permit, now);
                        }
                        Verdict::Allow(permit)
                    }
                    Grant::Serve(document) => Verdict::Serve(document),
                };
                record.reason = verdict.code();
                let record = Box::new(record);
                (Settlement { verdict, record }, false)
            }
            Err(Stop::Await(need)) => return Step::Await(need),
            Err(Stop::Deny(reason)) => {
                let target = target.as_ref().ok();
                let denied = self.deny(request, target, &reason, aside, record);
                (denied, reason.hides_rule())
            }
        };
        let mut settlement = self.in_mode(settlement, &trail, hides_rule, Some(now));
        let has_room = is_again || !self.is_full;
        if lasts
            && has_room
            && let Verdict::Allow(permit) = &mut settlement.verdict
        {
            let is_told = settlement.record.is_refused();
            permit.lease = Some(self.lease(request, trail, stands, is_told));
        }
        Step::Settle(settlement)
    }

    /// The answer for a request that would have to wait although too many do already.
    #[must_use]
    pub fn overloaded(&self, request: Request<'_>, now: UnixTime) -> Settlement {
        self.refuse(request, &Unavailable::WaitingLimit.into(), Some(now))
    }

    /// The answer for a request that has waited longer than what it waits for takes.
    #[must_use]
    pub fn waited_too_long(&self, request: Request<'_>, now: UnixTime) -> Settlement {
        self.refuse(request, &Unavailable::WaitingTime.into(), Some(now))
    }

    /// The answer for a request about which the host did not tell us enough. Without a clock nobody
    /// knows whether the end of shadow has come, so it has.
    #[must_use]
    pub fn failed(
        &self,
        request: Request<'_>,
        failure: Internal,
        now: Option<UnixTime>,
    ) -> Settlement {
        self.refuse(request, &failure.into(), now)
    }

    /// Removals of headers that a client must not send, for the names of a request's trailers.
    pub fn strip_trailers<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        self.prepared.owned_names.strip_trailers(names)
    }

    /// How many bytes a request takes while it waits for this, beside its headers: what the host
    /// holds of a body that is approved, which is not more than `limits.proof_body_bytes`.
    #[must_use]
    pub fn bytes_to_hold(&self, request: Request<'_>, need: Need) -> usize {
        let most = self.prepared.config.limits().proof_body_bytes;
        if need.is_body() || matches!(request.body(), Body::Read(_)) {
            return request.body_length().unwrap_or(most).min(most);
        }
        0
    }

    /// Whether nobody reads the body of this request, which waits: the host need not hand it over
    /// before the request is settled, and can let its client wait. A body is read for an approval,
    /// if the request shows one.
    #[must_use]
    pub fn leaves_body(&self, request: Request<'_>) -> bool {
        request.values(APPROVAL).next().is_none() || !self.prepared.reads_body(request)
    }

    fn refuse(&self, request: Request<'_>, reason: &Reason, now: Option<UnixTime>) -> Settlement {
        let mut record = self.prepared.record(request);
        let target = self.prepared.target(request, None).ok();
        let rules = target.as_ref().map(|target| self.prepared.rules_of(target));
        let trail = Trail::of(rules.unwrap_or_default());
        self.prepared.name_rule(&mut record, trail.rule);
        let denied = self.deny(request, target.as_ref(), reason, Aside::default(), record);
        self.in_mode(denied, &trail, reason.hides_rule(), now)
    }

    /// `target`: what the request is about, if that is known.
    #[inline(never)]
    fn deny(
        &self,
        request: Request<'_>,
        target: Option<&Target<'_>>,
        reason: &Reason,
        aside: Aside,
        mut record: AuditRecord,
    ) -> Settlement {
        record.decision = "deny";
        record.reason = reason.code();
        // Who is refused after all has no names.
        record.roles.clear();
        record.product = None;
        // The configured origin that the request reached; never text of the client's.
        let origins = self.prepared.config.origins();
        let origin = target.and_then(|target| target.origin(origins));
        let realm = origin.map_or("passgate", |origin| origin.text.as_str());
        let path = target.and_then(|target| target.path.as_deref());
        let metadata =
            resource_metadata::uri(self.prepared.config.resource_metadata(), path, origin);
        let is_mismatch = *reason == Ambiguous::Mcp.into();
        let calls = target.is_some_and(|target| target.mcp.is_some());
        let rpc = (calls || is_mismatch).then(|| request.rpc(is_mismatch));
        let mut rejection = reason
            .rejection_in(realm, aside.schemes, aside.passkey.as_ref())
            .with_nonce(aside.nonce)
            .asking_for(&aside.scopes)
            .naming(metadata.as_deref())
            .readable_by(self.page(request))
            .for_grpc(request.is_grpc())
            .for_mcp(rpc.flatten());
        if let Some(detour) = aside.detour {
            record.login = Some(detour.word());
            rejection = rejection.with_detour(detour);
        }
        Settlement {
            verdict: Verdict::Deny(rejection),
            record: Box::new(record),
        }
    }

    /// The page of ours that made this request: one of `origins`, or one that asks for passkeys.
    fn page(&self, request: Request<'_>) -> Option<&str> {
        let config = &self.prepared.config;
        let asking = || request.page_among(&config.relying_party()?.origins);
        request.page_of(config.origins()).or_else(asking)
    }

    /// What was decided, or, where that is only observed, a permit that changes nothing and a
    /// record of it.
    fn in_mode(
        &self,
        settlement: Settlement,
        trail: &Trail,
        hides_rule: bool,
        now: Option<UnixTime>,
    ) -> Settlement {
        if !self.is_observed(trail, hides_rule, now) {
            return settlement;
        }
        let Settlement {
            verdict,
            mut record,
        } = settlement;
        record.shadow = Some(Shadow::of(&verdict));
        record.decision = "shadow";
        record.login = None;
        let permit = Permit {
            code: verdict.code(),
            edits: Vec::new(),
            identity: None,
            shown: Shown::default(),
            answer: Vec::new(),
            is_observed: true,
            lease: None,
        };
        Settlement {
            verdict: Verdict::Allow(permit),
            record,
        }
    }

    /// Whether what is decided about a request of these rules is only observed.
    fn is_observed(&self, trail: &Trail, hides_rule: bool, now: Option<UnixTime>) -> bool {
        let observes = |now| match trail.rule {
            None if hides_rule => self.prepared.observes_all(now),
            rule if trail.rules.is_empty() => self.prepared.observes(rule, now),
            // A path that belongs to several rules must not get past one that is enforced.
            _ => {
                let mut rules = trail.rules.iter();
                rules.all(|rule| self.prepared.observes(*rule, now))
            }
        };
        now.is_some_and(observes)
    }

    /// Spends what a permit costs: the last act before it.
    #[inline(never)]
    fn spend(
        &mut self,
        spends: &[Spend],
        trail: &Trail,
        aside: &mut Aside,
        record: &mut AuditRecord,
        now: UnixTime,
    ) -> Result<(), Reason> {
        #[cfg(feature = "explain")]
        if self.prepared.signatures_assumed {
            return Ok(());
        }
        for spend in spends {
            let Err(fault) = self.proofs.spend(spend, now) else {
                continue;
            };
            let reason = match fault {
                NotSpent::Replayed => Untrusted::ProofReplayed.into(),
                NotSpent::TooOld(begin) if spend.kind != SpendKind::Token => {
                    record.expected =
                        Some("proof: one of a time of which it is known what was spent".to_owned());
                    let providers = self.prepared.config.providers();
                    let provider = trail.provider.and_then(|id| providers.get(id.0));
                    let issuer = provider.map_or("", |provider| provider.issuer.text());
                    let at = now.max(begin.saturating_add(Duration::from_millis(1)));
                    if let Some(usage) = spend.kind.nonce() {
                        let nonce = self.proofs.nonce((usage, issuer), at, None);
                        aside.nonce = nonce.ok().map(|nonce| usage.header(nonce));
                        if usage == NonceUse::Dpop {
                            aside.schemes = DPOP;
                        }
                    }
                    Untrusted::ProofNonce.into()
                }
                NotSpent::TooOld(_) => {
                    record.expected =
                        Some("a token that was issued after the memory of proofs began".to_owned());
                    Untrusted::ProofReplayed.into()
                }
                NotSpent::Full | NotSpent::Broken => Unavailable::ReplayMemory.into(),
            };
            return Err(reason);
        }
        Ok(())
    }
}
