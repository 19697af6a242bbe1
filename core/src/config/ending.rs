//! What ends the authority of tokens before `exp`: from what people write to where it is fetched.

use core::time::Duration;

use super::{
    duration, keys,
    raw::{RawRevocations, RawStatusLists},
};
use crate::{
    decode::{At, Field, Problems, Text, Words},
    limits,
    revocation::{NameClaims, RevocationSource, Revocations, WhenUnavailable},
    status_list::StatusListSource,
};

impl Words for WhenUnavailable {
    const ALL: &'static [Self] = &[Self::Deny, Self::Allow];

    fn word(&self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

pub(super) fn revocations(
    raw: RawRevocations,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<Revocations> {
    let RawRevocations {
        http_uri,
        cache_duration,
        max_stale,
        when_unavailable,
        session_claim,
        client_claim,
        credential_claim,
        aaguid_claim,
    } = raw;
    let cache_duration = age(cache_duration, 5, 1, at.member("cache_duration"), problems);
    let max_stale = age(max_stale, 60, 0, at.member("max_stale"), problems);
    let (endpoint, timeout) = keys::http_uri_of(http_uri, at, problems)?;
    let claim = |field: Field<Text>| field.given().map(|claim| claim.0);
    let or = |claim: Option<String>, usual: &str| claim.unwrap_or_else(|| usual.to_owned());
    Some(Revocations {
        source: RevocationSource {
            endpoint,
            timeout,
            cache_duration,
            max_stale,
            when_unavailable: when_unavailable.given().unwrap_or_default(),
        },
        names: NameClaims {
            session: or(claim(session_claim), "sid"),
            client: or(claim(client_claim), "client_id"),
            credential: claim(credential_claim),
            aaguid: claim(aaguid_claim),
        },
    })
}

pub(super) fn status_lists(
    raw: RawStatusLists,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<StatusListSource> {
    let RawStatusLists {
        uri_prefix,
        cluster,
        timeout,
        cache_duration,
        max_cache_duration,
        required,
    } = raw;
    let timeout = keys::bounded_timeout(timeout, at, problems);
    let cache_duration = age(
        cache_duration,
        300,
        1,
        at.member("cache_duration"),
        problems,
    );
    let at = at.member("max_cache_duration");
    let max_cache_duration = age(max_cache_duration, 3_600, 1, at, problems);
    if max_cache_duration < cache_duration {
        let seen = [
            &*duration::written(max_cache_duration),
            " is shorter than cache_duration",
        ];
        let wanted = ["write at least ", &duration::written(cache_duration)];
        problems.add(at, &seen, &wanted);
    }
    Some(StatusListSource {
        uri_prefix: uri_prefix.given()?,
        cluster: cluster.given()?.0,
        timeout,
        cache_duration,
        max_cache_duration,
        required: required.given().unwrap_or(false),
    })
}

/// A time of at least so many seconds and at most a week.
pub(super) fn age(
    field: Field<Duration>,
    usual: u64,
    least: u64,
    at: At<'_>,
    problems: &mut Problems,
) -> Duration {
    let Some(value) = field.given() else {
        return Duration::from_secs(usual);
    };
    let most = Duration::from_secs(limits::KEY_AGE_SECS);
    duration::bound(value, Duration::from_secs(least), most, at, problems);
    value
}
