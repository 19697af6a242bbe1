//! Who may act for a person.

use super::{Action, Alternative, Rule};
use crate::{
    audit::{Audit, NamedActors},
    decode::{At, Field, Filled, Problems, Text, shown},
};

/// Where counters name actors, they name those of these rules.
#[inline(never)]
pub(super) fn are_counted(audit: &mut Audit, rules: &[Rule]) {
    let Some(named) = &mut audit.actors else {
        return;
    };
    let requirements = rules.iter().filter_map(|rule| match &rule.action {
        Action::Requires(requirement) => Some(requirement),
        Action::Public(_) | Action::Deny(_) => None,
    });
    let ways = requirements.flat_map(|requirement| &requirement.alternatives);
    *named = NamedActors::of(ways.flat_map(|way| &way.actors));
}

/// Adds what is asked of actors: each `issuer/subject`, as in `x-passgate-actor`.
#[inline(never)]
pub(super) fn add_to(
    alternative: &mut Alternative,
    actors: Field<Filled<Text>>,
    depth: Field<usize>,
    at: At<'_>,
    problems: &mut Problems,
) {
    let of_actors = at.member("actors");
    if !actors.is_absent() && !alternative.actors.is_empty() {
        let seen = ["is asked for beside the alternatives, too"];
        problems.add(of_actors, &seen, &["write it in one place"]);
    }
    let list = actors.given().into_iter();
    for (index, Text(text)) in list.flat_map(Filled::into_numbered) {
        let is_good = text.rsplit_once('/').is_some_and(|(issuer, subject)| {
            !issuer.is_empty() && !issuer.ends_with(['/', ':']) && !subject.is_empty()
        });
        if is_good && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            alternative.actors.push(text);
        } else {
            let seen = [&shown::text(&text), " does not name an actor"];
            let wanted = "write ISSUER/SUBJECT as x-passgate-actor has it, such as \
                          https://id.example.com/agent-7";
            problems.add(of_actors.element(index), &seen, &[wanted]);
        }
    }
    if let Some(depth) = depth.given() {
        if depth == 0 {
            let seen = ["is 0, and a token that names an actor has at least one"];
            let wanted = ["write 1 or more, or kind: human"];
            problems.add(at.member("max_act_depth"), &seen, &wanted);
        }
        let least = alternative.max_act_depth.unwrap_or(depth).min(depth);
        alternative.max_act_depth = Some(least);
    }
}
