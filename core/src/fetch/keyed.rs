//! One answer per key, fetched when somebody asks for it and at no other time.
//!
//! - **Once.** Whoever asks while a key is being fetched waits for that fetch.
//! - **Bounded** ([`Bounds`]). The answer that would end first makes room for one that comes, and
//!   for nothing else: keys that are merely asked for drive out no answer. Where too many keys are
//!   awaited, a new one is told to come back.
//! - **Never older than it says.** The time of an answer counts from the start of its fetch. A
//!   second after it came is left all the same, for those who have waited for it.
//! - **Ranks.** Answers make room only for others of the same rank ([`Keyed::ranking`]). Each rank
//!   has the whole bound.
//! - **Urgent** keys start before others, and have places that others leave free.
//! - **Faults of a key** (an odd status, junk, too large) put off that key alone, for a second. A
//!   client can cause them.
//! - **Faults of the other side** (no answer, not sent, lost, and the statuses that say "not now")
//!   are an outage: one fetch at a time tries again, after a backoff. An answer of any kind ends
//!   it. What is remembered serves on.

use super::{
    answer::{Answer, Content},
    backoff::{FIRST_WAIT, Outage},
    call::Call,
    clock::Moment,
    fault::Fault,
    flight::{FetchId, Flight, SLACK},
    freshness::SHORTEST,
    jitter::Jitter,
};
use core::time::Duration;

/// Most that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Answers, odd ones too.
    pub(crate) remembered: usize,
    /// Keys that somebody waits for.
    pub(crate) awaited: usize,
    /// Fetches in flight.
    pub(crate) calls: usize,
    /// As many more of both for keys that are urgent.
    pub(crate) spare: usize,
}

/// The answers of one endpoint, by key.
#[derive(Debug)]
pub(crate) struct Keyed<K, V> {
    bounds: Bounds,
    jitter: Jitter,
    /// The rank of an answer; what is odd has the lowest, zero.
    rank: fn(&V) -> u8,
    /// In the order of the keys.
    known: Vec<(K, Known<V>)>,
    /// What is to be fetched: first what is urgent, each in the order in which it was asked for.
    wanted: Vec<K>,
    /// How many of them are urgent.
    urgent: usize,
    flights: Vec<Flight<K>>,
    outage: Option<Outage>,
    /// In an outage, when the next fetch may start.
    due: Moment,
}

/// What is known of a key.
#[derive(Debug)]
enum Known<V> {
    /// It is wanted, or its fetch is in flight.
    Awaited,
    /// The other side said this.
    Said(V, Moment),
    /// The other side said nothing that could be read.
    Odd(Moment),
}

impl<V> Known<V> {
    /// Until when it is remembered, if it is.
    const fn until(&self) -> Option<Moment> {
        match self {
            Self::Awaited => None,
            Self::Said(_, until) | Self::Odd(until) => Some(*until),
        }
    }

    /// Whether it is to be fetched anew.
    fn is_over(&self, now: Moment) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    fn rank(&self, rank: fn(&V) -> u8) -> u8 {
        match self {
            Self::Said(value, _) => rank(value),
            Self::Awaited | Self::Odd(_) => 0,
        }
    }
}

impl Bounds {
    /// What one of so many endpoints may remember, which share so many answers.
    pub(crate) fn share(answers: usize, endpoints: usize) -> usize {
        answers.checked_div(endpoints).unwrap_or_default().max(1)
    }

    /// Longest that somebody waits for a key: for the fetches before its own, and for it; and one
    /// more for the pauses between them.
    pub(crate) fn longest_wait(self, timeout: Duration) -> Duration {
        let places = self.awaited.saturating_add(self.spare);
        let turns = places.div_ceil(self.calls.max(1)).saturating_add(1);
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        timeout.saturating_add(SLACK).saturating_mul(turns)
    }

    /// Places, and calls at once, that only urgent keys have.
    fn spare(self, is_urgent: bool) -> usize {
        if is_urgent { self.spare } else { 0 }
    }
}

/// What is said to somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked<'a, V> {
    /// This is the answer.
    Said(&'a V),
    /// Wait for the fetch that is in flight or about to start, then ask again.
    Pending,
    /// It cannot be known now; when to try again, at least a second from now.
    Unavailable(Duration),
}

/// A fetch that has ended, and why it brought nothing, if so.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended<K, E> {
    pub(crate) key: K,
    pub(crate) result: Result<(), E>,
}

impl<K: Ord + Clone, V> Keyed<K, V> {
    pub(crate) const fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(crate) fn new(bounds: Bounds, seed: u64) -> Self {
        Self {
            bounds,
            jitter: Jitter::new(seed),
            rank: |_| 0,
            known: Vec::new(),
            wanted: Vec::new(),
            urgent: 0,
            flights: Vec::new(),
            outage: None,
            due: Moment::default(),
        }
    }

    /// The same, where answers of one rank make room for each other alone.
    pub(crate) fn ranking(bounds: Bounds, rank: fn(&V) -> u8, seed: u64) -> Self {
        Self {
            rank,
            ..Self::new(bounds, seed)
        }
    }

    /// The answer for a key. One that nothing is known of is fetched.
    pub(crate) fn ask(&mut self, key: &K, now: Moment) -> Asked<'_, V> {
        self.ask_as(key, false, now)
    }

    /// Whether the other side does not answer.
    pub(crate) const fn is_out(&self) -> bool {
        self.outage.is_some()
    }

    /// Whether [`Self::ask`] would fetch this key.
    pub(crate) fn is_new(&self, key: &K, now: Moment) -> bool {
        self.known(key).is_none_or(|known| known.is_over(now))
    }

    /// The same as [`Self::ask`], for a key that is urgent or not.
    pub(crate) fn ask_as(&mut self, key: &K, is_urgent: bool, now: Moment) -> Asked<'_, V> {
        match self.known(key) {
            Some(Known::Awaited) => return Asked::Pending,
            Some(Known::Odd(until)) if now < *until => return at_least_a_second(*until, now),
            Some(known) if !known.is_over(now) => {}
            Some(_) | None => return self.want(key, is_urgent, now),
        }
        // Looked up a second time, because an answer that is borrowed above would lock the state
        // for the other cases.
        match self.known(key) {
            Some(Known::Said(value, _)) => Asked::Said(value),
            Some(Known::Awaited | Known::Odd(_)) | None => Asked::Pending,
        }
    }

    fn want(&mut self, key: &K, is_urgent: bool, now: Moment) -> Asked<'_, V> {
        if self.outage.is_some() {
            // One fetch tries whether the other side is back; who comes meanwhile comes back.
            let tries = self.flights.iter().map(|flight| flight.deadline).max();
            let next = tries.unwrap_or(self.due);
            if now < next || !self.wanted.is_empty() {
                return at_least_a_second(next, now);
            }
        }
        let awaited = self.wanted.len().saturating_add(self.flights.len());
        if awaited
            >= self
                .bounds
                .awaited
                .saturating_add(self.bounds.spare(is_urgent))
        {
            return at_least_a_second(now, now);
        }
        self.note(key, Known::Awaited);
        // They are few.
        self.wanted.push(key.clone());
        if is_urgent {
            if let Some(behind) = self.wanted.get_mut(self.urgent..) {
                behind.rotate_right(1);
            }
            self.urgent = self.urgent.saturating_add(1);
        }
        Asked::Pending
    }

    /// Whether those who wait for this key wait for a fetch.
    #[cfg(test)]
    pub(crate) fn is_awaited(&self, key: &K) -> bool {
        matches!(self.known(key), Some(Known::Awaited))
    }

    /// Whether anybody waits for a fetch.
    pub(crate) fn is_any_awaited(&self) -> bool {
        !self.wanted.is_empty() || !self.flights.is_empty()
    }

    /// Whether somebody waits for a fetch of such a key.
    pub(crate) fn awaits(&self, which: impl Fn(&K) -> bool) -> bool {
        self.wanted.iter().any(&which) || self.flights.iter().any(|flight| which(&flight.target))
    }

    /// When this fetch started.
    pub(crate) fn started(&self, id: FetchId) -> Option<Moment> {
        let mut flights = self.flights.iter();
        Some(flights.find(|flight| flight.id == id)?.started)
    }

    /// The key that this fetch is for.
    pub(crate) fn in_flight(&self, id: FetchId) -> Option<&K> {
        let mut flights = self.flights.iter();
        let flight = flights.find(|flight| flight.id == id)?;
        Some(&flight.target)
    }

    /// What was said of this key, to be replaced by what it comes to.
    pub(crate) fn said_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.place(key).ok()?;
        match self.known.get_mut(at) {
            Some((_, Known::Said(value, _))) => Some(value),
            Some((_, Known::Awaited | Known::Odd(_))) | None => None,
        }
    }

    /// What was said of this key is worth nothing after all: it is put off as if it could not be
    /// read.
    pub(crate) fn spoil(&mut self, key: &K, now: Moment) {
        self.put_off(key, now);
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.known.binary_search_by(|(other, _)| other.cmp(key))
    }

    fn known(&self, key: &K) -> Option<&Known<V>> {
        let known = self.known.get(self.place(key).ok()?);
        known.map(|(_, known)| known)
    }

    fn note(&mut self, key: &K, known: Known<V>) {
        match self.place(key) {
            Ok(at) => {
                if let Some((_, held)) = self.known.get_mut(at) {
                    *held = known;
                }
            }
            Err(at) => self.known.insert(at, (key.clone(), known)),
        }
    }

    /// Forgets what was said of this key: others remember it.
    pub(crate) fn forget_said(&mut self, key: &K) {
        if matches!(self.known(key), Some(Known::Said(..))) {
            self.forget(key);
        }
    }

    fn forget(&mut self, key: &K) {
        if let Ok(at) = self.place(key) {
            self.known.remove(at);
        }
    }

    /// Notes what came. What would end first makes room for it.
    fn remember(&mut self, key: &K, known: Known<V>) {
        self.forget(key);
        let rank = known.rank(self.rank);
        let ends = self.known.iter().enumerate();
        let ends = ends.filter(|(_, (_, known))| known.rank(self.rank) == rank);
        let ends = ends.filter_map(|(at, (_, known))| Some((known.until()?, at)));
        if ends.clone().count() >= self.bounds.remembered
            && let Some((_, first)) = ends.min()
        {
            self.known.remove(first);
        }
        self.note(key, known);
    }

    /// The next fetch to start now; call it until it says `None`.
    pub(crate) fn poll(
        &mut self,
        id: FetchId,
        now: Moment,
        call: impl FnOnce(&K) -> Call,
    ) -> Option<Call> {
        if self.next_start()? > now {
            return None;
        }
        let key = self.wanted.remove(0);
        self.urgent = self.urgent.saturating_sub(1);
        let call = call(&key);
        self.flights.push(Flight::of(id, key, &call, now));
        Some(call)
    }

    /// When the next fetch may start, if one is wanted and there is room for it.
    fn next_start(&self) -> Option<Moment> {
        self.wanted.first()?;
        let (calls, from) = match self.outage {
            Some(_) => (1, self.due),
            None => {
                let spare = self.bounds.spare(self.urgent > 0);
                (self.bounds.calls.saturating_add(spare), Moment::default())
            }
        };
        (self.flights.len() < calls).then_some(from)
    }

    /// When time alone changes something next: a fetch may start, or counts as lost.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        let deadlines = self.flights.iter().map(|flight| flight.deadline);
        deadlines.chain(self.next_start()).min()
    }

    /// Ends the next fetch whose answer is lost; call it until it says `None`.
    pub(crate) fn take_lost(&mut self, now: Moment) -> Option<Ended<K, Fault>> {
        let flight = self.take_flight(|flight| flight.deadline <= now)?;
        self.other_side_failed(&flight, now);
        self.put_off(&flight.target, now);
        Some(Ended {
            key: flight.target,
            result: Err(Fault::Lost),
        })
    }

    /// Takes the answer to a fetch in flight; any other is too late and ignored. `read` makes the
    /// value of what came, and says how long it counts; it bounds the size. A status may be an
    /// answer, too.
    pub(crate) fn on_answer<E: From<Fault>>(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        now: Moment,
        read: impl FnOnce(Result<&[u8], Fault>) -> Result<(V, Duration), E>,
    ) -> Option<Ended<K, E>> {
        let flight = self.take_flight(|flight| flight.id == id)?;
        let body = answer.content(false).map(|content| match content {
            Content::New { body, .. } => body,
            Content::Same { .. } => &[],
        });
        let result = match body {
            Err(fault) if is_not_now(&fault) => {
                self.other_side_failed(&flight, now);
                Err(fault.into())
            }
            body => {
                self.outage = None;
                read(body)
            }
        };
        let result = match result {
            Ok((value, fresh)) => {
                let until = flight.started.plus(fresh).max(now.plus(SHORTEST));
                self.remember(&flight.target, Known::Said(value, until));
                Ok(())
            }
            Err(error) => {
                self.put_off(&flight.target, now);
                Err(error)
            }
        };
        Some(Ended {
            key: flight.target,
            result,
        })
    }

    fn take_flight(&mut self, which: impl Fn(&Flight<K>) -> bool) -> Option<Flight<K>> {
        let index = self.flights.iter().position(which)?;
        Some(self.flights.swap_remove(index))
    }

    fn put_off(&mut self, key: &K, now: Moment) {
        self.remember(key, Known::Odd(now.plus(FIRST_WAIT)));
    }

    /// The other side does not answer: those who wait for a fetch that has not started are sent
    /// away with the others.
    fn other_side_failed(&mut self, flight: &Flight<K>, now: Moment) {
        // Fetches that were in flight together are one failure.
        if self.outage.is_none() || self.due <= flight.started {
            let wait = Outage::failed(&mut self.outage, flight.started, now, &mut self.jitter);
            self.due = now.plus(wait);
        }
        self.urgent = 0;
        for key in core::mem::take(&mut self.wanted) {
            self.forget(&key);
        }
    }
}

/// Whether the other side, and not this key, is what fails: nothing came, or "too many requests"
/// (RFC 6585 section 4), or "service unavailable" (RFC 9110 section 15.6.4). A client that could
/// cause such a fault by an odd key could put off everybody's.
const fn is_not_now(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::NoAnswer | Fault::NotSent(_) | Fault::Lost | Fault::Status(429 | 503)
    )
}

fn at_least_a_second<'a, V>(then: Moment, now: Moment) -> Asked<'a, V> {
    Asked::Unavailable(then.since(now).max(Duration::from_secs(1)))
}
