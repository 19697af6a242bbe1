//! What an issuer's claims prove: lines, from a preset, from the configuration, or both.

use super::{Facts, SignInOrigin, When};

/// What the claims of one issuer prove about a sign-in.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// In order of preference.
    pub lines: Vec<Line>,
    /// Its clients understand Entra's claims challenge in the place of RFC 9470.
    pub is_entra: bool,
    /// Where a sign-in must have been, where its tokens say that.
    pub origin: SignInOrigin,
}

impl Evidence {
    /// Whether this claim tells of the sign-in. `acr`, `amr` and `auth_time` always do: they go
    /// onward.
    pub(crate) fn reads(&self, name: &str) -> bool {
        let begins = |path: &[String]| path.first().is_some_and(|first| first == name);
        let reads = |line: &Line| {
            let claim = line.when.claim.as_ref();
            let dated = matches!(&line.dated_by, DatedBy::Claim(path) if begins(path));
            dated || claim.is_some_and(|claim| begins(&claim.path))
        };
        matches!(name, "acr" | "amr" | "auth_time")
            || self.lines.iter().any(reads)
            || self.origin.claims.iter().any(|(path, _)| begins(path))
    }
}

/// One thing that a token may show, and what it proves.
#[derive(Clone, Debug)]
pub struct Line {
    /// What the token must show.
    pub when: When,
    /// What that proves; never empty.
    pub proves: Facts,
    /// What says when it happened.
    pub dated_by: DatedBy,
    /// The value of `acr` that a client asks for to get such a token.
    pub request_acr: Option<String>,
}

/// What says when a sign-in happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatedBy {
    /// A claim that is a NumericDate, as a path of member names.
    Claim(Vec<String>),
    /// Nothing does.
    Nothing,
}

impl Default for DatedBy {
    /// `auth_time` (OpenID Connect Core section 2).
    fn default() -> Self {
        Self::Claim(vec!["auth_time".to_owned()])
    }
}
