//! Whose passkey is it: the public keys that a provider's people have registered, for tokens that
//! do not name one.
//!
//! - **What is kept** ([`register`]): keys by the person and the id of the credential. An entry
//!   that cannot be read ([`entry`]) is skipped and counted.
//! - **One document** for all people ([`book`]) has the life of every long document. It is read a
//!   slice at a time, because parsing a key takes long.
//! - **By subject** ([`people`]): one answer for each person, when an approval of theirs comes and
//!   at no other time. With `signed_by`, an answer counts only if these keys have signed it.
//!
//! A key that is not here is never trusted, whatever a request brings.

mod book;
mod directory;
mod draft;
mod entry;
mod people;
mod register;
mod source;
#[cfg(test)]
mod tests;
mod wrong;

use core::time::Duration;
use std::rc::Rc;

pub use self::source::{CredentialDocument, CredentialSource, CredentialsBySubject, Piece};
pub(crate) use self::{
    book::Book,
    directory::{Directory, Shares},
    register::Credential,
};
use crate::{jose::Signed, provider_id::ProviderId};

/// What is known of a credential.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is this person's.
    Known(Rc<Credential>),
    /// An answer came whose signature nobody has checked.
    Unverified(Rc<Signed>),
    /// This person has none of this id.
    Unknown,
    /// Wait for what is fetched or read, which has this number, then ask again.
    Pending(u64),
    /// Wait for the keys that sign answers, then ask again.
    Keyless(ProviderId),
    /// It cannot be known now; when to try again.
    Unavailable(Duration),
}

/// What is asked for.
const ACCEPT: &str = "application/json";
const ACCEPT_SIGNED: &str = "application/credentials+jwt";
