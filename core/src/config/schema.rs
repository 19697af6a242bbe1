//! The JSON Schema of the configuration, made from the declarations in `raw.rs` (draft 2020-12).
//!
//! It tells editors the shape. Meaning across fields is checked by [`Config::parse`](super::Config::parse) alone.

use serde_json::{Value, json};

use super::decode::{Filled, List, Map, OrNone};

/// Has a JSON Schema.
pub(super) trait Schema {
    fn schema() -> Value;
}

/// The schema of a document whose top level is this record.
pub(super) fn document<T: Schema>() -> Value {
    let mut schema = T::schema();
    if let Some(members) = schema.as_object_mut() {
        members.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        members.insert("title".into(), "passgate".into());
    }
    schema
}

/// Is a record, whose fields may be those of another one, too.
pub(super) trait Members {
    fn members() -> Vec<Member>;
}

/// One field of a record.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) example: Option<&'static str>,
    pub(super) schema: Value,
}

/// The schema of a record: nothing but its fields.
pub(super) fn record(description: &str, members: Vec<Member>) -> Value {
    let mandatory = members.iter().filter(|member| member.example.is_some());
    let required: Vec<&str> = mandatory.map(|member| member.name).collect();
    let properties = members.into_iter().map(|member| {
        let mut schema = member.schema;
        if let Some(fields) = schema.as_object_mut() {
            fields.insert("description".into(), member.description.trim().into());
        }
        (member.name.to_owned(), schema)
    });
    let properties: serde_json::Map<String, Value> = properties.collect();
    json!({
        "type": "object",
        "description": description.trim(),
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

impl Schema for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Schema for OrNone {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Schema for usize {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 1 })
    }
}

impl<T: Schema> Schema for List<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: Schema> Schema for Filled<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema(), "minItems": 1 })
    }
}

impl<T: Schema> Schema for Map<T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}
