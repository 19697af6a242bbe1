//! A fetch: as it starts, and while it is in flight.

use core::time::Duration;

use super::{FetchId, Target, clock::Moment, freshness::Validator};
use crate::config::Endpoint;

/// The fetch that is in flight.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: FetchId,
    pub(super) target: Target,
    pub(super) started: Moment,
    pub(super) deadline: Moment,
    /// It asks for what is another than the one in hand.
    pub(super) conditional: bool,
}

/// A fetch that starts.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) target: Target,
    pub(super) endpoint: Endpoint,
    pub(super) timeout: Duration,
    pub(super) if_none_match: Option<Validator>,
}
