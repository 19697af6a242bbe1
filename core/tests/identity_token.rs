//! The token about who was let in: what it says, whom it is for, how long it counts, and who could
//! get one that is not theirs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "identity_token/attacks.rs"]
mod attacks;
#[path = "identity_token/chain.rs"]
mod chain;
#[path = "identity_token/claims.rs"]
mod claims;
#[path = "identity_token/keys.rs"]
mod keys;
#[path = "identity_token/world.rs"]
mod world;
