//! Values that are compared to the letter and look as if they were meant as patterns, and names of
//! claims whose dots may be the claim's own. A warning: such a value can be what a provider writes.

use super::{Alternative, ClaimCondition, ClaimTest, Provider};
use crate::{
    decode::{At, Problems, shown},
    json::Json,
};

pub(super) fn of_provider(provider: &Provider, at: At<'_>, doubts: &mut Problems) {
    let audiences = provider.audiences.iter().map(String::as_str);
    of_values(audiences, "", at.member("audiences"), doubts);
    let at = at.member("claim_to_headers");
    for (index, header) in provider.claim_to_headers.iter().enumerate() {
        of_path(&header.path, at.element(index), doubts);
    }
}

pub(super) fn of_alternative(alternative: &Alternative, at: At<'_>, doubts: &mut Problems) {
    let audiences = alternative.audiences.iter().flatten().map(String::as_str);
    of_values(audiences, "", at.member("audiences"), doubts);
    for ClaimCondition { path, test, .. } in &alternative.claims {
        let at = at.member("claims");
        of_path(path, at, doubts);
        match test {
            ClaimTest::AnyOf(values) | ClaimTest::AllOf(values) | ClaimTest::NoneOf(values) => {
                let values = values.iter().filter_map(Json::as_str);
                of_values(values, "starts_with compares the start", at, doubts);
            }
            ClaimTest::StartsWith(starts) => {
                of_values(starts.iter().map(String::as_str), "", at, doubts);
                let ends_in_word = |start: &&String| start.ends_with(char::is_alphanumeric);
                for start in starts.iter().filter(ends_in_word) {
                    let seen = [
                        "starts_with: ",
                        &shown::text(start),
                        " is the start of longer names, too",
                    ];
                    let wanted = ["end it with what separates them, such as /"];
                    doubts.add(at, &seen, &wanted);
                }
            }
            ClaimTest::HasMember(names) => {
                of_values(names.iter().map(String::as_str), "", at, doubts);
            }
        }
    }
}

fn of_values<'v>(
    values: impl Iterator<Item = &'v str>,
    instead: &str,
    at: At<'_>,
    doubts: &mut Problems,
) {
    for value in values.filter(|value| value.contains(['*', '{'])) {
        let shown = shown::text(value);
        let seen = [&*shown, " is compared to the letter, * and { too"];
        doubts.add(at, &seen, &[instead]);
    }
}

/// A member of the name of a top-level domain inside another: `kubernetes.io.namespace` in place of
/// `kubernetes.io` and `namespace`.
fn of_path(path: &[String], at: At<'_>, doubts: &mut Problems) {
    const DOMAINS: [&str; 8] = ["io", "com", "org", "net", "dev", "app", "cloud", "eu"];
    let Some(place) = path
        .iter()
        .skip(1)
        .position(|part| DOMAINS.contains(&part.as_str()))
    else {
        return;
    };
    let (domain, rest) = path.split_at(place.saturating_add(2));
    let domain = domain.join(".");
    let mut names = vec![&domain];
    names.extend(rest);
    let names: Vec<String> = names.into_iter().map(|name| shown::text(name)).collect();
    let seen = ["dots nest"];
    let wanted = [
        "for a claim that is itself named ",
        &shown::text(&domain),
        " write claim_path: [",
        &names.join(", "),
        "]",
    ];
    doubts.add(at, &seen, &wanted);
}
