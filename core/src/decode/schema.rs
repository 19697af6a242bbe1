//! The JSON Schema of a record, made from its declaration (draft 2020-12).
//!
//! It tells editors the shape. What must hold across fields is checked by the reader of the record
//! alone.

pub use serde_json::Value;
use serde_json::json;

use super::{
    field::{Filled, List, Map, OrNone},
    text::FromText,
};

/// Has a JSON Schema.
pub trait Schema {
    /// The schema.
    fn schema() -> Value;
}

/// The schema of a document whose top level is this record.
#[must_use]
pub fn document<T: Schema>(title: &str) -> Value {
    let mut schema = T::schema();
    if let Some(members) = schema.as_object_mut() {
        members.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        members.insert("title".into(), title.into());
    }
    schema
}

/// Is a record, whose fields may be those of another one, too.
pub trait Members {
    /// All fields, in the order of the declaration.
    fn members() -> Vec<Member>;
}

/// One field of a record.
pub struct Member {
    /// As it is written.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
    /// An example, which mandatory fields have.
    pub example: Option<&'static str>,
    /// Of its value.
    pub schema: Value,
}

/// The schema of a record: nothing but its fields.
#[must_use]
pub fn record(description: &str, members: Vec<Member>) -> Value {
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

#[cfg(feature = "schema")]
impl<T: FromText> Schema for T {
    fn schema() -> Value {
        match &*T::pattern() {
            "" => json!({ "type": "string" }),
            pattern => json!({ "type": "string", "pattern": pattern }),
        }
    }
}
