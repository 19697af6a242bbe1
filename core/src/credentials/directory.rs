//! The credentials of one provider's people, wherever it says them.

use core::time::Duration;

use super::{
    Found,
    book::{Book, BookBounds},
    people::People,
    source::CredentialSource,
};
use crate::{
    fetch::{Measure, answer::Answer, call::Call, clock::Moment, flight::FetchId, health::Event},
    time::UnixTime,
};

/// The credentials of one provider's people.
#[derive(Debug)]
pub(crate) enum Directory {
    Document(Box<Book>),
    BySubject(Box<People>),
}

/// How many providers share what one worker may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    documents: usize,
    by_subject: usize,
}

impl Shares {
    /// Of these.
    pub(crate) fn of<'s>(sources: impl Iterator<Item = &'s CredentialSource>) -> Self {
        let mut shares = Self {
            documents: 0,
            by_subject: 0,
        };
        for source in sources {
            let count = match source {
                CredentialSource::Document(_) => &mut shares.documents,
                CredentialSource::BySubject(_) => &mut shares.by_subject,
            };
            *count = count.saturating_add(1);
        }
        shares
    }
}

impl Directory {
    /// Of this issuer, where it has one.
    pub(crate) fn new(source: &CredentialSource, issuer: &str, shares: Shares, seed: u64) -> Self {
        match source {
            CredentialSource::Document(source) => {
                let bounds = BookBounds::shared_by(shares.documents);
                Self::Document(Box::new(Book::new(source, issuer, bounds, seed)))
            }
            CredentialSource::BySubject(source) => {
                Self::BySubject(Box::new(People::new(source, shares.by_subject, seed)))
            }
        }
    }

    /// The credential of this person with this id.
    pub(crate) fn find(
        &mut self,
        (issuer, subject): (&str, &str),
        id: &[u8],
        now: Moment,
    ) -> Found {
        match self {
            Self::Document(book) => book.find(subject, id, now),
            Self::BySubject(people) => people.find((issuer, subject), id, now),
        }
    }

    /// The one document.
    pub(crate) fn book(&self) -> Option<&Book> {
        match self {
            Self::Document(book) => Some(book),
            Self::BySubject(_) => None,
        }
    }

    /// The one document.
    pub(crate) fn book_mut(&mut self) -> Option<&mut Book> {
        match self {
            Self::Document(book) => Some(book),
            Self::BySubject(_) => None,
        }
    }

    /// Whether those who wait for what has this number wait for a fetch.
    pub(crate) fn holds(&self, number: u64) -> bool {
        match self {
            Self::Document(book) => book.holds_waiters(),
            Self::BySubject(people) => people.holds(number),
        }
    }

    /// Longest that a request waits.
    pub(crate) fn longest_wait(&self) -> Duration {
        match self {
            Self::Document(book) => book.longest_wait(),
            Self::BySubject(people) => people.longest_wait(),
        }
    }

    /// Most calls for one point in time.
    pub(crate) const fn most_calls(&self) -> usize {
        match self {
            Self::Document(_) => 1,
            Self::BySubject(_) => People::MOST_CALLS,
        }
    }

    /// The next call to send now.
    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(u64, Call)> {
        match self {
            Self::Document(book) => Some((Book::NUMBER, book.poll(id, now)?)),
            Self::BySubject(people) => people.poll(id, now),
        }
    }

    /// Takes an answer that is not long, and says what has come.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        times: (Moment, UnixTime),
    ) -> Option<u64> {
        match self {
            Self::Document(_) => None,
            Self::BySubject(people) => people.on_answer(id, answer, times),
        }
    }

    /// The signature of the answer about a person was checked: what was signed, or why it does not
    /// count.
    pub(crate) fn opened(
        &mut self,
        person: (&str, &str),
        signed: Result<Vec<u8>, &'static str>,
        now: Moment,
    ) {
        if let Self::BySubject(people) = self {
            people.opened(person, signed, now);
        }
    }

    /// When there is something to do next, if nothing else happens.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        match self {
            Self::Document(book) => Some(book.next_change()),
            Self::BySubject(people) => people.next_change(),
        }
    }

    /// The changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        match self {
            Self::Document(book) => book.events(),
            Self::BySubject(people) => people.events(),
        }
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        match self {
            Self::Document(book) => book.measures(),
            Self::BySubject(people) => people.measures(),
        }
    }
}
