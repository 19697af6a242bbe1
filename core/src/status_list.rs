//! Token Status List (draft-ietf-oauth-status-list-21): a token says where its status is, a signed
//! list says it for many tokens at once.
//!
//! A list counts in this order: its answer is fetched once for all tokens that name it ([`lists`]),
//! it is taken apart ([`token`]), its signature is checked by a key of the provider, and only then
//! is it inflated ([`bits`]).

mod bits;
mod lists;
mod reference;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use bits::Bits;
pub use lists::StatusListSource;
pub(crate) use lists::{Held, Lists};
pub(crate) use reference::{NotAReference, Reference};
#[doc(hidden)]
pub use token::inspect;
pub(crate) use token::{ListError, UnverifiedList};
