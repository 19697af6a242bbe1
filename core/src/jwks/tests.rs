//! Each transition of the state machine by name. Histories that nobody thought of are in
//! `tests/sim.rs`.

mod clock;
mod discovery;
mod life;
mod odd;
mod outage;
mod report;
mod rotation;
mod validator;
mod world;
