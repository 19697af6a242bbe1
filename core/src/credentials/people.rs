//! The credentials of one person at a time: fetched when somebody brings an approval of theirs, and
//! remembered for a short time.

use core::time::Duration;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::{
    ACCEPT, ACCEPT_SIGNED, Found,
    draft::Draft,
    register::Register,
    source::{CredentialsBySubject, Piece},
    wrong::{Failure, Wrong},
};
use crate::{
    fetch::{
        Endpoint, Measure, Number,
        answer::Answer,
        call::Call,
        clock::Moment,
        fault::Fault,
        flight::FetchId,
        freshness::SHORTEST,
        health::{Event, Health},
        keyed::{Asked, Bounds, Keyed},
    },
    jose::Signed,
    limits,
    text::percent,
    time::UnixTime,
};

/// The credentials of one provider's people, by person.
#[derive(Debug)]
pub(crate) struct People {
    source: CredentialsBySubject,
    keyed: Keyed<Person, Held>,
    health: Health,
    /// Entries that could not be read, and of which nobody was told yet.
    unreadable: u64,
}

/// An answer that came.
#[derive(Debug)]
enum Held {
    /// Nobody has checked its signature.
    Unverified(Rc<Signed>),
    /// What it says.
    Open(Rc<Register>),
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
            health: Health::default(),
            unreadable: 0,
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
            Asked::Said(Held::Unverified(signed)) => Found::Unverified(Rc::clone(signed)),
            Asked::Said(Held::Open(register)) => register
                .find(subject, id)
                .map_or(Found::Unknown, Found::Known),
            Asked::Pending => Found::Pending(person.number),
            Asked::Unavailable(retry_after) => Found::Unavailable(retry_after),
        }
    }

    /// The signature of the answer about a person was checked: what was signed, or why it does not
    /// count.
    pub(crate) fn opened(
        &mut self,
        (issuer, subject): (&str, &str),
        signed: Result<Vec<u8>, &'static str>,
        now: Moment,
    ) {
        let person = Person::new(issuer, subject);
        let signed = signed.map_err(Wrong::Signed);
        let read = signed.and_then(|content| person.read(&content));
        let result = read.map(|(register, skipped, _)| {
            self.count_unreadable(skipped);
            if let Some(held) = self.keyed.said_mut(&person) {
                *held = Held::Open(Rc::new(register));
            }
        });
        if result.is_err() {
            self.keyed.spoil(&person, now);
        }
        self.ended(result.map_err(Failure::Content));
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
            let is_signed = source.signed_within.is_some();
            let accept = if is_signed { ACCEPT_SIGNED } else { ACCEPT };
            Call::get(endpoint, accept, None, most, source.timeout)
        })?;
        Some((self.keyed.in_flight(id)?.number, call))
    }

    /// Takes the answer to a fetch in flight, and says whose it is.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        (now, wall): (Moment, UnixTime),
    ) -> Option<u64> {
        let person = self.keyed.in_flight(id)?.clone();
        let (fresh, skew) = (self.source.cache_duration, self.source.signed_within);
        let mut skipped = 0;
        let ended = self.keyed.on_answer(id, answer, now, |body| {
            let register = match (body, skew) {
                (Ok(body), Some(skew)) => {
                    let held = person.unverified(body, fresh, (skew, wall));
                    return held.map_err(Failure::Content);
                }
                (Ok(body), None) => {
                    let read = person.read(body).map_err(Failure::Content);
                    let (register, odd, _) = read?;
                    skipped = odd;
                    register
                }
                // Nobody of this name has any.
                (Err(Fault::Status(404)), None) => Register::new(1),
                (Err(fault), _) => return Err(Failure::Fetch(fault)),
            };
            Ok((Held::Open(Rc::new(register)), fresh))
        })?;
        self.count_unreadable(skipped);
        // What is signed has come when its signature was right.
        if ended.result.is_err() || skew.is_none() {
            self.ended(ended.result);
        }
        Some(person.number)
    }

    fn ended(&mut self, result: Result<(), Failure>) {
        match result {
            Err(failure) => self.failed(&failure),
            Ok(()) => {
                self.health.ended("ok");
                self.health.came("answers can be had again");
            }
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.health.ended(failure.name());
        let what = "an answer cannot be had: ";
        self.health.failed(what, failure, "");
    }

    fn count_unreadable(&mut self, entries: usize) {
        let entries = u64::try_from(entries).unwrap_or(u64::MAX);
        self.unreadable = self.unreadable.saturating_add(entries);
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        self.keyed.next_change()
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        let mut measures = self.health.take_measures();
        let unreadable = core::mem::take(&mut self.unreadable);
        if unreadable > 0 {
            let count = Number::Count(unreadable);
            measures.push(Measure::new(&["unreadable"], count));
        }
        measures
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

    /// Reads an answer about this person: what it says, how many entries were skipped, its dates.
    #[inline(never)]
    fn read(&self, body: &[u8]) -> Result<(Register, usize, [Option<UnixTime>; 2]), Wrong> {
        let mut draft = Draft::of(&self.issuer, &self.subject);
        let mut slices = Draft::slices(body.to_vec());
        while !slices.read_on(&mut draft)? {}
        let dates = draft.dates;
        let (register, skipped) = draft.end(&slices)?;
        Ok((register, skipped, dates))
    }

    /// Takes a signed answer about this person apart, and says how long it counts: what it says of
    /// itself can only refuse.
    fn unverified(
        &self,
        body: &[u8],
        fresh: Duration,
        (skew, wall): (Duration, UnixTime),
    ) -> Result<(Held, Duration), Wrong> {
        let most = limits::CREDENTIAL_ANSWER_BYTES;
        let signed = Signed::parse(body, "credentials+jwt", most);
        let (signed, content) = signed.map_err(Wrong::Signed)?;
        let (_, _, [Some(issued), Some(expires)]) = self.read(&content)? else {
            return Err(Wrong::Signed("its iat or exp is not a number of seconds"));
        };
        if issued > wall.saturating_add(skew) {
            return Err(Wrong::Signed("its iat is to come; do the clocks agree?"));
        }
        if wall >= expires.saturating_add(skew) {
            return Err(Wrong::Signed("expired"));
        }
        let fresh = fresh.min(expires.since(wall)).max(SHORTEST);
        Ok((Held::Unverified(Rc::new(signed)), fresh))
    }
}

/// Dots would lead to another place, and nobody has an empty name.
fn may_be_asked_for(subject: &str) -> bool {
    let is_short = (1..=limits::SUBJECT_BYTES).contains(&subject.len());
    is_short && !matches!(subject, "." | "..")
}
