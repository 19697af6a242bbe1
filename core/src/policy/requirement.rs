//! What a rule wants of a token, and whether a token that is believed meets it.

use core::time::Duration;
use std::rc::Rc;

use super::{ClaimCondition, ProofDemand};
use crate::{
    callers::{Asking, Names},
    claims,
    evidence::{
        Demand, Facts, Kind, Proved, Shortfall, SignIn, acr_values, acr_values_left,
        acr_values_of_all, gesture_proves,
    },
    json::Json,
    proof::{ApprovalTerms, Approved, Approves, Binding, Fault, Terms},
    provider::Provider,
    provider_id::ProviderId,
    reason::{BEARER, DPOP, Forbidden, Insufficient, Reason, Scheme, StepUp, Untrusted},
    spiffe::SpiffePattern,
    text::shown,
    time::UnixTime,
    webauthn::Aaguids,
};

/// What a matched rule demands: one token that meets one of the alternatives.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// Never empty. What stood beside the alternatives has been put into each of them.
    pub alternatives: Vec<Rc<Alternative>>,
}

/// One way to meet a requirement.
#[derive(Clone, Debug, Default)]
pub struct Alternative {
    /// Only tokens of this provider; `None`: of any.
    pub provider: Option<ProviderId>,
    /// Only connections of one of these workloads; empty: of anybody.
    pub peers: Vec<SpiffePattern>,
    /// The workload is enough, and no token is looked at.
    pub without_token: bool,
    /// Of each list the token's audience must hold one; empty: the provider's own audiences count.
    pub audiences: Vec<Vec<String>>,
    /// All of them must be granted, in `scope` or `scp`.
    pub scopes: Vec<String>,
    /// All of them must hold.
    pub claims: Vec<ClaimCondition>,
    /// All of them must be proved by the sign-in.
    pub facts: Facts,
    /// The oldest sign-in that will do.
    pub max_age: Option<Duration>,
    /// Who must act.
    pub kind: Option<Kind>,
    /// Whether a token that names an actor (`act`) carries the facts and the age of somebody else's
    /// sign-in.
    pub delegated: bool,
    /// What must be proved beside the token.
    pub proof: Option<ProofDemand>,
    /// Whether the token must say that its sign-in was the relying party's.
    pub origin_bound: bool,
    /// The models of authenticators whose approval it takes.
    pub aaguids: Aaguids,
    /// Whether the token counts for one request only.
    pub single_use: bool,
    /// All of these roles.
    pub roles: Vec<Rc<str>>,
    /// One of these products; empty: any, and none.
    pub products: Vec<Rc<str>>,
    /// The longest `exp - iat`, beside the provider's own bound.
    pub max_token_lifetime: Option<Duration>,
    /// Who may act for somebody, as `issuer/subject`; empty: anybody.
    pub actors: Vec<String>,
    /// Most actors of a token, one within the other.
    pub max_act_depth: Option<usize>,
}

/// How a requirement is met.
#[derive(Debug)]
pub(crate) struct Met<'r> {
    pub(crate) proved: Proved,
    pub(crate) alternative: &'r Alternative,
    pub(crate) names: Names,
}

impl Requirement {
    /// The alternatives that a token of this provider could meet.
    pub(crate) fn open_to(&self, provider: ProviderId) -> impl Iterator<Item = &Alternative> {
        let ways = self.alternatives.iter().map(|way| &**way);
        ways.filter(move |way| way.accepts(provider))
    }

    /// The schemes in which a client shows a token for it, in the order of the alternatives.
    pub(crate) fn schemes(&self) -> &'static [Scheme] {
        let is_dpop = |way: &Alternative| matches!(way.proof, Some(ProofDemand::Dpop { .. }));
        let dpop_is_first = self.by_token().next().is_some_and(is_dpop);
        if self.by_token().all(|way| is_dpop(way) == dpop_is_first) {
            return if dpop_is_first { DPOP } else { BEARER };
        }
        if dpop_is_first {
            &[Scheme::Dpop, Scheme::Bearer]
        } else {
            &[Scheme::Bearer, Scheme::Dpop]
        }
    }

    /// The alternatives that want a token.
    pub(crate) fn by_token(&self) -> impl Iterator<Item = &Alternative> {
        let ways = self.alternatives.iter().map(|way| &**way);
        ways.filter(|way| !way.without_token)
    }

    /// Whether some alternative wants to know the workload at the other end of the connection.
    pub(crate) fn wants_peer(&self) -> bool {
        self.alternatives.iter().any(|way| !way.peers.is_empty())
    }

    /// Whether whatever meets this meets the other, too; where it is unsure, no.
    pub(crate) fn asks_at_least(&self, other: &Self) -> bool {
        self.alternatives.iter().all(|own| {
            let mut others = other.alternatives.iter();
            others.any(|other| own.asks_at_least(other))
        })
    }

    /// What a sign-in will have to prove, for a client that has no token: what the first
    /// alternative with a token wants.
    pub(crate) fn hint(&self, providers: &[Provider]) -> StepUp {
        let Some(first) = self.by_token().next() else {
            return StepUp::default();
        };
        let open = providers.iter().enumerate();
        let open = open.filter(|(index, _)| first.accepts(ProviderId(*index)));
        first.hint(open.map(|(_, provider)| provider))
    }

    /// The first alternative that claims and binding of a token meet, and what is proved then; else
    /// the fault of the one that got furthest. `tells_values`: of a claim that is at fault the
    /// value, and not its type alone.
    pub(crate) fn met_by(
        &self,
        (id, provider): (ProviderId, &Provider),
        (claims, binding, approved): (&Json, &Binding, Option<Approved>),
        asking: Asking<'_>,
        now: UnixTime,
        tells_values: bool,
    ) -> Result<Met<'_>, Unmet> {
        let sign_in = SignIn::of(claims, &provider.evidence, provider.clock_skew, now);
        let mut furthest = Unmet::at(0, Untrusted::ProofToken.into(), String::new());
        let mut condition = None;
        let bound_so = |alternative: &&Alternative| {
            let suits = |approved| alternative.check_approval(approved, now).is_ok();
            alternative.takes(binding)
                && (alternative.approval().is_none() || approved.is_some_and(suits))
        };
        for alternative in self.open_to(id).filter(bound_so) {
            let gesture = alternative.gesture(approved, now);
            let gesture = gesture.as_ref();
            let met = alternative.met_by(provider, claims, (&sign_in, gesture), asking);
            let named = met.and_then(|proved| {
                let names = alternative.names(asking, (&sign_in, gesture));
                names
                    .map(|names| Met {
                        proved,
                        alternative,
                        names,
                    })
                    .map_err(|(reason, expected)| Unmet::at(8, reason.into(), expected))
            });
            match named {
                Ok(met) => return Ok(met),
                Err(unmet) if unmet.step > furthest.step => {
                    condition = alternative.first_unmet(claims);
                    furthest = unmet;
                }
                Err(_) => {}
            }
        }
        if furthest.reason == Reason::from(Forbidden::Claim)
            && let Some(condition) = condition
        {
            furthest.expected = condition.told(claims, &provider.subject_claims, tells_values);
        }
        furthest.proved = sign_in.meets(&Demand::NOTHING).unwrap_or_default();
        Err(furthest)
    }
}

/// Why an alternative is not met.
#[derive(Debug)]
pub(crate) struct Unmet {
    /// How far it got.
    step: u8,
    pub(crate) reason: Reason,
    /// What it wanted, for the operator.
    pub(crate) expected: String,
    /// What the sign-in proves all the same, for the operator.
    pub(crate) proved: Proved,
    /// A passkey has approved what is judged, too long ago, and would do again.
    pub(crate) wants_gesture: bool,
}

impl Unmet {
    fn at(step: u8, reason: Reason, expected: String) -> Self {
        Self {
            step,
            reason,
            expected,
            proved: Proved::default(),
            wants_gesture: false,
        }
    }
}

impl Alternative {
    pub(crate) fn accepts(&self, provider: ProviderId) -> bool {
        !self.without_token && self.provider.is_none_or(|own| own == provider)
    }

    /// Whether it takes connections of this workload; `None`: of nobody that is known.
    pub(crate) fn takes_peer(&self, peer: Option<&str>) -> bool {
        let is_one = |peer| self.peers.iter().any(|own| own.takes(peer));
        self.peers.is_empty() || peer.is_some_and(is_one)
    }

    /// Whether a token that is bound so can meet it.
    pub(crate) fn takes(&self, binding: &Binding) -> bool {
        ProofDemand::takes(self.proof, binding)
    }

    /// How a DPoP proof is judged for it.
    pub(crate) fn terms(&self) -> Terms {
        match self.proof {
            Some(ProofDemand::Dpop { terms, .. }) => terms,
            Some(ProofDemand::Approval {
                terms:
                    ApprovalTerms {
                        of: Approves::Session { dpop, .. },
                        ..
                    },
                ..
            }) => dpop,
            Some(ProofDemand::Certificate | ProofDemand::Approval { .. }) | None => {
                Terms::default()
            }
        }
    }

    /// How a passkey's approval is judged for it, where it wants one.
    pub(crate) const fn approval(&self) -> Option<ApprovalTerms> {
        match self.proof {
            Some(ProofDemand::Approval { terms, .. }) => Some(terms),
            Some(ProofDemand::Certificate | ProofDemand::Dpop { .. }) | None => None,
        }
    }

    /// Whether it wants a session that a passkey has approved.
    pub(crate) fn approves_session(&self) -> bool {
        self.approval().is_some_and(|terms| terms.of.is_session())
    }

    /// What the person proves to it just now.
    pub(super) fn gesture(&self, approved: Option<Approved>, now: UnixTime) -> Option<Proved> {
        // A session's gesture counts with the proof by its key, which is spent.
        let counts = |own: &Approved| own.expires.is_none() || self.approves_session();
        let Approved { gesture, made, .. } = approved.filter(counts)?;
        Some(gesture_proves(gesture, now.since(made)))
    }

    /// Whether an approval will do, where one is wanted.
    pub(crate) fn check_approval(&self, approved: Approved, now: UnixTime) -> Result<(), Fault> {
        if let Some(terms) = self.approval() {
            terms.check(approved, now)?;
        }
        if self.aaguids.take(approved.aaguid) {
            Ok(())
        } else {
            Err(Fault::Credential("aaguid: a model that the rule takes"))
        }
    }

    /// Audiences of a rule stand in the place of the provider's, so that a list is neither more nor
    /// less than none.
    pub(crate) fn asks_at_least(&self, other: &Self) -> bool {
        let youngest = |limit| self.max_age.is_some_and(|own| own <= limit);
        let is_of_other = |own: &SpiffePattern| other.takes_peer(Some(own.as_str()));
        (other.provider.is_none() || other.provider == self.provider)
            && (other.without_token || !self.without_token)
            && (other.peers.is_empty() || !self.peers.is_empty())
            && self.peers.iter().all(is_of_other)
            && self.audiences.is_empty() == other.audiences.is_empty()
            && other
                .audiences
                .iter()
                .all(|list| self.audiences.contains(list))
            && other.scopes.iter().all(|scope| self.scopes.contains(scope))
            && other.claims.iter().all(|claim| self.claims.contains(claim))
            && other.facts.without(self.facts) == Facts::NONE
            && other.max_age.is_none_or(youngest)
            && (other.kind.is_none() || other.kind == self.kind)
            && (other.delegated || !self.delegated)
            && other
                .proof
                .is_none_or(|other| self.proof.is_some_and(|own| own.asks_at_least(other)))
            && (other.aaguids.is_empty() || other.aaguids == self.aaguids)
            && (self.origin_bound || !other.origin_bound)
            && (self.single_use || !other.single_use)
            && other.roles.iter().all(|role| self.roles.contains(role))
            && (other.products.is_empty() || !self.products.is_empty())
            && (self.products.iter())
                .all(|own| other.products.is_empty() || other.products.contains(own))
            && other
                .max_token_lifetime
                .is_none_or(|most| self.max_token_lifetime.is_some_and(|own| own <= most))
            && self.asks_at_least_of_actor(other)
    }

    /// The steps in the order in which they are reported: what no better token of this client could
    /// mend comes first.
    fn met_by(
        &self,
        provider: &Provider,
        claims: &Json,
        (sign_in, approval): (&SignIn<'_>, Option<&Proved>),
        asking: Asking<'_>,
    ) -> Result<Proved, Unmet> {
        let unmet = |step, reason, expected| Err(Unmet::at(step, reason, expected));
        if let Err((reason, wanted)) = self.audience_met_by(provider, claims) {
            return unmet(1, reason, shown(&wanted.join(" ")));
        }
        if let Some(most) = self.max_token_lifetime
            && claims::lifetime(claims).is_none_or(|lifetime| lifetime > most)
        {
            let wanted = ["max_token_lifetime ", &most.as_secs().to_string(), "s"].concat();
            return unmet(1, Untrusted::Lifetime.into(), wanted);
        }
        if let Some(kind) = self.kind
            && kind != Kind::of(claims, &provider.kinds)
        {
            return unmet(2, Forbidden::Kind.into(), kind.as_str().to_owned());
        }
        let issuer = provider.issuer.of(claims);
        if let Some(wanted) = self.actor_fault(&issuer, claims) {
            return unmet(2, Forbidden::Actor.into(), shown(&wanted));
        }
        if self.first_unmet(claims).is_some() {
            // What it wanted is put into words once, for the alternative that got furthest.
            return unmet(3, Forbidden::Claim.into(), String::new());
        }
        // What a better sign-in could prove is asked for first.
        if let Err((reason, wanted)) = self.named_so(asking, &|_| true, true) {
            return unmet(3, reason.into(), wanted);
        }
        if !claims::grants(claims, &self.scopes) {
            let required = self.scopes.clone();
            return unmet(
                4,
                Insufficient::Scope { required }.into(),
                shown(&self.scopes.join(" ")),
            );
        }
        let origin = &provider.evidence.origin;
        if self.origin_bound && !origin.is_ours(claims) {
            let step_up = StepUp::default();
            let reason = Insufficient::Authentication { step_up };
            return unmet(5, reason.into(), shown(&origin.wanted()));
        }
        let demand = self.demand();
        // What the person did just now is evidence of its own. It does not add up with the token's.
        if let Some(approval) = approval
            && approval.meets(&demand)
            && !sign_in.is_of_another(&demand)
        {
            return Ok(approval.clone());
        }
        let would_do = |proved: &Proved| proved.facts.hold(demand.facts);
        let wants_gesture = approval.is_some_and(would_do) && !sign_in.is_of_another(&demand);
        let met = sign_in.meets(&demand).or_else(|shortfall| {
            let evidence = &provider.evidence;
            let limit = self.max_age.unwrap_or_default().as_secs();
            // No sign-in of the person mends that an actor shows the token.
            let of_another = sign_in.is_of_another(&demand);
            match shortfall {
                Shortfall::Facts => {
                    let acr_values = acr_values_left(evidence, &demand, claims);
                    let step = if acr_values.is_empty() { 5 } else { 6 };
                    let step_up = if of_another {
                        StepUp::default()
                    } else {
                        self.step_up(acr_values, evidence.is_entra)
                    };
                    let wanted = self.facts.words().join(" ");
                    unmet(
                        step,
                        Insufficient::Authentication { step_up }.into(),
                        wanted,
                    )
                }
                Shortfall::Age if of_another => {
                    let step_up = StepUp::default();
                    let wanted = format!("max_age {limit}s, and no act");
                    unmet(5, Insufficient::MaxAge { step_up }.into(), wanted)
                }
                Shortfall::Age => {
                    let acr_values = acr_values(evidence, &demand);
                    let step_up = self.step_up(acr_values, evidence.is_entra);
                    let wanted = format!("max_age {limit}s");
                    unmet(7, Insufficient::MaxAge { step_up }.into(), wanted)
                }
            }
        });
        met.map_err(|unmet| Unmet {
            wants_gesture,
            ..unmet
        })
    }

    fn first_unmet(&self, claims: &Json) -> Option<&ClaimCondition> {
        let mut conditions = self.claims.iter();
        conditions.find(|condition| !condition.holds(claims))
    }

    /// What a client without a token is told to ask its issuer for, whichever of these that is.
    fn hint<'c>(&self, providers: impl Iterator<Item = &'c Provider> + Clone) -> StepUp {
        let evidence = providers.map(|provider| &provider.evidence);
        let is_entra = evidence.clone().all(|evidence| evidence.is_entra);
        self.step_up(acr_values_of_all(evidence, &self.demand()), is_entra)
    }

    pub(crate) const fn demand(&self) -> Demand {
        Demand {
            facts: self.facts,
            max_age: self.max_age,
            delegated: self.delegated,
        }
    }

    /// Seconds are rounded down, so a client that asks for the sum gets what is fresh enough.
    fn step_up(&self, acr_values: Vec<String>, is_entra: bool) -> StepUp {
        StepUp {
            acr_values,
            max_age: self.max_age.map(|max_age| max_age.as_secs()),
            is_entra,
        }
    }

    fn audience_met_by<'c>(
        &'c self,
        provider: &'c Provider,
        claims: &Json,
    ) -> Result<(), (Reason, &'c [String])> {
        let check = |audiences: &'c [String], otherwise: Reason| match claims::audience_is(
            claims,
            &provider.audience_claim,
            audiences,
        ) {
            Ok(true) => Ok(()),
            Ok(false) => Err((otherwise, audiences)),
            Err(malformed) => Err((malformed, audiences)),
        };
        if self.audiences.is_empty() {
            return check(&provider.audiences, Untrusted::Audience.into());
        }
        self.audiences
            .iter()
            .try_for_each(|audiences| check(audiences, Forbidden::Audience.into()))
    }
}
