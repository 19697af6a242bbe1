//! The credentials of one person at a time: fetched when somebody brings an approval of theirs, and
//! remembered for a short time.

use core::time::Duration;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{
    ACCEPT, Found,
    draft::Draft,
    register::Register,
    source::{CredentialsBySubject, Piece},
    told::{Failure, Outcome, Told},
};
use crate::{
    fetch::{
        Endpoint, Measure,
        answer::Answer,
        call::Call,
        clock::Moment,
        fault::Fault,
        flight::FetchId,
        health::Event,
        keyed::{Asked, Bounds, Keyed},
    },
    limits,
    text::percent,
};

/// The credentials of one provider's people, by person.
#[derive(Debug)]
pub(crate) struct People {
    source: CredentialsBySubject,
    keyed: Keyed<Person, Rc<Register>>,
    told: Told,
}

/// Whose they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Person {
    /// Who waits for them says so by this number.
    number: u64,
    issuer: Rc<str>,
    subject: Rc<str>,
}

/// Most people that somebody waits for, and how many of them are asked for at once.
const AWAITED: usize = 64;
const CALLS: usize = 16;

impl People {
    /// Most fetches in flight.
    pub(crate) const MOST_CALLS: usize = CALLS;

    /// Those of one of so many providers that are asked so.
    pub(crate) fn new(source: &CredentialsBySubject, providers: usize, seed: u64) -> Self {
        let bounds = Bounds {
            remembered: Bounds::share(limits::CREDENTIAL_SUBJECTS, providers),
            awaited: AWAITED,
            calls: CALLS,
            spare: 0,
        };
        Self {
            source: source.clone(),
            keyed: Keyed::new(bounds, seed),
            told: Told::default(),
        }
    }

    /// The credential of this person with this id.
    pub(crate) fn find(
        &mut self,
        (issuer, subject): (&str, &str),
        id: &[u8],
        now: Moment,
    ) -> Found {
        if !may_be_asked_for(subject) {
            return Found::Unknown;
        }
        let person = Person::new(issuer, subject);
        match self.keyed.ask(&person, now) {
            Asked::Said(register) => register
                .find(subject, id)
                .map_or(Found::Unknown, Found::Known),
            Asked::Pending => Found::Pending(person.number),
            Asked::Unavailable(retry_after) => Found::Unavailable(retry_after),
        }
    }

    /// Whether those who wait for this person wait for a fetch.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.keyed.awaits(|person| person.number == number)
    }

    /// Longest that a request waits: for those before it, and its own fetch.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.keyed.bounds().longest_wait(self.source.timeout)
    }

    /// The next call to send now, and the number of whom it is about.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(u64, Call)> {
        while let Some(lost) = self.keyed.take_lost(now) {
            if let Err(fault) = lost.result {
                self.failed(&fault.into());
            }
        }
        let source = &self.source;
        let call = self.keyed.poll(id, now, |person| {
            let most = limits::CREDENTIAL_ANSWER_BYTES;
            let endpoint = person.endpoint(source);
            Call::get(endpoint, ACCEPT, None, most, source.timeout)
        })?;
        Some((self.keyed.in_flight(id)?.number, call))
    }

    /// Takes the answer to a fetch in flight, and says whose it is.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        now: Moment,
    ) -> Option<u64> {
        let person = self.keyed.in_flight(id)?.clone();
        let fresh = self.source.cache_duration;
        let mut skipped = 0;
        let ended = self.keyed.on_answer(id, answer, now, |body| {
            let register = match body {
                Ok(body) => {
                    let (register, odd) = person.read(body)?;
                    skipped = odd;
                    register
                }
                // Nobody of this name has any.
                Err(Fault::Status(404)) => Register::new(1),
                Err(fault) => return Err(Failure::Fetch(fault)),
            };
            Ok((Rc::new(register), fresh))
        })?;
        self.told.unreadable(skipped);
        match ended.result {
            Err(failure) => self.failed(&failure),
            Ok(()) => {
                self.told.note(Outcome::Ok);
                self.told.health.came("answers can be had again");
            }
        }
        Some(person.number)
    }

    fn failed(&mut self, failure: &Failure) {
        self.told.note(failure.outcome());
        let what = "an answer cannot be had: ";
        self.told.health.failed(what, failure, "");
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        self.keyed.next_change()
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.told.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        self.told.take_measures()
    }
}

impl Person {
    fn new(issuer: &str, subject: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(Sha256::digest(issuer));
        hash.update(subject);
        let digest: [u8; 32] = hash.finalize().into();
        let (number, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Self {
            number: u64::from_be_bytes(*number),
            issuer: issuer.into(),
            subject: subject.into(),
        }
    }

    /// Where this person's are. Whatever a name holds, it stays one segment.
    fn endpoint(&self, source: &CredentialsBySubject) -> Endpoint {
        let mut endpoint = source.endpoint.clone();
        for piece in &source.pieces {
            let name = match piece {
                Piece::Text(text) => {
                    endpoint.path.push_str(text);
                    continue;
                }
                Piece::Subject => &self.subject,
                Piece::Issuer => &self.issuer,
            };
            percent::encode(&mut endpoint.path, name.bytes(), percent::is_unreserved);
        }
        endpoint
    }

    /// Reads an answer about this person.
    fn read(&self, body: &[u8]) -> Result<(Register, usize), Failure> {
        let mut draft = Draft::of(&self.issuer, &self.subject);
        let mut slices = Draft::slices(body.to_vec());
        while !slices.read_on(&mut draft)? {}
        Ok(draft.end(&slices)?)
    }
}

/// Dots would lead to another place, and nobody has an empty name.
fn may_be_asked_for(subject: &str) -> bool {
    let is_short = (1..=limits::SUBJECT_BYTES).contains(&subject.len());
    is_short && !matches!(subject, "." | "..")
}
