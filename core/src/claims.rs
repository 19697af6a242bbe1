//! The registered claims (RFC 7519 section 4.1) and the shapes in which others come.

use crate::{
    jose::numeric_date,
    json::Json,
    provider::Provider,
    reason::{Malformed, Reason, Untrusted},
    time::UnixTime,
};

/// Judges everything in a token's claims that is the same for all rules: time, subject, key binding.
///
/// Cheap, so it comes before the signature: it can only refuse.
pub(crate) fn check(claims: &Json, provider: &Provider, now: UnixTime) -> Result<(), Reason> {
    check_subject(claims)?;
    check_key_binding(claims)?;
    check_time(claims, provider, now)
}

/// RFC 9068 section 2.2 demands `sub`; the principal is made of it.
fn check_subject(claims: &Json) -> Result<(), Reason> {
    match claims.get("sub") {
        Some(Json::String(sub)) if !sub.is_empty() => Ok(()),
        _ => Err(Malformed::Claims.into()),
    }
}

/// A token that names a key (RFC 7800) is no bearer token, whatever members its `cnf` has.
fn check_key_binding(claims: &Json) -> Result<(), Reason> {
    if claims.get("cnf").is_some() {
        Err(Untrusted::KeyBound.into())
    } else {
        Ok(())
    }
}

fn check_time(claims: &Json, provider: &Provider, now: UnixTime) -> Result<(), Reason> {
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

/// Whether the audience claim holds one of `accepted` (RFC 7519 section 4.1.3): a string, or a list of strings.
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

/// Whether all scopes are granted: in `scope`, separated by blanks (RFC 8693 section 4.2), or in the list `scp`.
pub(crate) fn grants(claims: &Json, scopes: &[String]) -> bool {
    let granted: Vec<&str> = match (claims.get("scope"), claims.get("scp")) {
        (Some(Json::String(scope)), _) => scope.split(' ').collect(),
        (_, Some(Json::Array(scopes))) => scopes.iter().filter_map(Json::as_str).collect(),
        // Entra writes `scp` as a string.
        (_, Some(Json::String(scopes))) => scopes.split(' ').collect(),
        _ => Vec::new(),
    };
    scopes.iter().all(|scope| granted.contains(&scope.as_str()))
}

#[cfg(test)]
mod tests;
