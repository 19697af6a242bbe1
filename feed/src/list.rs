//! The list of one provider: what an ending changes in it, when an entry may go, and what gates are
//! told. No input, no output.

mod document;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};

use passgate_core::{RevocationEntry, limits};
use serde_json::{Map, Value};

pub(crate) use self::document::{Document, read_tag};
use crate::event::Ending;

/// Who wrote an entry. What events ended and what an operator wrote stand apart: whoever takes one
/// away leaves the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum By {
    Events,
    Operator,
}

/// Whom an entry names: the member and the name; and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) by: By,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// `None`: everything is revoked, whenever it was issued.
    pub(crate) not_before: Option<u64>,
    pub(crate) reason: Option<String>,
    /// Whose session it is, if it is one.
    pub(crate) session_of: Option<String>,
    /// The edition that brought it.
    pub(crate) sequence: u64,
    /// When no token can be left, in seconds that the service has run. `None`: never.
    pub(crate) ends: Option<u64>,
}

/// What a list has become, for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// An entry is new or other than before.
    Put(Name),
    /// An entry has gone.
    Gone(Name),
}

/// The list cannot take more: it has as many entries or bytes as gates take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// When something ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// How long the service has run, in seconds.
    pub(crate) ran: u64,
    /// The wall clock, in seconds since 1970.
    pub(crate) now: u64,
}

/// All entries of a provider.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    /// The edition that removed an entry last: who has an older one is told everything.
    pub(crate) floor: u64,
    max_token_lifetime: u64,
    rows: HashMap<Name, Row>,
    by_sequence: BTreeMap<u64, (Name, String)>,
    sessions_of: HashMap<String, usize>,
    /// Of all entries as they stand in the document.
    bytes: usize,
}

/// So many sessions of one person have an entry each. If more end, the person has one.
pub(crate) const SESSIONS_OF_A_PERSON: usize = 8;
/// The reason of that entry.
const MANY: &str = "many sessions ended";
/// Most entries: as many as one worker of a gate takes.
pub(crate) const ENTRIES: usize = limits::REVOCATION_ENTRIES;
/// Most bytes of all entries, so that the document with what stands around them is one that a gate
/// takes.
pub(crate) const BYTES: usize = limits::REVOCATION_BYTES - 1_024;
/// A list that is not longer loses entries as soon as they end. A longer one is sent whole to every
/// gate when it loses some, so it loses a quarter at once.
const SHORT: usize = 1_000;
/// Clocks of providers and gates may be apart, at both ends of a token's life. Of two replicas one
/// may know of a minute less for which they have run.
const APART: u64 = 2 * limits::CLOCK_SKEW_SECS + 60;

impl List {
    /// An empty one.
    pub(crate) fn new(epoch: u64, max_token_lifetime: Duration) -> Self {
        Self {
            epoch,
            sequence: 0,
            floor: 0,
            max_token_lifetime: max_token_lifetime.as_secs(),
            rows: HashMap::new(),
            by_sequence: BTreeMap::new(),
            sessions_of: HashMap::new(),
            bytes: 0,
        }
    }

    /// Takes an entry as the store has it.
    pub(crate) fn restore(&mut self, name: Name, row: Row) {
        self.remove(&name);
        let text = written(&name, &row);
        self.bytes = self.bytes.saturating_add(text.len()).saturating_add(1);
        if let Some(person) = &row.session_of {
            let sessions = self.sessions_of.entry(person.clone()).or_default();
            *sessions = sessions.saturating_add(1);
        }
        self.by_sequence.insert(row.sequence, (name.clone(), text));
        self.rows.insert(name, row);
    }

    pub(crate) fn row(&self, name: &Name) -> Option<&Row> {
        self.rows.get(name)
    }

    /// All entries, in no order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&Name, &Row)> {
        self.rows.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops what has ended if there is no room for these. What has changed is written whether they
    /// are taken or not.
    pub(crate) fn make_room(&mut self, by: By, endings: &[Ending], times: Times) -> Vec<Change> {
        let rows = self.rows_of(by, endings, times);
        // Each time every gate is sent the whole list.
        let ended = self.ended(times.ran).count();
        if self.has_room(&rows) || ended.saturating_mul(100) < self.len() {
            return Vec::new();
        }
        self.drop_ended(times.ran)
    }

    /// Ends what an event or an operator says. Nothing changes if there is no room for all of it.
    pub(crate) fn end(
        &mut self,
        by: By,
        endings: &[Ending],
        times: Times,
    ) -> Result<Vec<Change>, Full> {
        let rows = self.rows_of(by, endings, times);
        if !self.has_room(&rows) {
            return Err(Full);
        }
        let rows = rows.into_iter();
        Ok(rows.filter_map(|(name, row)| self.put(name, row)).collect())
    }

    /// The rows by which these end.
    fn rows_of(&self, by: By, endings: &[Ending], times: Times) -> Vec<(Name, Row)> {
        let rows = endings.iter();
        rows.map(|ending| self.row_of(by, ending, times)).collect()
    }

    /// The row by which this ends: a session's, or that of a person of whom many sessions have one.
    fn row_of(&self, by: By, ending: &Ending, times: Times) -> (Name, Row) {
        let name = name_of(&ending.entry, by);
        let person = ending.person.as_ref();
        let has_many = |person: &&RevocationEntry| {
            let sessions = self.sessions_of.get(&person.name).copied();
            sessions >= Some(SESSIONS_OF_A_PERSON) && !self.rows.contains_key(&name)
        };
        let (name, not_before, reason, session_of) = match person.filter(has_many) {
            Some(person) => (
                name_of(person, by),
                person.not_before,
                Some(MANY.to_owned()),
                None,
            ),
            None => (
                name,
                ending.entry.not_before,
                ending.reason.clone(),
                person.map(|person| person.name.clone()),
            ),
        };
        let ends = self.ends(name.kind, not_before, times);
        let row = Row {
            not_before,
            reason,
            session_of,
            sequence: 0,
            ends,
        };
        (name, row)
    }

    /// Whether the list with these is one that gates take.
    fn has_room(&self, rows: &[(Name, Row)]) -> bool {
        let (mut entries, mut bytes) = (self.len(), self.bytes);
        for (name, row) in rows {
            let length = |row: &Row| written(name, row).len().saturating_add(1);
            let more = match self.rows.get(name) {
                Some(held) if covers(held.not_before, row.not_before) => 0,
                Some(held) => length(row).saturating_sub(length(held)),
                None => {
                    entries = entries.saturating_add(1);
                    length(row)
                }
            };
            bytes = bytes.saturating_add(more);
        }
        let is_longer = entries > self.len() || bytes > self.bytes;
        !is_longer || entries <= ENTRIES && bytes <= BYTES
    }

    /// Adds an entry, or makes one stronger. The one that revokes more counts, and the one that
    /// ends later.
    fn put(&mut self, name: Name, mut row: Row) -> Option<Change> {
        if let Some(held) = self.rows.get_mut(&name) {
            // An entry without `not_before` may last although one with it comes.
            row.ends = held.ends.zip(row.ends).map(|(one, other)| one.max(other));
            if covers(held.not_before, row.not_before) {
                if row.ends == held.ends {
                    return None;
                }
                held.ends = row.ends;
                return Some(Change::Put(name));
            }
        }
        self.sequence = self.sequence.saturating_add(1);
        row.sequence = self.sequence;
        self.restore(name.clone(), row);
        Some(Change::Put(name))
    }

    /// When no token can be left that an entry is about: the longest life after what was issued
    /// last. What was issued in a session, and one token, cannot be issued again. A person, client
    /// or key without `not_before` gets new tokens, so the entry lasts.
    fn ends(&self, kind: &str, not_before: Option<u64>, times: Times) -> Option<u64> {
        let to_come = match not_before {
            Some(not_before) => not_before.saturating_sub(times.now),
            None if matches!(kind, "sid" | "jti") => 0,
            None => return None,
        };
        let longest = self.max_token_lifetime.saturating_add(APART);
        Some(times.ran.saturating_add(to_come).saturating_add(longest))
    }

    /// Takes an entry away, as an operator says.
    pub(crate) fn take(&mut self, name: &Name) -> Option<Change> {
        self.remove(name)?;
        self.sequence = self.sequence.saturating_add(1);
        self.floor = self.sequence;
        Some(Change::Gone(name.clone()))
    }

    /// Drops entries that have ended, if it is worth that every gate is sent the whole list.
    pub(crate) fn prune(&mut self, ran: u64) -> Vec<Change> {
        let ended = self.ended(ran).count();
        if self.len() > SHORT && ended.saturating_mul(4) < self.len() {
            return Vec::new();
        }
        self.drop_ended(ran)
    }

    fn ended(&self, ran: u64) -> impl Iterator<Item = &Name> {
        let has_ended = move |row: &Row| row.ends.is_some_and(|ends| ends <= ran);
        let rows = self.rows.iter();
        rows.filter(move |(_, row)| has_ended(row))
            .map(|(name, _)| name)
    }

    fn drop_ended(&mut self, ran: u64) -> Vec<Change> {
        let names: Vec<Name> = self.ended(ran).cloned().collect();
        if !names.is_empty() {
            self.sequence = self.sequence.saturating_add(1);
            self.floor = self.sequence;
        }
        for name in &names {
            self.remove(name);
        }
        names.into_iter().map(Change::Gone).collect()
    }

    fn remove(&mut self, name: &Name) -> Option<Row> {
        let row = self.rows.remove(name)?;
        if let Some((_, text)) = self.by_sequence.remove(&row.sequence) {
            self.bytes = self.bytes.saturating_sub(text.len()).saturating_sub(1);
        }
        if let Some(person) = &row.session_of
            && let Some(sessions) = self.sessions_of.get_mut(person)
        {
            *sessions = sessions.saturating_sub(1);
            if *sessions == 0 {
                self.sessions_of.remove(person);
            }
        }
        Some(row)
    }

    /// What gates are told from now on.
    pub(crate) fn document(&self) -> Document {
        let entries = self.by_sequence.iter();
        let entries = entries.map(|(sequence, (_, text))| (*sequence, &**text));
        Document::of((self.epoch, self.sequence, self.floor), self.bytes, entries)
    }
}

/// Whether an entry revokes all that another one would.
fn covers(held: Option<u64>, other: Option<u64>) -> bool {
    match (held, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(held), Some(other)) => held >= other,
    }
}

pub(crate) fn name_of(entry: &RevocationEntry, by: By) -> Name {
    Name {
        by,
        kind: entry.kind,
        name: entry.name.clone(),
    }
}

/// An entry as it stands in the document.
fn written(name: &Name, row: &Row) -> String {
    let mut members = Map::new();
    members.insert(name.kind.to_owned(), name.name.clone().into());
    if let Some(not_before) = row.not_before {
        members.insert("not_before".to_owned(), not_before.into());
    }
    if let Some(reason) = &row.reason {
        members.insert("reason".to_owned(), reason.clone().into());
    }
    Value::Object(members).to_string()
}
