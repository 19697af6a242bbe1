//! Rules about where a sign-in was, and whether tokens can say it.

use super::{Action, Provider, ProviderId, Rule};
use crate::decode::{At, Problems};

/// A rule needs providers that say it, and these a relying party to compare it with.
pub(super) fn can_be_ours(
    rules: &[Rule],
    providers: &[Provider],
    has_party: bool,
    root: At<'_>,
    problems: &mut Problems,
) {
    let at = root.member("providers");
    let says = |provider: &&Provider| !provider.evidence.origin.claims.is_empty();
    for provider in providers.iter().filter(says).filter(|_| !has_party) {
        let at = at.member(&provider.name);
        let seen = "says where a sign-in was, and nobody says where it should be";
        let wanted = "write relying_party: { id: example.com, origins: [https://app.example.com] } at the top";
        problems.add(at.member("evidence"), &[seen], &[wanted]);
    }
    let at = root.member("rules");
    for (index, rule) in rules.iter().enumerate() {
        let Action::Requires(requirement) = &rule.action else {
            continue;
        };
        let at = at.element(index);
        let wanting = || {
            let ways = requirement.alternatives.iter();
            ways.filter(|way| way.origin_bound)
        };
        let numbered = providers.iter().enumerate();
        for (number, provider) in numbered.filter(|(_, provider)| !says(provider)) {
            if wanting().any(|way| way.accepts(ProviderId(number))) {
                let seen = [
                    "wants to know where a sign-in was, and ",
                    &provider.name,
                    " does not say it",
                ];
                let wanted = "write rp_id_claim or origin_claim under evidence in the provider";
                problems.add(at.member("requires"), &seen, &[wanted]);
            }
        }
    }
}
