//! The question that the shell asks: may this request pass? And what it is told.

#[cfg(feature = "explain")]
pub mod explain;
mod judge;
mod prepared;

use self::{
    judge::{Case, Stop, Trail},
    prepared::Prepared,
};
use crate::{
    audit::{AuditRecord, Shadow},
    budget::Budget,
    config::Config,
    crypto::{Backend, Distrust, ForeignFunctions},
    headers::Edit,
    reason::{Detour, Internal, Reason, Unavailable},
    remembered::{RememberedTokens, Tally},
    request::{Request, Target},
    resource_metadata::Document,
    supply::{Need, Supply},
    time::UnixTime,
    verdict::{Permit, Verdict},
};

/// What to do about a request now.
#[derive(Debug)]
pub enum Step {
    /// It is decided.
    Settle(Settlement),
    /// This is being fetched: hold the request and ask again when the fetch has ended.
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
            prepared: Prepared::new(config),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.prepared.config
    }

    /// Lets the host check signatures, where the configuration allows it and the host passes a test. It stays so until
    /// [`Self::take_lost_host`].
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
    pub fn verify(&mut self, request: Request<'_>, supply: &mut Supply, now: UnixTime) -> Step {
        let target = self.prepared.target(request);
        let mut record = AuditRecord::new(request, self.prepared.config.hash());
        let (judged, trail, detour) = match &target {
            Ok(target) => {
                let mut case = Case {
                    prepared: &self.prepared,
                    request,
                    target,
                    supply,
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
                (judged, trail, detour)
            }
            Err(ambiguous) => (Err(ambiguous.clone().into()), Trail::default(), None),
        };
        record.rule = trail.rule;
        let (settlement, hides_rule) = match judged {
            Ok(grant) => {
                record.decision = "allow";
                record.seen = None;
                let verdict = match grant {
                    Grant::Pass(permit) => Verdict::Allow(permit),
                    Grant::Serve(document) => Verdict::Serve(document),
                };
                record.reason = verdict.code();
                let record = Box::new(record);
                (Settlement { verdict, record }, false)
            }
            Err(Stop::Await(need)) => return Step::Await(need),
            Err(Stop::Deny(reason)) => {
                let target = target.as_ref().ok();
                let denied = self.deny(request, target, &reason, detour, record);
                (denied, reason.hides_rule())
            }
        };
        Step::Settle(self.in_mode(settlement, &trail, hides_rule, Some(now)))
    }

    /// The answer for a request that would have to wait although too many do already.
    #[must_use]
    pub fn overloaded(&self, request: Request<'_>, now: UnixTime) -> Settlement {
        self.refuse(request, &Unavailable::WaitingLimit.into(), Some(now))
    }

    /// The answer for a request that has waited longer than keys take to come or not to come.
    #[must_use]
    pub fn waited_too_long(&self, request: Request<'_>, now: UnixTime) -> Settlement {
        self.refuse(request, &Unavailable::WaitingTime.into(), Some(now))
    }

    /// The answer for a request about which the host did not tell us enough. Without a clock nobody knows whether the end
    /// of shadow has come, so it has.
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

    fn refuse(&self, request: Request<'_>, reason: &Reason, now: Option<UnixTime>) -> Settlement {
        let mut record = AuditRecord::new(request, self.prepared.config.hash());
        let target = self.prepared.target(request).ok();
        let rules = target.as_ref().map(|target| self.prepared.rules_of(target));
        let trail = Trail::of(rules.unwrap_or_default());
        record.rule = trail.rule;
        let denied = self.deny(request, target.as_ref(), reason, None, record);
        self.in_mode(denied, &trail, reason.hides_rule(), now)
    }

    /// `target`: what the request is about, if that is known.
    fn deny(
        &self,
        request: Request<'_>,
        target: Option<&Target<'_>>,
        reason: &Reason,
        detour: Option<Detour>,
        mut record: AuditRecord,
    ) -> Settlement {
        record.decision = "deny";
        record.reason = reason.code();
        // The configured origin that the request reached; never text of the client's.
        let origins = self.prepared.config.origins();
        let origin = target.and_then(|target| target.origin(origins));
        let realm = origin.map_or("passgate", |origin| origin.text.as_str());
        let mut rejection = reason
            .rejection(realm)
            .naming(self.prepared.metadata_uri(origin).as_deref())
            .readable_by(request.page_of(origins))
            .for_grpc(request.is_grpc());
        if let Some(detour) = detour {
            record.login = Some(detour.word());
            rejection = rejection.with_detour(detour);
        }
        Settlement {
            verdict: Verdict::Deny(rejection),
            record: Box::new(record),
        }
    }

    /// What was decided, or, where that is only observed, a permit that changes nothing and a record of it.
    fn in_mode(
        &self,
        settlement: Settlement,
        trail: &Trail,
        hides_rule: bool,
        now: Option<UnixTime>,
    ) -> Settlement {
        let observes = |now| match trail.rule {
            None if hides_rule => self.prepared.observes_all(now),
            rule if trail.rules.is_empty() => self.prepared.observes(rule, now),
            // A path that belongs to several rules must not get past one that is enforced.
            _ => {
                let mut rules = trail.rules.iter();
                rules.all(|rule| self.prepared.observes(*rule, now))
            }
        };
        if !now.is_some_and(observes) {
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
            is_observed: true,
        };
        Settlement {
            verdict: Verdict::Allow(permit),
            record,
        }
    }
}
