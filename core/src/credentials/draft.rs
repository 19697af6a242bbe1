//! An answer that is read: what it says of itself, and the credentials in it.

use super::{entry, register::Register};
use crate::{
    jose::numeric_date,
    json::{Json, Sink, Slices, Unreadable},
    limits,
    time::UnixTime,
};

/// What is read of an answer.
#[derive(Debug)]
pub(crate) struct Draft {
    issuer: Box<str>,
    /// Whose credentials all of them are; `None`: each entry says it.
    subject: Option<Box<str>>,
    register: Register,
    skipped: usize,
    most: usize,
    /// `iat` and `exp`, if they are dates: a signed answer says them.
    pub(super) dates: [Option<UnixTime>; 2],
}

/// Most bytes that are read in one go: a key takes longer than the text around it.
pub(super) const SLICE_BYTES: usize = 64 << 10;
const LIST: &str = "credentials";

impl Draft {
    /// Of this issuer, with at most so many credentials.
    pub(super) fn new(issuer: &str, most: usize) -> Self {
        Self {
            issuer: issuer.into(),
            subject: None,
            register: Register::new(most),
            skipped: 0,
            most,
            dates: [None; 2],
        }
    }

    /// Of this person.
    pub(super) fn of(issuer: &str, subject: &str) -> Self {
        Self {
            subject: Some(subject.into()),
            ..Self::new(issuer, limits::CREDENTIALS_OF_SUBJECT)
        }
    }

    /// Starts to read it.
    pub(super) const fn slices(body: Vec<u8>) -> Slices {
        Slices::new(body, LIST, SLICE_BYTES)
    }

    /// What was read, and how many entries were skipped, when `slices` are at their end.
    pub(super) fn end(&mut self, slices: &Slices) -> Result<(Register, usize), Unreadable> {
        if !slices.has_seen("iss") {
            return Err(Unreadable::Member("its iss is missing"));
        }
        if self.subject.is_some() && !slices.has_seen("sub") {
            return Err(Unreadable::Member("its sub is missing"));
        }
        if !slices.has_seen(LIST) {
            return Err(Unreadable::Member("its credentials are missing"));
        }
        let register = core::mem::replace(&mut self.register, Register::new(0));
        Ok((register, self.skipped))
    }

    /// `None`: it cannot be read.
    fn add(&mut self, element: &Json) -> Option<()> {
        let subject = match &self.subject {
            Some(subject) => subject,
            None => element.get("sub")?.as_str()?,
        };
        if !(1..=limits::SUBJECT_BYTES).contains(&subject.len()) {
            return None;
        }
        let (id, credential) = entry::read(element)?;
        self.register.insert(subject, &id, credential).then_some(())
    }
}

impl Sink for Draft {
    fn member(&mut self, name: &str, value: &Json) -> Result<(), &'static str> {
        let [issued, expires] = &mut self.dates;
        match name {
            "iss" if value.as_str() != Some(&*self.issuer) => {
                return Err("its iss is not the provider's issuer");
            }
            "sub" if self.subject.is_some() && value.as_str() != self.subject.as_deref() => {
                return Err("its sub is another person's");
            }
            "iat" => *issued = numeric_date(value),
            "exp" => *expires = numeric_date(value),
            _ => {}
        }
        Ok(())
    }

    fn element(&mut self, element: Option<&Json>) -> Result<(), Unreadable> {
        if element.and_then(|element| self.add(element)).is_none() {
            self.skipped = self.skipped.saturating_add(1);
        }
        if self.register.len().saturating_add(self.skipped) > self.most {
            return Err(Unreadable::TooMany(self.most));
        }
        Ok(())
    }
}
