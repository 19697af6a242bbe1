//! What says when a sign-in happened: a claim, or nothing.

use super::claim_name::ClaimName;
use crate::{
    decode::{At, Decode, Filled, Problems, Text, texts},
    evidence::DatedBy,
    json::Json,
};

/// `dated_by`: a claim, in which dots nest, or its path, or `none`.
#[derive(Debug)]
pub(super) struct RawDatedBy(pub(super) DatedBy);

impl Decode for RawDatedBy {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if json.as_str() == Some("none") {
            return Some(Self(DatedBy::Nothing));
        }
        let path = match json {
            Json::String(_) => ClaimName::decode(json, at, problems)?.0,
            Json::Array(_) => texts(Filled::<Text>::decode(json, at, problems)?),
            _ => {
                problems.mismatch(at, json, "a claim, such as auth_time, or none");
                return None;
            }
        };
        Some(Self(DatedBy::Claim(path)))
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for RawDatedBy {
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": ["string", "array"], "items": Text::schema(), "minItems": 1 })
    }
}
