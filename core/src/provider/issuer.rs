//! Which tokens are a provider's: those of one issuer, of one for each tenant, or of a trust
//! domain.

use core::fmt;
use std::rc::Rc;

use crate::{json::Json, spiffe, uri};

/// Which tokens are a provider's.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// This one.
    Exact(Rc<str>),
    /// One for each tenant.
    Template(IssuerTemplate, Tenants),
    /// Those of this SPIFFE trust domain, `spiffe://NAME`, by the `sub` of their workloads
    /// (JWT-SVID section 3.1): they need no `iss`.
    TrustDomain(Rc<str>),
}

/// An issuer in which one segment of the path is the value of a claim, such as
/// `https://login.microsoftonline.com/{tid}/v2.0`.
#[derive(Clone, Debug)]
pub struct IssuerTemplate {
    /// As written.
    pub text: String,
    /// What stands before the segment; ends in `/`.
    pub before: String,
    /// The claim that the segment is equal to.
    pub claim: String,
    /// What stands behind the segment: nothing, or a slash and more.
    pub after: String,
}

/// The tenants whose tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// Whoever signs in at this issuer.
    Any,
    /// These; never empty.
    Named(Vec<String>),
}

impl Issuer {
    /// Whether tokens with these claims are the provider's.
    #[must_use]
    pub fn is(&self, claims: &Json) -> bool {
        let issuer = claims.get("iss").and_then(Json::as_str);
        match self {
            Self::Exact(exact) => issuer == Some(exact),
            Self::TrustDomain(own) => {
                let subject = claims.get("sub").and_then(Json::as_str);
                subject.and_then(spiffe::trust_domain) == own.strip_prefix(spiffe::SCHEME)
            }
            Self::Template(template, tenants) => {
                let tenant = issuer.and_then(|issuer| template.tenant(issuer));
                tenant.is_some_and(|tenant| {
                    let claim = claims.get(&template.claim).and_then(Json::as_str);
                    claim == Some(tenant) && tenants.take(tenant)
                })
            }
        }
    }

    /// The issuer of a token that is the provider's.
    pub(crate) fn of(&self, claims: &Json) -> Rc<str> {
        let own = || claims.get("iss").and_then(Json::as_str);
        match self {
            Self::Exact(exact) | Self::TrustDomain(exact) => Rc::clone(exact),
            Self::Template(..) => own().unwrap_or_default().into(),
        }
    }

    /// Whether a key that is for this issuer may sign tokens of `issuer`. Key sets of many tenants
    /// say with some keys whose they are: a tenant's issuer, or the template in words of its own.
    /// For one issuer it counts only where it names another one at the same host: JWK (RFC 7517)
    /// has no such member, and others may mean something else.
    pub(crate) fn lends(&self, of_key: Option<&str>, issuer: &str) -> bool {
        let Some(of_key) = of_key else {
            return true;
        };
        match self {
            Self::Template(template, _) => {
                let of_all = || {
                    let middle = template.middle(of_key)?;
                    middle.strip_prefix('{')?.strip_suffix('}')
                };
                of_key == issuer || of_all().is_some()
            }
            Self::Exact(exact) => {
                let is_other_here = match (uri::split(of_key), uri::split(exact)) {
                    // A template has braces, which no URI has.
                    (Ok((_, of_key, other)), Ok((_, host, own))) => {
                        of_key.eq_ignore_ascii_case(host)
                            && other.trim_end_matches('/') != own.trim_end_matches('/')
                    }
                    _ => false,
                };
                !is_other_here
            }
            Self::TrustDomain(_) => true,
        }
    }

    /// Adds all values of `iss`; none where nobody can list them.
    pub(crate) fn list(&self, all: &mut Vec<String>) {
        match self {
            Self::Exact(exact) => all.push(String::from(&**exact)),
            Self::Template(_, Tenants::Any) | Self::TrustDomain(_) => {}
            Self::Template(template, Tenants::Named(tenants)) => {
                for tenant in tenants {
                    all.push([&*template.before, tenant, &template.after].concat());
                }
            }
        }
    }

    /// Whether one token could be a token of both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (mut ones, mut others) = (self.text().split('/'), other.text().split('/'));
        loop {
            let meet = match (ones.next(), others.next()) {
                (None, None) => return true,
                (Some(one), Some(other_one)) => {
                    match (self.open_at(one), other.open_at(other_one)) {
                        (None, None) => one == other_one,
                        (Some(tenants), None) => is_plain(other_one) && tenants.take(other_one),
                        (None, Some(tenants)) => is_plain(one) && tenants.take(one),
                        (Some(tenants), Some(of_other)) => tenants.meet(of_other),
                    }
                }
                _ => false,
            };
            if !meet {
                return false;
            }
        }
    }

    /// Who may stand in this segment, if it is the open one.
    fn open_at(&self, segment: &str) -> Option<&Tenants> {
        match self {
            Self::Exact(_) | Self::TrustDomain(_) => None,
            Self::Template(_, tenants) => segment.starts_with('{').then_some(tenants),
        }
    }

    /// As it is written in the configuration.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Exact(exact) | Self::TrustDomain(exact) => exact,
            Self::Template(template, _) => &template.text,
        }
    }
}

impl fmt::Display for Issuer {
    /// As it is written in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl IssuerTemplate {
    /// The tenant in this issuer: one plain segment, so that no two issuers are read as one.
    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        self.middle(issuer).filter(|tenant| is_plain(tenant))
    }

    fn middle<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let rest = issuer.strip_prefix(&*self.before)?;
        rest.strip_suffix(&*self.after)
    }
}

impl Tenants {
    fn take(&self, tenant: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(tenants) => tenants.iter().any(|named| named == tenant),
        }
    }

    fn meet(&self, other: &Self) -> bool {
        match self {
            Self::Any => true,
            Self::Named(tenants) => tenants.iter().any(|tenant| other.take(tenant)),
        }
    }
}

/// Whether this may be a tenant: letters, digits, `-`, `_` and `.`, but no `.` or `..`.
pub(crate) fn is_plain(tenant: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    tenant.bytes().all(is_plain) && tenant.bytes().any(|b| b != b'.')
}

#[cfg(test)]
mod tests;
