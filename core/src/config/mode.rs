//! Whether rules are enforced, or only observed until a day.

use super::{Mode, date::LastDay};
use crate::{
    decode::{At, Decode, Problems, record, shown},
    json::Json,
};

const WANTED: &str = "enforce, or { shadow: { until: \"2026-12-31\" } }";

record! {
    /// What is done instead of enforcing.
    pub(super) RawMode "mode" {
        /// Decide, count and record, but change nothing in requests and let them pass: the one
        /// thing that lets a bad token pass.
        shadow: RawShadow = "{ until: \"2026-12-31\" }",
    }
}

record! {
    /// When rules are enforced again.
    pub(super) RawShadow "shadow" {
        /// The last day (UTC) without refusals.
        until: LastDay = "\"2026-12-31\"",
    }
}

impl Decode for Mode {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::String(word) if **word == *"enforce" => Some(Self::Enforce),
            Json::Object(_) => {
                let RawMode { shadow } = RawMode::decode(json, at, problems)?;
                let RawShadow { until } = shadow.given()?;
                let LastDay(until) = until.given()?;
                Some(Self::Shadow { until })
            }
            Json::String(word) => {
                let seen = shown::text(word);
                problems.add(at, &[&seen, " is no mode"], &["write ", WANTED]);
                None
            }
            _ => {
                problems.mismatch(at, json, WANTED);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for Mode {
    fn schema() -> serde_json::Value {
        let shadow = <RawMode as crate::decode::schema::Schema>::schema();
        serde_json::json!({ "anyOf": [{ "const": "enforce" }, shadow] })
    }
}
