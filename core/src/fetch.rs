//! What comes from elsewhere: how it is asked for, how long an answer counts, and what happens when
//! none comes.
//!
//! Nothing here knows what comes: a key set, the document that says where one is, or something
//! else.
//!
//! **Clock.** Only forward steps of the clock count, and they add up. A jump back therefore changes
//! nothing but that the time since the call before it is lost, and what is kept does not live
//! longer by the width of the jump. A jump forward is believed: what is kept grows old, a fetch in
//! flight counts as lost, and one new fetch starts. It costs no more than that, because what is
//! overdue for long is due once.

pub(crate) mod answer;
pub(crate) mod backoff;
pub(crate) mod call;
pub(crate) mod clock;
pub(crate) mod document;
pub(crate) mod endpoint;
pub(crate) mod failure;
pub(crate) mod fault;
pub(crate) mod flight;
pub(crate) mod freshness;
pub(crate) mod health;
pub(crate) mod jitter;
pub(crate) mod keyed;
pub(crate) mod long;
pub(crate) mod measure;
#[cfg(test)]
pub(crate) mod tests;

pub use answer::Answer;
pub use call::Call;
pub use endpoint::Endpoint;
pub use flight::FetchId;
pub(crate) use keyed::Asked;
pub use measure::{Measure, Number};
