//! The life of one document with the credentials of all people: when it is fetched, when it ends,
//! and what it says of a credential.

use core::time::Duration;
use std::rc::Rc;

use super::{
    ACCEPT, Found, draft::Draft, failure::Failure, register::Register, source::CredentialDocument,
};
use crate::{
    fetch::{
        Measure,
        answer::Answer,
        backoff,
        call::Call,
        clock::Moment,
        document::{Document, Lifetime, Received},
        fault::Fault,
        flight::{FetchId, Flight, SLACK},
        health::{Event, Health},
        jitter::Jitter,
    },
    json::{Slices, Unreadable},
    limits,
};

/// The credentials of one provider's people, in one document.
#[derive(Debug)]
pub(crate) struct Book {
    source: CredentialDocument,
    issuer: Box<str>,
    bounds: BookBounds,
    jitter: Jitter,
    document: Document<Rc<Register>>,
    /// How many entries of the document in hand could not be read.
    skipped: usize,
    flight: Option<Flight<()>>,
    arriving: Option<Box<Arriving>>,
    health: Health,
}

/// The bounds of one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BookBounds {
    credentials: usize,
    bytes: usize,
}

impl BookBounds {
    /// What each of so many documents of one worker may have.
    pub(crate) fn shared_by(documents: usize) -> Self {
        let share = |all: usize| all.checked_div(documents).unwrap_or(all);
        Self {
            credentials: share(limits::CREDENTIALS),
            bytes: share(limits::CREDENTIAL_BYTES),
        }
    }
}

/// A document that came and is read.
#[derive(Debug)]
struct Arriving {
    received: Received<Rc<Register>>,
    started: Moment,
    slices: Slices,
    draft: Draft,
}

/// What the longest document takes to be read, a slice at a tick, on a busy worker.
const READING: Duration = Duration::from_secs(10);

impl Book {
    /// By which those who wait for the document say so.
    pub(crate) const NUMBER: u64 = 0;

    /// Of this issuer.
    pub(crate) fn new(
        source: &CredentialDocument,
        issuer: &str,
        bounds: BookBounds,
        seed: u64,
    ) -> Self {
        let mut jitter = Jitter::new(seed);
        let due = Moment::default().plus(jitter.up_to(backoff::FIRST_STAGGER));
        Self {
            source: source.clone(),
            issuer: issuer.into(),
            bounds,
            jitter,
            document: Document::new(due),
            skipped: 0,
            flight: None,
            arriving: None,
            health: Health::default(),
        }
    }

    /// The credential of this person with this id.
    pub(crate) fn find(&mut self, subject: &str, id: &[u8], now: Moment) -> Found {
        self.age(now);
        if let Some(register) = self.document.value() {
            return register
                .find(subject, id)
                .map_or(Found::Unknown, Found::Known);
        }
        self.document.hurry(now);
        if self.holds_waiters() || self.document.next_start() <= now {
            return Found::Pending(Self::NUMBER);
        }
        let next = self.document.next_start();
        Found::Unavailable(next.since(now).max(Duration::from_secs(1)))
    }

    /// Whether those who wait do so for a document that is fetched or read.
    pub(crate) const fn holds_waiters(&self) -> bool {
        self.flight.is_some() || self.arriving.is_some()
    }

    /// Longest that a request waits: for the fetch in flight, or the next one, and its reading.
    pub(crate) const fn longest_wait(&self) -> Duration {
        let fetch = self.source.timeout.saturating_add(SLACK);
        fetch.saturating_mul(2).saturating_add(READING)
    }

    /// Ends the fetch in flight if its answer is lost, and starts one if it is due.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<Call> {
        self.age(now);
        if let Some(lost) = self.flight.take_if(|flight| flight.deadline <= now) {
            self.failed(Fault::Lost.into(), lost.started, now);
        }
        if self.holds_waiters() || self.document.next_start() > now {
            return None;
        }
        let timeout = self.document.longest_try(self.source.timeout, None, now);
        let tag = self.document.start(timeout, now);
        let endpoint = self.source.endpoint.clone();
        let call = Call::get(endpoint, ACCEPT, tag, self.bounds.bytes, timeout);
        self.flight = Some(Flight::of(id, (), &call, now));
        Some(call)
    }

    /// Whether this is the fetch in flight.
    pub(crate) fn is_in_flight(&self, id: FetchId) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.id == id)
    }

    /// Takes the answer to the fetch in flight; any other is too late and ignored. Its body is
    /// taken and not copied: it may be long.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        (answer, content): (&Answer<'_>, Vec<u8>),
        now: Moment,
    ) -> bool {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return false;
        };
        self.age(now);
        let (most, started) = (self.bounds.bytes, flight.started);
        let lifetime = Lifetime::Fixed(self.source.cache_duration);
        let mut body = None;
        let received = self.document.read(answer, &flight, lifetime, |_| {
            if content.len() > most {
                return Err(Failure::Unreadable(Unreadable::TooLarge));
            }
            body = Some(content);
            Ok(Rc::new(Register::new(0)))
        });
        match (received, body) {
            (Err(failure), _) => self.failed(failure, started, now),
            (Ok(received), Some(body)) => {
                self.arriving = Some(Box::new(Arriving {
                    received,
                    started,
                    slices: Draft::slices(body),
                    draft: Draft::new(&self.issuer, self.bounds.credentials),
                }));
                self.read_on(now);
            }
            (Ok(received), None) => {
                self.health.ended("not_modified");
                self.put(received, started, now);
            }
        }
        true
    }

    /// Whether a document has come of which something is still to be read.
    pub(crate) const fn is_reading(&self) -> bool {
        self.arriving.is_some()
    }

    /// Reads a slice of the document that has come.
    pub(crate) fn read_on(&mut self, now: Moment) {
        let Some(mut arriving) = self.arriving.take() else {
            return;
        };
        match arriving.slices.read_on(&mut arriving.draft) {
            Ok(false) => self.arriving = Some(arriving),
            Ok(true) => self.in_force(*arriving, now),
            Err(unreadable) => self.failed(unreadable.into(), arriving.started, now),
        }
    }

    fn in_force(&mut self, arriving: Arriving, now: Moment) {
        let Arriving {
            mut received,
            started,
            slices,
            draft,
        } = arriving;
        let (register, skipped) = match draft.end(&slices) {
            Ok(read) => read,
            Err(unreadable) => return self.failed(unreadable.into(), started, now),
        };
        if self.document.value().is_none() {
            let event = [&register.len().to_string(), " in force"].concat();
            self.health.tell((event, false));
        }
        if skipped > self.skipped {
            let event = [&skipped.to_string(), " entries cannot be read"].concat();
            self.health.tell((event, true));
        }
        self.skipped = skipped;
        received.value = Rc::new(register);
        self.health.ended("ok");
        self.put(received, started, now);
    }

    fn put(&mut self, received: Received<Rc<Register>>, started: Moment, now: Moment) {
        if self.document.succeeded(started, now) {
            self.health
                .tell(("fetches succeed again".to_owned(), false));
        }
        let max_stale = self.source.max_stale;
        self.document
            .put(received, max_stale, started, now, &mut self.jitter);
    }

    fn failed(&mut self, failure: Failure, started: Moment, now: Moment) {
        self.health.ended(failure.name());
        let words: [fn(Failure) -> Event; 2] = [
            |failure| (["fetches fail: ", &failure.to_string()].concat(), true),
            |failure| {
                (
                    ["fetches still fail, now: ", &failure.to_string()].concat(),
                    true,
                )
            },
        ];
        let jitter = &mut self.jitter;
        let told = self.document.failed(failure, words, started, now, jitter);
        if let Some(event) = told {
            self.health.tell(event);
        }
    }

    /// What time alone does to the document: it ends.
    fn age(&mut self, now: Moment) {
        if self.document.take_ended(now).is_some() {
            let event = "the document is too old: approvals are answered 503";
            self.health.tell((event.to_owned(), true));
        }
    }

    /// When there is something to do next, if nothing else happens.
    pub(crate) fn next_change(&self) -> Moment {
        if self.arriving.is_some() {
            return Moment::default();
        }
        let flight = self.flight.as_ref().map(|flight| flight.deadline);
        let next = flight.unwrap_or_else(|| self.document.next_start());
        self.document.ends().into_iter().fold(next, Moment::min)
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        let mut measures = self.health.take_measures();
        let register = self.document.value();
        let level = usize::from(register.is_some());
        measures.push(Measure::level(&["state", "in_force"], level));
        let none = usize::from(register.is_none());
        measures.push(Measure::level(&["state", "none"], none));
        if let Some(register) = register {
            measures.push(Measure::is(&["entries"], register.len()));
            measures.push(Measure::is(&["skipped"], self.skipped));
        }
        measures
    }
}
