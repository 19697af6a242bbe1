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

    /// Whether the claims meet one of the alternatives; else the reason of the one that got furthest.
    pub(crate) fn met_by(
        &self,
        id: ProviderId,
        provider: &Provider,
        claims: &Json,
    ) -> Result<(), Reason> {
        let mut furthest: Option<(u8, Reason)> = None;
        for alternative in self.open_to(id) {
            match alternative.met_by(provider, claims) {
                Ok(()) => return Ok(()),
                Err((step, reason)) if furthest.as_ref().is_none_or(|(best, _)| step > *best) => {
                    furthest = Some((step, reason));
                }
                Err(_) => {}
            }
        }
        Err(furthest.map_or_else(|| Untrusted::Issuer.into(), |(_, reason)| reason))
    }
}

impl Alternative {
    pub(crate) fn accepts(&self, provider: ProviderId) -> bool {
        self.provider.is_none_or(|own| own == provider)
    }

    /// The steps in the order in which they are reported: what no better token of this client could mend comes first.
    fn met_by(&self, provider: &Provider, claims: &Json) -> Result<(), (u8, Reason)> {
        self.audience_met_by(provider, claims)
            .map_err(|reason| (0, reason))?;
        if !self.claims.iter().all(|condition| condition.holds(claims)) {
            return Err((1, Forbidden::Claim.into()));
        }
        if !claims::grants(claims, &self.scopes) {
            return Err((
                2,
                Insufficient::Scope {
                    required: self.scopes.clone(),
                }
                .into(),
            ));
        }
        Ok(())
    }

    fn audience_met_by(&self, provider: &Provider, claims: &Json) -> Result<(), Reason> {
        let is_for =
            |audiences: &[String]| claims::audience_is(claims, &provider.audience_claim, audiences);
        if self.audiences.is_empty() {
            return if is_for(&provider.audiences)? {
                Ok(())
            } else {
                Err(Untrusted::Audience.into())
            };
        }
        for audiences in &self.audiences {
            if !is_for(audiences)? {
                return Err(Forbidden::Audience.into());
            }
        }
        Ok(())
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
