//! The list in hand: where the next edition of it is, and how that takes its place or adds to it.

use super::{
    edition::{Edition, Refused},
    entries::{Entries, Names},
    reader::{Draft, Reader, SLICE_BYTES},
    source::{ListBounds, RevocationSource, WhenUnavailable},
};
use crate::{
    fetch::{Endpoint, clock::Moment, failure::Failure, health::Health, long::Keeper},
    json::Unreadable,
    time::UnixTime,
};

/// The list in hand.
#[derive(Debug)]
pub(crate) struct List {
    pub(super) source: RevocationSource,
    bounds: ListBounds,
    pub(super) edition: Option<Edition>,
    pub(super) entries: Entries,
    /// How many of its entries could not be read.
    pub(super) skipped: usize,
    /// When it is too old; it is held all the same.
    pub(super) ends: Option<Moment>,
    is_told_to_be_old: bool,
    /// The next fetch asks for the whole list, and not for what is new.
    asks_for_all: bool,
    /// How many requests have passed although the list was too old, and nobody was told yet.
    pub(super) unchecked: u64,
}

/// What is done with a document that came.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It is read.
    Reads(Box<Reader>),
    /// What is new in this edition is added to the list in hand; so many of its entries cannot be
    /// read.
    Adds(Edition, Names, usize),
}

/// Entries that are added to the list in one go.
const ADDED_AT_ONCE: usize = 1_000;
/// A list that was at least as long is worth a word when it shrinks to less than half.
const LONG: usize = 20;

impl List {
    /// An empty one.
    pub(super) fn new(source: &RevocationSource, bounds: ListBounds) -> Self {
        Self {
            source: source.clone(),
            bounds,
            edition: None,
            entries: Entries::new(),
            skipped: 0,
            ends: None,
            is_told_to_be_old: false,
            asks_for_all: true,
            unchecked: 0,
        }
    }

    pub(super) fn is_young(&self, now: Moment) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }

    /// The whole list takes the place of the one in hand.
    fn replace(&mut self, draft: Draft, health: &mut Health) {
        let (from, to) = (self.entries.len(), draft.entries.len());
        self.entries = draft.entries;
        self.note_skipped(draft.skipped, health);
        if from >= LONG && to < from / 2 {
            let event = format!("the list has shrunk from {from} entries to {to}");
            health.tell((event, true));
        }
    }

    fn note_skipped(&mut self, skipped: usize, health: &mut Health) {
        if skipped > self.skipped {
            let event =
                format!("{skipped} entries cannot be read; what they revoke is not revoked");
            health.tell((event, true));
        }
        self.skipped = skipped;
    }

    /// All of this edition is in the list.
    fn in_force(&mut self, edition: Edition, (now, wall): (Moment, UnixTime), health: &mut Health) {
        if self.edition.replace(edition).is_none() {
            let entries = self.entries.len();
            let event = format!("the first list is in force, {entries} entries, {edition}");
            health.tell((event, false));
        }
        self.asks_for_all = false;
        let age = wall.since(edition.generated_at);
        self.ends = Some(now.plus(self.source.longest_age().saturating_sub(age)));
        if core::mem::take(&mut self.is_told_to_be_old) {
            let event = "the list is young enough again";
            health.tell((event.to_owned(), false));
        }
    }

    /// Puts a document in force as if it had come now, and says which edition it is.
    #[cfg(feature = "explain")]
    pub(super) fn give(
        &mut self,
        body: Vec<u8>,
        (now, wall): (Moment, UnixTime),
        health: &mut Health,
    ) -> Result<String, Refused> {
        let mut reader = Reader::new(body, &self.entries, self.bounds)?;
        while !reader.read_slice()? {}
        let draft = reader.take_draft()?;
        let longest_age = self.source.longest_age();
        draft
            .edition
            .may_follow(None, draft.after, longest_age, wall)?;
        self.ends = Some(now.plus(longest_age));
        let (entries, skipped, edition) = (draft.entries.len(), draft.skipped, draft.edition);
        self.replace(draft, health);
        Ok(format!(
            "{entries} entries, {skipped} that cannot be read, {edition}"
        ))
    }
}

impl Keeper for List {
    type Reader = Stage;
    type Wrong = Refused;
    const SLICE: usize = SLICE_BYTES;

    fn endpoint(&self) -> Endpoint {
        let mut endpoint = self.source.endpoint.clone();
        if let Some(held) = self.edition.filter(|_| !self.asks_for_all) {
            let mark = if endpoint.path.contains('?') {
                '&'
            } else {
                '?'
            };
            endpoint.path = format!("{}{mark}after={}", endpoint.path, held.sequence);
        }
        endpoint
    }

    fn open(&self, body: Vec<u8>) -> Result<Stage, Refused> {
        let reader = Reader::new(body, &self.entries, self.bounds)?;
        Ok(Stage::Reads(Box::new(reader)))
    }

    fn read_on(
        &mut self,
        stage: &mut Stage,
        (now, wall): (Moment, UnixTime),
        health: &mut Health,
    ) -> Result<bool, Refused> {
        if let Stage::Reads(reader) = stage {
            if !reader.read_slice()? {
                return Ok(false);
            }
            let draft = reader.take_draft()?;
            let (edition, longest_age) = (draft.edition, self.source.longest_age());
            edition.may_follow(self.edition, draft.after, longest_age, wall)?;
            if draft.after.is_none() {
                self.replace(draft, health);
                self.in_force(edition, (now, wall), health);
                return Ok(true);
            }
            let together = self.entries.len().saturating_add(draft.entries.len());
            if together > self.bounds.entries {
                return Err(Unreadable::TooMany(self.bounds.entries).into());
            }
            *stage = Stage::Adds(edition, draft.entries.into_names(), draft.skipped);
        }
        let Stage::Adds(edition, names, skipped) = stage else {
            return Ok(false);
        };
        if self.entries.take_some(names, ADDED_AT_ONCE) {
            return Ok(false);
        }
        self.note_skipped(self.skipped.saturating_add(*skipped), health);
        self.in_force(*edition, (now, wall), health);
        Ok(true)
    }

    fn failed(&mut self, failure: &Failure<Refused>) -> &'static str {
        // It may be the question that the server does not understand.
        self.asks_for_all = true;
        match failure {
            Failure::Fetch(fault) => fault.name(),
            Failure::Content(refused) => refused.name(),
        }
    }

    /// It is as old as its author says, whenever it was fetched: it becomes too old, and stays.
    fn age(&mut self, _: bool, now: Moment, health: &mut Health) {
        if self.ends.is_some() && !self.is_young(now) && !self.is_told_to_be_old {
            self.is_told_to_be_old = true;
            let then = match self.source.when_unavailable {
                WhenUnavailable::Deny => "requests are answered 503",
                WhenUnavailable::Allow => "what was revoked since passes (when_unavailable: allow)",
            };
            let event = ["the list is too old: ", then].concat();
            health.tell((event, true));
        }
    }

    fn next_change(&self) -> Option<Moment> {
        self.ends.filter(|_| !self.is_told_to_be_old)
    }
}
