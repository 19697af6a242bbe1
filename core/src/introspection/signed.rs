//! Signed answers (RFC 9701 section 5): whose they are, for whom, and of when. The signature is
//! checked by those who have the keys.

use core::time::Duration;

use super::{
    answer::{Answered, Name, Unreadable, judge, parse},
    source::SignedFor,
};
use crate::{
    fetch::clock::Moment,
    jose::{Signed, numeric_date},
    json::Json,
    limits,
    time::UnixTime,
};

/// Takes a signed answer apart. Nothing of it is true yet. `starts` is when its question was sent,
/// `arrived` and `now` when it came.
pub(super) fn read_signed(
    body: &[u8],
    signed_for: &SignedFor,
    (issuer, cache_duration, name): (&str, Duration, Name),
    (starts, arrived, now): (Moment, Moment, UnixTime),
) -> Result<(Signed, Answered, Duration), Unreadable> {
    let most = limits::INTROSPECTION_BYTES;
    let parsed = Signed::parse(body, "token-introspection+jwt", most);
    let (signed, payload) = parsed.map_err(Unreadable::Unsigned)?;
    let claims = parse(&payload)?;
    let must = |holds: bool, otherwise| holds.then_some(()).ok_or(Unreadable::Unsigned(otherwise));
    let says = claims.get("iss").and_then(Json::as_str);
    must(says == Some(issuer), "its iss is another issuer")?;
    let is_ours = |audience: &Json| audience.as_str() == Some(&*signed_for.client);
    let is_for_us = match claims.get("aud") {
        Some(Json::Array(audiences)) => audiences.iter().any(is_ours),
        audience => audience.is_some_and(is_ours),
    };
    must(is_for_us, "its aud is another client")?;
    let skew = signed_for.skew;
    let date = |name: &str| claims.get(name).map(numeric_date);
    let issued = date("iat").flatten();
    let is_new = |issued: UnixTime| {
        // Dates are in whole seconds.
        let slack = arrived.since(starts).saturating_add(Duration::from_secs(1));
        let last = issued.saturating_add(skew).saturating_add(slack);
        issued <= now.saturating_add(skew) && now <= last
    };
    must(
        issued.is_some_and(is_new),
        "its iat is not of now; do the clocks agree?",
    )?;
    let expires = date("exp");
    let is_over = |expires: Option<UnixTime>| {
        expires.is_none_or(|expires| now >= expires.saturating_add(skew))
    };
    must(!expires.is_some_and(is_over), "its exp is over")?;
    let told = claims.get("token_introspection").cloned();
    let told = told.ok_or(Unreadable::Unsigned("it has no token_introspection"))?;
    let left = expires.flatten();
    let cache_duration = left.map_or(cache_duration, |at| at.since(now).min(cache_duration));
    let (answered, fresh) = judge(told, (issuer, cache_duration, name), starts, now)?;
    Ok((signed, answered, fresh))
}
