//! Each transition of the state machine by name. Histories that nobody thought of are in `tests/sim.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop"
)]

mod clock;
mod life;
mod rotation;
mod world;
