//! A list of revocations, and short words for what it says.

use core::fmt::Write as _;
use std::collections::BTreeMap;

pub(super) use crate::fetch::tests::world::{START, ok, secs};
use crate::{
    fetch::{Endpoint, Number, tests::world},
    revocation::{Feed, Kind, ListBounds, RevocationSource, Standing, WhenUnavailable, list::List},
    time::UnixTime,
};

pub(super) type World = world::World<List>;

pub(super) const BOUNDS: ListBounds = ListBounds {
    entries: 1_000,
    bytes: 100_000,
};

/// 5 s fresh, a minute stale.
pub(super) fn source(when_unavailable: WhenUnavailable) -> RevocationSource {
    RevocationSource {
        endpoint: Endpoint {
            scheme: "https".into(),
            authority: "feed.example.com".into(),
            path: "/acme/revocations".into(),
            cluster: "feed".into(),
        },
        timeout: secs(2),
        cache_duration: secs(5),
        max_stale: secs(60),
        when_unavailable,
    }
}

/// A document of epoch 1 with entries as they are.
pub(super) fn document(sequence: u64, generated_at: u64, entries: &[&str]) -> String {
    document_of(1, sequence, generated_at, "", entries)
}

pub(super) fn document_of(
    epoch: u64,
    sequence: u64,
    generated_at: u64,
    more: &str,
    entries: &[&str],
) -> String {
    let mut text = format!(
        "{{\"version\":1,\"epoch\":{epoch},\"sequence\":{sequence},\"generated_at\":{generated_at}{more}"
    );
    write!(text, ",\"entries\":[{}]}}", entries.join(",")).unwrap();
    text
}

impl World {
    pub(super) fn new(source: RevocationSource) -> Self {
        Self::within(source, BOUNDS)
    }

    pub(super) fn within(source: RevocationSource, bounds: ListBounds) -> Self {
        Self::of(Feed::new(&source, bounds, 7))
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> u64 {
        self.wall.as_secs().saturating_sub(START)
    }

    pub(super) fn judge(&mut self, sub: &str) -> Standing {
        self.judge_issued(sub, None)
    }

    pub(super) fn judge_issued(&mut self, sub: &str, issued: Option<u64>) -> Standing {
        let now = self.now();
        let issued = issued.map(UnixTime::from_secs);
        self.long.judge([(Kind::Subject, sub)], issued, now)
    }

    pub(super) fn is_revoked(&mut self, sub: &str) -> bool {
        matches!(self.judge(sub), Standing::Revoked { .. })
    }

    /// What is measured now.
    pub(super) fn numbers(&mut self) -> BTreeMap<String, Number> {
        let now = self.now();
        let measures = self.long.measures(now).into_iter();
        measures
            .map(|measure| (measure.name, measure.value))
            .collect()
    }
}
