//! The question that the shell asks: may this request pass? And what it is told.

#[cfg(feature = "explain")]
pub mod explain;
mod judge;

use self::judge::{Case, Policy, Stop, Trail};
use crate::{
    audit::{AuditRecord, Shadow},
    budget::Budget,
    config::Config,
    crypto::{Backend, Distrust, ForeignFunctions},
    headers::Edit,
    jwks::JwksCache,
    provider_id::ProviderId,
    reason::{Detour, Internal, Reason, Unavailable},
    remembered::{RememberedTokens, Tally},
    request::Request,
    resource_metadata::Document,
    time::UnixTime,
    verdict::{Permit, SERVED, Verdict},
};

/// What to do about a request now.
#[derive(Debug)]
pub enum Step {
    /// It is decided.
    Settle(Verdict, Box<AuditRecord>),
    /// Keys of this provider are being fetched: hold the request and ask again when the fetch has ended.
    Await(ProviderId),
}

/// What is done about a request that is not refused.
enum Outcome {
    Permit(Permit),
    Serve(Document),
}

/// Judges requests by one configuration.
#[derive(Debug)]
pub struct Verifier {
    policy: Policy,
    crypto: Backend,
    budget: Budget,
    remembered: RememberedTokens,
}

impl Verifier {
    /// A verifier for this configuration. Whoever knows `seed` can foretell which tokens are verified when forged ones
    /// have spent their budget: it should come from a good random source.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            crypto: Backend::default(),
            budget: Budget::new(config.providers().len(), config.limits(), seed),
            remembered: RememberedTokens::new(config.limits()),
            policy: Policy::new(config),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.policy.config
    }

    /// Lets the host check signatures, where the configuration allows it and the host passes a test. It stays so until
    /// [`Self::take_lost_host`].
    ///
    /// # Errors
    /// Why it does not: this crate checks all signatures then.
    pub fn use_host(&mut self, host: Box<dyn ForeignFunctions>) -> Result<(), Distrust> {
        if self.policy.config.allows_host_crypto() {
            self.crypto.use_host(host)
        } else {
            Err(Distrust::Refused)
        }
    }

    /// True once, when the host did not answer and is not asked any more.
    pub const fn take_lost_host(&mut self) -> bool {
        self.crypto.take_lost_host()
    }

    /// The same as [`Self::take_tally`] when enough has come together: so a repeated token costs no counter.
    pub const fn due_tally(&mut self) -> Option<Tally> {
        self.remembered.due_tally()
    }

    /// How many tokens were remembered and how many signatures checked, since this was asked last.
    pub const fn take_tally(&mut self) -> Tally {
        self.remembered.take_tally()
    }

    /// Judges one request. `&mut` for tables and remembered tokens, which save work, and for the budget of wrong
    /// signatures: a verdict depends on earlier requests in that it may be `unavailable.budget`, and in nothing else.
    pub fn verify(&mut self, request: Request<'_>, keys: &mut JwksCache, now: UnixTime) -> Step {
        let mut record = AuditRecord::new(request, self.policy.config.hash());
        let mut case = Case {
            policy: &self.policy,
            request,
            keys,
            crypto: &mut self.crypto,
            budget: &mut self.budget,
            remembered: &mut self.remembered,
            now,
            record: &mut record,
            trail: Trail::default(),
            detour: None,
        };
        let judged = case.judge();
        let Case { trail, detour, .. } = case;
        record.rule = trail.rule;
        let (settled, hides_rule) = match judged {
            Ok(outcome) => {
                record.decision = "allow";
                record.seen = None;
                let (reason, verdict) = match outcome {
                    Outcome::Permit(permit) => (permit.code, Verdict::Allow(permit)),
                    Outcome::Serve(document) => (SERVED, Verdict::Serve(document)),
                };
                record.reason = reason;
                ((verdict, Box::new(record)), false)
            }
            Err(Stop::Await(provider)) => return Step::Await(provider),
            Err(Stop::Deny(reason)) => {
                let denied = self.deny(request, &reason, detour, record);
                (denied, reason.hides_rule())
            }
        };
        self.in_mode(settled, &trail, hides_rule, Some(now))
    }

    /// The answer for a request that would have to wait although too many do already.
    #[must_use]
    pub fn overloaded(&self, request: Request<'_>, now: UnixTime) -> Step {
        self.refuse(request, &Unavailable::WaitingLimit.into(), Some(now))
    }

    /// The answer for a request that has waited longer than keys take to come or not to come.
    #[must_use]
    pub fn waited_too_long(&self, request: Request<'_>, now: UnixTime) -> Step {
        self.refuse(request, &Unavailable::WaitingTime.into(), Some(now))
    }

    /// The answer for a request about which the host did not tell us enough. Without a clock nobody knows whether the end
    /// of shadow has come, so it has.
    #[must_use]
    pub fn failed(&self, request: Request<'_>, failure: Internal, now: Option<UnixTime>) -> Step {
        self.refuse(request, &failure.into(), now)
    }

    /// Removals of headers that a client must not send, for the names of a request's trailers.
    pub fn strip_trailers<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        self.policy.owned_names.strip_trailers(names)
    }

    fn refuse(&self, request: Request<'_>, reason: &Reason, now: Option<UnixTime>) -> Step {
        let mut record = AuditRecord::new(request, self.policy.config.hash());
        let trail = Trail::of(self.policy.rules_of(request));
        record.rule = trail.rule;
        let denied = self.deny(request, reason, None, record);
        self.in_mode(denied, &trail, reason.hides_rule(), now)
    }

    fn deny(
        &self,
        request: Request<'_>,
        reason: &Reason,
        detour: Option<Detour>,
        mut record: AuditRecord,
    ) -> (Verdict, Box<AuditRecord>) {
        record.decision = "deny";
        record.reason = reason.code();
        let origin = self.policy.origin(request);
        let realm = origin.map_or("passgate", |origin| origin.text.as_str());
        let mut rejection = reason
            .rejection(realm)
            .naming(self.policy.metadata_uri(origin).as_deref())
            .readable_by(request.page_of(self.policy.config.origins()))
            .for_grpc(request.is_grpc());
        if let Some(detour) = detour {
            record.login = Some(detour.word());
            rejection = rejection.with_detour(detour);
        }
        (Verdict::Deny(rejection), Box::new(record))
    }

    /// What was decided, or, where that is only observed, a permit that changes nothing and a record of it.
    fn in_mode(
        &self,
        (verdict, mut record): (Verdict, Box<AuditRecord>),
        trail: &Trail,
        hides_rule: bool,
        now: Option<UnixTime>,
    ) -> Step {
        let observes = |now| match trail.rule {
            None if hides_rule => self.policy.observes_all(now),
            rule if trail.rules.is_empty() => self.policy.observes(rule, now),
            // A path that belongs to several rules must not get past one that is enforced.
            _ => {
                let mut rules = trail.rules.iter();
                rules.all(|rule| self.policy.observes(*rule, now))
            }
        };
        if !now.is_some_and(observes) {
            return Step::Settle(verdict, record);
        }
        record.shadow = Some(Shadow::of(&verdict));
        record.decision = "shadow";
        record.login = None;
        let permit = Permit {
            code: record.reason,
            edits: Vec::new(),
            identity: None,
            is_observed: true,
        };
        Step::Settle(Verdict::Allow(permit), record)
    }
}
