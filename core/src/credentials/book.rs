//! One document with the credentials of all people: what it says of a credential, and when it ends.

use super::{
    Found,
    draft::{Draft, SLICE_BYTES},
    register::Register,
    source::CredentialDocument,
    wrong::{Failure, Wrong},
};
use crate::{
    fetch::{
        Endpoint, Measure,
        clock::Moment,
        health::Health,
        long::{Keeper, Long, Terms},
    },
    json::{Slices, Unreadable},
    limits,
    time::UnixTime,
};

/// The credentials of one provider's people, in one document.
pub(crate) type Book = Long<Contents>;

/// What the document in hand says.
#[derive(Debug)]
pub(crate) struct Contents {
    endpoint: Endpoint,
    issuer: Box<str>,
    bounds: BookBounds,
    /// `None`: there is no document in hand.
    register: Option<Register>,
    /// How many of its entries could not be read.
    skipped: usize,
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
        let terms = Terms {
            timeout: source.timeout,
            cache_duration: source.cache_duration,
            max_stale: source.max_stale,
            bytes: bounds.bytes,
        };
        let contents = Contents {
            endpoint: source.endpoint.clone(),
            issuer: issuer.into(),
            bounds,
            register: None,
            skipped: 0,
        };
        Self::of(contents, terms, seed)
    }

    /// The credential of this person with this id.
    pub(crate) fn find(&mut self, subject: &str, id: &[u8], now: Moment) -> Found {
        self.age(now);
        if let Some(register) = &self.keeper.register {
            return register
                .find(subject, id)
                .map_or(Found::Unknown, Found::Known);
        }
        let retry_after = self.retry_after(now);
        retry_after.map_or(Found::Pending(Self::NUMBER), Found::Unavailable)
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        let mut measures = self.health.take_measures();
        let register = self.keeper.register.as_ref();
        let level = usize::from(register.is_some());
        measures.push(Measure::level(&["state", "in_force"], level));
        let none = usize::from(register.is_none());
        measures.push(Measure::level(&["state", "none"], none));
        if let Some(register) = register {
            measures.push(Measure::is(&["entries"], register.len()));
            measures.push(Measure::is(&["skipped"], self.keeper.skipped));
        }
        measures
    }
}

impl Keeper for Contents {
    type Reader = (Slices, Draft);
    type Wrong = Wrong;
    const SLICE: usize = SLICE_BYTES;

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn open(&self, body: Vec<u8>) -> Result<(Slices, Draft), Wrong> {
        if body.len() > self.bounds.bytes {
            return Err(Unreadable::TooLarge.into());
        }
        let draft = Draft::new(&self.issuer, self.bounds.credentials);
        Ok((Draft::slices(body), draft))
    }

    fn read_on(
        &mut self,
        (slices, draft): &mut (Slices, Draft),
        _: (Moment, UnixTime),
        health: &mut Health,
    ) -> Result<bool, Wrong> {
        if !slices.read_on(draft)? {
            return Ok(false);
        }
        let (register, skipped) = draft.end(slices)?;
        if self.register.is_none() {
            let event = [&register.len().to_string(), " in force"].concat();
            health.tell((event, false));
        }
        if skipped > self.skipped {
            let event = [&skipped.to_string(), " entries cannot be read"].concat();
            health.tell((event, true));
        }
        self.skipped = skipped;
        self.register = Some(register);
        Ok(true)
    }

    fn failed(&mut self, failure: &Failure) -> &'static str {
        failure.name()
    }

    fn age(&mut self, has_ended: bool, _: Moment, health: &mut Health) {
        if has_ended {
            self.register = None;
            let event = "the document is too old: approvals are answered 503";
            health.tell((event.to_owned(), true));
        }
    }
}
