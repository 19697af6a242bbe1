//! Conditions of a rule on claims.

use crate::json::Json;

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
}

impl ClaimCondition {
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
        }
    }
}
