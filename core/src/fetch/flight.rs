//! A fetch while it is in flight.

use core::time::Duration;

use super::{call::Call, clock::Moment};

/// How much later than the host's own timeout a fetch counts as lost; also how long a request may
/// have waited for a fetch that could not settle it and still wait for the next one.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

/// When a fetch that starts now counts as lost.
pub(crate) fn deadline(now: Moment, timeout: Duration) -> Moment {
    now.plus(timeout).plus(SLACK)
}

/// Names one fetch, so that an answer that comes too late is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FetchId(pub(crate) u64);

/// The fetch that is in flight, and what for.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    pub(crate) id: FetchId,
    pub(crate) target: T,
    pub(crate) started: Moment,
    pub(crate) deadline: Moment,
    /// It asks for what is another than the one in hand.
    pub(crate) conditional: bool,
}

impl<T> Flight<T> {
    /// A fetch that starts now.
    pub(crate) fn of(id: FetchId, target: T, call: &Call, now: Moment) -> Self {
        Self {
            id,
            target,
            started: now,
            deadline: deadline(now, call.timeout),
            conditional: call.header("if-none-match").is_some(),
        }
    }
}
