//! Where the keys are, for an issuer that says so itself: found, refreshed, and given up when it is
//! too old.

use core::time::Duration;

use super::{
    ACCEPT, Discovery, Purpose, document,
    event::{Change, Failure},
    report,
};
use crate::{
    fetch::{
        Endpoint,
        answer::Answer,
        call::Call,
        clock::Moment,
        document::{Document, Lifetime},
        flight::Flight,
        jitter::Jitter,
    },
    limits,
};

/// The address of a key set, as the issuer's document says it.
#[derive(Debug)]
pub(super) struct Locator {
    source: Discovery,
    /// How long an address that is no longer fresh may serve.
    max_stale: Duration,
    pub(super) address: Document<Endpoint>,
    /// The address that was too old when it was given up.
    given_up: Option<Endpoint>,
}

impl Locator {
    pub(super) fn new(source: &Discovery, max_stale: Duration, due: Moment) -> Self {
        Self {
            source: source.clone(),
            max_stale,
            address: Document::new(due),
            given_up: None,
        }
    }

    /// Gives up an address that is too old. True: it did.
    pub(super) fn age(&mut self, now: Moment) -> bool {
        let ended = self.address.take_ended(now);
        let ends = ended.is_some();
        self.given_up = ended.or(self.given_up.take());
        ends
    }

    /// The fetch of the document, which starts now.
    pub(super) fn start(&mut self, timeout: Duration, now: Moment) -> Call {
        let tag = self.address.start(timeout, now);
        let document = self.source.document.clone();
        Call::get(document, ACCEPT, tag, limits::DISCOVERY_BYTES, timeout)
    }

    /// Takes the answer, and says how the fetch ended and whether the keys are at another address
    /// now.
    pub(super) fn on_answer(
        &mut self,
        answer: &Answer<'_>,
        flight: &Flight<Purpose>,
        now: Moment,
        jitter: &mut Jitter,
        changes: &mut Vec<Change>,
    ) -> (&'static str, bool) {
        let lifetime = Lifetime::Fixed(self.source.refresh);
        let read = |body: &[u8]| document::read(body, &self.source).map_err(Failure::Document);
        let received = match self.address.read(answer, flight, lifetime, read) {
            Ok(received) => received,
            Err(failure) => {
                let outcome = failure.name();
                self.failed(failure, flight.started, now, jitter, changes);
                return (outcome, false);
            }
        };
        if self.address.succeeded(flight.started, now) {
            changes.push(Change::DiscoveryRecovered);
        }
        let endpoint = &received.value;
        let known = self.address.value();
        if known != Some(endpoint) {
            changes.push(Change::Located(endpoint.to_string()));
        }
        let moved = known.or(self.given_up.as_ref()) != Some(endpoint);
        self.address
            .put(received, self.max_stale, flight.started, now, jitter);
        (report::good(answer), moved)
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
        let words = [Change::DiscoveryFailing, Change::DiscoveryStillFailing];
        let told = self.address.failed(failure, words, started, now, jitter);
        changes.extend(told);
    }
}
