//! The life of one provider's list: when it is fetched, when it is too old, and what it says of a
//! token.

use core::time::Duration;

use super::{
    edition::Edition,
    entries::{Digest, Entries, Names, kind_of},
    entry::{Before, Kind},
    failure::Failure,
    reader::{Draft, Reader},
    source::{ListBounds, RevocationSource, WhenUnavailable},
};
use crate::{
    fetch::{
        Measure, Number,
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
    json::Unreadable,
    time::UnixTime,
};

/// The revocations of one provider.
#[derive(Debug)]
pub(crate) struct Feed {
    source: RevocationSource,
    bounds: ListBounds,
    jitter: Jitter,
    document: Document<Edition>,
    entries: Entries,
    /// How many entries of the list in hand could not be read.
    skipped: usize,
    /// When the list in hand is too old; it is held all the same.
    ends: Option<Moment>,
    is_told_to_be_old: bool,
    flight: Option<Flight<()>>,
    /// A document that came and is not in force yet.
    arriving: Option<Arriving>,
    /// The next fetch asks for the whole list, and not for what is new.
    asks_for_all: bool,
    health: Health,
    /// How many requests have passed although the list was too old, and nobody was told yet.
    unchecked: u64,
}

/// A document that came.
#[derive(Debug)]
struct Arriving {
    received: Received<Edition>,
    started: Moment,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// It is read.
    Reads(Box<Reader>),
    /// What is new in it is added to the list in hand; so many of its entries cannot be read.
    Adds(Names, usize),
}

/// What the list says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Clear,
    /// It names something of it.
    Revoked { kind: Kind, before: Before },
    /// Wait for the list that is fetched or read, then ask again.
    Pending,
    /// There is no list that is young enough; when to try again.
    Unavailable(Duration),
    /// The same, and whom the list in hand does not name passes.
    Unchecked,
}

/// What is asked for.
const ACCEPT: &str = "application/json";
/// Entries that are added to the list in one go.
const ADDED_AT_ONCE: usize = 1_000;
/// A list that was at least as long is worth a word when it shrinks to less than half.
const LONG: usize = 20;
/// Stands where an edition is not known yet.
const UNREAD: Edition = Edition {
    epoch: 0,
    sequence: 0,
    generated_at: UnixTime::from_millis(0),
};

impl Feed {
    pub(crate) fn new(source: &RevocationSource, bounds: ListBounds, seed: u64) -> Self {
        let mut jitter = Jitter::new(seed);
        let due = Moment::default().plus(jitter.up_to(backoff::FIRST_STAGGER));
        Self {
            source: source.clone(),
            bounds,
            jitter,
            document: Document::new(due),
            entries: Entries::new(),
            skipped: 0,
            ends: None,
            is_told_to_be_old: false,
            flight: None,
            arriving: None,
            asks_for_all: true,
            health: Health::default(),
            unchecked: 0,
        }
    }

    /// What the list says of a token that was issued then and has these names. A list that is too
    /// old still revokes what it names.
    pub(crate) fn judge<'n>(
        &mut self,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
        issued: Option<UnixTime>,
        now: Moment,
    ) -> Standing {
        let mut found = names.into_iter().filter_map(|(kind, name)| {
            let before = self.entries.find(kind, name);
            let before = before.filter(|before| revokes(*before, issued))?;
            Some(Standing::Revoked { kind, before })
        });
        let found = found.next();
        found.unwrap_or_else(|| self.standing_of_others(now))
    }

    /// The same for names that are kept as [`Self::digests`].
    pub(crate) fn judge_digests(
        &mut self,
        names: &[Digest],
        issued: Option<UnixTime>,
        now: Moment,
    ) -> Standing {
        let mut found = names.iter().filter_map(|digest| {
            let before = self.entries.find_digest(digest);
            let before = before.filter(|before| revokes(*before, issued))?;
            let kind = kind_of(digest)?;
            Some(Standing::Revoked { kind, before })
        });
        let found = found.next();
        found.unwrap_or_else(|| self.standing_of_others(now))
    }

    /// Names as all editions of this list know them.
    pub(crate) fn digests<'n>(
        &self,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
    ) -> Box<[Digest]> {
        let names = names.into_iter();
        names
            .map(|(kind, name)| self.entries.digest(kind, name))
            .collect()
    }

    /// What it says of those whom it does not name.
    fn standing_of_others(&mut self, now: Moment) -> Standing {
        if self.is_young(now) {
            return Standing::Clear;
        }
        self.document.hurry(now);
        let allows = self.source.when_unavailable == WhenUnavailable::Allow;
        // Whoever may pass without a list waits for the first one, and for none after that.
        let waits = !allows || (self.ends.is_none() && self.document.outage().is_none());
        if waits && self.is_coming(now) {
            Standing::Pending
        } else if allows {
            self.unchecked = self.unchecked.saturating_add(1);
            Standing::Unchecked
        } else {
            let next = self.flight.as_ref().map(|flight| flight.deadline);
            let next = next.unwrap_or_else(|| self.document.next_start());
            Standing::Unavailable(next.since(now).max(Duration::from_secs(1)))
        }
    }

    fn is_young(&self, now: Moment) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }

    /// Whether a list is fetched or read, or about to be fetched.
    fn is_coming(&self, now: Moment) -> bool {
        self.holds_waiters() || self.document.next_start() <= now
    }

    /// Whether those who wait do so for a list that is fetched or read.
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
        let mut endpoint = self.source.endpoint.clone();
        if let Some(held) = self.document.value().filter(|_| !self.asks_for_all) {
            let mark = if endpoint.path.contains('?') {
                '&'
            } else {
                '?'
            };
            endpoint.path = format!("{}{mark}after={}", endpoint.path, held.sequence);
        }
        let call = Call::get(endpoint, ACCEPT, tag, self.bounds.bytes, timeout);
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
        (answer, content): (&Answer<'_>, Vec<u8>),
        now: Moment,
        wall: UnixTime,
    ) -> bool {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return false;
        };
        self.age(now);
        let mut body = None;
        let lifetime = Lifetime::Fixed(self.source.cache_duration);
        let received = self.document.read(answer, &flight, lifetime, |_| {
            body = Some(Reader::new(content, &self.entries, self.bounds)?);
            Ok::<_, Failure>(UNREAD)
        });
        let started = flight.started;
        match (received, body) {
            (Err(failure), _) => self.failed(failure, started, now),
            (Ok(received), Some(reader)) => {
                // The host has just copied it: of a long one, that is enough for one callback.
                let is_short = reader.is_short();
                self.arriving = Some(Arriving {
                    received,
                    started,
                    stage: Stage::Reads(Box::new(reader)),
                });
                if is_short {
                    self.read_on(now, wall);
                }
            }
            // What was confirmed has not become younger by that.
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
    pub(crate) fn read_on(&mut self, now: Moment, wall: UnixTime) {
        let Some(mut arriving) = self.arriving.take() else {
            return;
        };
        let started = arriving.started;
        match self.go_on(&mut arriving, wall) {
            Ok(false) => self.arriving = Some(arriving),
            Ok(true) => self.in_force(arriving.received, started, now, wall),
            Err(failure) => self.failed(failure, started, now),
        }
    }

    /// True: all of it is in the list in hand.
    fn go_on(&mut self, arriving: &mut Arriving, wall: UnixTime) -> Result<bool, Failure> {
        if let Stage::Reads(reader) = &mut arriving.stage {
            if !reader.read_slice()? {
                return Ok(false);
            }
            let draft = reader.take_draft()?;
            arriving.received.value = draft.edition;
            let held = self.document.value().copied();
            let longest_age = self.source.longest_age();
            draft
                .edition
                .may_follow(held, draft.after, longest_age, wall)?;
            if draft.after.is_none() {
                self.replace(draft);
                return Ok(true);
            }
            let together = self.entries.len().saturating_add(draft.entries.len());
            if together > self.bounds.entries {
                return Err(Unreadable::TooMany(self.bounds.entries).into());
            }
            arriving.stage = Stage::Adds(draft.entries.into_names(), draft.skipped);
        }
        let Stage::Adds(names, skipped) = &mut arriving.stage else {
            return Ok(false);
        };
        if self.entries.take_some(names, ADDED_AT_ONCE) {
            return Ok(false);
        }
        self.note_skipped(self.skipped.saturating_add(*skipped));
        Ok(true)
    }

    /// The whole list takes the place of the one in hand.
    fn replace(&mut self, draft: Draft) {
        let (from, to) = (self.entries.len(), draft.entries.len());
        self.entries = draft.entries;
        self.note_skipped(draft.skipped);
        if from >= LONG && to < from / 2 {
            let event = format!("the list has shrunk from {from} entries to {to}");
            self.health.tell((event, true));
        }
    }

    fn note_skipped(&mut self, skipped: usize) {
        if skipped > self.skipped {
            let event =
                format!("{skipped} entries cannot be read; what they revoke is not revoked");
            self.health.tell((event, true));
        }
        self.skipped = skipped;
    }

    fn in_force(
        &mut self,
        received: Received<Edition>,
        started: Moment,
        now: Moment,
        wall: UnixTime,
    ) {
        let edition = received.value;
        if self.document.value().is_none() {
            let entries = self.entries.len();
            let event = format!("the first list is in force, {entries} entries, {edition}");
            self.health.tell((event, false));
        }
        self.health.ended("ok");
        self.asks_for_all = false;
        self.put(received, started, now);
        let age = wall.since(edition.generated_at);
        self.ends = Some(now.plus(self.source.longest_age().saturating_sub(age)));
        if core::mem::take(&mut self.is_told_to_be_old) {
            let event = "the list is young enough again";
            self.health.tell((event.to_owned(), false));
        }
    }

    fn put(&mut self, received: Received<Edition>, started: Moment, now: Moment) {
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
        // It may be the question that the server does not understand.
        self.asks_for_all = true;
        let words: [fn(Failure) -> Event; 2] = [
            |failure| (format!("fetches fail: {failure}"), true),
            |failure| (format!("fetches still fail, now: {failure}"), true),
        ];
        let jitter = &mut self.jitter;
        let told = self.document.failed(failure, words, started, now, jitter);
        if let Some(event) = told {
            self.health.tell(event);
        }
    }

    /// What time alone does to the list: it becomes too old.
    fn age(&mut self, now: Moment) {
        if self.ends.is_some() && !self.is_young(now) && !self.is_told_to_be_old {
            self.is_told_to_be_old = true;
            let then = match self.source.when_unavailable {
                WhenUnavailable::Deny => "requests are answered 503",
                WhenUnavailable::Allow => "what was revoked since passes (when_unavailable: allow)",
            };
            let event = ["the list is too old: ", then].concat();
            self.health.tell((event, true));
        }
    }

    /// When there is something to do next, if nothing else happens.
    pub(crate) fn next_change(&self) -> Moment {
        if self.arriving.is_some() {
            return Moment::default();
        }
        let flight = self.flight.as_ref().map(|flight| flight.deadline);
        let next = flight.unwrap_or_else(|| self.document.next_start());
        let ends = self.ends.filter(|_| !self.is_told_to_be_old);
        ends.into_iter().fold(next, Moment::min)
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self, now: Moment) -> Vec<Measure> {
        let mut measures = self.health.take_measures();
        let unchecked = core::mem::take(&mut self.unchecked);
        if unchecked > 0 {
            measures.push(Measure::new(&["unchecked"], Number::Count(unchecked)));
        }
        let state = match self.ends {
            None => "never_fetched",
            Some(_) if self.is_young(now) => "in_force",
            Some(_) => "too_old",
        };
        for name in ["never_fetched", "in_force", "too_old"] {
            measures.push(Measure::level(&["state", name], usize::from(name == state)));
        }
        if let Some(edition) = self.document.value() {
            let generated_at = Number::Since(edition.generated_at);
            measures.push(Measure::new(&["generated_at_seconds"], generated_at));
            measures.push(Measure::new(&["sequence"], Number::Is(edition.sequence)));
            for kind in Kind::ALL {
                let number = self.entries.count(kind);
                measures.push(Measure::is(&["entries", kind.name()], number));
            }
            measures.push(Measure::is(&["skipped"], self.skipped));
        }
        measures
    }
}

/// For people at a command line: a list from a file.
#[cfg(feature = "explain")]
impl Feed {
    /// Whether there is one.
    pub(crate) const fn is_given(&self) -> bool {
        self.ends.is_some()
    }

    /// Puts a document in force as if it had come now, and says which edition it is.
    pub(crate) fn give(
        &mut self,
        body: Vec<u8>,
        now: Moment,
        wall: UnixTime,
    ) -> Result<String, String> {
        let read = || -> Result<Draft, Failure> {
            let mut reader = Reader::new(body, &self.entries, self.bounds)?;
            while !reader.read_slice()? {}
            let draft = reader.take_draft()?;
            let longest_age = self.source.longest_age();
            draft
                .edition
                .may_follow(None, draft.after, longest_age, wall)?;
            Ok(draft)
        };
        let draft = read().map_err(|failure| failure.to_string())?;
        self.ends = Some(now.plus(self.source.longest_age()));
        let (entries, skipped, edition) = (draft.entries.len(), draft.skipped, draft.edition);
        self.replace(draft);
        Ok(format!(
            "{entries} entries, {skipped} that cannot be read, {edition}"
        ))
    }
}

/// What the longest document takes to be read, a slice at a tick, on a busy worker.
const READING: Duration = Duration::from_secs(10);

/// Whether an entry revokes a token that was issued then.
fn revokes(before: Before, issued: Option<UnixTime>) -> bool {
    match (before.seconds(), issued) {
        (Some(seconds), Some(issued)) => issued <= UnixTime::from_secs(seconds),
        (None, _) | (_, None) => true,
    }
}
