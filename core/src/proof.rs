//! What a sender proves with a request, beside its token: that it holds the key to which the token is
//! bound, here and now, and once.
#![cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "the judge of a request comes to use it in the next change"
    )
)]

mod dpop;
mod nonce;
mod replay;
mod shared;
mod uri;

pub use shared::{NotShared, SharedData, Written};
