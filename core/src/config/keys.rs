//! Where a provider's keys come from: exactly one source.

use core::time::Duration;

use super::{
    KeySource, RemoteJwks,
    decode::{At, Field, Problems},
    duration,
    raw::{RawHttpUri, RawLocalJwks, RawRemoteJwks},
    shown,
};
use crate::{
    crypto::Algorithm,
    jose::{JwkSet, JwkSetError},
    limits::{self, Limits},
};

/// The one source that is given.
pub(super) fn source(
    remote: Field<RawRemoteJwks>,
    local: Field<RawLocalJwks>,
    algorithms: &[Algorithm],
    limits: &Limits,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<KeySource> {
    match (remote.is_absent(), local.is_absent()) {
        (true, true) => problems.add(at, "has no keys; write remote_jwks or local_jwks"),
        (false, false) => {
            problems.add(
                at,
                "remote_jwks and local_jwks are both given; write one of them",
            );
        }
        (false, true) | (true, false) => {}
    }
    let remote = remote
        .given()
        .and_then(|raw| remote_jwks(raw, at.member("remote_jwks"), problems));
    let local = local
        .given()
        .and_then(|raw| local_jwks(raw, algorithms, limits, at.member("local_jwks"), problems));
    remote
        .map(KeySource::Remote)
        .or(local.map(KeySource::Local))
}

fn remote_jwks(raw: RawRemoteJwks, at: At<'_>, problems: &mut Problems) -> Option<RemoteJwks> {
    let RawRemoteJwks {
        http_uri,
        cache_duration,
        max_cache_duration,
        max_stale,
        refetch_cooldown,
    } = raw;
    let mut bounded = |field: Field<Duration>, default, least, most, name| {
        let Some(value) = field.given() else {
            return default;
        };
        duration::bound(value, least, most, at.member(name), problems);
        value
    };
    let second = Duration::from_secs(1);
    let hour = Duration::from_secs(3_600);
    let most = Duration::from_secs(limits::KEY_AGE_SECS);
    let fresh = bounded(
        cache_duration,
        Duration::from_secs(300),
        second,
        most,
        "cache_duration",
    );
    let max_fresh = bounded(
        max_cache_duration,
        fresh,
        second,
        most,
        "max_cache_duration",
    );
    let stale = bounded(max_stale, hour, Duration::ZERO, most, "max_stale");
    let slowest = Duration::from_secs(limits::REFETCH_COOLDOWN_SECS);
    let cooldown = bounded(
        refetch_cooldown,
        Duration::from_secs(30),
        second,
        slowest,
        "refetch_cooldown",
    );
    if max_fresh < fresh {
        let shown = duration::written(max_fresh);
        let hint = [
            &shown,
            " is shorter than cache_duration; write at least ",
            &duration::written(fresh),
        ];
        problems.add(at.member("max_cache_duration"), hint.concat());
    }
    let RawHttpUri {
        uri,
        cluster,
        timeout,
    } = http_uri.given()?;
    let http_uri = at.member("http_uri");
    let timeout = timeout.given().unwrap_or(Duration::from_secs(5));
    let least = Duration::from_millis(limits::FETCH_TIMEOUT_MIN_MILLIS);
    let most = Duration::from_millis(limits::FETCH_TIMEOUT_MAX_MILLIS);
    duration::bound(timeout, least, most, http_uri.member("timeout"), problems);
    let uri = uri.given()?;
    Some(RemoteJwks {
        authority: uri.authority,
        path: uri.path,
        scheme: uri.scheme,
        cluster: cluster.given()?.0,
        timeout,
        cache_duration: fresh,
        max_cache_duration: max_fresh,
        max_stale: stale,
        refetch_cooldown: cooldown,
    })
}

/// A fetched set may hold odd keys; one that a person wrote down is right or refused.
fn local_jwks(
    raw: RawLocalJwks,
    algorithms: &[Algorithm],
    limits: &Limits,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<JwkSet> {
    let RawLocalJwks { inline_string } = raw;
    let at = at.member("inline_string");
    let set = match JwkSet::parse(inline_string.given()?.0.as_bytes(), limits) {
        Ok(set) => set,
        Err(error @ (JwkSetError::TooLarge | JwkSetError::TooManyKeys)) => {
            problems.add(
                at,
                ["is ", &error.to_string(), "; write fewer keys"].concat(),
            );
            return None;
        }
        Err(error) => {
            let error = error.to_string();
            problems.add(
                at,
                ["is no JWK set: ", &error, "; write {\"keys\":[…]}"].concat(),
            );
            return None;
        }
    };
    for key in set.skipped() {
        let advice = if key.secret {
            "; write public keys only, and replace this one where it is used"
        } else {
            "; correct or remove it"
        };
        problems.add(
            at,
            [
                "the key ",
                &shown::text(&key.name),
                " is not usable: ",
                key.reason,
                advice,
            ]
            .concat(),
        );
    }
    let usable = |jwk: &crate::jose::Jwk| algorithms.iter().any(|&algorithm| jwk.fits(algorithm));
    if !set.keys().iter().any(usable) && set.skipped().is_empty() {
        problems.add(
            at,
            "holds no key for the provider's algorithms; write at least one",
        );
    }
    Some(set)
}
