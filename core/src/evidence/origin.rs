//! Where a token says for which relying party, and at which page, its sign-in was: what a passkey
//! was asked for somewhere else must not count here.

use crate::json::Json;

/// Claims that say it, and the values that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInOrigin {
    /// Each a path of member names, and what it must be one of.
    pub claims: Vec<(Vec<String>, Vec<String>)>,
}

impl SignInOrigin {
    /// Whether all of these claims are there and ours; without any nobody can tell.
    pub(crate) fn is_ours(&self, claims: &Json) -> bool {
        let is_ours = |(path, ours): &(Vec<String>, Vec<String>)| {
            let said = claims.at(path).and_then(Json::as_str);
            said.is_some_and(|said| ours.iter().any(|own| own == said))
        };
        !self.claims.is_empty() && self.claims.iter().all(is_ours)
    }

    /// What is wanted, for an operator.
    pub(crate) fn wanted(&self) -> String {
        let wanted = |(path, ours): &(Vec<String>, Vec<String>)| {
            [&path.join("."), ": ", &ours.join(" or ")].concat()
        };
        let wanted: Vec<String> = self.claims.iter().map(wanted).collect();
        wanted.join(", ")
    }
}
