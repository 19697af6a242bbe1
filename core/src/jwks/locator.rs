//! Where the keys are, for an issuer that says so itself: found, refreshed, and given up when it is too old.

use core::time::Duration;

use super::{
    ACCEPT, document,
    event::{Change, Failure},
    report::Outcome,
};
use crate::{
    config::{Discovery, Endpoint, RemoteJwks},
    fetch::{
        answer::{Answer, Content},
        backoff::{self, Outage},
        call::Call,
        clock::Moment,
        fault::Fault,
        flight::{Flight, deadline},
        freshness::Validator,
        jitter::Jitter,
    },
    limits,
};

/// The address of a key set, as the issuer's document says it.
#[derive(Debug)]
pub(super) struct Locator {
    source: Discovery,
    found: Option<Found>,
    /// The address that was too old when it was given up.
    given_up: Option<Endpoint>,
    /// When the next fetch of the document is due.
    due: Moment,
    last_start: Option<Moment>,
    /// How long the last good answer took.
    took: Duration,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Found {
    endpoint: Endpoint,
    validator: Option<Validator>,
    ends: Moment,
}

impl Locator {
    pub(super) fn new(source: &Discovery, due: Moment) -> Self {
        Self {
            source: source.clone(),
            found: None,
            given_up: None,
            due,
            last_start: None,
            took: Duration::ZERO,
            outage: None,
        }
    }

    /// Where the keys are, if that is known.
    pub(super) fn endpoint(&self) -> Option<&Endpoint> {
        self.found.as_ref().map(|found| &found.endpoint)
    }

    /// Gives up an address that is too old. True: it did.
    pub(super) fn age(&mut self, now: Moment) -> bool {
        let ended = self.found.take_if(|found| found.ends <= now);
        let ends = ended.is_some();
        self.given_up = ended.map(|found| found.endpoint).or(self.given_up.take());
        ends
    }

    /// Somebody waits: the stagger between workers is over.
    pub(super) fn hurry(&mut self, now: Moment) {
        if self.last_start.is_none() {
            self.due = now;
        }
    }

    /// Whether a fetch of the document is wished for now.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.due <= now
    }

    /// When the next fetch of the document may start, provided that none is in flight.
    pub(super) fn next_start(&self) -> Moment {
        backoff::apart(self.due, self.last_start)
    }

    /// When time alone ends the address.
    pub(super) fn ends(&self) -> Option<Moment> {
        self.found.as_ref().map(|found| found.ends)
    }

    /// How long the last good answer took.
    pub(super) const fn took(&self) -> Duration {
        self.took
    }

    /// That fetches of the document fail.
    pub(super) const fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    /// The fetch of the document, which starts now.
    pub(super) fn start(&mut self, timeout: Duration, now: Moment) -> Call {
        self.last_start = Some(now);
        let found = self.found.as_ref();
        let found = found.filter(|found| deadline(now, timeout) <= found.ends);
        Call::get(
            self.source.document.clone(),
            ACCEPT,
            found.and_then(|found| found.validator.clone()),
            limits::DISCOVERY_BYTES,
            timeout,
        )
    }

    /// Takes the answer, and says how the fetch ended and whether the keys are at another address now.
    pub(super) fn on_answer(
        &mut self,
        answer: &Answer<'_>,
        flight: &Flight<super::Target>,
        source: &RemoteJwks,
        now: Moment,
        jitter: &mut Jitter,
        changes: &mut Vec<Change>,
    ) -> (Outcome, bool) {
        let (endpoint, validator) = match self.read(answer, flight.conditional) {
            Ok(received) => received,
            Err(failure) => {
                let outcome = Outcome::from(&failure);
                self.failed(failure, flight.started, now, jitter, changes);
                return (outcome, false);
            }
        };
        self.took = now.since(flight.started);
        if self.outage.take().is_some() {
            changes.push(Change::DiscoveryRecovered);
        }
        let (fresh_until, due) =
            backoff::refresh_at(flight.started, self.source.refresh, now, jitter);
        self.due = due;
        let known = self.endpoint();
        if known != Some(&endpoint) {
            changes.push(Change::Located(endpoint.to_string()));
        }
        let moved = known.or(self.given_up.as_ref()) != Some(&endpoint);
        self.found = Some(Found {
            endpoint,
            validator,
            ends: fresh_until.plus(source.max_stale),
        });
        (Outcome::from(answer), moved)
    }

    fn read(
        &self,
        answer: &Answer<'_>,
        conditional: bool,
    ) -> Result<(Endpoint, Option<Validator>), Failure> {
        match (answer.content(conditional)?, &self.found) {
            (Content::New { headers, body }, _) => {
                let endpoint = document::read(body, &self.source).map_err(Failure::Document)?;
                Ok((endpoint, Validator::of(headers)))
            }
            (Content::Same { headers }, Some(found)) => {
                let validator = Validator::of(headers).or_else(|| found.validator.clone());
                Ok((found.endpoint.clone(), validator))
            }
            (Content::Same { .. }, None) => Err(Fault::Status(304).into()),
        }
    }

    /// Takes note of a fetch that failed; the address in hand stays.
    pub(super) fn failed(
        &mut self,
        failure: Failure,
        started: Moment,
        now: Moment,
        jitter: &mut Jitter,
        changes: &mut Vec<Change>,
    ) {
        let wait = Outage::failed(&mut self.outage, started, now, jitter);
        self.due = now.plus(wait);
        let words: [fn(Failure) -> Change; 2] =
            [Change::DiscoveryFailing, Change::DiscoveryStillFailing];
        let told = self.outage.as_mut();
        changes.extend(told.and_then(|outage| outage.tells(failure, words)));
    }
}
