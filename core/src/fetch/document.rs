//! One thing that every request may need: fetched before the first one, refreshed ahead of need,
//! stale within bounds.
//!
//! ```text
//! nothing -> fresh -> stale -> nothing again
//!              ^        |         |
//!              +--------+---------+   a fetch that succeeds
//! ```
//!
//! - A fetch is due before the first request, and again a little before the thing stops being
//!   fresh.
//! - A thing that is stale serves until its time is over; then there is none.
//! - A fetch that fails leaves the thing in hand as it is. The next one comes after a backoff.
//! - An answer with an `ETag` is asked for by that name the next time. 304 then means "the same
//!   again". It is asked so only while the thing in hand outlives the fetch, so that there always
//!   is something to confirm.
//! - Two fetches of one thing start at least 200 ms apart.
//!
//! Which of several documents is fetched first, and that only one fetch of a provider is in flight,
//! is up to the owner: it keeps the [`Flight`].

use core::{fmt::Display, time::Duration};

use super::{
    answer::{Answer, Content},
    backoff::{self, Outage},
    clock::Moment,
    fault::Fault,
    flight::{Flight, deadline},
    freshness::{self, Headers, Validator},
    jitter::Jitter,
};

/// A thing and when to fetch it next.
#[derive(Debug)]
pub(crate) struct Document<T> {
    held: Option<Held<T>>,
    /// When the next fetch is due whether or not anybody asks.
    due: Moment,
    last_start: Option<Moment>,
    /// How long the last good answer took.
    took: Duration,
    outage: Option<Outage>,
}

/// The thing in force.
#[derive(Debug)]
struct Held<T> {
    value: T,
    /// What names this answer in the next fetch.
    validator: Option<Validator>,
    /// How long the answer was fresh.
    fresh: Duration,
    /// When the fetch started that brought or confirmed it.
    confirmed: Moment,
    fresh_until: Moment,
    stale_until: Moment,
    stale: bool,
}

/// A thing that came, and what its answer says about it.
#[derive(Debug)]
pub(crate) struct Received<T> {
    pub(crate) value: T,
    validator: Option<Validator>,
    fresh: Duration,
}

/// How long an answer is fresh.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifetime {
    /// As it says itself (RFC 9111), up to `most`.
    Said {
        /// When it says nothing.
        usual: Duration,
        most: Duration,
    },
    /// So long, whatever it says.
    Fixed(Duration),
}

impl Lifetime {
    fn of(self, headers: Headers<'_>) -> Duration {
        match self {
            Self::Said { usual, most } => freshness::freshness(headers, usual, most),
            Self::Fixed(fresh) => fresh,
        }
    }
}

impl<T> Document<T> {
    /// One that was never fetched, and that is due then.
    pub(crate) const fn new(due: Moment) -> Self {
        Self {
            held: None,
            due,
            last_start: None,
            took: Duration::ZERO,
            outage: None,
        }
    }

    /// The thing in force.
    pub(crate) fn value(&self) -> Option<&T> {
        self.held.as_ref().map(|held| &held.value)
    }

    /// When the fetch started that brought or confirmed it.
    pub(crate) fn confirmed(&self) -> Option<Moment> {
        self.held.as_ref().map(|held| held.confirmed)
    }

    /// Whether it is known that it is no longer fresh.
    pub(crate) fn is_stale(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.stale)
    }

    /// The thing, when its time is over.
    pub(crate) fn take_ended(&mut self, now: Moment) -> Option<T> {
        let ended = self.held.take_if(|held| held.stale_until <= now);
        ended.map(|held| held.value)
    }

    /// True once, when the thing is no longer fresh.
    pub(crate) fn becomes_stale(&mut self, now: Moment) -> bool {
        let fresh = self.held.as_mut().filter(|held| !held.stale);
        fresh.is_some_and(|held| {
            held.stale = held.fresh_until <= now;
            held.stale
        })
    }

    /// When the thing ends.
    pub(crate) fn ends(&self) -> Option<Moment> {
        self.held.as_ref().map(|held| held.stale_until)
    }

    /// When time alone changes the thing next: it becomes stale, or ends.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        let held = self.held.as_ref();
        held.map(|held| match held.stale {
            true => held.stale_until,
            false => held.fresh_until,
        })
    }

    /// When the next fetch is due whether or not anybody asks.
    pub(crate) const fn due(&self) -> Moment {
        self.due
    }

    pub(crate) const fn last_start(&self) -> Option<Moment> {
        self.last_start
    }

    /// That fetches fail.
    pub(crate) const fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// When a fetch may start that is wished for then, provided that none is in flight.
    pub(crate) fn starts_at(&self, wish: Moment) -> Moment {
        backoff::apart(wish, self.last_start)
    }

    /// When the next fetch that is due may start.
    pub(crate) fn next_start(&self) -> Moment {
        self.starts_at(self.due)
    }

    /// Somebody waits: the stagger between workers is over.
    pub(crate) fn hurry(&mut self, now: Moment) {
        if self.last_start.is_none() {
            self.due = self.due.min(now);
        }
    }

    /// It is at another address: what is there is asked for at once, and without the other's tag.
    pub(crate) fn moved(&mut self, now: Moment) {
        self.due = self.due.min(now);
        if let Some(held) = &mut self.held {
            held.validator = None;
        }
    }

    /// What came is not put in force: it is asked for again then.
    pub(crate) const fn ask_again_at(&mut self, due: Moment) {
        self.due = due;
    }

    /// The time that a fetch gets now. `other`: the outage of what takes turns with it.
    pub(crate) fn longest_try(
        &self,
        timeout: Duration,
        other: Option<&Outage>,
        now: Moment,
    ) -> Duration {
        backoff::longest_try(timeout, self.took, self.outage(), other, now)
    }

    /// A fetch starts now: by which tag it asks. Only what lives as long as the answer may take can
    /// be confirmed by it.
    pub(crate) fn start(&mut self, timeout: Duration, now: Moment) -> Option<Validator> {
        self.last_start = Some(now);
        let held = self.held.as_ref();
        let held = held.filter(|held| deadline(now, timeout) <= held.stale_until);
        held.and_then(|held| held.validator.clone())
    }

    /// What the answer to a fetch brings.
    pub(crate) fn read<W, E: From<Fault>>(
        &self,
        answer: &Answer<'_>,
        flight: &Flight<W>,
        lifetime: Lifetime,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Received<T>, E>
    where
        T: Clone,
    {
        match (answer.content(flight.conditional)?, &self.held) {
            (Content::New { headers, body }, _) => Ok(Received {
                value: parse(body)?,
                validator: Validator::of(headers),
                fresh: lifetime.of(headers),
            }),
            // RFC 9111 section 4.3.4: the answer of then, with what this one says anew.
            (Content::Same { headers }, Some(held)) => Ok(Received {
                value: held.value.clone(),
                validator: Validator::of(headers).or_else(|| held.validator.clone()),
                fresh: if freshness::is_said(headers) {
                    lifetime.of(headers)
                } else {
                    held.fresh
                },
            }),
            (Content::Same { .. }, None) => Err(Fault::Status(304).into()),
        }
    }

    /// A fetch brought something good. True: the ones before had failed.
    pub(crate) fn succeeded(&mut self, started: Moment, now: Moment) -> bool {
        self.took = now.since(started);
        self.outage.take().is_some()
    }

    /// Puts what came in force; it is stale for so long after it was fresh.
    pub(crate) fn put(
        &mut self,
        received: Received<T>,
        max_stale: Duration,
        started: Moment,
        now: Moment,
        jitter: &mut Jitter,
    ) {
        let Received {
            value,
            validator,
            fresh,
        } = received;
        let (fresh_until, due) = backoff::refresh_at(started, fresh, now, jitter);
        self.due = due;
        self.held = Some(Held {
            value,
            validator,
            fresh,
            confirmed: started,
            fresh_until,
            stale_until: fresh_until.plus(max_stale),
            stale: false,
        });
    }

    /// A fetch failed; the thing in hand stays. What the log is told, if anything: that fetches
    /// fail, or that they still fail.
    pub(crate) fn failed<F: Display, C>(
        &mut self,
        cause: F,
        words: [fn(F) -> C; 2],
        started: Moment,
        now: Moment,
        jitter: &mut Jitter,
    ) -> Option<C> {
        let wait = Outage::failed(&mut self.outage, started, now, jitter);
        self.due = now.plus(wait);
        self.outage.as_mut()?.tells(cause, words)
    }
}
