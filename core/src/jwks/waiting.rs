//! The requests that wait for keys: bounded in number, in bytes and in time, and by provider.
//!
//! Half of the room is shared out evenly among the providers. Of the other half a provider may take no more than it
//! leaves free: so a slow provider, and even a dozen of them, leave room for those who wait for another's keys. Where
//! there is one provider all of the room is its own.
//!
//! [`super::JwksCache`] ends every wait by itself; the bound in time here is for the day on which it, or the host,
//! does not. It counts like the cache's clock: forward steps only.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{KeySource, SourceOf, Sources};
use crate::{
    fetch::clock::{Clock, Moment},
    limits::Limits,
    provider_id::ProviderId,
    time::UnixTime,
};

/// What may pass on top of the longest wait that the cache promises: a tick that comes late.
const GRACE: Duration = Duration::from_secs(1);

/// The requests of one worker that wait, by the numbers of their streams.
#[derive(Debug)]
pub struct WaitingRoom<T> {
    requests: Share,
    bytes: Share,
    clock: Clock,
    places: BTreeMap<u32, Place<T>>,
    /// The same, in the order in which they will have waited too long.
    deadlines: BTreeSet<(Moment, u32)>,
    /// The same by provider; a provider for which nobody waits has no queue.
    queues: BTreeMap<ProviderId, Queue>,
}

/// A request that waits.
#[derive(Debug)]
pub struct Place<T> {
    /// For whose keys.
    pub provider: ProviderId,
    /// What is kept of it.
    pub content: T,
    bytes: usize,
    deadline: Moment,
}

/// Who waits for a provider, and the bytes of their headers.
#[derive(Debug, Default)]
struct Queue {
    streams: BTreeSet<u32>,
    bytes: usize,
}

impl<T> WaitingRoom<T> {
    /// An empty room for requests of the providers whose keys are fetched.
    #[must_use]
    pub fn new<'c>(sources: impl Into<Sources<'c>>) -> Self {
        let Sources { limits, providers } = sources.into();
        let fetched = |source: &&SourceOf<'_>| matches!(source.keys, KeySource::Remote(_));
        Self::shared_by(providers.iter().filter(fetched).count(), &limits)
    }

    fn shared_by(providers: usize, limits: &Limits) -> Self {
        Self {
            requests: Share::new(limits.waiting_requests, providers),
            bytes: Share::new(limits.waiting_bytes, providers),
            clock: Clock::default(),
            places: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            queues: BTreeMap::new(),
        }
    }

    /// Lets a request of this size wait, at most for so long. False: there is no room.
    pub fn enter(
        &mut self,
        stream: u32,
        provider: ProviderId,
        (content, bytes): (T, usize),
        longest: Duration,
        now: UnixTime,
    ) -> bool {
        let deadline = self.clock.advance(now).plus(longest).plus(GRACE);
        let held = self.queues.get(&provider);
        let (requests, held_bytes) =
            held.map_or((0, 0), |queue| (queue.streams.len(), queue.bytes));
        if !self.requests.has_room(requests, 1) || !self.bytes.has_room(held_bytes, bytes) {
            return false;
        }
        self.put(
            stream,
            Place {
                provider,
                content,
                bytes,
                deadline,
            },
        );
        true
    }

    /// Lets a request that was taken out wait on, to its old deadline. False: that is over.
    pub fn stay(&mut self, stream: u32, place: Place<T>, now: UnixTime) -> bool {
        let stays = self.clock.advance(now) < place.deadline;
        if stays {
            self.put(stream, place);
        }
        stays
    }

    fn put(&mut self, stream: u32, place: Place<T>) {
        self.leave(stream);
        let queue = self.queues.entry(place.provider).or_default();
        self.requests.take(queue.streams.len(), 1);
        self.bytes.take(queue.bytes, place.bytes);
        queue.streams.insert(stream);
        queue.bytes = queue.bytes.saturating_add(place.bytes);
        self.deadlines.insert((place.deadline, stream));
        self.places.insert(stream, place);
    }

    /// Takes a request out: it is judged again, or its client has left.
    pub fn leave(&mut self, stream: u32) -> Option<Place<T>> {
        let place = self.places.remove(&stream)?;
        self.deadlines.remove(&(place.deadline, stream));
        if let Some(queue) = self.queues.get_mut(&place.provider) {
            queue.streams.remove(&stream);
            queue.bytes = queue.bytes.saturating_sub(place.bytes);
            self.requests.give_back(queue.streams.len(), 1);
            self.bytes.give_back(queue.bytes, place.bytes);
            if queue.streams.is_empty() {
                self.queues.remove(&place.provider);
            }
        }
        Some(place)
    }

    /// The streams that wait for such providers, or have waited too long. Asks once for each provider for which somebody
    /// waits, and looks at nobody else's requests.
    pub fn ready(&mut self, wanted: impl Fn(ProviderId) -> bool, now: UnixTime) -> Vec<u32> {
        let now = self.clock.advance(now);
        let mut ready = BTreeSet::new();
        for (provider, queue) in &self.queues {
            if wanted(*provider) {
                ready.extend(&queue.streams);
            }
        }
        let deadlines = self.deadlines.iter();
        let over = deadlines.take_while(|(deadline, _)| *deadline <= now);
        ready.extend(over.map(|(_, stream)| *stream));
        ready.into_iter().collect()
    }

    /// When the next request will have waited too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixTime> {
        let (deadline, _) = self.deadlines.first()?;
        Some(self.clock.to_wall(*deadline))
    }

    /// How many wait for keys of this provider.
    #[must_use]
    pub fn count(&self, provider: ProviderId) -> usize {
        let queue = self.queues.get(&provider);
        queue.map_or(0, |queue| queue.streams.len())
    }
}

/// How a quantity is shared out among providers.
#[derive(Debug)]
struct Share {
    /// All of it, and how much of that is taken.
    most: usize,
    taken: usize,
    /// What is each provider's own.
    own: usize,
    /// What is common, and how much of that is taken: what providers hold beyond their own.
    common: usize,
    taken_common: usize,
}

impl Share {
    const fn new(most: usize, providers: usize) -> Self {
        let own = match providers {
            0 | 1 => most,
            _ => match most.div_euclid(2).checked_div(providers) {
                Some(own) => own,
                None => 0,
            },
        };
        Self {
            most,
            taken: 0,
            own,
            common: most.saturating_sub(own.saturating_mul(providers)),
            taken_common: 0,
        }
    }

    /// Whether a provider that holds so much may have so much more.
    const fn has_room(&self, held: usize, more: usize) -> bool {
        let after = held.saturating_add(more);
        let free = self.common.saturating_sub(self.taken_common);
        self.taken.saturating_add(more) <= self.most
            && (after <= self.own || after.saturating_sub(self.own) <= free)
    }

    /// A provider that held so much gets so much more.
    const fn take(&mut self, held: usize, more: usize) {
        self.taken = self.taken.saturating_add(more);
        self.taken_common = self.taken_common.saturating_add(self.beyond(held, more));
    }

    /// A provider gives back so much and keeps so much.
    const fn give_back(&mut self, kept: usize, less: usize) {
        self.taken = self.taken.saturating_sub(less);
        self.taken_common = self.taken_common.saturating_sub(self.beyond(kept, less));
    }

    /// How much of `more` on top of what is held is common.
    const fn beyond(&self, held: usize, more: usize) -> usize {
        let after = held.saturating_add(more).saturating_sub(self.own);
        after.saturating_sub(held.saturating_sub(self.own))
    }
}

#[cfg(test)]
mod tests;
