//! What a provider says of its people's passkeys, in one document and by subject.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

mod life;
mod people;
mod reading;
mod signed;
mod world;
