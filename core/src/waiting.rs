//! The requests that wait for something from elsewhere: bounded in number, in bytes and in time,
//! and by provider.
//!
//! Half of the room is shared out evenly among the providers. Of the other half a provider may take
//! no more than it leaves free: so a slow provider, and even a dozen of them, leave room for those
//! who wait for another. Where there is one provider all of the room is its own. Requests that wait
//! for their own bodies have a share as if they were one more provider: slow clients leave room for
//! those who wait for keys. In that share one approval waits once, and one person for a few bodies:
//! people leave room for each other.
//!
//! [`Supply`](crate::supply::Supply) ends every wait by itself; the bound in time here is for the
//! day on which it, or the host, does not. It counts like the supply's clock: forward steps only.

use core::time::Duration;

use crate::{
    fetch::clock::{Clock, Moment},
    jwks::{KeySource, SourceOf, Sources},
    limits::{self, Limits},
    provider_id::ProviderId,
    sorted::SortedMap,
    supply::{Need, Suppliers},
    time::UnixTime,
};

/// What may pass on top of the longest wait that the supply promises: a tick that comes late.
const GRACE: Duration = Duration::from_secs(1);

/// The requests of one worker that wait, by the numbers of their streams.
#[derive(Debug)]
pub struct WaitingRoom<T> {
    requests: Share,
    bytes: Share,
    clock: Clock,
    places: SortedMap<u32, Box<Place<T>>>,
    /// The same, in the order in which they will have waited too long.
    deadlines: SortedMap<(Moment, u32), ()>,
    /// The same by what they wait for.
    queues: SortedMap<(Need, u32), ()>,
    /// What they hold, by the number of their share.
    held: Vec<Held>,
}

/// A request that waits.
#[derive(Debug)]
pub struct Place<T> {
    /// For what.
    pub need: Need,
    /// What is kept of it.
    pub content: T,
    bytes: usize,
    deadline: Moment,
}

/// What those hold who wait for one provider, or for bodies: places, and bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    requests: usize,
    bytes: usize,
}

impl<T> WaitingRoom<T> {
    /// An empty room for requests of the providers from whom something is fetched.
    #[must_use]
    pub fn new<'c>(suppliers: impl Into<Suppliers<'c>>) -> Self {
        let Suppliers {
            keys,
            endings,
            reads_bodies,
        } = suppliers.into();
        let Sources { limits, providers } = keys;
        let is_fetched = |(index, source): &(usize, &SourceOf<'_>)| {
            matches!(source.keys, KeySource::Remote(_))
                || endings.iter().any(|ending| ending.provider.0 == *index)
        };
        let fetched = providers.iter().enumerate().filter(is_fetched);
        let shares = fetched.count().saturating_add(usize::from(reads_bodies));
        Self::shared_by(shares, &limits)
    }

    fn shared_by(shares: usize, limits: &Limits) -> Self {
        Self {
            requests: Share::new(limits.waiting_requests, shares),
            bytes: Share::new(limits.waiting_bytes, shares),
            clock: Clock::default(),
            places: SortedMap::default(),
            deadlines: SortedMap::default(),
            queues: SortedMap::default(),
            held: Vec::new(),
        }
    }

    /// Lets a request of this size wait, at most for so long. False: there is no room.
    pub fn enter(
        &mut self,
        stream: u32,
        need: Need,
        (content, bytes): (T, usize),
        longest: Duration,
        now: UnixTime,
    ) -> bool {
        let deadline = self.clock.advance(now).plus(longest).plus(GRACE);
        let held = self.held(share(need));
        if self.is_enough(need, bytes) {
            return false;
        }
        if !self.requests.has_room(held.requests, 1) || !self.bytes.has_room(held.bytes, bytes) {
            return false;
        }
        self.put(
            stream,
            Place {
                need,
                content,
                bytes,
                deadline,
            },
        );
        true
    }

    /// Whether so many bodies of this person's approvals are waited for that there is none left for
    /// this one; or for this very one.
    fn is_enough(&self, need: Need, bytes: usize) -> bool {
        let Need::Body { person, approval } = need else {
            return false;
        };
        let first = Need::Body {
            person,
            approval: 0,
        };
        let queues = self.queues.entries();
        let start = queues.partition_point(|((other, _), ())| *other < first);
        let (mut count, mut held) = (0_usize, bytes);
        for ((other, stream), ()) in queues.iter().skip(start) {
            match *other {
                Need::Body {
                    person: own,
                    approval: other,
                } if own == person => {
                    if other == approval {
                        return true;
                    }
                }
                _ => break,
            }
            count = count.saturating_add(1);
            let place = self.places.get(stream);
            held = held.saturating_add(place.map_or(0, |place| place.bytes));
        }
        count >= limits::WAITING_OF_PERSON || (count > 0 && held > self.bytes.most / 4)
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
        let before = self.held(share(place.need));
        self.requests.take(before.requests, 1);
        self.bytes.take(before.bytes, place.bytes);
        let held = Held {
            requests: before.requests.saturating_add(1),
            bytes: before.bytes.saturating_add(place.bytes),
        };
        self.set_held(share(place.need), held);
        self.queues.insert((place.need, stream), ());
        self.deadlines.insert((place.deadline, stream), ());
        self.places.insert(stream, Box::new(place));
    }

    /// Takes a request out: it is judged again, or its client has left.
    pub fn leave(&mut self, stream: u32) -> Option<Place<T>> {
        let place = self.places.remove(&stream)?;
        self.deadlines.remove(&(place.deadline, stream));
        self.queues.remove(&(place.need, stream));
        let before = self.held(share(place.need));
        let held = Held {
            requests: before.requests.saturating_sub(1),
            bytes: before.bytes.saturating_sub(place.bytes),
        };
        self.requests.give_back(held.requests, 1);
        self.bytes.give_back(held.bytes, place.bytes);
        self.set_held(share(place.need), held);
        Some(*place)
    }

    /// The streams that wait for such things, or have waited too long. Asks once for each thing for
    /// which somebody waits, and looks at nobody else's requests.
    pub fn ready(&mut self, wanted: impl Fn(Need) -> bool, now: UnixTime) -> Vec<u32> {
        let now = self.clock.advance(now);
        let mut ready = SortedMap::default();
        let mut queues = self.queues.entries();
        while let Some(((need, _), ())) = queues.first() {
            let end = queues.partition_point(|((other, _), ())| other <= need);
            let (queue, others) = queues.split_at(end);
            let streams = queue.iter().map(|((_, stream), ())| *stream);
            if wanted(*need) {
                streams.for_each(|stream| ready.insert(stream, ()));
            }
            queues = others;
        }
        let deadlines = self.deadlines.entries().iter();
        let over = deadlines.take_while(|((deadline, _), ())| *deadline <= now);
        over.for_each(|((_, stream), ())| ready.insert(*stream, ()));
        ready.entries().iter().map(|(stream, ())| *stream).collect()
    }

    /// When the next request will have waited too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixTime> {
        let ((deadline, _), ()) = self.deadlines.entries().first()?;
        Some(self.clock.to_wall(*deadline))
    }

    /// How many wait for this provider.
    #[must_use]
    pub fn count(&self, provider: ProviderId) -> usize {
        self.held(share_of(provider)).requests
    }

    fn held(&self, share: usize) -> Held {
        self.held.get(share).copied().unwrap_or_default()
    }

    fn set_held(&mut self, share: usize, held: Held) {
        if self.held.len() <= share {
            self.held.resize(share.saturating_add(1), Held::default());
        }
        if let Some(own) = self.held.get_mut(share) {
            *own = held;
        }
    }
}

/// The number of the share that such a wait takes from: the first is that of bodies.
const fn share(need: Need) -> usize {
    match need.provider() {
        Some(provider) => share_of(provider),
        None => 0,
    }
}

const fn share_of(ProviderId(index): ProviderId) -> usize {
    index.saturating_add(1)
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
