//! Where everything is kept: in a file, which one process has ([`file`]), or in PostgreSQL, which
//! several replicas share ([`server`]).

use core::fmt;
use std::error::Error;

use super::{file, kept::Kept, server};
use crate::{
    config::Place,
    list::{By, Name, Row},
};

/// Why it does not do what it should. It does not name anybody.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

pub(super) type Outcome<T> = Result<T, Failure>;

/// Where everything is kept.
pub(super) trait Database: fmt::Debug + Send {
    /// Whether somebody else has changed something since this version. `None`: nobody else can.
    fn has_news(&mut self, since: u64) -> Option<Outcome<bool>>;

    /// Begins a change. Nobody else has one before it ends.
    fn change(&mut self) -> Outcome<Box<dyn Change + '_>>;

    /// Something has failed: what is held of it is not to be relied on.
    fn failed(&mut self);
}

/// A change that is on disk when it is committed, and else was never made.
pub(super) trait Change {
    /// How long the service has run, in seconds, as of the last change.
    fn ran(&self) -> u64;

    /// Takes over what is there of a provider, unless memory has it already. False: there is
    /// nothing yet.
    fn read(&mut self, kept: &mut Kept) -> Outcome<bool>;

    /// Whether a token was here.
    fn has(&mut self, provider: &str, id: &[u8; 32]) -> Outcome<bool>;

    /// Notes that it was.
    fn note(&mut self, provider: &str, id: &[u8; 32], ends: u64) -> Outcome<()>;

    /// Forgets the tokens that would be too old now, and says how many.
    fn forget(&mut self, provider: &str, ran: u64) -> Outcome<u64>;

    fn put(&mut self, provider: &str, name: &Name, row: &Row) -> Outcome<()>;

    fn remove(&mut self, provider: &str, name: &Name) -> Outcome<()>;

    /// Writes down the numbers of a list, and when its provider was heard.
    fn save(&mut self, kept: &Kept) -> Outcome<()>;

    /// When this returns, the change is on disk, and has this version. `ran`: how long the service
    /// has run; `None`: nothing was changed.
    fn commit(self: Box<Self>, ran: Option<u64>) -> Outcome<u64>;
}

/// Opens it, or makes it.
pub(super) fn open(place: &Place) -> Outcome<Box<dyn Database>> {
    Ok(match place {
        Place::File(path) => Box::new(file::File::open(path)?),
        Place::Server(server) => Box::new(server::Server::open(server)?),
    })
}

/// The kinds of entries, by the words that the store has.
const KINDS: [&str; 7] = [
    "sub",
    "sid",
    "jti",
    "client_id",
    "credential",
    "aaguid",
    "jkt",
];

impl By {
    /// In the store.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Operator => "operator",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Events, Self::Operator]
            .into_iter()
            .find(|by| by.word() == word)
    }
}

/// Whom a row of the store names. `None`: a word that this program does not write.
pub(super) fn name_of(by: &str, kind: &str, name: String) -> Option<Name> {
    Some(Name {
        by: By::of(by)?,
        kind: KINDS.into_iter().find(|known| *known == kind)?,
        name,
    })
}
