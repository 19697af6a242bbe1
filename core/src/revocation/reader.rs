//! Reads a document a slice at a time ([`crate::json::Slices`]). Each entry is read strictly and
//! for itself: one that breaks a rule is counted and spoils no other. It is left out, but for one
//! that says whom it means and not since when: that revokes everything.

use super::{
    edition::{Edition, Members},
    entries::Entries,
    entry::Entry,
    source::ListBounds,
};
use crate::json::{Json, Sink, Slices, Unreadable};

/// A document while it is read.
#[derive(Debug)]
pub(crate) struct Reader {
    slices: Slices,
    read: Read,
}

/// What was read of it.
#[derive(Debug)]
struct Read {
    members: Members,
    entries: Entries,
    most_entries: usize,
    skipped: usize,
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

/// What one slice takes of a document, at most: a third of a millisecond natively
/// (`make bench-core`), and so less than two in a host's virtual machine.
pub(super) const SLICE_BYTES: usize = 128 << 10;

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
            slices: Slices::new(body, "entries", SLICE_BYTES),
            read: Read {
                members: Members::default(),
                entries: held.like(),
                most_entries: bounds.entries,
                skipped: 0,
            },
        })
    }

    /// Reads a slice. True: the document is at its end.
    pub(super) fn read_slice(&mut self) -> Result<bool, Unreadable> {
        self.slices.read_on(&mut self.read)
    }

    /// What was read, when it is at its end.
    pub(super) fn take_draft(&mut self) -> Result<Draft, Unreadable> {
        let read = &mut self.read;
        let edition = read.members.edition().map_err(Unreadable::Member)?;
        if !self.slices.has_seen("entries") {
            return Err(Unreadable::Member("its entries are missing"));
        }
        let none = read.entries.like();
        Ok(Draft {
            edition,
            after: read.members.after,
            entries: core::mem::replace(&mut read.entries, none),
            skipped: read.skipped,
        })
    }
}

impl Sink for Read {
    fn member(&mut self, name: &str, value: &Json) -> Result<(), &'static str> {
        self.members.note(name, value)
    }

    fn element(&mut self, element: Option<&Json>) -> Result<(), Unreadable> {
        match element.and_then(Entry::read) {
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
        Ok(())
    }
}
