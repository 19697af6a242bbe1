//! What an issuer's claims prove: lines, from a preset, from the configuration, or both.

use super::{
    claim,
    claim_name::ClaimName,
    decode::{At, Decode, Filled, Problems},
    raw::{RawEvidence, RawLine},
    shown,
    text::{FromText, Text, texts},
};
use crate::{
    evidence::{DatedBy, Evidence, Fact, Facts, Line, Preset, is_quotable},
    json::Json,
};

/// Lines of the configuration come first: the order is that of preference.
pub(super) fn evidence(raw: RawEvidence, at: At<'_>, problems: &mut Problems) -> Evidence {
    let RawEvidence { preset, lines } = raw;
    if preset.is_absent() && lines.is_absent() {
        problems.add(at, "proves nothing; write preset: keycloak, or lines");
    }
    let own = at.member("lines");
    let lines = lines.given().into_iter();
    let mut lines: Vec<Line> = lines
        .flat_map(|list| list.0.into_numbered())
        .filter_map(|(index, raw)| line(raw, own.element(index), problems))
        .collect();
    let preset = preset.given();
    lines.extend(preset.into_iter().flat_map(Preset::lines));
    Evidence {
        lines,
        is_entra: preset == Some(Preset::Entra),
    }
}

fn line(raw: RawLine, at: At<'_>, problems: &mut Problems) -> Option<Line> {
    let RawLine {
        when,
        proves,
        dated_by,
        request_acr,
    } = raw;
    let when = when.given();
    let when = when.map(|raw| claim::when(raw, at.member("when"), problems));
    let dated_by = dated_by.given().map(|dated| dated.0);
    Some(Line {
        when: when?,
        proves: facts(proves.given()?),
        dated_by: dated_by.unwrap_or_default(),
        request_acr: request_acr.given().map(|acr| acr.0),
    })
}

/// The facts of a list.
pub(super) fn facts(list: Filled<Fact>) -> Facts {
    let facts = list.0.into_values();
    facts.fold(Facts::NONE, |facts, fact| facts.and(Facts::of(&[fact])))
}

/// `dated_by`: a claim, in which dots nest, or its path, or `none`.
#[derive(Debug)]
pub(super) struct RawDatedBy(DatedBy);

impl Decode for RawDatedBy {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if json.as_str() == Some("none") {
            return Some(Self(DatedBy::Nothing));
        }
        let path = match json {
            Json::String(_) => ClaimName::decode(json, at, problems)?.0,
            Json::Array(_) => texts(Filled::<Text>::decode(json, at, problems)?),
            _ => {
                problems.add(
                    at,
                    shown::mismatch(json, "a claim, such as auth_time, or none"),
                );
                return None;
            }
        };
        Some(Self(DatedBy::Claim(path)))
    }
}

/// A value of `acr` that can stand in a challenge: one word of printable ASCII, and nothing that ends a quoted string.
#[derive(Debug)]
pub(super) struct RequestAcr(String);

impl FromText for RequestAcr {
    const WANTED: &'static str = "a value of acr, such as phr";
    const PATTERN: &'static str = r"^[!#-\[\]-~]+$";

    fn from_text(text: &str) -> Result<Self, String> {
        if is_quotable(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(
            "cannot be named in a challenge; write visible ASCII without blanks, quotes and backslashes"
                .to_owned(),
        )
    }
}

#[cfg(feature = "schema")]
impl super::schema::Schema for RawDatedBy {
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": ["string", "array"], "items": Text::schema(), "minItems": 1 })
    }
}
