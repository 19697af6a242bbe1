//! Strict JSON to values, with every mistake at once.
//!
//! A person who writes a document by hand wants to be told of all mistakes in one go, each with its place, what was
//! seen there, and what to write instead. `serde` stops at the first one, and no library that we know goes on behind
//! a half-good record. So this room is its own. It knows nothing of what it decodes: the configuration is its user.

mod at;
mod fault;
mod field;
mod problems;
mod record;
#[cfg(feature = "schema")]
pub mod schema;
mod shape;
pub mod shown;
pub mod suggest;
mod text;
mod words;

pub use self::{
    at::At,
    fault::Fault,
    field::{Decode, Field, Filled, List, Map, OrNone},
    problems::{Problem, Problems},
    record::{Record, field, members_of, record},
    shape::{Shape, Taken},
    text::{FromText, Text, texts},
    words::{Words, words},
};
