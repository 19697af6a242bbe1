//! The keys of all providers, and when to fetch them next: a state machine without input or output
//! of its own.
//!
//! Time and answers go in; keys and the wish for a fetch come out. Per remote provider:
//!
//! ```text
//! never fetched -> fetching -> fresh -> stale -> unavailable
//!                                ^        |          |
//!                                +--------+----------+   a fetch that succeeds
//! ```
//!
//! - Keys are fetched before the first request, and again a little before they stop being fresh.
//!   Stale keys serve until `max_stale` is over; then there are none, and the answer is
//!   "unavailable", never "unknown".
//! - A fetch that fails leaves the keys in hand as they are. The next one comes after a backoff,
//!   whoever asks.
//! - An answer with an `ETag` is asked for by that name the next time; 304 then means "the same
//!   again". It is asked so only while the set in force outlives the fetch, so that there always is
//!   something to confirm.
//! - An empty set counts only when a second fetch brings one too. A set of which no key can be used
//!   is a failure.
//! - A key that the set does not hold causes a fetch, at the pace of `refetch_cooldown` with a
//!   burst of two. It is [`Lookup::Unknown`] only when a fetch that *started* after the key was
//!   first asked for has succeeded without it; until then [`Lookup::Pending`], or
//!   [`Lookup::Unavailable`] when the pace is spent or the fetch failed.
//! - "Unknown" holds for a second: long enough for those who have waited. Then the key may have
//!   been published, and is asked for again once no fetch has started for a cooldown. For a key
//!   that was in a set before, or is in it and cannot be used, it holds for a cooldown.
//! - Where the issuer's own document says where its keys are, the document comes first, and its
//!   address is followed while it is fresh, and until `max_stale` is over while fetches of it fail.
//!   It has a backoff of its own. Keys in hand do not depend on it, and keys that are due come
//!   before a refresh of it.
//! - **Rate**: at most one fetch of a provider is in flight, and two for the same thing start at
//!   least 200 ms apart.

mod document;
mod event;
mod locator;
mod pace;
mod reading;
mod remote;
mod report;
mod source;
mod unknown;
mod uri_prefix;

use core::{cell::Cell, time::Duration};
use std::rc::Rc;

pub use event::Event;
pub use report::Report;
pub use source::{Discovery, KeySource, Location, RemoteJwks, SourceOf, Sources};
pub use uri_prefix::UriPrefix;

use self::{reading::Reading, remote::Remote};
use crate::{
    crypto::Algorithm,
    fetch::{Answer, Call, FetchId, clock::Moment, jitter::Jitter},
    jose::{Jwk, JwkSet, SelectError},
    provider_id::ProviderId,
};

/// The keys of all providers.
#[derive(Debug)]
pub struct JwksCache {
    /// A lookup may have brought the next wake-up nearer, though nobody waits for it.
    hurried: Rc<Cell<bool>>,
    providers: Vec<Keys>,
}

#[derive(Debug)]
struct Keys {
    name: Rc<str>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Local(JwkSet),
    Remote(Box<Remote>),
}

/// What a fetch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The document in which the issuer says where its keys are.
    Discovery,
    /// The key set.
    Keys,
}

impl Purpose {
    /// The name of its fetches in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "fetches",
        }
    }
}

/// What is asked for: a JWK set (RFC 7517 section 8.5), or any JSON.
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// The keys of one provider as they were between two changes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeySetId {
    pub(crate) provider: ProviderId,
    pub(crate) generation: u64,
}

/// What the cache knows about the key of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// This is the key.
    Found(&'a Jwk),
    /// Wait for the fetch that is in flight or about to start, then ask again.
    Pending,
    /// There is no such key: the set is local, or a fetch since the key was first asked for says
    /// so.
    Unknown,
    /// The key exists, but not for this algorithm.
    Misfit,
    /// Without a `kid`, more than one key fits.
    Ambiguous,
    /// It cannot be known now, and waiting would not help soon.
    Unavailable {
        /// When to try again; at least a second.
        retry_after: Duration,
        /// The provider has keys; only whether this one is new cannot be asked now.
        has_keys: bool,
    },
}

impl<'a> Lookup<'a> {
    fn from_set(set: &'a JwkSet, kid: Option<&str>, algorithm: Algorithm) -> Self {
        match set.select(kid, algorithm) {
            Ok(jwk) => Lookup::Found(jwk),
            Err(SelectError::Unknown) => Lookup::Unknown,
            Err(SelectError::Misfit) => Lookup::Misfit,
            Err(SelectError::Ambiguous) => Lookup::Ambiguous,
        }
    }
}

impl JwksCache {
    /// The keys of the providers of a configuration.
    pub(crate) fn new(sources: Sources<'_>, seeds: &mut Jitter) -> Self {
        let hurried = Rc::<Cell<bool>>::default();
        let Sources { limits, providers } = sources;
        let providers = providers
            .into_iter()
            .map(|of| {
                #[rustfmt::skip]
                let SourceOf { name, keys, rsa, usage } = of;
                let source = match keys {
                    KeySource::Local(set) => Source::Local(set.clone().with_rsa(rsa)),
                    KeySource::Remote(remote) => {
                        let reading = Reading { limits, rsa, usage };
                        let hurried = Rc::clone(&hurried);
                        let remote = Remote::new(remote, reading, hurried, seeds.next());
                        Source::Remote(Box::new(remote))
                    }
                };
                let name = Rc::clone(name);
                Keys { name, source }
            })
            .collect();
        Self { hurried, providers }
    }

    /// Whether keys of this provider say the thumbprint of their certificate, so that one in a
    /// token names a key.
    pub(crate) fn has_thumbprints(&self, provider: ProviderId) -> bool {
        match self.providers.get(provider.0).map(|keys| &keys.source) {
            Some(Source::Local(set)) => set.has_thumbprints(),
            Some(Source::Remote(remote)) => remote.has_thumbprints(),
            None => false,
        }
    }

    /// The key for a token, and which set says so.
    pub(crate) fn lookup(
        &mut self,
        provider: ProviderId,
        kid: Option<&str>,
        alg: Algorithm,
        now: Moment,
    ) -> (Lookup<'_>, KeySetId) {
        let source = self.providers.get_mut(provider.0);
        let (lookup, generation) = match source.map(|keys| &mut keys.source) {
            Some(Source::Local(set)) => (Lookup::from_set(set, kid, alg), 0),
            Some(Source::Remote(remote)) => {
                let generation = remote.generation_at(now);
                (remote.lookup(kid, alg, now), generation)
            }
            // A provider of another configuration has no keys here.
            None => (Lookup::Unknown, 0),
        };
        let set = KeySetId {
            provider,
            generation,
        };
        (lookup, set)
    }

    /// The next fetch to start now; call it until it says `None`. It also ends fetches whose answer
    /// is lost.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(ProviderId, Purpose, Call)> {
        remotes(&mut self.providers).find_map(|(index, remote)| {
            let (purpose, call) = remote.poll(id, now)?;
            Some((ProviderId(index), purpose, call))
        })
    }

    /// Takes the answer to a fetch, and says whose keys it is about. `None`: the fetch is not in
    /// flight any more, and its answer was ignored.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        now: Moment,
    ) -> Option<ProviderId> {
        remotes(&mut self.providers).find_map(|(index, remote)| {
            remote
                .on_answer(id, answer, now)
                .then_some(ProviderId(index))
        })
    }

    /// From how many providers keys are fetched: at most one fetch of each is in flight.
    pub(crate) fn fetched(&self) -> usize {
        let remotes = self.providers.iter().filter_map(Keys::remote);
        remotes.count()
    }

    /// When [`Self::poll`] has something to do next. `None`: never.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        let remotes = self.providers.iter().filter_map(Keys::remote);
        remotes.map(Remote::next_change).min()
    }

    /// The same for one provider.
    pub(crate) fn next_change_of(&self, provider: ProviderId) -> Option<Moment> {
        self.remote(provider).map(Remote::next_change)
    }

    /// True once after lookups that may have brought [`Self::next_change`] nearer, whatever they
    /// said.
    pub(crate) fn take_hurried(&self) -> bool {
        self.hurried.take()
    }

    /// Whether a fetch of this provider is in flight.
    #[must_use]
    pub fn is_fetching(&self, provider: ProviderId) -> bool {
        self.remote(provider).is_some_and(Remote::is_fetching)
    }

    /// Whether the requests that wait for this provider wait for a fetch in flight.
    pub(crate) fn holds_waiters(&self, provider: ProviderId) -> bool {
        self.remote(provider).is_some_and(Remote::holds_waiters)
    }

    /// Longest that a request for keys of this provider is told to wait.
    pub(crate) fn longest_wait(&self, provider: ProviderId) -> Duration {
        let remote = self.remote(provider);
        remote.map_or(Duration::ZERO, Remote::longest_wait)
    }

    /// A number that changes whenever the set in force changes or ends: what is remembered about a
    /// token belongs to one of them. True as of the last call that took the time.
    #[must_use]
    pub fn generation(&self, provider: ProviderId) -> u64 {
        self.remote(provider).map_or(0, Remote::generation)
    }

    /// The numbers of each provider whose keys are fetched, as of this time.
    pub(crate) fn reports(
        &mut self,
        now: Moment,
    ) -> impl Iterator<Item = (ProviderId, Report<'_>)> {
        let numbered = self.providers.iter_mut().enumerate();
        numbered.filter_map(move |(index, keys)| {
            let Source::Remote(remote) = &mut keys.source else {
                return None;
            };
            Some((ProviderId(index), remote.report(&keys.name, now)))
        })
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for keys in &mut self.providers {
            if let Source::Remote(remote) = &mut keys.source {
                events.extend(remote.changes().into_iter().map(|change| Event {
                    provider: keys.name.to_string(),
                    change,
                }));
            }
        }
        events
    }

    fn remote(&self, provider: ProviderId) -> Option<&Remote> {
        self.providers.get(provider.0).and_then(Keys::remote)
    }
}

impl Keys {
    fn remote(&self) -> Option<&Remote> {
        match &self.source {
            Source::Remote(remote) => Some(remote),
            Source::Local(_) => None,
        }
    }
}

fn remotes(providers: &mut [Keys]) -> impl Iterator<Item = (usize, &mut Remote)> {
    providers
        .iter_mut()
        .enumerate()
        .filter_map(|(index, keys)| match &mut keys.source {
            Source::Local(_) => None,
            Source::Remote(remote) => Some((index, &mut **remote)),
        })
}

#[cfg(test)]
mod tests;
