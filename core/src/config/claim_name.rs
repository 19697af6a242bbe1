//! How claims are named, and what they are compared with.

use crate::{
    decode::{At, Decode, Fault, Field, Filled, FromText, Problems, Text, texts},
    json::Json,
};

/// A claim's name in which dots nest, as in `jwt_authn`.
#[derive(Debug)]
pub(super) struct ClaimName(pub(super) Vec<String>);

impl FromText for ClaimName {
    const WANTED: &'static str = "the name of a claim, such as sub";
    const PATTERN: &'static str = r"^[^.\u0000-\u001f]+(\.[^.\u0000-\u001f]+)*$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.contains("://") {
            return Err(Fault::of(
                &["is one name with dots, and dots nest"],
                &["write claim_path: [\"", text, "\"]"],
            ));
        }
        if let Some(path) = text.strip_prefix("$.") {
            return Err(Fault::of(&["is JSONPath"], &["write claim_name: ", path]));
        }
        if text.starts_with("$[") {
            return Err(("is JSONPath", "write claim_path, a list of member names").into());
        }
        if text.split('.').any(str::is_empty) || text.chars().any(char::is_control) {
            return Err((
                "has an empty part or a control character",
                "write names with single dots between",
            )
                .into());
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
        problems.mismatch(at, json, "a string, a number, true or false");
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
            problems.add(at, &["names no claim"], &["write claim_name: sub"]);
            None
        }
        (name, Field::Absent) => name.given().map(|name| name.0),
        (Field::Absent, path) => path.given().map(texts),
        _ => {
            problems.add(
                at,
                &["claim_name and claim_path are both given"],
                &["write one of them"],
            );
            None
        }
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for Scalar {
    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": ["string", "number", "boolean"] })
    }
}
