//! The registered claims (RFC 7519 section 4.1) and the shapes in which others come.

use core::time::Duration;
use std::borrow::Cow;

use crate::{
    jose::numeric_date,
    json::Json,
    provider::Provider,
    reason::{Malformed, Reason, Untrusted},
    text::shown,
    time::UnixTime,
};

/// Judges everything in a token's claims that is the same for all rules: time and subject.
///
/// Cheap, so it comes before the signature: it can only refuse.
pub(crate) fn check(claims: &Json, provider: &Provider, now: UnixTime) -> Result<(), Reason> {
    subject(claims, &provider.subject_claims).ok_or(Malformed::Claims)?;
    check_time(claims, provider, now)
}

/// Whom the token is about, by the first of these claims that is a string and not empty. RFC 9068
/// section 2.2 demands `sub`. A claim that stands in for it is named, so that a client never passes
/// for a person, nor a person for a client.
pub(crate) fn subject<'c>(claims: &'c Json, names: &[String]) -> Option<Cow<'c, str>> {
    let (name, value) = names.iter().find_map(|name| {
        let value = claims.get(name)?.as_str()?;
        (!value.is_empty()).then_some((name, value))
    })?;
    if name != "sub" {
        return Some([name.as_str(), ":", value].concat().into());
    }
    let starts = |name: &String| {
        let rest = value.strip_prefix(&**name);
        name != "sub" && rest.is_some_and(|rest| rest.starts_with(':'))
    };
    (!names.iter().any(starts)).then_some(Cow::Borrowed(value))
}

/// The same for its time alone.
pub(crate) fn check_time(claims: &Json, provider: &Provider, now: UnixTime) -> Result<(), Reason> {
    let skew = provider.clock_skew;
    let date = |name: &str| {
        let date = claims.get(name).map(numeric_date);
        date.map(|date| date.ok_or(Malformed::Claims)).transpose()
    };
    let expires = date("exp")?.ok_or(Malformed::Claims)?;
    let not_before = date("nbf")?;
    let issued = date("iat")?;
    // RFC 7519 section 4.1.4: on or after the expiration time the token is not accepted.
    if now >= expires.saturating_add(skew) {
        return Err(Untrusted::Expired.into());
    }
    if not_before.is_some_and(|not_before| now.saturating_add(skew) < not_before) {
        return Err(Untrusted::NotYetValid.into());
    }
    if issued.is_some_and(|issued| now.saturating_add(skew) < issued) {
        return Err(Untrusted::IssuedInFuture.into());
    }
    match (provider.max_token_lifetime, issued) {
        (Some(longest), Some(issued)) if expires.since(issued) <= longest => Ok(()),
        (Some(_), _) => Err(Untrusted::Lifetime.into()),
        (None, _) => Ok(()),
    }
}

/// `exp - iat`, where both are there.
pub(crate) fn lifetime(claims: &Json) -> Option<Duration> {
    let date = |name: &str| claims.get(name).and_then(numeric_date);
    Some(date("exp")?.since(date("iat")?))
}

/// Which claim has a wrong type or is missing, and what it is instead, where [`check`] or
/// [`audience_is`] found the claims malformed. A subject may be a person's name, and records can be
/// told not to show it. So only its type is said.
pub(crate) fn fault(claims: &Json, audience: &str, subject: &[String]) -> Option<String> {
    let date = "seconds since 1970, a number";
    let is_date = |name: &str| {
        claims
            .get(name)
            .is_none_or(|date| numeric_date(date).is_some())
    };
    let (name, wanted) = if self::subject(claims, subject).is_none() {
        let sub = subject.first().and_then(|name| claims.get(name));
        let found = type_of(sub).replace("the ", "a ");
        let names = subject.join(" or ");
        return Some([&names, ": a string that is not empty; it is ", &found].concat());
    } else if claims.get("exp").and_then(numeric_date).is_none() {
        ("exp", date)
    } else if let Some(name) = ["nbf", "iat"].into_iter().find(|name| !is_date(name)) {
        (name, date)
    } else if audience_is(claims, audience, &[]).is_err() {
        (audience, "a string, or a list of strings")
    } else {
        return None;
    };
    let found = told(claims.get(name));
    Some([name, ": ", wanted, "; it is ", &found].concat())
}

/// Type and value of a claim, cut and escaped.
pub(crate) fn told(claim: Option<&Json>) -> String {
    let is_told_by_type = match claim {
        Some(Json::String(text)) => text.is_empty(),
        Some(Json::Number(_) | Json::Array(_) | Json::Object(_)) => false,
        None | Some(Json::Null | Json::Bool(_)) => true,
    };
    let of_type = type_of(claim);
    if is_told_by_type {
        return of_type.to_owned();
    }
    let value = claim.map(|claim| shown(&claim.to_string()));
    [of_type, " ", &value.unwrap_or_default()].concat()
}

/// The type of a claim in words, and its value where that says no more.
pub(crate) fn type_of(claim: Option<&Json>) -> &'static str {
    match claim {
        None => "absent",
        Some(Json::Null) => "null",
        Some(Json::Bool(true)) => "true",
        Some(Json::Bool(false)) => "false",
        Some(Json::Number(_)) => "the number",
        Some(Json::String(text)) if text.is_empty() => "an empty string",
        Some(Json::String(_)) => "the string",
        Some(Json::Array(_)) => "the list",
        Some(Json::Object(_)) => "the object",
    }
}

/// Whether the audience claim holds one of `accepted` (RFC 7519 section 4.1.3): a string, or a list
/// of strings.
pub(crate) fn audience_is(claims: &Json, claim: &str, accepted: &[String]) -> Result<bool, Reason> {
    let is_accepted = |audience: &str| accepted.iter().any(|a| a == audience);
    match claims.get(claim) {
        None => Ok(false),
        Some(Json::String(audience)) => Ok(is_accepted(audience)),
        Some(Json::Array(audiences)) => {
            let audiences: Option<Vec<&str>> = audiences.iter().map(Json::as_str).collect();
            Ok(audiences
                .ok_or(Malformed::Claims)?
                .into_iter()
                .any(is_accepted))
        }
        Some(_) => Err(Malformed::Claims.into()),
    }
}

/// Whether all scopes are granted: in `scope`, separated by blanks (RFC 8693 section 4.2), or in
/// the list `scp`. Some issuers write either of them in the form of the other.
pub(crate) fn grants(claims: &Json, scopes: &[String]) -> bool {
    if scopes.is_empty() {
        return true;
    }
    let is_list = |claim: &&Json| matches!(claim, Json::String(_) | Json::Array(_));
    let claim = claims.get("scope").filter(is_list);
    let granted: Vec<&str> = match claim.or_else(|| claims.get("scp")) {
        Some(Json::String(scopes)) => scopes.split(' ').collect(),
        Some(Json::Array(scopes)) => scopes.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    scopes.iter().all(|scope| granted.contains(&scope.as_str()))
}

#[cfg(test)]
mod tests;
