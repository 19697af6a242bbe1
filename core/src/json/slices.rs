//! Reads a long document a slice at a time: an object with one long list. A hundred thousand
//! elements in one go would hold up every request of the worker.
//!
//! The grammar of values is `serde_json`'s. Only the commas and brackets between elements, and
//! between the members of the document, are read here. Each element is read strictly and for
//! itself: one that breaks a rule spoils no other.

use core::fmt;

use serde::Deserialize as _;
use serde_json::value::RawValue;

use super::Json;
use crate::limits;

/// A document while it is read.
#[derive(Debug)]
pub(crate) struct Slices {
    body: Vec<u8>,
    at: usize,
    place: Place,
    /// The name of the member that is the list.
    list: &'static str,
    /// Most bytes of a slice.
    slice: usize,
    /// The members that came, of which none may come twice.
    seen: Vec<Box<str>>,
}

/// Takes what is read.
pub(crate) trait Sink {
    /// A member that is not the list. An error: what is wrong with it.
    fn member(&mut self, name: &str, value: &Json) -> Result<(), &'static str>;

    /// An element of the list. `None`: it is not strict JSON.
    fn element(&mut self, element: Option<&Json>) -> Result<(), Unreadable>;
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Member,
    AfterMember,
    Element,
    AfterElement,
    End,
}

/// Why a document cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// More bytes than allowed.
    TooLarge,
    /// More elements than allowed.
    TooMany(usize),
    /// Not strict JSON of the right shape from this byte on, and what is wanted there.
    Json(usize, &'static str),
    /// A member that is missing, or of the wrong type, and what is wrong.
    Member(&'static str),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("larger than allowed"),
            Self::TooMany(most) => write!(f, "more than {most} entries"),
            Self::Json(at, what) => write!(f, "not a list: byte {at}: expected {what}"),
            Self::Member(what) => f.write_str(what),
        }
    }
}

/// Elements may be short.
const SLICE_STEPS: usize = 3_200;
/// Nearly all elements are shorter: only so much is looked at first.
const MOST_ELEMENTS_FIT: usize = 512;
/// Most members of a document.
const MOST_MEMBERS: usize = 16;
/// Most members and elements inside a member or an element.
const NODES: usize = 64;

impl Slices {
    /// Starts to read a document with the list of this name, so many bytes at a time.
    pub(crate) const fn new(body: Vec<u8>, list: &'static str, slice: usize) -> Self {
        Self {
            body,
            at: 0,
            place: Place::Start,
            list,
            slice,
            seen: Vec::new(),
        }
    }

    /// Reads a slice. True: the document is at its end, and it had the list.
    pub(crate) fn read_on(&mut self, sink: &mut dyn Sink) -> Result<bool, Unreadable> {
        let end = self.at.saturating_add(self.slice);
        for _ in 0..SLICE_STEPS {
            if self.place == Place::End {
                return self.end().map(|()| true);
            }
            if self.at >= end {
                break;
            }
            self.step(sink)?;
        }
        Ok(false)
    }

    /// Whether it has a member of this name, the list too.
    pub(crate) fn has_seen(&self, name: &str) -> bool {
        self.seen.iter().any(|seen| **seen == *name)
    }

    fn step(&mut self, sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.place = match self.place {
            Place::Start => {
                self.expect(b'{', "an object")?;
                self.or_end(b'}', Place::Member, Place::End)
            }
            Place::Member => self.member(sink)?,
            Place::AfterMember => match self.next() {
                Some(b',') => Place::Member,
                Some(b'}') => Place::End,
                _ => return Err(self.wants("a comma or the end of the object")),
            },
            Place::Element => {
                let element = self.value()?.ok();
                sink.element(element.as_ref())?;
                Place::AfterElement
            }
            Place::AfterElement => match self.next() {
                Some(b',') => Place::Element,
                Some(b']') => Place::AfterMember,
                _ => return Err(self.wants("a comma or the end of the list")),
            },
            Place::End => Place::End,
        };
        Ok(())
    }

    fn member(&mut self, sink: &mut dyn Sink) -> Result<Place, Unreadable> {
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
        let is_list = *name == *self.list;
        let place = if is_list {
            self.expect(b'[', "a list of entries")?;
            self.or_end(b']', Place::Element, Place::AfterMember)
        } else {
            let Ok(value) = self.value()? else {
                return Err(self.wants("strict JSON"));
            };
            sink.member(&name, &value).map_err(Unreadable::Member)?;
            Place::AfterMember
        };
        self.seen.push(name);
        Ok(place)
    }

    /// The next value, if it is strict JSON. An error: it has no end, so that nothing after it can
    /// be read either.
    fn value(&mut self) -> Result<Result<Json, ()>, Unreadable> {
        self.skip_space();
        let windows = [MOST_ELEMENTS_FIT, limits::LIST_MEMBER_BYTES];
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
        let space = rest.iter().take(limits::LIST_MEMBER_BYTES);
        let space = space.take_while(is_space).count();
        self.at = self.at.saturating_add(space);
    }

    const fn wants(&self, what: &'static str) -> Unreadable {
        Unreadable::Json(self.at, what)
    }
}
