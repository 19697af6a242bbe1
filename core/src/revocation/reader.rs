//! Reads a document a slice at a time: a hundred thousand entries in one go would hold up every
//! request of the worker.
//!
//! The grammar of values is `serde_json`'s. Only the commas and brackets between entries, and
//! between the members of the document, are read here. Each entry is read strictly and for itself:
//! one that breaks a rule is counted and spoils no other. It is left out, but for one that says
//! whom it means and not since when: that revokes everything.

use serde::Deserialize as _;
use serde_json::value::RawValue;

use super::{
    edition::{Edition, Members},
    entries::Entries,
    entry::Entry,
    source::ListBounds,
};
use crate::{json::Json, limits};

/// A document while it is read.
#[derive(Debug)]
pub(super) struct Reader {
    body: Vec<u8>,
    at: usize,
    place: Place,
    members: Members,
    /// The members that came, of which none may come twice.
    seen: Vec<Box<str>>,
    entries: Entries,
    most_entries: usize,
    skipped: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Member,
    AfterMember,
    Entry,
    AfterEntry,
    End,
}

/// A document that was read to its end.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) edition: Edition,
    /// It has only what is new since this sequence.
    pub(super) after: Option<u64>,
    pub(super) entries: Entries,
    /// Entries that could not be read.
    pub(super) skipped: usize,
}

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// More bytes than allowed.
    TooLarge,
    /// More entries than allowed.
    TooMany(usize),
    /// Not strict JSON of the right shape from this byte on, and what is wanted there.
    Json(usize, &'static str),
    /// A member that is missing, or of the wrong type, and what is wrong.
    Member(&'static str),
}

/// What one slice takes of a document, at most: a third of a millisecond natively
/// (`make bench-core`), and so less than two in a host's virtual machine.
const SLICE_BYTES: usize = 128 << 10;
/// Entries may be short.
const SLICE_STEPS: usize = 3_200;
/// Nearly all entries are shorter: only so much is looked at first.
const MOST_ENTRIES_FIT: usize = 256;
/// Most members of a document.
const MOST_MEMBERS: usize = 16;
/// Most members and elements inside a member or an entry.
const NODES: usize = 64;

impl Reader {
    /// Starts to read a document, whose entries may be added to those of `held`.
    pub(super) fn new(
        body: Vec<u8>,
        held: &Entries,
        bounds: ListBounds,
    ) -> Result<Self, Unreadable> {
        if body.len() > bounds.bytes {
            return Err(Unreadable::TooLarge);
        }
        Ok(Self {
            body,
            at: 0,
            place: Place::Start,
            members: Members::default(),
            seen: Vec::new(),
            entries: held.like(),
            most_entries: bounds.entries,
            skipped: 0,
        })
    }

    /// Reads a slice. True: the document is at its end.
    pub(super) fn read_slice(&mut self) -> Result<bool, Unreadable> {
        let end = self.at.saturating_add(SLICE_BYTES);
        for _ in 0..SLICE_STEPS {
            if self.place == Place::End {
                return self.end().map(|()| true);
            }
            if self.at >= end {
                break;
            }
            self.read_on()?;
        }
        Ok(false)
    }

    /// What was read, when it is at its end.
    pub(super) fn take_draft(&mut self) -> Result<Draft, Unreadable> {
        let edition = self.members.edition().map_err(Unreadable::Member)?;
        if !self.has_seen("entries") {
            return Err(Unreadable::Member("its entries are missing"));
        }
        let none = self.entries.like();
        Ok(Draft {
            edition,
            after: self.members.after,
            entries: core::mem::replace(&mut self.entries, none),
            skipped: self.skipped,
        })
    }

    fn read_on(&mut self) -> Result<(), Unreadable> {
        self.place = match self.place {
            Place::Start => {
                self.expect(b'{', "an object")?;
                self.or_end(b'}', Place::Member, Place::End)
            }
            Place::Member => self.member()?,
            Place::AfterMember => match self.next() {
                Some(b',') => Place::Member,
                Some(b'}') => Place::End,
                _ => return Err(self.wants("a comma or the end of the object")),
            },
            Place::Entry => self.entry()?,
            Place::AfterEntry => match self.next() {
                Some(b',') => Place::Entry,
                Some(b']') => Place::AfterMember,
                _ => return Err(self.wants("a comma or the end of the list")),
            },
            Place::End => Place::End,
        };
        Ok(())
    }

    fn member(&mut self) -> Result<Place, Unreadable> {
        let Ok(Json::String(name)) = self.value()? else {
            return Err(self.wants("the name of a member"));
        };
        if self.has_seen(&name) {
            return Err(self.wants("no member twice"));
        }
        if self.seen.len() >= MOST_MEMBERS {
            return Err(self.wants("fewer members"));
        }
        self.expect(b':', "a colon")?;
        let is_list = *name == *"entries";
        let place = if is_list {
            self.expect(b'[', "a list of entries")?;
            self.or_end(b']', Place::Entry, Place::AfterMember)
        } else {
            let Ok(value) = self.value()? else {
                return Err(self.wants("strict JSON"));
            };
            self.members
                .note(&name, &value)
                .map_err(Unreadable::Member)?;
            Place::AfterMember
        };
        self.seen.push(name);
        Ok(place)
    }

    fn entry(&mut self) -> Result<Place, Unreadable> {
        let entry = self.value()?.ok();
        match entry.as_ref().and_then(Entry::read) {
            Some(Entry {
                kind,
                name,
                before,
                is_odd,
            }) => {
                self.entries.insert(kind, name, before);
                self.skipped = self.skipped.saturating_add(usize::from(is_odd));
            }
            None => self.skipped = self.skipped.saturating_add(1),
        }
        if self.entries.len().saturating_add(self.skipped) > self.most_entries {
            return Err(Unreadable::TooMany(self.most_entries));
        }
        Ok(Place::AfterEntry)
    }

    /// The next value, if it is strict JSON. An error: it has no end, so that nothing after it can
    /// be read either.
    fn value(&mut self) -> Result<Result<Json, ()>, Unreadable> {
        self.skip_space();
        let windows = [MOST_ENTRIES_FIT, limits::REVOCATION_MEMBER_BYTES];
        let Some(raw) = windows.into_iter().find_map(|most| self.raw_value(most)) else {
            return Err(self.wants("a value that is not too long"));
        };
        // No white space was left before it.
        let (value, length) = (Json::parse(raw.as_bytes(), NODES), raw.len());
        self.at = self.at.saturating_add(length);
        Ok(value.map_err(|_| ()))
    }

    /// The value that begins here, if it ends within so many bytes.
    fn raw_value(&self, most: usize) -> Option<&str> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let window = rest.get(..most).unwrap_or(rest);
        let text = match core::str::from_utf8(window) {
            Ok(text) => text,
            // Cut inside a character, or not UTF-8 from there on.
            Err(error) => core::str::from_utf8(window.get(..error.valid_up_to())?).ok()?,
        };
        let mut reader = serde_json::Deserializer::from_str(text);
        let raw = <&RawValue>::deserialize(&mut reader).ok()?;
        Some(raw.get())
    }

    fn end(&mut self) -> Result<(), Unreadable> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(self.wants("nothing more")),
        }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Unreadable> {
        if self.next() == Some(byte) {
            Ok(())
        } else {
            Err(self.wants(what))
        }
    }

    /// One place where this bracket does not close what has just begun, another where it does.
    fn or_end(&mut self, bracket: u8, not: Place, closed: Place) -> Place {
        self.skip_space();
        if self.byte() == Some(bracket) {
            self.at = self.at.saturating_add(1);
            closed
        } else {
            not
        }
    }

    /// The next byte that is not white space (RFC 8259 section 2).
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let next = self.byte();
        self.at = self.at.saturating_add(1);
        next
    }

    fn byte(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let space = rest.iter().take(limits::REVOCATION_MEMBER_BYTES);
        let space = space.take_while(is_space).count();
        self.at = self.at.saturating_add(space);
    }

    fn has_seen(&self, name: &str) -> bool {
        self.seen.iter().any(|seen| **seen == *name)
    }

    const fn wants(&self, what: &'static str) -> Unreadable {
        Unreadable::Json(self.at, what)
    }
}
