//! A fetch: as it starts, and while it is in flight.

use core::time::Duration;

use super::{Endpoint, FetchId, Target, clock::Moment, freshness::Validator};

/// How much later than the host's own timeout a fetch counts as lost; also how long a request may have waited for
/// a fetch that could not settle it and still wait for the next one.
pub(super) const SLACK: Duration = Duration::from_secs(1);

/// When a fetch that starts now counts as lost.
pub(super) fn deadline(now: Moment, timeout: Duration) -> Moment {
    now.plus(timeout).plus(SLACK)
}

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
