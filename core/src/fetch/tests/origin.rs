//! A virtual origin: what comes of each call, and when.

use core::time::Duration;

use crate::{
    fetch::clock::Moment,
    fetch::{Answer, Call, Endpoint, FetchId},
};

pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const MAX_BYTES: usize = 32;

pub(super) fn endpoint() -> Endpoint {
    Endpoint {
        scheme: "https".into(),
        authority: "id.example".into(),
        path: "/thing".into(),
        cluster: "id".into(),
    }
}

pub(super) fn at(millis: u64) -> Moment {
    Moment::default().plus(Duration::from_millis(millis))
}

/// What comes back.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A status, an `ETag` and a body.
    Http(u16, &'static str, String),
    NoAnswer,
    NotSent,
}

impl Reply {
    pub(super) fn body(text: &str) -> Self {
        Self::Http(200, "", text.into())
    }

    pub(super) fn status(status: u16) -> Self {
        Self::Http(status, "", "no".into())
    }

    pub(super) fn junk() -> Self {
        Self::body("<html>")
    }

    pub(super) fn too_large() -> Self {
        Self::body(&"x".repeat(MAX_BYTES + 1))
    }

    pub(super) fn give<T>(&self, take: impl FnOnce(&Answer<'_>) -> T) -> T {
        match self {
            Self::Http(status, tag, body) => take(&Answer::Http {
                status: *status,
                headers: &[(b"etag", tag.as_bytes())],
                body: body.as_bytes(),
            }),
            Self::NoAnswer => take(&Answer::NoAnswer),
            Self::NotSent => take(&Answer::NotSent { cluster: "idp" }),
        }
    }
}

/// The replies to one call, each so long after it: none, one, two, in time or too late.
pub(super) type Delivery = Vec<(Duration, Reply)>;

/// The calls that came, and what is on its way back.
#[derive(Default)]
pub(super) struct Origin {
    pub(super) calls: Vec<(Moment, Call)>,
    on_the_way: Vec<(Moment, FetchId, Reply)>,
}

impl Origin {
    pub(super) fn next_id(&self) -> FetchId {
        FetchId(u64::try_from(self.calls.len()).unwrap())
    }

    pub(super) fn call(&mut self, id: FetchId, call: Call, now: Moment, delivery: Delivery) {
        self.calls.push((now, call));
        let replies = delivery.into_iter();
        self.on_the_way
            .extend(replies.map(|(after, reply)| (now.plus(after), id, reply)));
    }

    /// What has arrived by now.
    pub(super) fn arrivals(&mut self, now: Moment) -> Vec<(FetchId, Reply)> {
        let due = |(at, _, _): &mut (Moment, FetchId, Reply)| *at <= now;
        let arrived = self.on_the_way.extract_if(.., due);
        arrived.map(|(_, id, reply)| (id, reply)).collect()
    }
}
