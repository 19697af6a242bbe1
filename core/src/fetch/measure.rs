//! Numbers that an operator may want, for metrics.

use crate::time::UnixTime;

/// A number and its name below what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// `fetches.ok`.
    pub name: String,
    /// The number.
    pub value: Number,
}

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// So much happened since the last time.
    Count(u64),
    /// So it is on this worker; the numbers of all workers add up. Zero needs no metric yet.
    Level(u64),
    /// So it is; the worker that says so last is right.
    Is(u64),
    /// It is so since then; the worker that says so last is right.
    Since(UnixTime),
}

impl Measure {
    /// A number of this name.
    #[must_use]
    pub fn new(name: &[&str], value: Number) -> Self {
        let name = name.join(".");
        Self { name, value }
    }

    /// So many there are, on whichever worker.
    #[must_use]
    pub fn is(name: &[&str], number: usize) -> Self {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        Self::new(name, Number::Is(number))
    }

    /// So many there are on this worker.
    #[must_use]
    pub fn level(name: &[&str], level: usize) -> Self {
        let level = u64::try_from(level).unwrap_or(u64::MAX);
        Self::new(name, Number::Level(level))
    }
}
