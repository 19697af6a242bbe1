//! What a list says, by name; and hundreds of generated histories of one ([`histories`]).
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::string_slice,
    reason = "a test that cannot go on fails"
)]

mod histories;
mod life;
mod reading;
mod world;
