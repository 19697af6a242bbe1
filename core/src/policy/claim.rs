//! Conditions of a rule on claims.

use crate::{claims, json::Json, text::shown};

/// A condition on a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCondition {
    /// Path of member names into the claims.
    pub path: Vec<String>,
    /// The comparison. Values are strings, numbers or booleans, compared with their type.
    pub test: ClaimTest,
    /// Split a string at blanks before comparing.
    pub split: bool,
}

/// How a claim is compared; a claim that is a list offers each of its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimTest {
    /// One of these is offered.
    AnyOf(Vec<Json>),
    /// Each of these is offered.
    AllOf(Vec<Json>),
    /// A string is offered that begins with one of these.
    StartsWith(Vec<String>),
    /// The claim is an object with a member of one of these names that is neither null nor false.
    HasMember(Vec<String>),
    /// The claim is a string, or a list of strings that is not empty, with none of these.
    NoneOf(Vec<Json>),
}

impl ClaimCondition {
    /// What it wanted and what the claim is instead, both cut and escaped. Of the subject only the
    /// type is said, and of every claim where records are told not to show whom they are about.
    pub(super) fn told(&self, claims: &Json, subject: &[String], tells_values: bool) -> String {
        let strings = |texts: &[String]| {
            texts
                .iter()
                .map(|text| Json::String((&**text).into()))
                .collect()
        };
        let (quantity, wanted) = match &self.test {
            ClaimTest::AnyOf(wanted) => ("one of ", wanted.clone()),
            ClaimTest::AllOf(wanted) => ("all of ", wanted.clone()),
            ClaimTest::StartsWith(starts) => ("a start of ", strings(starts)),
            ClaimTest::HasMember(names) => ("a member of ", strings(names)),
            ClaimTest::NoneOf(unwanted) => ("none of ", unwanted.clone()),
        };
        let words = if self.split {
            " as words of a string"
        } else {
            ""
        };
        let wanted = shown(&Json::Array(wanted).to_string());
        let claim = claims.at(&self.path);
        let found = match &*self.path {
            [name] if name == "sub" || subject.contains(name) => {
                claims::type_of(claim).replace("the ", "another ")
            }
            _ if !tells_values => claims::type_of(claim).replace("the ", "another "),
            _ => claims::told(claim),
        };
        let path = shown(&self.path.join("."));
        [&path, ": ", quantity, &wanted, words, "; it is ", &found].concat()
    }

    /// Whether these claims meet it; a missing claim meets nothing.
    pub(super) fn holds(&self, claims: &Json) -> bool {
        let Some(claim) = claims.at(&self.path) else {
            return false;
        };
        let offers = |wanted: &Json| match (claim, wanted) {
            (Json::Array(elements), _) => elements.contains(wanted),
            (Json::String(text), Json::String(word)) if self.split => {
                !word.is_empty() && text.split(' ').any(|offered| offered == &**word)
            }
            (Json::String(_), _) if self.split => false,
            _ => claim == wanted,
        };
        match &self.test {
            ClaimTest::AnyOf(wanted) => wanted.iter().any(offers),
            ClaimTest::AllOf(wanted) => wanted.iter().all(offers),
            ClaimTest::NoneOf(unwanted) => {
                self.says_something(claim) && !unwanted.iter().any(offers)
            }
            ClaimTest::StartsWith(starts) => {
                let begins = |text: &str| starts.iter().any(|start| text.starts_with(start));
                match claim {
                    Json::Array(elements) => elements.iter().filter_map(Json::as_str).any(begins),
                    Json::String(text) if self.split => text.split(' ').any(begins),
                    other => other.as_str().is_some_and(begins),
                }
            }
            ClaimTest::HasMember(names) => names.iter().any(|name| {
                let member = claim.get(name);
                member.is_some_and(|value| !matches!(value, Json::Null | Json::Bool(false)))
            }),
        }
    }

    /// Whether a claim is one or more strings that are not empty, and nothing else: only then does
    /// it mean something that a word is missing. Where words are split, an element with a blank may
    /// be several.
    fn says_something(&self, claim: &Json) -> bool {
        let is_filled = |text: &str| !text.is_empty();
        match claim {
            Json::String(text) if self.split => text.split(' ').any(is_filled),
            Json::String(text) => is_filled(text),
            Json::Array(elements) => {
                let is_word = |text: &str| is_filled(text) && !(self.split && text.contains(' '));
                let is_one = |element: &Json| element.as_str().is_some_and(is_word);
                !elements.is_empty() && elements.iter().all(is_one)
            }
            _ => false,
        }
    }
}
