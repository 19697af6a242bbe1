//! Rules: which one is about a request, and whether a token that is believed meets it.

use crate::{
    claims,
    config::{
        Alternative, ClaimCondition, ClaimTest, HostMatch, Matcher, PathMatch, Provider,
        ProviderId, Requirement, Rule,
    },
    json::Json,
    reason::{Forbidden, Insufficient, Reason, Untrusted},
    request::Target,
};

/// The first rule that is about this request, and its index.
pub(crate) fn first_match<'c>(rules: &'c [Rule], target: &Target<'_>) -> Option<(usize, &'c Rule)> {
    rules
        .iter()
        .enumerate()
        .find(|(_, rule)| rule.matcher.fits(target))
}

/// Methods that no rule is about unless it names them: a tunnel, and an echo of the client's own headers.
pub(crate) fn must_be_named(method: &str) -> bool {
    matches!(method, "CONNECT" | "TRACE")
}

impl Matcher {
    fn fits(&self, target: &Target<'_>) -> bool {
        let method = if self.methods.is_empty() {
            !must_be_named(target.method)
        } else {
            self.methods.iter().any(|method| method == target.method)
        };
        let host = self.hosts.is_empty()
            || self
                .hosts
                .iter()
                .any(|host| host.fits(&target.authority.host));
        method && host && self.path.fits(target.path.as_deref(), self.ignore_case)
    }
}

impl HostMatch {
    fn fits(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

impl PathMatch {
    fn fits(&self, path: Option<&str>, ignore_case: bool) -> bool {
        if matches!(self, Self::Any) {
            return true;
        }
        let Some(path) = path else { return false };
        let starts_with = |prefix: &str| {
            path.as_bytes()
                .split_at_checked(prefix.len())
                .and_then(|(start, rest)| {
                    let equal = if ignore_case {
                        start.eq_ignore_ascii_case(prefix.as_bytes())
                    } else {
                        start == prefix.as_bytes()
                    };
                    equal.then_some(rest)
                })
        };
        match self {
            Self::Any => true,
            Self::Exact(exact) => starts_with(exact).is_some_and(<[u8]>::is_empty),
            Self::Prefix(prefix) => starts_with(prefix).is_some(),
            Self::Segments(prefix) => {
                starts_with(prefix).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
            }
        }
    }
}

impl Requirement {
    /// The alternatives that a token of this provider could meet.
    pub(crate) fn open_to(&self, provider: ProviderId) -> impl Iterator<Item = &Alternative> {
        self.alternatives
            .iter()
            .filter(move |alternative| alternative.accepts(provider))
    }

    /// Whether the claims meet one of the alternatives; else the fault of the one that got furthest.
    pub(crate) fn met_by(
        &self,
        id: ProviderId,
        provider: &Provider,
        claims: &Json,
    ) -> Result<(), Unmet> {
        let mut furthest = Unmet {
            step: 0,
            reason: Untrusted::Issuer.into(),
            expected: String::new(),
        };
        for alternative in self.open_to(id) {
            match alternative.met_by(provider, claims) {
                Ok(()) => return Ok(()),
                Err(unmet) if unmet.step > furthest.step => furthest = unmet,
                Err(_) => {}
            }
        }
        Err(furthest)
    }
}

/// Why an alternative is not met.
#[derive(Debug)]
pub(crate) struct Unmet {
    /// How far it got.
    step: u8,
    pub(crate) reason: Reason,
    /// What it wanted, for the operator.
    pub(crate) expected: String,
}

impl Alternative {
    pub(crate) fn accepts(&self, provider: ProviderId) -> bool {
        self.provider.is_none_or(|own| own == provider)
    }

    /// The steps in the order in which they are reported: what no better token of this client could mend comes first.
    fn met_by(&self, provider: &Provider, claims: &Json) -> Result<(), Unmet> {
        let unmet = |step, reason, expected| {
            Err(Unmet {
                step,
                reason,
                expected,
            })
        };
        if let Err((reason, wanted)) = self.audience_met_by(provider, claims) {
            return unmet(1, reason, wanted.join(" "));
        }
        if let Some(condition) = self
            .claims
            .iter()
            .find(|condition| !condition.holds(claims))
        {
            return unmet(2, Forbidden::Claim.into(), condition.path.join("."));
        }
        if !claims::grants(claims, &self.scopes) {
            let required = self.scopes.clone();
            return unmet(
                3,
                Insufficient::Scope { required }.into(),
                self.scopes.join(" "),
            );
        }
        Ok(())
    }

    fn audience_met_by<'c>(
        &'c self,
        provider: &'c Provider,
        claims: &Json,
    ) -> Result<(), (Reason, &'c [String])> {
        let check = |audiences: &'c [String], otherwise: Reason| match claims::audience_is(
            claims,
            &provider.audience_claim,
            audiences,
        ) {
            Ok(true) => Ok(()),
            Ok(false) => Err((otherwise, audiences)),
            Err(malformed) => Err((malformed, audiences)),
        };
        if self.audiences.is_empty() {
            return check(&provider.audiences, Untrusted::Audience.into());
        }
        self.audiences
            .iter()
            .try_for_each(|audiences| check(audiences, Forbidden::Audience.into()))
    }
}

impl ClaimCondition {
    fn holds(&self, claims: &Json) -> bool {
        let offered: Vec<Json> = match claims.at(&self.path) {
            None => return false,
            Some(Json::Array(elements)) => elements.clone(),
            Some(Json::String(text)) if self.split => text
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(|word| Json::String(word.into()))
                .collect(),
            Some(value) => vec![value.clone()],
        };
        match &self.test {
            ClaimTest::AnyOf(wanted) => wanted.iter().any(|value| offered.contains(value)),
            ClaimTest::AllOf(wanted) => wanted.iter().all(|value| offered.contains(value)),
        }
    }
}

#[cfg(test)]
mod tests;
