//! One request, top to bottom. A request is judged in one go: while keys are missing, the answer is
//! to wait and to ask again, and nothing of the first attempt is kept.

mod approval;
mod callers;
mod ending;
mod introspection;
mod lease;
mod peer;
mod proof;
mod status;
mod token;

pub(super) use self::{ending::unrevoked, status::Status};

use core::time::Duration;
use std::rc::Rc;

use super::{
    Grant,
    prepared::{Prepared, number},
};
use crate::{
    audit::AuditRecord,
    budget::{Admission, Budget},
    crypto::Backend,
    headers::{self, Edit},
    lease::LeasedToken,
    login::Visit,
    mint::Shown,
    policy::{self, Action, Alternative, Public, Requirement, Rule},
    proof::{Proofs, Spend},
    provider_id::ProviderId,
    reason::{Ambiguous, BEARER, Detour, Forbidden, Missing, Nonce, PasskeyWanted, Reason, Scheme},
    remembered::{Known, RememberedTokens},
    request::{McpCall, Request, Target, TokenSource},
    revocation::NameDigest,
    supply::{Need, Supply},
    text::shown,
    time::UnixTime,
    verdict::Permit,
};

/// Why a judgement stops before a permit.
#[derive(PartialEq, Eq)]
pub(super) enum Stop {
    Deny(Reason),
    Await(Need),
}

impl<R: Into<Reason>> From<R> for Stop {
    fn from(reason: R) -> Self {
        Self::Deny(reason.into())
    }
}

/// What is known of a request so far, for what is decided later.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The rule that is about it; of several, the one that refused it or whose permit it is.
    pub(super) rule: Option<usize>,
    /// All rules that a path with several readings belongs to, or a call that nobody can tell;
    /// `None` for no rule.
    pub(super) rules: Vec<Option<usize>>,
    /// Whose token it brought.
    pub(super) provider: Option<ProviderId>,
}

impl Trail {
    /// Of a request that these rules are about.
    pub(super) fn of(rules: Vec<Option<usize>>) -> Self {
        Self {
            rule: rules.first().copied().flatten(),
            rules,
            provider: None,
        }
    }
}

/// A request, and everything that its verdict depends on.
pub(super) struct Case<'p, 'r, 'k> {
    pub(super) prepared: &'p Prepared,
    pub(super) request: Request<'r>,
    /// What it is about.
    pub(super) target: &'k Target<'r>,
    pub(super) supply: &'k mut Supply,
    pub(super) crypto: &'k mut Backend,
    pub(super) budget: &'k mut Budget,
    /// For proofs that were checked and do not count, by their keys.
    pub(super) proof_budget: &'k mut Budget,
    /// What it has cost to check a proof whose signature is right: it is paid for unless the
    /// request passes.
    pub(super) unpaid: Option<(Admission, Duration)>,
    pub(super) proofs: &'k mut Proofs,
    pub(super) remembered: &'k mut RememberedTokens,
    pub(super) now: UnixTime,
    /// What is told; it is never read.
    pub(super) record: &'k mut AuditRecord,
    pub(super) trail: Trail,
    pub(super) aside: Aside,
    /// What is spent if the request passes, the proof first: a token that counts once is not lost
    /// to a proof that does not count.
    pub(super) spends: Vec<Spend>,
    /// An open stream is judged anew, by the token that it showed when it began.
    pub(super) again: Option<Again>,
    /// It may begin a stream that ends with its authority.
    pub(super) lasts: bool,
    pub(super) stands: Stands,
}

/// What a request that lasts rests on.
#[derive(Debug, Default)]
pub(super) struct Stands {
    /// When time ends it.
    pub(super) ends: Option<UnixTime>,
    pub(super) token: Option<LeasedToken>,
    /// The workload at the other end of the connection, where the rule wants to know it.
    pub(super) peer: Option<Rc<str>>,
    /// What the request calls, where some rule wants to know it.
    pub(super) mcp: Option<McpCall>,
    /// By which names a list may revoke that token.
    names: Box<[NameDigest]>,
    /// The same for the passkey that has approved the request, and when that was.
    passkey: Option<(Box<[NameDigest]>, UnixTime)>,
}

/// What an open stream showed when it began.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) token: Option<Rc<Known>>,
    /// The workload that began it, where that was known.
    pub(super) peer: Option<Rc<str>>,
    /// What it called, where that was known.
    pub(super) mcp: Option<McpCall>,
    /// By this very verifier.
    pub(super) is_ours: bool,
}

/// What a client is told beside the reason.
#[derive(Debug)]
pub(super) struct Aside {
    /// What a person's browser gets where others get 401.
    pub(super) detour: Option<Detour>,
    /// The schemes in which it may show its token, the preferred one first.
    pub(super) schemes: &'static [Scheme],
    /// A nonce for its next proof.
    pub(super) nonce: Option<Nonce>,
    /// What a passkey's approval would have to be, where the rule wants one.
    pub(super) passkey: Option<PasskeyWanted>,
    /// What a token must grant, for a client that has none.
    pub(super) scopes: Vec<String>,
}

impl Default for Aside {
    fn default() -> Self {
        Self {
            detour: None,
            schemes: BEARER,
            nonce: None,
            passkey: None,
            scopes: Vec::new(),
        }
    }
}

impl<'p, 'r> Case<'p, 'r, '_> {
    pub(super) fn judge(&mut self) -> Result<Grant, Stop> {
        let (prepared, target) = (self.prepared, self.target);
        let rule = prepared.first_match(target);
        self.trail.rule = number(&rule);
        let (metadata, origins) = (
            prepared.config.resource_metadata(),
            prepared.config.origins(),
        );
        let documents = &prepared.documents;
        if let Some(document) = documents.asked_for(metadata, self.request, target, origins) {
            return Ok(Grant::Serve(document));
        }
        if let Some(document) = prepared.keys_asked_for(self.request, target) {
            return Ok(Grant::Serve(document));
        }
        if target.readings.is_empty() && target.mcp != Some(McpCall::Unknown) {
            let rule = rule.map(|(_, rule)| rule);
            return self.judge_by(rule).map(Grant::Pass);
        }
        self.judge_readings().map(Grant::Pass)
    }

    /// A path that readers differ about, or a call that nobody can tell: each reading must be
    /// permitted by its own rule, and any call by all of them. The record names the rule that
    /// refuses; or whose permit it is: the last one with an identity, or else the first one.
    #[inline(never)]
    fn judge_readings(&mut self) -> Result<Permit, Stop> {
        let matches = self.prepared.all_matches(self.target);
        self.trail.rules = matches.iter().map(number).collect();
        let mut permitted: Option<(Permit, Option<usize>)> = None;
        let mut known = None;
        for rule in matches {
            self.trail.rule = number(&rule);
            // A nonce is good for the next proof, whichever reading has asked for one.
            self.aside = Aside {
                nonce: self.aside.nonce.take(),
                ..Aside::default()
            };
            let permit = self.judge_by(rule.map(|(_, rule)| rule))?;
            let whose = permit.identity.as_ref().map(|_| self.trail.provider);
            if whose.is_some() && known.is_some() && whose != known {
                // Two tokens, or a token and a workload: by each of them the service would get
                // another user.
                return Err(Ambiguous::Credentials.into());
            }
            known = known.or(whose);
            if permitted.is_none() || whose.is_some() {
                permitted = Some((permit, number(&rule)));
            }
        }
        let (permit, rule) = permitted.ok_or(Forbidden::NoRule)?;
        self.trail.rule = rule;
        Ok(permit)
    }

    fn judge_by(&mut self, rule: Option<&'p Rule>) -> Result<Permit, Stop> {
        let (prepared, target) = (self.prepared, self.target);
        if let Some(Rule {
            action: Action::Deny(denial),
            ..
        }) = rule
        {
            self.expect(&shown(&denial.reason));
            return Err(Forbidden::Denied.into());
        }
        if prepared.config.bypasses_cors_preflight() && self.request.is_preflight(target) {
            return Ok(self.pass_unjudged("permitted.preflight"));
        }
        let must_be_named = policy::must_be_named(target.method);
        let Some(rule) = rule else {
            return if must_be_named {
                Err(Forbidden::Method.into())
            } else if prepared.config.rules().is_none() {
                self.require(&prepared.any_provider)
            } else {
                Err(Forbidden::NoRule.into())
            };
        };
        match &rule.action {
            Action::Public(public) => self.exempt(public),
            Action::Requires(requirement) => self.require(requirement),
            Action::Deny(_) => Err(Forbidden::Denied.into()),
        }
    }

    /// A public rule: anybody passes, and whoever shows a token of the named provider is known.
    fn exempt(&mut self, public: &Public) -> Result<Permit, Stop> {
        if public.until.is_some_and(|until| self.now > until) {
            return Err(Forbidden::ExemptionEnded.into());
        }
        self.ends_after(public.until);
        let Some(provider) = public.identity_from else {
            return Ok(self.pass_unjudged("permitted.public"));
        };
        let alternative = Alternative {
            provider: Some(provider),
            ..Alternative::default()
        };
        let requirement = Requirement {
            alternatives: vec![Rc::new(alternative)],
        };
        match self.require(&requirement) {
            Err(Stop::Deny(Reason::Missing(Missing::Token { .. }))) => {
                Ok(self.pass_unjudged("permitted.public"))
            }
            judged => judged,
        }
    }

    /// Notes that this moment is the last at which the request may pass.
    fn ends_after(&mut self, last: Option<UnixTime>) {
        let ends = last.map(|last| last.saturating_add(Duration::from_millis(1)));
        self.stands.ends = self.stands.ends.into_iter().chain(ends).min();
    }

    /// Lets pass without looking at a token.
    #[inline(never)]
    fn pass_unjudged(&self, code: &'static str) -> Permit {
        Permit {
            code,
            edits: self.clean(&[]),
            identity: None,
            shown: Shown::default(),
            answer: Vec::new(),
            is_observed: false,
            lease: None,
        }
    }

    /// Removals of what must not go on: our headers, the credential that was judged, and every
    /// other credential in a place whose providers do not forward.
    fn clean(&self, judged: &[&TokenSource]) -> Vec<Edit> {
        let places = self.prepared.places.iter();
        let sources = places
            .filter(|(source, is_forwarded)| !is_forwarded || judged.contains(&source))
            .map(|(source, _)| source);
        let names = self.request.headers().iter().map(|(name, _)| *name);
        let mut edits = self.prepared.owned_names.strip(names);
        edits.extend(self.prepared.owned_names.strip_connection(self.request));
        edits.extend(headers::remove_credentials(self.request, sources));
        let gate = self.prepared.config.gate();
        edits.extend(gate.map(|gate| headers::set("x-passgate-gate", String::from(&**gate))));
        edits
    }

    /// A rule that wants a token. Where it is refused for want of a sign-in, a person's browser is
    /// shown the way to one.
    fn require(&mut self, requirement: &Requirement) -> Result<Permit, Stop> {
        let mut left = None;
        if requirement.wants_peer() || self.prepared.names_peers {
            left = self.with_peer(requirement)?;
        }
        let whole = left.as_ref().map(|_| requirement);
        let requirement = left.as_ref().unwrap_or(requirement);
        self.aside.schemes = requirement.schemes();
        let judged = self.judge_token(requirement, whole);
        if let Err(Stop::Deny(reason)) = &judged
            && reason.wants_sign_in()
        {
            self.aside.detour = self.detour(reason, requirement);
        }
        judged
    }

    /// The way to the login page of the provider whose token it was, or else of the first that the
    /// rule accepts and that has one, in the order of its alternatives.
    #[inline(never)]
    fn detour(&self, reason: &Reason, requirement: &Requirement) -> Option<Detour> {
        let config = &self.prepared.config;
        let alternatives = requirement.alternatives.iter();
        let accepted = || {
            alternatives.clone().flat_map(|alternative| {
                let providers = self.prepared.providers();
                providers.filter(|(id, _)| alternative.accepts(*id))
            })
        };
        let own = self.trail.provider;
        let of_token = accepted().filter(|(id, _)| Some(*id) == own);
        let login = of_token
            .chain(accepted())
            .find_map(|(_, provider)| provider.login.as_ref())?;
        // A token that is not believed says nothing of what a better one would need.
        let hint = || requirement.hint(config.providers());
        let visit = Visit {
            request: self.request,
            target: self.target,
            origins: config.origins(),
            token_params: &self.prepared.token_params,
            step_up: &reason.step_up().cloned().unwrap_or_else(hint),
        };
        visit.detour(login)
    }
}
