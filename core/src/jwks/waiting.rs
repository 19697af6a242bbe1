//! The requests that wait for keys: bounded in number, in bytes and in time.
//!
//! [`super::JwksCache`] ends every wait by itself; the bound in time here is for the day on which it, or the host,
//! does not. It counts like the cache's clock: forward steps only.

use core::time::Duration;
use std::collections::BTreeMap;

use super::clock::{Clock, Moment};
use crate::{config::ProviderId, limits::Limits, time::UnixTime};

/// What may pass on top of the longest wait that the cache promises: a tick that comes late.
const GRACE: Duration = Duration::from_secs(1);

/// The requests of one worker that wait, by the numbers of their streams.
#[derive(Debug)]
pub struct WaitingRoom<T> {
    most: usize,
    most_bytes: usize,
    clock: Clock,
    bytes: usize,
    places: BTreeMap<u32, Place<T>>,
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

impl<T> WaitingRoom<T> {
    /// An empty room.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            most: limits.waiting_requests,
            most_bytes: limits.waiting_bytes,
            clock: Clock::default(),
            bytes: 0,
            places: BTreeMap::new(),
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
        let total = self.bytes.saturating_add(bytes);
        if self.places.len() >= self.most || total > self.most_bytes {
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
        self.bytes = self.bytes.saturating_add(place.bytes);
        self.places.insert(stream, place);
    }

    /// Takes a request out: it is judged again, or its client has left.
    pub fn leave(&mut self, stream: u32) -> Option<Place<T>> {
        let place = self.places.remove(&stream)?;
        self.bytes = self.bytes.saturating_sub(place.bytes);
        Some(place)
    }

    /// The streams that wait for such providers, or have waited too long.
    pub fn ready(&mut self, wanted: impl Fn(ProviderId) -> bool, now: UnixTime) -> Vec<u32> {
        let now = self.clock.advance(now);
        let places = self.places.iter();
        places
            .filter(|(_, place)| wanted(place.provider) || place.deadline <= now)
            .map(|(stream, _)| *stream)
            .collect()
    }

    /// When the next request will have waited too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixTime> {
        let deadlines = self.places.values().map(|place| place.deadline);
        deadlines.min().map(|moment| self.clock.to_wall(moment))
    }

    /// How many wait for keys of this provider.
    #[must_use]
    pub fn count(&self, provider: ProviderId) -> usize {
        let places = self.places.values();
        places.filter(|place| place.provider == provider).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: ProviderId = ProviderId(0);
    const OTHER: ProviderId = ProviderId(1);
    const LONGEST: Duration = Duration::from_secs(7);

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    fn room(waiting_requests: usize, waiting_bytes: usize) -> WaitingRoom<&'static str> {
        WaitingRoom::new(&Limits {
            waiting_requests,
            waiting_bytes,
            ..Limits::default()
        })
    }

    #[test]
    fn the_number_of_requests_is_bounded_and_a_place_that_is_left_is_free() {
        let mut room = room(2, 100);
        assert!(room.enter(1, ACME, ("a", 1), LONGEST, at(0)));
        assert!(room.enter(2, OTHER, ("b", 1), LONGEST, at(0)));
        assert!(!room.enter(3, ACME, ("c", 1), LONGEST, at(0)));
        assert_eq!((room.count(ACME), room.count(OTHER)), (1, 1));
        assert_eq!(room.leave(1).map(|place| place.content), Some("a"));
        assert!(room.leave(1).is_none());
        assert!(room.enter(3, ACME, ("c", 1), LONGEST, at(0)));
    }

    #[test]
    fn the_bytes_are_bounded() {
        let mut room = room(10, 100);
        assert!(room.enter(1, ACME, ("a", 60), LONGEST, at(0)));
        assert!(!room.enter(2, ACME, ("b", 41), LONGEST, at(0)));
        assert!(room.enter(2, ACME, ("b", 40), LONGEST, at(0)));
        room.leave(1);
        assert!(room.enter(1, ACME, ("a", 60), LONGEST, at(0)));
    }

    #[test]
    fn only_whose_provider_is_wanted_is_judged_and_who_has_waited_too_long() {
        let mut room = room(10, 100);
        room.enter(1, ACME, ("a", 1), LONGEST, at(0));
        room.enter(2, OTHER, ("b", 1), LONGEST, at(5));
        assert_eq!(room.next_deadline(), Some(at(8)));
        assert_eq!(room.ready(|provider| provider == OTHER, at(7)), [2]);
        assert!(room.ready(|_| false, at(7)).is_empty());
        assert_eq!(room.ready(|_| false, at(8)), [1]);
        assert_eq!(room.ready(|_| true, at(8)), [1, 2]);
    }

    #[test]
    fn judging_again_never_prolongs_the_wait() {
        let mut room = room(10, 100);
        room.enter(1, ACME, ("a", 1), LONGEST, at(0));
        for second in 1..8 {
            let place = room.leave(1).unwrap();
            assert!(room.stay(1, place, at(second)));
        }
        let place = room.leave(1).unwrap();
        assert!(!room.stay(1, place, at(8)));
        assert!(room.leave(1).is_none());
        assert_eq!(room.next_deadline(), None);
    }

    #[test]
    fn a_clock_that_jumps_back_prolongs_the_wait_by_no_more_than_the_step_it_hides() {
        let mut room = room(10, 100);
        room.enter(1, ACME, ("a", 1), LONGEST, at(1_000));
        assert!(room.ready(|_| false, at(0)).is_empty());
        assert_eq!(room.next_deadline(), Some(at(8)));
        assert_eq!(room.ready(|_| false, at(8)), [1]);
    }
}
