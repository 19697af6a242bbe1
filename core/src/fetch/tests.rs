//! The machine itself, with things that no provider has: a word that is refreshed, and an answer
//! for each of many names. Key sets and discovery have tests of their own in `jwks/tests`.

mod document;
mod keyed;
mod long;
mod origin;
pub(crate) mod world;
