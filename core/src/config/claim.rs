//! Claims: how they are named, what they are compared with, and the conditions of rules and kinds.

use super::{
    ClaimCondition, ClaimEquals, ClaimTest, Kinds, When,
    decode::{At, Decode, Field, Filled, Problems},
    raw::{RawClaim, RawClaimEquals, RawKinds, RawWhen},
    shown,
    text::{FromText, Text},
};
use crate::json::Json;

/// A claim's name in which dots nest, as in `jwt_authn`.
#[derive(Debug)]
pub(super) struct ClaimName(Vec<String>);

impl FromText for ClaimName {
    const WANTED: &'static str = "the name of a claim, such as sub";
    const PATTERN: &'static str = r"^[^.\u0000-\u001f]+(\.[^.\u0000-\u001f]+)*$";

    fn from_text(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err(shown::join(&[
                "is one name with dots, and dots nest; write claim_path: [\"",
                text,
                "\"]",
            ]));
        }
        if text.split('.').any(str::is_empty) || text.chars().any(char::is_control) {
            return Err(
                "has an empty part or a control character; write names with single dots between"
                    .to_owned(),
            );
        }
        Ok(Self(text.split('.').map(str::to_owned).collect()))
    }
}

/// A value that claims are compared with.
#[derive(Debug)]
pub(super) struct Scalar(pub(super) Json);

impl Decode for Scalar {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if matches!(json, Json::String(_) | Json::Number(_) | Json::Bool(_)) {
            return Some(Self(json.clone()));
        }
        problems.add(
            at,
            shown::mismatch(json, "a string, a number, true or false"),
        );
        None
    }
}

/// The path of a claim from whichever of the two fields is given.
pub(super) fn claim_path(
    name: Field<ClaimName>,
    path: Field<Filled<Text>>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    match (name, path) {
        (Field::Absent, Field::Absent) => {
            problems.add(at, "names no claim; write claim_name: sub");
            None
        }
        (name, Field::Absent) => name.given().map(|name| name.0),
        (Field::Absent, path) => path.given().map(texts),
        _ => {
            problems.add(
                at,
                "claim_name and claim_path are both given; write one of them",
            );
            None
        }
    }
}

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
        split,
    } = raw;
    let path = claim_path(claim_name, path, at, problems);
    let given = [
        !any_of.is_absent(),
        !all_of.is_absent(),
        !equals.is_absent(),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        problems.add(
            at,
            "compares with nothing, or in two ways; write exactly one of any_of, all_of and equals",
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
        .or(all_of.map(ClaimTest::AllOf))?;
    let split = split.given().is_some();
    let (ClaimTest::AnyOf(compared) | ClaimTest::AllOf(compared)) = &test;
    let never = |value: &Json| {
        value
            .as_str()
            .is_none_or(|text| text.is_empty() || text.contains(' '))
    };
    if split && let Some(value) = compared.iter().find(|value| never(value)) {
        let shown = shown::text(value.as_str().unwrap_or(&value.to_string()));
        problems.add(
            at,
            shown::join(&[
                &shown,
                " can never be a part of a string split at blanks; write single words",
            ]),
        );
    }
    Some(ClaimCondition {
        path: path?,
        test,
        split,
    })
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
            "names no kind; write human, workload or agent, or remove the field",
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

fn when(raw: RawWhen, at: At<'_>, problems: &mut Problems) -> When {
    let RawWhen {
        amr_all_of,
        amr_any_of,
        amr_exactly,
        amr_none_of,
        acr_any_of,
        claim,
    } = raw;
    let lists = [
        &amr_all_of,
        &amr_any_of,
        &amr_exactly,
        &amr_none_of,
        &acr_any_of,
    ];
    if claim.is_absent() && lists.iter().all(|list| list.is_absent()) {
        problems.add(
            at,
            "would hold for every token; write a condition, such as amr_any_of: [hwk]",
        );
    }
    let list = |field: Field<Filled<Text>>| field.given().map(texts).unwrap_or_default();
    When {
        amr_all_of: list(amr_all_of),
        amr_any_of: list(amr_any_of),
        amr_exactly: list(amr_exactly),
        amr_none_of: list(amr_none_of),
        acr_any_of: list(acr_any_of),
        claim: claim.given().and_then(claim_equals),
    }
}

fn claim_equals(raw: RawClaimEquals) -> Option<ClaimEquals> {
    let RawClaimEquals { path, equals } = raw;
    Some(ClaimEquals {
        path: texts(path.given()?),
        equals: equals.given()?.0,
    })
}

/// The strings of a list.
pub(super) fn texts(list: Filled<Text>) -> Vec<String> {
    list.0.into_values().map(|text| text.0).collect()
}
