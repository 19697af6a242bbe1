//! A long document that every request may need, such as a list of revocations: its fetch, and what
//! came until all of it is read.
//!
//! It has the life of every [`Document`]. What comes is read a slice at a time, one in each tick
//! ([`Long::read_on`]), because all of it in one go would hold up every request of the worker.
//! Until then those who wait for it wait on, what is in hand stays, and nothing is fetched.
//!
//! What it says is kept by its [`Keeper`].

use core::{
    fmt::{Debug, Display},
    time::Duration,
};

use super::{
    answer::Answer,
    backoff,
    call::Call,
    clock::Moment,
    document::{Document, Lifetime, Received},
    endpoint::Endpoint,
    failure::Failure,
    fault::Fault,
    flight::{FetchId, Flight, SLACK},
    health::{Event, Health},
    jitter::Jitter,
};
use crate::time::UnixTime;

/// A long document: its life, the reader of the one that came, and who keeps what it says.
#[derive(Debug)]
pub(crate) struct Long<K: Keeper> {
    pub(crate) keeper: K,
    terms: Terms,
    jitter: Jitter,
    document: Document<()>,
    flight: Option<Flight<()>>,
    arriving: Option<Box<Arriving<K::Reader>>>,
    pub(crate) health: Health,
}

/// What a document may take, and how long it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Most that one fetch may take.
    pub(crate) timeout: Duration,
    /// How long it is fresh, whatever its answer says.
    pub(crate) cache_duration: Duration,
    /// How long it may serve while fetches fail, once it is no longer fresh.
    pub(crate) max_stale: Duration,
    /// Most bytes of it.
    pub(crate) bytes: usize,
}

/// A document that came and is not in force yet.
#[derive(Debug)]
struct Arriving<R> {
    reader: R,
    received: Received<()>,
    started: Moment,
}

/// Keeps what a long document says.
pub(crate) trait Keeper: Debug {
    /// Reads a document.
    type Reader: Debug;
    /// What is wrong with one that does not count.
    type Wrong: Display;
    /// Most bytes of a slice.
    const SLICE: usize;

    /// Where the next document is.
    fn endpoint(&self) -> Endpoint;

    /// Starts to read a document.
    fn open(&self, body: Vec<u8>) -> Result<Self::Reader, Self::Wrong>;

    /// Reads a slice. True: that was the last one, and what the document says is in force.
    fn read_on(
        &mut self,
        reader: &mut Self::Reader,
        times: (Moment, UnixTime),
        health: &mut Health,
    ) -> Result<bool, Self::Wrong>;

    /// Takes note of a fetch that failed, and says how, by its name in metrics.
    fn failed(&mut self, failure: &Failure<Self::Wrong>) -> &'static str;

    /// What time alone does. `has_ended`: the document in hand may not serve any more.
    fn age(&mut self, has_ended: bool, now: Moment, health: &mut Health);

    /// When time alone changes something that the life of the document does not say.
    fn next_change(&self) -> Option<Moment> {
        None
    }
}

/// What is asked for.
const ACCEPT: &str = "application/json";
/// What the longest document takes to be read, a slice at a tick, on a busy worker.
const READING: Duration = Duration::from_secs(10);

impl<K: Keeper> Long<K> {
    /// One that was never fetched.
    pub(crate) fn of(keeper: K, terms: Terms, seed: u64) -> Self {
        let mut jitter = Jitter::new(seed);
        let due = Moment::default().plus(jitter.up_to(backoff::FIRST_STAGGER));
        Self {
            keeper,
            terms,
            jitter,
            document: Document::new(due),
            flight: None,
            arriving: None,
            health: Health::default(),
        }
    }

    /// Whether those who wait do so for a document that is fetched or read.
    pub(crate) const fn holds_waiters(&self) -> bool {
        self.flight.is_some() || self.arriving.is_some()
    }

    /// Longest that a request waits: for the fetch in flight, or the next one, and its reading.
    pub(crate) const fn longest_wait(&self) -> Duration {
        let fetch = self.terms.timeout.saturating_add(SLACK);
        fetch.saturating_mul(2).saturating_add(READING)
    }

    /// When a request that needs the document is to come again. `None`: it waits, because one is
    /// fetched or read, or about to be fetched.
    pub(crate) fn retry_after(&mut self, now: Moment) -> Option<Duration> {
        self.document.hurry(now);
        let next = self.document.next_start();
        let is_coming = self.holds_waiters() || next <= now;
        (!is_coming).then(|| next.since(now).max(Duration::from_secs(1)))
    }

    /// Whether fetches fail.
    pub(crate) const fn is_failing(&self) -> bool {
        self.document.outage().is_some()
    }

    /// What time alone does to the document: it ends.
    pub(crate) fn age(&mut self, now: Moment) {
        let has_ended = self.document.take_ended(now).is_some();
        self.keeper.age(has_ended, now, &mut self.health);
    }

    /// Ends the fetch in flight if its answer is lost, and starts one if it is due.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<Call> {
        self.age(now);
        if let Some(lost) = self.flight.take_if(|flight| flight.deadline <= now) {
            self.failed(&Fault::Lost.into(), lost.started, now);
        }
        if self.holds_waiters() || self.document.next_start() > now {
            return None;
        }
        let timeout = self.document.longest_try(self.terms.timeout, None, now);
        let tag = self.document.start(timeout, now);
        let endpoint = self.keeper.endpoint();
        let call = Call::get(endpoint, ACCEPT, tag, self.terms.bytes, timeout);
        self.flight = Some(Flight::of(id, (), &call, now));
        Some(call)
    }

    /// Whether this is the fetch in flight.
    pub(crate) fn is_in_flight(&self, id: FetchId) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.id == id)
    }

    /// Takes the answer to the fetch in flight; any other is too late and ignored. Its body,
    /// whatever `answer` has, is taken and not copied: it may be long.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        (answer, body): (&Answer<'_>, Vec<u8>),
        (now, wall): (Moment, UnixTime),
    ) -> bool {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return false;
        };
        self.age(now);
        let started = flight.started;
        let lifetime = Lifetime::Fixed(self.terms.cache_duration);
        let mut is_new = false;
        let received = self.document.read(answer, &flight, lifetime, |_| {
            is_new = true;
            Ok::<_, Fault>(())
        });
        match received {
            Err(fault) => self.failed(&fault.into(), started, now),
            // What was confirmed has not become younger by that.
            Ok(received) if !is_new => {
                self.health.ended("not_modified");
                self.put(received, started, now);
            }
            Ok(received) => {
                // The host has just copied it: of a long one, that is enough for one callback.
                let is_short = body.len() <= K::SLICE;
                match self.keeper.open(body) {
                    Err(wrong) => self.failed(&Failure::Content(wrong), started, now),
                    Ok(reader) => {
                        self.arriving = Some(Box::new(Arriving {
                            reader,
                            received,
                            started,
                        }));
                        if is_short {
                            self.read_on((now, wall));
                        }
                    }
                }
            }
        }
        true
    }

    /// Whether a document has come of which something is still to be read.
    pub(crate) const fn is_reading(&self) -> bool {
        self.arriving.is_some()
    }

    /// Reads a slice of the document that has come.
    pub(crate) fn read_on(&mut self, (now, wall): (Moment, UnixTime)) {
        let Some(mut arriving) = self.arriving.take() else {
            return;
        };
        let started = arriving.started;
        let (reader, health) = (&mut arriving.reader, &mut self.health);
        match self.keeper.read_on(reader, (now, wall), health) {
            Ok(false) => self.arriving = Some(arriving),
            Ok(true) => {
                self.health.ended("ok");
                self.put(arriving.received, started, now);
            }
            Err(wrong) => self.failed(&Failure::Content(wrong), started, now),
        }
    }

    fn put(&mut self, received: Received<()>, started: Moment, now: Moment) {
        if self.document.succeeded(started, now) {
            let event = "fetches succeed again".to_owned();
            self.health.tell((event, false));
        }
        let (max_stale, jitter) = (self.terms.max_stale, &mut self.jitter);
        self.document.put(received, max_stale, started, now, jitter);
    }

    fn failed(&mut self, failure: &Failure<K::Wrong>, started: Moment, now: Moment) {
        self.health.ended(self.keeper.failed(failure));
        let words: [fn(&dyn Display) -> Event; 2] = [
            |failure| (["fetches fail: ", &failure.to_string()].concat(), true),
            |failure| {
                let event = ["fetches still fail, now: ", &failure.to_string()].concat();
                (event, true)
            },
        ];
        let failure: &dyn Display = failure;
        let jitter = &mut self.jitter;
        let told = self.document.failed(failure, words, started, now, jitter);
        if let Some(event) = told {
            self.health.tell(event);
        }
    }

    /// When there is something to do next, if nothing else happens.
    pub(crate) fn next_change(&self) -> Moment {
        if self.arriving.is_some() {
            return Moment::default();
        }
        let flight = self.flight.as_ref().map(|flight| flight.deadline);
        let next = flight.unwrap_or_else(|| self.document.next_start());
        let ends = self.document.ends().into_iter();
        ends.chain(self.keeper.next_change())
            .fold(next, Moment::min)
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }
}
