//! Conditions on what a token says about a sign-in.

use core::fmt;

use crate::json::Json;

/// A condition on what a token says about a sign-in; all that is given must hold, and something is
/// given.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// `amr` holds all of these.
    pub amr_all_of: Vec<String>,
    /// `amr` holds one of these.
    pub amr_any_of: Vec<String>,
    /// `amr` is exactly this set.
    pub amr_exactly: Vec<String>,
    /// `amr` is a list of strings that is not empty and holds none of these.
    pub amr_none_of: Vec<String>,
    /// `acr` is one of these.
    pub acr_any_of: Vec<String>,
    /// A claim has a value.
    pub claim: Option<ClaimEquals>,
}

/// A claim that must have one exact value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimEquals {
    /// Path of member names into the claims.
    pub path: Vec<String>,
    /// The comparison.
    pub value: ClaimValue,
}

/// How a claim is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// It is this string, number or boolean.
    Equals(Json),
    /// It is a list of strings that holds this one.
    Contains(String),
}

/// As YAML in one line. Quotes are left out: it is for people to read.
impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            amr_all_of,
            amr_any_of,
            amr_exactly,
            amr_none_of,
            acr_any_of,
            claim,
        } = self;
        let lists = [
            ("amr_all_of", amr_all_of),
            ("amr_any_of", amr_any_of),
            ("amr_exactly", amr_exactly),
            ("amr_none_of", amr_none_of),
            ("acr_any_of", acr_any_of),
        ];
        let given = lists.into_iter().filter(|(_, words)| !words.is_empty());
        let mut conditions: Vec<String> = given
            .map(|(name, words)| format!("{name}: [{}]", words.join(", ")))
            .collect();
        if let Some(ClaimEquals { path, value }) = claim {
            let value = match value {
                ClaimValue::Equals(value) => format!("equals: {value}"),
                ClaimValue::Contains(text) => format!("contains: {text}"),
            };
            conditions.push(format!("claim: {{ path: [{}], {value} }}", path.join(", ")));
        }
        write!(formatter, "{{ {} }}", conditions.join(", "))
    }
}

impl When {
    /// Holds for every token.
    pub(super) const ANYTHING: Self = Self {
        amr_all_of: Vec::new(),
        amr_any_of: Vec::new(),
        amr_exactly: Vec::new(),
        amr_none_of: Vec::new(),
        acr_any_of: Vec::new(),
        claim: None,
    };

    /// Whether all that is given holds. A missing or ill-typed claim satisfies nothing, negative
    /// conditions included.
    pub(crate) fn holds(&self, claims: &Json) -> bool {
        let amr = strings(claims.get("amr"));
        let has = |method: &String| {
            amr.as_ref()
                .is_some_and(|amr| amr.contains(&method.as_str()))
        };
        let all_of = self.amr_all_of.iter().all(has);
        let any_of = self.amr_any_of.is_empty() || self.amr_any_of.iter().any(has);
        let exactly = self.amr_exactly.is_empty()
            || (self.amr_exactly.iter().all(has)
                && amr
                    .iter()
                    .flatten()
                    .all(|method| self.amr_exactly.iter().any(|e| e == method)));
        let none_of =
            self.amr_none_of.is_empty() || (amr.is_some() && !self.amr_none_of.iter().any(has));
        let acr = claims.get("acr").and_then(Json::as_str);
        let acr_any_of = self.acr_any_of.is_empty()
            || acr.is_some_and(|acr| self.acr_any_of.iter().any(|a| a == acr));
        let claim = self.claim.as_ref().is_none_or(|claim| claim.holds(claims));
        all_of && any_of && exactly && none_of && acr_any_of && claim
    }

    /// Whether it says anything about `amr`.
    pub(crate) const fn reads_amr(&self) -> bool {
        let Self {
            amr_all_of,
            amr_any_of,
            amr_exactly,
            amr_none_of,
            acr_any_of: _,
            claim: _,
        } = self;
        !(amr_all_of.is_empty()
            && amr_any_of.is_empty()
            && amr_exactly.is_empty()
            && amr_none_of.is_empty())
    }

    /// Whether both read the same claims. Issuers date each claim in their own way, so only then do
    /// facts add up. Two members of one object are two claims here.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        self.reads() == other.reads()
    }

    fn reads(&self) -> (bool, bool, Option<&[String]>) {
        let path = self.claim.as_ref().map(|claim| claim.path.as_slice());
        let is = |name: &str| matches!(path, Some([only]) if only == name);
        let (amr, acr) = (is("amr"), is("acr"));
        (
            self.reads_amr() || amr,
            !self.acr_any_of.is_empty() || acr,
            path.filter(|_| !amr && !acr),
        )
    }
}

impl ClaimEquals {
    fn holds(&self, claims: &Json) -> bool {
        let seen = claims.at(&self.path);
        match &self.value {
            ClaimValue::Equals(value) => seen == Some(value),
            ClaimValue::Contains(wanted) => {
                strings(seen).is_some_and(|list| list.contains(&wanted.as_str()))
            }
        }
    }
}

/// A list of strings that is not empty, as `amr` is (OpenID Connect Core section 2), or nothing.
fn strings(claim: Option<&Json>) -> Option<Vec<&str>> {
    match claim {
        Some(Json::Array(elements)) if !elements.is_empty() => {
            elements.iter().map(Json::as_str).collect()
        }
        _ => None,
    }
}
