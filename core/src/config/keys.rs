//! Where a provider's keys come from: exactly one source.

use core::time::Duration;

use super::{
    Discovery, Issuer, KeySource, Location, RemoteJwks, duration,
    raw::{RawDiscovery, RawHttpUri, RawLocalJwks, RawRemoteJwks, Times},
    uri,
    words::DocumentKind,
};
use crate::{
    crypto::Algorithm,
    decode::{At, Field, Problems, shown},
    fetch::Endpoint,
    jose::{JwkSet, JwkSetError, KeyUse},
    limits::{self, Limits},
};

/// The key sources as people wrote them.
pub(super) struct Sources {
    pub(super) remote: Field<RawRemoteJwks>,
    pub(super) discovery: Field<RawDiscovery>,
    pub(super) local: Field<RawLocalJwks>,
}

impl Sources {
    /// Whether one is named, right or wrong.
    pub(super) fn is_some(&self) -> bool {
        !(self.remote.is_absent() && self.discovery.is_absent() && self.local.is_absent())
    }
}

/// The one source that is given.
#[inline(never)]
pub(super) fn source(
    sources: Sources,
    issuer: Option<&Issuer>,
    algorithms: &[Algorithm],
    (limits, usage): (&Limits, KeyUse),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<KeySource> {
    let Sources {
        remote,
        discovery,
        local,
    } = sources;
    let given = [
        ("remote_jwks", !remote.is_absent()),
        ("discovery", !discovery.is_absent()),
        ("local_jwks", !local.is_absent()),
    ];
    let given: Vec<&str> = given
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect();
    match *given {
        [] => problems.add(
            at,
            &["has no keys"],
            &["write remote_jwks, discovery or local_jwks; or introspection, for opaque tokens"],
        ),
        [_] => {}
        _ => problems.add(
            at,
            &[&given.join(" and "), " are given"],
            &["write one of them"],
        ),
    }
    let remote = remote
        .given()
        .and_then(|raw| remote_jwks(raw, at.member("remote_jwks"), problems));
    let discovery = discovery
        .given()
        .and_then(|raw| discovered(raw, issuer, at.member("discovery"), problems));
    let local = local.given().and_then(|raw| {
        let at = at.member("local_jwks");
        local_jwks(raw, algorithms, (limits, usage), at, problems)
    });
    remote
        .or(discovery)
        .map(KeySource::Remote)
        .or(local.map(KeySource::Local))
}

fn remote_jwks(raw: RawRemoteJwks, at: At<'_>, problems: &mut Problems) -> Option<RemoteJwks> {
    let RawRemoteJwks { http_uri, times } = raw;
    let fetched = http_uri_of(http_uri, at, problems);
    let fetched = fetched.map(|(endpoint, timeout)| (Location::Fixed(endpoint), timeout));
    within(times, fetched, at, problems)
}

fn discovered(
    raw: RawDiscovery,
    issuer: Option<&Issuer>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<RemoteJwks> {
    let RawDiscovery {
        document,
        cluster,
        jwks_cluster,
        jwks_uri_prefix,
        timeout,
        refresh,
        times,
    } = raw;
    let timeout = bounded_timeout(timeout, at, problems);
    let refresh = refresh.given().unwrap_or(HOUR);
    let most = Duration::from_secs(limits::KEY_AGE_SECS);
    duration::bound(refresh, SECOND, most, at.member("refresh"), problems);
    let found = || {
        let issuer = match issuer? {
            Issuer::Exact(issuer) => issuer,
            Issuer::TrustDomain(_) => return None,
            Issuer::Template(..) => {
                problems.add(
                    at,
                    &["issuers of many tenants have no document in common"],
                    &["write remote_jwks; Entra's keys for all tenants are at \
                      https://login.microsoftonline.com/common/discovery/v2.0/keys"],
                );
                return None;
            }
        };
        let cluster = cluster.given()?;
        let place = match document.given() {
            None | Some(DocumentKind::Openid) => uri::openid_document,
            Some(DocumentKind::Oauth) => uri::oauth_document,
        };
        let Some(document) = place(issuer) else {
            problems.add(
                at,
                &["the issuer is no http or https URI without query, so it has no document"],
                &["write remote_jwks"],
            );
            return None;
        };
        Some(Discovery {
            issuer: issuer.to_string(),
            jwks_cluster: match jwks_cluster {
                Field::Absent => cluster.0.clone(),
                given => given.given()?.0,
            },
            document: document.through(cluster.0),
            jwks_uri_prefix: jwks_uri_prefix.given()?,
            refresh,
        })
    };
    let location = found().map(|found| Location::Discovered(Box::new(found)));
    within(
        times,
        location.map(|location| (location, timeout)),
        at,
        problems,
    )
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Shorter than the five seconds within which a provider that comes back is served again, though
/// its last attempt hang.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Where something is fetched, and the most that one try may take; `at` is what has the member.
pub(super) fn http_uri_of(
    http_uri: Field<RawHttpUri>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<(Endpoint, Duration)> {
    let RawHttpUri {
        uri,
        cluster,
        timeout,
    } = http_uri.given()?;
    let timeout = bounded_timeout(timeout, at.member("http_uri"), problems);
    let uri = uri.given()?;
    Some((uri.through(cluster.given()?.0), timeout))
}

pub(super) fn bounded_timeout(
    timeout: Field<Duration>,
    at: At<'_>,
    problems: &mut Problems,
) -> Duration {
    let timeout = timeout.given().unwrap_or(TIMEOUT);
    let least = Duration::from_millis(limits::FETCH_TIMEOUT_MIN_MILLIS);
    let most = Duration::from_millis(limits::FETCH_TIMEOUT_MAX_MILLIS);
    duration::bound(timeout, least, most, at.member("timeout"), problems);
    timeout
}

/// Keys from a place, with the times of their life.
fn within(
    times: Times,
    fetched: Option<(Location, Duration)>,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<RemoteJwks> {
    let Times {
        cache_duration,
        max_cache_duration,
        max_stale,
        refetch_cooldown,
    } = times;
    let mut bounded = |field: Field<Duration>, default, least, most, name| {
        let Some(value) = field.given() else {
            return default;
        };
        duration::bound(value, least, most, at.member(name), problems);
        value
    };
    let most = Duration::from_secs(limits::KEY_AGE_SECS);
    let cache_duration = bounded(
        cache_duration,
        Duration::from_secs(300),
        SECOND,
        most,
        "cache_duration",
    );
    let max_cache_duration = bounded(
        max_cache_duration,
        cache_duration,
        SECOND,
        most,
        "max_cache_duration",
    );
    let max_stale = bounded(max_stale, HOUR, Duration::ZERO, most, "max_stale");
    let slowest = Duration::from_secs(limits::REFETCH_COOLDOWN_SECS);
    let refetch_cooldown = bounded(
        refetch_cooldown,
        Duration::from_secs(30),
        SECOND,
        slowest,
        "refetch_cooldown",
    );
    if max_cache_duration < cache_duration {
        let seen = [
            &*duration::written(max_cache_duration),
            " is shorter than cache_duration",
        ];
        let wanted = ["write at least ", &duration::written(cache_duration)];
        problems.add(at.member("max_cache_duration"), &seen, &wanted);
    }
    let (location, timeout) = fetched?;
    Some(RemoteJwks {
        location,
        timeout,
        cache_duration,
        max_cache_duration,
        max_stale,
        refetch_cooldown,
    })
}

/// A fetched set may hold odd keys; one that a person wrote down is right or refused.
fn local_jwks(
    raw: RawLocalJwks,
    algorithms: &[Algorithm],
    (limits, usage): (&Limits, KeyUse),
    at: At<'_>,
    problems: &mut Problems,
) -> Option<JwkSet> {
    let RawLocalJwks { inline_string } = raw;
    let at = at.member("inline_string");
    let set = match JwkSet::read(inline_string.given()?.0.as_bytes(), limits, usage) {
        Ok(set) => set,
        Err(error @ (JwkSetError::TooLarge | JwkSetError::TooManyKeys)) => {
            problems.add(at, &["is ", &error.to_string()], &["write fewer keys"]);
            return None;
        }
        Err(error) => {
            let error = error.to_string();
            problems.add(at, &["is no JWK set: ", &error], &["write {\"keys\":[…]}"]);
            return None;
        }
    };
    for key in set.skipped() {
        let advice = if key.secret {
            "write public keys only, and replace this one where it is used"
        } else {
            "correct or remove it"
        };
        let seen = [
            "the key ",
            &shown::text(&key.name),
            " is not usable: ",
            &key.fault,
        ];
        problems.add(at, &seen, &[advice]);
    }
    let usable = |jwk: &crate::jose::Jwk| algorithms.iter().any(|&algorithm| jwk.fits(algorithm));
    if !set.keys().iter().any(usable) && set.skipped().is_empty() {
        problems.add(
            at,
            &["holds no key for the provider's algorithms"],
            &["write at least one"],
        );
    }
    Some(set)
}
