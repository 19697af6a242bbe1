//! Strings with a meaning.

use std::borrow::Cow;

use super::{
    at::At,
    fault::Fault,
    field::{Decode, Filled},
    problems::Problems,
    shown,
};
use crate::json::Json;

/// Can be made from a string.
pub trait FromText: Sized {
    /// For "write …" when there is no string at all.
    const WANTED: &'static str;
    /// The regular expression of the JSON Schema, as far as one can tell; empty: none.
    const PATTERN: &'static str = "";

    /// [`Self::WANTED`], where it is made of parts.
    fn wanted() -> Cow<'static, str> {
        Self::WANTED.into()
    }

    /// [`Self::PATTERN`], where it is made of parts.
    fn pattern() -> Cow<'static, str> {
        Self::PATTERN.into()
    }

    /// How the string is shown in an error.
    fn shown(text: &str) -> String {
        shown::text(text)
    }

    /// Parses.
    ///
    /// # Errors
    /// What is wrong with the string.
    fn from_text(text: &str) -> Result<Self, Fault>;
}

impl<T: FromText> Decode for T {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let text = string(json, T::wanted, at, problems)?;
        match T::from_text(text) {
            Ok(value) => Some(value),
            Err(fault) => {
                problems.add_fault(at, &T::shown(text), &fault);
                None
            }
        }
    }
}

/// The text of a string. Apart from [`FromText`], because that is compiled once for each type.
#[inline(never)]
fn string<'j>(
    json: &'j Json,
    wanted: fn() -> Cow<'static, str>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<&'j str> {
    if let Json::String(text) = json {
        return Some(text);
    }
    problems.mismatch(at, json, &wanted());
    None
}

/// Text that is not empty, holds no control characters and has no blank at its ends; otherwise
/// exactly as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

impl FromText for Text {
    const WANTED: &'static str = "a string";
    const PATTERN: &'static str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(("is empty", "write the value").into());
        }
        if text.chars().any(char::is_control) {
            return Err(("holds a control character", "remove it").into());
        }
        if text.trim().len() != text.len() {
            return Err(("begins or ends with a blank", "remove it").into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// The strings of a list.
pub fn texts(list: Filled<Text>) -> Vec<String> {
    list.0.into_values().map(|text| text.0).collect()
}
