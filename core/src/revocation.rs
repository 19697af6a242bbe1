//! What ends before its time: a list of people, sessions, tokens, clients, credentials, models of
//! authenticators and keys whose tokens are not accepted any more.
//!
//! - **The document** ([`edition`], [`reader`]) says which edition of the list it is. One that is
//!   older than the one in hand is not an answer, whoever sent it.
//! - **The names** ([`entries`]) are kept as keyed hashes, so that a long list takes little memory.
//! - **The life** ([`feed`], [`list`]) is that of every long document that is fetched, but that a
//!   list is as old as its author says.

mod edition;
mod entries;
mod entry;
mod feed;
mod list;
mod names;
mod reader;
mod source;
#[cfg(test)]
mod tests;

pub use entry::RevocationEntry;
pub(crate) use entry::{Before, Kind};

pub(crate) use entries::Digest as NameDigest;
pub(crate) use feed::{Feed, Standing};
pub use names::NameClaims;
pub(crate) use names::NotAName;
pub(crate) use source::ListBounds;
pub use source::{RevocationSource, Revocations, WhenUnavailable};
