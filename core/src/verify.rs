//! The question that the shell asks: may this request pass? And what it is told.

mod judge;

use self::judge::{Case, Policy, Stop};
use crate::{
    audit::AuditRecord,
    budget::Budget,
    config::{Config, ProviderId},
    crypto::KeyTables,
    headers::Edit,
    jwks::JwksCache,
    reason::{Internal, Reason, Rejection, Unavailable},
    remembered::{RememberedTokens, Tally},
    request::Request,
    time::UnixTime,
};

/// What to do about a request now.
#[derive(Debug)]
pub enum Step {
    /// It is decided.
    Settle(Verdict, Box<AuditRecord>),
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
    policy: Policy,
    tables: KeyTables,
    budget: Budget,
    remembered: RememberedTokens,
}

impl Verifier {
    /// A verifier for this configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            tables: KeyTables::default(),
            budget: Budget::new(config.providers.len(), &config.limits),
            remembered: RememberedTokens::new(&config.limits),
            policy: Policy::new(config),
        }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.policy.config
    }

    /// The same as [`Self::take_tally`] when enough has come together: so a repeated token costs no counter.
    pub const fn due_tally(&mut self) -> Option<Tally> {
        self.remembered.due_tally()
    }

    /// How many tokens were remembered and how many signatures checked, since this was asked last.
    pub const fn take_tally(&mut self) -> Tally {
        self.remembered.take_tally()
    }

    /// Judges one request. `&mut` for tables and remembered tokens, which save work, and for the count of wrong
    /// signatures: a verdict depends on earlier requests in that it may be `unavailable.budget`, and in nothing else.
    pub fn verify(&mut self, request: Request<'_>, keys: &mut JwksCache, now: UnixTime) -> Step {
        let mut record = AuditRecord::new(request, &self.policy.config.hash);
        let mut case = Case {
            policy: &self.policy,
            request,
            keys,
            tables: &mut self.tables,
            budget: &mut self.budget,
            remembered: &mut self.remembered,
            now,
            record: &mut record,
        };
        match case.judge() {
            Ok(permit) => {
                record.decision = "allow";
                record.reason = permit.code;
                record.seen = None;
                Step::Settle(Verdict::Allow(permit), Box::new(record))
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

    /// The answer for a request that has waited longer than keys take to come or not to come.
    #[must_use]
    pub fn waited_too_long(&self, request: Request<'_>) -> Step {
        self.refuse(request, &Unavailable::WaitingTime.into())
    }

    /// The answer for a request about which the host did not tell us enough.
    #[must_use]
    pub fn failed(&self, request: Request<'_>, failure: Internal) -> Step {
        self.refuse(request, &failure.into())
    }

    /// Removals of headers that a client must not send, for the names of a request's trailers.
    pub fn strip_trailers<'n>(&self, names: impl Iterator<Item = &'n [u8]>) -> Vec<Edit> {
        self.policy.owned_names.strip_trailers(names)
    }

    fn refuse(&self, request: Request<'_>, reason: &Reason) -> Step {
        self.deny(
            request,
            reason,
            AuditRecord::new(request, &self.policy.config.hash),
        )
    }

    fn deny(&self, request: Request<'_>, reason: &Reason, mut record: AuditRecord) -> Step {
        record.decision = "deny";
        record.reason = reason.code();
        let rejection = reason
            .rejection(self.policy.realm(request))
            .readable_by(request.page_of(&self.policy.config.origins));
        Step::Settle(Verdict::Deny(rejection), Box::new(record))
    }
}
