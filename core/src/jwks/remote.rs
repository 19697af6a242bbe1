//! The life of one provider's key set: never fetched, fresh, stale, unavailable; and when to fetch
//! next. Where an issuer says itself where its keys are, its document comes first and has a life of
//! its own ([`Locator`]).

mod told;

use core::{cell::Cell, time::Duration};
use std::rc::Rc;

use super::{
    ACCEPT, Location, Lookup, Purpose, RemoteJwks,
    event::{Change, Failure},
    locator::Locator,
    pace::{self, Pace},
    reading::{self, Reading},
    report::{self, Counts},
    unknown::{Standing, UnknownKeys, Want},
};
use crate::{
    crypto::Algorithm,
    fetch::{
        Endpoint, FetchId,
        answer::Answer,
        backoff,
        call::Call,
        clock::Moment,
        document::{Document, Lifetime, Received},
        fault::Fault,
        flight::{Flight, SLACK},
        jitter::Jitter,
    },
    jose::{JwkSet, SelectError},
};

/// The keys of one provider that are fetched over HTTP.
#[derive(Debug)]
pub(super) struct Remote {
    source: RemoteJwks,
    /// `None`: the configuration says where the keys are.
    locator: Option<Locator>,
    reading: Reading,
    jitter: Jitter,
    keys: Document<JwkSet>,
    generation: u64,
    /// At most one, of the keys or of the document that says where they are.
    flight: Option<Flight<Purpose>>,
    pace: Pace,
    unknown: UnknownKeys,
    /// A token wants a key that no fetch since has confirmed not to exist.
    wanted: Option<Want>,
    /// Told when the next wake-up may have come nearer.
    hurried: Rc<Cell<bool>>,
    /// An empty set came; an answer to a fetch from then on confirms it.
    empty: Option<Moment>,
    changes: Vec<Change>,
    counts: Counts,
    /// How many keys of the last set that came cannot be used.
    skipped: usize,
}

/// Most changes that are kept for a shell that does not ask for them.
const MOST_CHANGES: usize = 64;

impl Remote {
    pub(super) fn new(
        source: &RemoteJwks,
        reading: Reading,
        hurried: Rc<Cell<bool>>,
        seed: u64,
    ) -> Self {
        let mut jitter = Jitter::new(seed);
        let due = Moment::default().plus(jitter.up_to(backoff::FIRST_STAGGER));
        let locator = match &source.location {
            Location::Fixed(_) => None,
            Location::Discovered(discovery) => Some(Locator::new(discovery, source.max_stale, due)),
        };
        Self {
            source: source.clone(),
            locator,
            reading,
            jitter,
            keys: Document::new(due),
            generation: 0,
            flight: None,
            pace: Pace::new(source.refetch_cooldown),
            unknown: UnknownKeys::new(source.refetch_cooldown),
            wanted: None,
            hurried,
            empty: None,
            changes: Vec::new(),
            counts: Counts::default(),
            skipped: 0,
        }
    }

    /// Where the keys are, if that is known.
    fn endpoint(&self) -> Option<&Endpoint> {
        match (&self.locator, &self.source.location) {
            (Some(locator), _) => locator.address.value(),
            (None, Location::Fixed(endpoint)) => Some(endpoint),
            (None, Location::Discovered(_)) => None,
        }
    }

    /// What time alone does to the keys: they become stale, and end; and so does their address.
    fn age(&mut self, now: Moment) {
        if self
            .locator
            .as_mut()
            .is_some_and(|locator| locator.age(now))
        {
            self.changed(Change::LocationEnded);
        }
        if let Some(ended) = self.keys.take_ended(now) {
            self.unknown.replaced(Some(&ended), &JwkSet::default());
            self.generation = self.generation.wrapping_add(1);
            self.unknown.forget_confirmed();
            self.changed(Change::Unavailable);
        }
        if self.keys.becomes_stale(now) {
            self.changed(Change::Stale);
        }
    }

    /// The key for a token, or why there is none.
    pub(super) fn lookup(
        &mut self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Moment,
    ) -> Lookup<'_> {
        self.age(now);
        let set = self.keys.value();
        let selected = set.map(|set| set.select(kid, algorithm).map(|_| ()));
        match selected {
            None => return self.no_set(kid, algorithm, now),
            Some(Err(SelectError::Unknown)) => return self.unknown_key(kid, algorithm, now),
            Some(Ok(()) | Err(SelectError::Misfit | SelectError::Ambiguous)) => {}
        }
        // Selected a second time, because a key that is borrowed above would lock the state for the
        // other cases.
        let set = self.keys.value();
        set.map_or(Lookup::Unknown, |set| Lookup::from_set(set, kid, algorithm))
    }

    pub(super) fn has_thumbprints(&self) -> bool {
        self.keys.value().is_some_and(JwkSet::has_thumbprints)
    }

    /// No keys may serve: wait for a fetch that runs or is about to, but never for one behind a
    /// backoff.
    fn no_set(&mut self, kid: Option<&str>, algorithm: Algorithm, now: Moment) -> Lookup<'static> {
        let asked_at = self.asked_at(now);
        self.unknown.seen(kid, algorithm, |_| false, asked_at);
        self.keys.hurry(now);
        if let Some(locator) = &mut self.locator {
            locator.address.hurry(now);
        }
        if self.is_coming(self.keys.due(), now) {
            return Lookup::Pending;
        }
        self.unavailable(now)
    }

    fn unknown_key(
        &mut self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Moment,
    ) -> Lookup<'static> {
        let asked_at = self.asked_at(now);
        let is_odd = |kid: &str| self.keys.value().is_some_and(|set| set.skips(kid));
        let (first_seen, want) = match self.unknown.seen(kid, algorithm, is_odd, asked_at) {
            Standing::Confirmed => {
                self.counts.unknown_kid();
                return Lookup::Unknown;
            }
            Standing::Since(first_seen) => (Some(first_seen), Want::New),
            Standing::Again(first_seen) => (Some(first_seen), Want::Again),
            Standing::NoRoom => (None, Want::New),
        };
        if self.fetches_keys() {
            if first_seen.is_some() {
                return Lookup::Pending;
            }
        } else {
            if self.wanted < Some(want) {
                self.wanted = Some(want);
                self.hurried.set(true);
            }
            // Who has waited long for a fetch that could not settle it does not wait again.
            let patient = first_seen.is_some_and(|since| now.since(since) <= self.patience());
            if patient && self.is_coming(self.wish_for(Some(want)), now) {
                return Lookup::Pending;
            }
        }
        self.unavailable(now)
    }

    fn fetches_keys(&self) -> bool {
        matches!(&self.flight, Some(flight) if flight.target == Purpose::Keys)
    }

    /// Whether a fetch of keys that is wished for then is in flight or about to start: it is worth
    /// waiting for.
    fn is_coming(&self, wish: Moment, now: Moment) -> bool {
        match &self.locator {
            _ if self.fetches_keys() => true,
            // The document comes first, and the keys follow at once if they are due.
            Some(Locator { address, .. }) if address.value().is_none() => {
                wish <= now && (self.flight.is_some() || address.due() <= now)
            }
            _ => wish <= now,
        }
    }

    /// Whether those who wait do so for the fetch in flight: one of keys, or of the document that
    /// says where they are, behind which a fetch of keys starts at once unless one had just failed.
    pub(super) fn holds_waiters(&self) -> bool {
        let comes_first = |flight: &Flight<Purpose>| self.wish_for(self.wanted) <= flight.started;
        self.fetches_keys() || self.flight.as_ref().is_some_and(comes_first)
    }

    /// How long a request may have waited for fetches that could not settle it, and still wait for
    /// the next one.
    fn patience(&self) -> Duration {
        match self.locator {
            None => SLACK,
            // The document may have been in the way.
            Some(_) => SLACK
                .saturating_add(self.source.timeout)
                .saturating_add(SLACK),
        }
    }

    /// Longest that a request waits.
    pub(super) fn longest_wait(&self) -> Duration {
        let fetch = self.source.timeout.saturating_add(SLACK);
        // The document may come once more before the keys.
        let fetches = if self.locator.is_some() { 2 } else { 1 };
        self.patience()
            .saturating_add(fetch.saturating_mul(fetches))
    }

    /// The time of a request, but later than the start of the fetch in flight even in the same
    /// millisecond.
    fn asked_at(&self, now: Moment) -> Moment {
        let flight = self.flight.as_ref().filter(|_| self.fetches_keys());
        let after = |flight: &Flight<Purpose>| flight.started.plus(Duration::from_millis(1));
        flight.map_or(now, |flight| now.max(after(flight)))
    }

    fn unavailable(&self, now: Moment) -> Lookup<'static> {
        let next = match &self.flight {
            Some(flight) => flight.deadline,
            None => self.next_start(),
        };
        Lookup::Unavailable {
            retry_after: next.since(now).max(Duration::from_secs(1)),
            has_keys: self.keys.value().is_some(),
        }
    }

    /// When the next fetch of keys is wanted. In an outage unknown keys cause none of their own.
    fn wish_for(&self, wanted: Option<Want>) -> Moment {
        let due = self.keys.due();
        match wanted.filter(|_| self.keys.outage().is_none()) {
            Some(Want::New) => due.min(self.pace.ready_at()),
            // What was asked for in vain before takes none of the pace, which is for keys that
            // nobody has heard of yet. It gets what comes anyway, or one fetch after a cooldown in
            // which none came.
            Some(Want::Again) => {
                let last_start = self.keys.last_start().unwrap_or_default();
                due.min(last_start.plus(self.source.refetch_cooldown))
            }
            None => due,
        }
    }

    /// When the next fetch of keys may start, provided that none is in flight.
    fn next_keys(&self) -> Moment {
        self.keys.starts_at(self.wish_for(self.wanted))
    }

    /// When the next fetch may start, if none is in flight.
    fn next_start(&self) -> Moment {
        let keys = self.endpoint().map(|_| self.next_keys());
        let locator = self.locator.as_ref();
        let document = locator.map(|locator| locator.address.next_start());
        let starts = keys.into_iter().chain(document);
        starts.min().unwrap_or(self.keys.due())
    }

    /// Whether a fetch is in flight.
    pub(super) const fn is_fetching(&self) -> bool {
        self.flight.is_some()
    }

    /// Ends the fetch in flight if its answer is lost, and starts one if it is due.
    pub(super) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(Purpose, Call)> {
        self.age(now);
        if let Some(lost) = self.flight.take_if(|flight| flight.deadline <= now) {
            self.failed(&lost, Fault::Lost.into(), now);
        }
        if self.flight.is_some() {
            return None;
        }
        let timeout = self.source.timeout;
        let (target, call) = match self.endpoint() {
            // Keys first: somebody may wait for them, and where they are is less likely to have
            // changed.
            Some(endpoint) if self.next_keys() <= now => {
                let locator = self.locator.as_ref();
                let other = locator.and_then(|locator| locator.address.outage());
                let timeout = self.keys.longest_try(timeout, other, now);
                let endpoint = endpoint.clone();
                (Purpose::Keys, self.start(endpoint, timeout, now))
            }
            _ => {
                let locator = self.locator.as_mut()?;
                if locator.address.next_start() > now {
                    return None;
                }
                let other = self.keys.outage();
                let timeout = locator.address.longest_try(timeout, other, now);
                (Purpose::Discovery, locator.start(timeout, now))
            }
        };
        self.flight = Some(Flight::of(id, target, &call, now));
        Some((target, call))
    }

    fn start(&mut self, endpoint: Endpoint, timeout: Duration, now: Moment) -> Call {
        if self.wanted.take() == Some(Want::New) && self.keys.due() > now {
            self.pace.spend(now);
        }
        let tag = self.keys.start(timeout, now);
        Call::get(
            endpoint,
            ACCEPT,
            tag,
            self.reading.limits.jwks_bytes,
            timeout,
        )
    }

    /// Takes the answer to the fetch in flight; any other is too late and ignored.
    pub(super) fn on_answer(&mut self, id: FetchId, answer: &Answer<'_>, now: Moment) -> bool {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return false;
        };
        self.age(now);
        if let (Purpose::Discovery, Some(locator)) = (flight.target, &mut self.locator) {
            let Self {
                jitter, changes, ..
            } = self;
            let (outcome, moved) = locator.on_answer(answer, &flight, now, jitter, changes);
            self.counts.fetched(Purpose::Discovery, outcome);
            if moved {
                self.keys.moved(now);
            }
            self.changes.truncate(MOST_CHANGES);
            return true;
        }
        let lifetime = Lifetime::Said {
            usual: self.source.cache_duration,
            most: self.source.max_cache_duration,
        };
        let read = |body: &[u8]| reading::read(body, &self.reading);
        match self.keys.read(answer, &flight, lifetime, read) {
            Ok(received) => {
                self.counts.fetched(Purpose::Keys, report::good(answer));
                self.skipped = received.value.skipped().len();
                self.succeeded(received, flight.started, now);
            }
            Err(failure) => self.failed(&flight, failure, now),
        }
        true
    }

    fn failed(&mut self, flight: &Flight<Purpose>, failure: Failure, now: Moment) {
        self.counts.fetched(flight.target, failure.name());
        let Self {
            jitter, changes, ..
        } = self;
        if let (Purpose::Discovery, Some(locator)) = (flight.target, &mut self.locator) {
            locator.failed(failure, flight.started, now, jitter, changes);
            changes.truncate(MOST_CHANGES);
            return;
        }
        if let Failure::Unusable(skipped) = &failure {
            self.skipped = skipped.len();
        }
        let words = [Change::Failing, Change::StillFailing];
        let keys = &mut self.keys;
        if let Some(change) = keys.failed(failure, words, flight.started, now, jitter) {
            self.changed(change);
        }
    }

    fn succeeded(&mut self, received: Received<JwkSet>, started: Moment, now: Moment) {
        if self.keys.succeeded(started, now) {
            self.changed(Change::Recovered);
        }
        if !received.value.keys().is_empty() {
            self.empty = None;
        } else if !self.is_withdrawal(started, now) {
            return;
        }
        self.put_in_force(received, started, now);
    }

    /// Whether an empty set is the second such answer, or the set in force has none already. If
    /// not, another fetch is planned and the keys in hand stay.
    fn is_withdrawal(&mut self, started: Moment, now: Moment) -> bool {
        if self.keys.value().is_some_and(|set| set.keys().is_empty()) {
            return true;
        }
        let confirm_at = match self.empty {
            Some(confirm_at) if confirm_at <= started => return true,
            Some(confirm_at) => confirm_at,
            None => {
                let (least, most) = pace::CONFIRM_AFTER;
                let half = self.source.cache_duration.checked_div(2).unwrap_or(least);
                let confirm_at = now.plus(half.clamp(least, most));
                self.empty = Some(confirm_at);
                self.changed(Change::EmptySet);
                confirm_at
            }
        };
        self.keys.ask_again_at(confirm_at);
        false
    }

    fn put_in_force(&mut self, received: Received<JwkSet>, started: Moment, now: Moment) {
        self.empty = None;
        let set = &received.value;
        let old = self.keys.value();
        let is_new = old.is_none_or(|old| old != set);
        if is_new {
            self.generation = self.generation.wrapping_add(1);
            self.unknown.replaced(old, set);
            let change = Change::of(old, set);
            self.changed(change);
        }
        let max_stale = self.source.max_stale;
        self.keys
            .put(received, max_stale, started, now, &mut self.jitter);
        self.unknown.fetched(is_new, started, now);
    }

    /// When time alone changes something next.
    pub(super) fn next_change(&self) -> Moment {
        let fetch = self
            .flight
            .as_ref()
            .map_or_else(|| self.next_start(), |flight| flight.deadline);
        let keys = self.keys.next_change();
        let locator = self.locator.as_ref();
        let address = locator.and_then(|locator| locator.address.ends());
        keys.into_iter().chain(address).fold(fetch, Moment::min)
    }

    fn changed(&mut self, change: Change) {
        if self.changes.len() < MOST_CHANGES {
            self.changes.push(change);
        }
    }
}
