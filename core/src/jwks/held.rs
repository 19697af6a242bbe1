//! The set in force, and how an answer becomes one.

use core::time::Duration;

use super::{Target, event::Failure};
use crate::{
    config::RemoteJwks,
    crypto::Algorithm,
    fetch::{
        answer::{Answer, Content},
        clock::Moment,
        fault::Fault,
        flight::Flight,
        freshness::{self, Headers, Validator, freshness},
    },
    jose::JwkSet,
    limits::Limits,
};

/// The set in force.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) set: JwkSet,
    /// What names this answer in the next fetch.
    pub(super) validator: Option<Validator>,
    /// How long the answer was fresh.
    fresh: Duration,
    confirmed: Moment,
    fresh_until: Moment,
    stale_until: Moment,
    stale: bool,
}

impl Held {
    /// A set that is fresh, then stale, until these two moments.
    pub(super) const fn new(
        set: JwkSet,
        validator: Option<Validator>,
        fresh: Duration,
        confirmed: Moment,
        (fresh_until, stale_until): (Moment, Moment),
    ) -> Self {
        Self {
            set,
            validator,
            fresh,
            confirmed,
            fresh_until,
            stale_until,
            stale: false,
        }
    }

    /// When the fetch started that brought or confirmed it.
    pub(super) const fn confirmed(&self) -> Moment {
        self.confirmed
    }

    pub(super) const fn is_stale(&self) -> bool {
        self.stale
    }

    pub(super) fn has_ended(&self, now: Moment) -> bool {
        self.stale_until <= now
    }

    /// Whether it may still serve then.
    pub(super) fn outlives(&self, then: Moment) -> bool {
        then <= self.stale_until
    }

    /// True once, when it is no longer fresh.
    pub(super) fn becomes_stale(&mut self, now: Moment) -> bool {
        let becomes = !self.stale && self.fresh_until <= now;
        self.stale |= becomes;
        becomes
    }

    /// When time alone changes it next.
    pub(super) const fn next_change(&self) -> Moment {
        if self.stale {
            self.stale_until
        } else {
            self.fresh_until
        }
    }
}

/// How sets are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) limits: Limits,
    /// What RSA keys are for that do not say it.
    pub(super) rsa: Option<Algorithm>,
}

/// A set and what its answer says about it.
pub(super) struct Received {
    pub(super) set: JwkSet,
    pub(super) validator: Option<Validator>,
    pub(super) fresh: Duration,
}

/// What the answer to a fetch of keys brings.
pub(super) fn read(
    answer: &Answer<'_>,
    flight: &Flight<Target>,
    held: Option<&Held>,
    source: &RemoteJwks,
    reading: &Reading,
) -> Result<Received, Failure> {
    let fresh =
        |headers: Headers<'_>| freshness(headers, source.cache_duration, source.max_cache_duration);
    match (answer.content(flight.conditional)?, held) {
        (Content::New { headers, body }, _) => Ok(Received {
            set: read_set(body, reading)?,
            validator: Validator::of(headers),
            fresh: fresh(headers),
        }),
        // RFC 9111 section 4.3.4: the answer of then, with what this one says anew.
        (Content::Same { headers }, Some(held)) => Ok(Received {
            set: held.set.clone(),
            validator: Validator::of(headers).or_else(|| held.validator.clone()),
            fresh: if freshness::is_said(headers) {
                fresh(headers)
            } else {
                held.fresh
            },
        }),
        (Content::Same { .. }, None) => Err(Fault::Status(304).into()),
    }
}

/// Only an empty set says that there are no keys. One of which no key can be used is a mistake, of the provider or
/// here, and harms the keys in hand as little as any other.
fn read_set(body: &[u8], Reading { limits, rsa }: &Reading) -> Result<JwkSet, Failure> {
    let set = JwkSet::parse(body, limits).map_err(Failure::Unreadable)?;
    if set.keys().is_empty() && !set.skipped().is_empty() {
        return Err(Failure::Unusable(set.skipped().to_vec()));
    }
    Ok(set.with_rsa(*rsa))
}
