//! What ends before its time: a list of people, sessions, tokens, clients, credentials, models of
//! authenticators and keys whose tokens are not accepted any more.
//!
//! - **The document** ([`edition`], [`reader`]) says which edition of the list it is. One that is
//!   older than the one in hand is not an answer, whoever sent it.
//! - **The names** ([`entries`]) are kept as keyed hashes, so that a long list takes little memory.
//! - **The life** ([`feed`]) is that of every document that is fetched, but for two things: a list
//!   is as old as its author says, and it is read a slice at a time.

mod edition;
mod entries;
mod entry;
mod failure;
mod feed;
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
