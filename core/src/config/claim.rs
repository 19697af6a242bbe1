//! Conditions on claims: those of rules and those of kinds.

use super::{
    ClaimCondition, ClaimEquals, ClaimTest, ClaimValue, Kinds, When,
    claim_name::{Scalar, claim_path},
    raw::{RawClaim, RawClaimEquals, RawKinds, RawWhen},
};
use crate::{
    decode::{At, Field, Filled, Problems, Text, shown, texts},
    json::Json,
};

/// A condition of a rule.
pub(super) fn condition(
    raw: RawClaim,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<ClaimCondition> {
    let RawClaim {
        claim_name,
        claim_path: path,
        any_of,
        all_of,
        equals,
        starts_with,
        has_member,
        split,
        none_of,
    } = raw;
    let path = claim_path(claim_name, path, at, problems);
    let given = [
        !any_of.is_absent(),
        !all_of.is_absent(),
        !equals.is_absent(),
        !starts_with.is_absent(),
        !has_member.is_absent(),
        !none_of.is_absent(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        problems.add(
            at,
            &["compares with nothing, or in two ways"],
            &["write exactly one of any_of, all_of, equals, starts_with, has_member and none_of"],
        );
        return None;
    }
    let values = |list: Filled<Scalar>| {
        list.0
            .into_values()
            .map(|scalar| scalar.0)
            .collect::<Vec<_>>()
    };
    let any_of = any_of.given().map(values);
    let equals = equals.given().map(|scalar| vec![scalar.0]);
    let all_of = all_of.given().map(values);
    let test = any_of
        .or(equals)
        .map(ClaimTest::AnyOf)
        .or(all_of.map(ClaimTest::AllOf))
        .or(starts_with
            .given()
            .map(|list| ClaimTest::StartsWith(texts(list))))
        .or(has_member
            .given()
            .map(|list| ClaimTest::HasMember(texts(list))))
        .or(none_of.given().map(unwanted))?;
    let split = split.given().is_some();
    let compared = match &test {
        ClaimTest::AnyOf(compared) | ClaimTest::AllOf(compared) | ClaimTest::NoneOf(compared) => {
            &**compared
        }
        ClaimTest::StartsWith(_) => &[],
        ClaimTest::HasMember(_) => {
            if split {
                problems.add(at, &["members have names of their own"], &["remove split"]);
            }
            &[]
        }
    };
    let never = |value: &Json| {
        value
            .as_str()
            .is_none_or(|text| text.is_empty() || text.contains(' '))
    };
    if split && let Some(value) = compared.iter().find(|value| never(value)) {
        let shown = shown::text(value.as_str().unwrap_or(&value.to_string()));
        problems.add(
            at,
            &[&shown, " can never be a part of a string split at blanks"],
            &["write single words"],
        );
    }
    Some(ClaimCondition {
        path: path?,
        test,
        split,
    })
}

#[inline(never)]
fn unwanted(list: Filled<Text>) -> ClaimTest {
    let texts = texts(list).into_iter();
    ClaimTest::NoneOf(texts.map(|text| Json::String(text.into())).collect())
}

/// What tells people, workloads and agents apart.
pub(super) fn kinds(raw: RawKinds, at: At<'_>, problems: &mut Problems) -> Kinds {
    let RawKinds {
        human,
        workload,
        agent,
    } = raw;
    if human.is_absent() && workload.is_absent() && agent.is_absent() {
        problems.add(
            at,
            &["names no kind"],
            &["write human, workload or agent, or remove the field"],
        );
    }
    let mut kind =
        |raw: Field<RawWhen>, name| raw.given().map(|raw| when(raw, at.member(name), problems));
    Kinds {
        human: kind(human, "human"),
        workload: kind(workload, "workload"),
        agent: kind(agent, "agent"),
    }
}

/// Whether a condition on a token is given.
pub(super) fn says_something(raw: &RawWhen) -> bool {
    let RawWhen {
        amr_all_of,
        amr_any_of,
        amr_exactly,
        amr_none_of,
        acr_any_of,
        claim,
    } = raw;
    let lists = [amr_all_of, amr_any_of, amr_exactly, amr_none_of, acr_any_of];
    !claim.is_absent() || lists.iter().any(|list| !list.is_absent())
}

pub(super) fn when(raw: RawWhen, at: At<'_>, problems: &mut Problems) -> When {
    if !says_something(&raw) {
        problems.add(
            at,
            &["would hold for every token"],
            &["write a condition, such as amr_any_of: [hwk]"],
        );
    }
    let RawWhen {
        amr_all_of,
        amr_any_of,
        amr_exactly,
        amr_none_of,
        acr_any_of,
        claim,
    } = raw;
    let list = |field: Field<Filled<Text>>| field.given().map(texts).unwrap_or_default();
    When {
        amr_all_of: list(amr_all_of),
        amr_any_of: list(amr_any_of),
        amr_exactly: list(amr_exactly),
        amr_none_of: list(amr_none_of),
        acr_any_of: list(acr_any_of),
        claim: claim
            .given()
            .and_then(|raw| claim_equals(raw, at.member("claim"), problems)),
    }
}

fn claim_equals(raw: RawClaimEquals, at: At<'_>, problems: &mut Problems) -> Option<ClaimEquals> {
    let RawClaimEquals {
        path,
        equals,
        contains,
    } = raw;
    if equals.is_absent() == contains.is_absent() {
        problems.add(
            at,
            &["compares with nothing, or in two ways"],
            &["write exactly one of equals and contains"],
        );
        return None;
    }
    let equals = equals.given().map(|scalar| ClaimValue::Equals(scalar.0));
    let contains = contains.given().map(|text| ClaimValue::Contains(text.0));
    Some(ClaimEquals {
        path: texts(path.given()?),
        value: equals.or(contains)?,
    })
}
