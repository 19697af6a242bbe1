//! Roles of which nobody hears, and rules whose roles or products nobody can have. For people at a
//! command line: the filter has no use for it.

use std::rc::Rc;

use crate::{
    config::{
        Action, Alternative, Caller, Callers, InvalidConfig, Named, Provider, ProviderId, Rule,
    },
    decode::{At, Problems},
    evidence::{Demand, Kind, can_meet},
    spiffe::SpiffePattern,
};

/// Roles of which nobody hears, and rules whose roles or products nobody can have.
pub(in crate::config) fn with_doubts(
    mut warnings: Vec<InvalidConfig>,
    callers: &Callers,
    providers: &[Provider],
    rules: Option<&[Rule]>,
    problems: &Problems,
) -> Vec<InvalidConfig> {
    if problems.is_empty() && !callers.is_empty() {
        let mut doubts = Problems::default();
        all(callers, providers, rules.unwrap_or_default(), &mut doubts);
        warnings.extend(doubts.into_list());
    }
    warnings
}

fn all(callers: &Callers, providers: &[Provider], rules: &[Rule], doubts: &mut Problems) {
    let at = At::Root;
    let numbered = rules.iter().enumerate();
    let ways = numbered.flat_map(|(index, rule)| {
        let ways = match &rule.action {
            Action::Requires(requirement) => &*requirement.alternatives,
            Action::Public(_) | Action::Deny(_) => &[],
        };
        ways.iter().map(move |way| (index, &**way))
    });
    let all: Vec<(usize, &Alternative)> = ways.collect();
    let is_wanted = |name: &Rc<str>| all.iter().any(|(_, way)| way.roles.contains(name));
    for (index, role) in callers.roles.iter().enumerate() {
        if !role.is_told && !is_wanted(&role.name) {
            let seen = ["no rule wants ", &role.name, ", and no header names it"];
            let wanted = ["name it in a rule, or remove it"];
            doubts.add(at.member("roles").element(index), &seen, &wanted);
        }
    }
    let rules = at.member("rules");
    for (index, way) in &all {
        let at = rules.element(*index);
        let at = at.member("requires");
        let can = |who: Option<(ProviderId, &Provider)>| {
            let has = |list: &[Named], names: &[Rc<str>]| {
                let mut giving = list.iter().filter(|named| names.contains(&named.name));
                giving.any(|named| can_have(&named.when, way, who))
            };
            let each = |role: &Rc<str>| has(&callers.roles, core::slice::from_ref(role));
            (
                way.roles.iter().all(each),
                way.products.is_empty() || has(&callers.products, &way.products),
            )
        };
        let numbered = providers.iter().enumerate();
        let numbered = numbered.map(|(number, provider)| (ProviderId(number), provider));
        let open = numbered.filter(|(id, _)| way.accepts(*id)).map(Some);
        let mut ways: Vec<(bool, bool)> = open.map(can).collect();
        if way.without_token {
            ways.push(can(None));
        }
        if ways.is_empty() || ways.contains(&(true, true)) {
            continue;
        }
        let field = if ways.iter().any(|(roles, _)| *roles) {
            "products"
        } else {
            "roles"
        };
        let seen = ["nobody who gets here otherwise can have what is wanted, so all are refused"];
        let wanted =
            ["compare provider_name, kind, peer and facts of its conditions with this rule"];
        doubts.add(at.member(field), &seen, &wanted);
    }
}

/// Whether a caller who meets all else of this alternative may be one for whom the condition holds.
fn can_have(when: &Caller, way: &Alternative, who: Option<(ProviderId, &Provider)>) -> bool {
    let Some((id, provider)) = who else {
        let is_workload = when.kind.is_none_or(|kind| kind == Kind::Workload);
        return when.provider.is_none() && when.facts.is_empty() && is_workload;
    };
    let by_provider = when.provider.is_none_or(|own| own == id);
    let is_told = match when.kind {
        Some(Kind::Human) => provider.kinds.human.is_some(),
        Some(Kind::Workload) => provider.kinds.workload.is_some(),
        Some(Kind::Agent | Kind::Unknown) | None => true,
    };
    let by_kind = is_told && (way.kind.is_none() || when.kind.is_none() || way.kind == when.kind);
    let demand = Demand {
        facts: when.facts,
        ..Demand::NOTHING
    };
    let by_facts = way.approval().is_some() || can_meet(&provider.evidence, &demand);
    let meets = |own: &SpiffePattern| {
        way.takes_peer(Some(own.as_str()))
            || way.peers.iter().any(|other| own.takes(other.as_str()))
    };
    by_provider && by_kind && by_facts && (when.peers.is_empty() || when.peers.iter().any(meets))
}
