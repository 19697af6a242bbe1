//! A feed, its clock, and short words for what happens to it.

use core::{fmt::Write as _, time::Duration};
use std::collections::BTreeMap;

use crate::{
    fetch::{
        Answer, Call, Endpoint, FetchId, Number,
        clock::{Clock, Moment},
    },
    revocation::{Feed, Kind, ListBounds, RevocationSource, Standing, WhenUnavailable},
    time::UnixTime,
};

pub(super) const BOUNDS: ListBounds = ListBounds {
    entries: 1_000,
    bytes: 100_000,
};
pub(super) const START: u64 = 1_795_900_000;

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

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

pub(super) struct World {
    pub(super) feed: Feed,
    clock: Clock,
    pub(super) wall: UnixTime,
    ids: u64,
    pub(super) calls: Vec<Call>,
}

impl World {
    pub(super) fn new(source: RevocationSource) -> Self {
        Self::within(source, BOUNDS)
    }

    pub(super) fn within(source: RevocationSource, bounds: ListBounds) -> Self {
        Self {
            feed: Feed::new(&source, bounds, 7),
            clock: Clock::default(),
            wall: UnixTime::from_secs(START),
            ids: 0,
            calls: Vec::new(),
        }
    }

    pub(super) fn now(&mut self) -> Moment {
        self.clock.advance(self.wall)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.wall = self.wall.saturating_add(time);
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> u64 {
        self.wall.as_secs().saturating_sub(START)
    }

    /// The fetch that starts now.
    pub(super) fn fetch(&mut self) -> Option<FetchId> {
        let now = self.now();
        self.ids += 1;
        let id = FetchId(self.ids);
        self.feed.read_on(now, self.wall);
        let call = self.feed.poll(id, now)?;
        self.calls.push(call);
        Some(id)
    }

    /// Lets time pass until a fetch starts.
    pub(super) fn next_fetch(&mut self) -> FetchId {
        for _ in 0..20_000 {
            if let Some(id) = self.fetch() {
                return id;
            }
            self.pass(Duration::from_millis(10));
        }
        panic!("no fetch for minutes");
    }

    pub(super) fn answer(&mut self, id: FetchId, answer: &Answer<'_>) {
        let now = self.now();
        let body = match answer {
            Answer::Http { body, .. } => body.to_vec(),
            Answer::NoAnswer | Answer::NotSent { .. } => Vec::new(),
        };
        assert!(self.feed.is_in_flight(id));
        assert!(self.feed.on_answer(id, (answer, body), now, self.wall));
    }

    /// The next fetch brings this.
    pub(super) fn comes(&mut self, body: &str) {
        let id = self.next_fetch();
        self.answer(id, &ok(body));
    }

    pub(super) fn fails(&mut self) {
        let id = self.next_fetch();
        self.answer(id, &Answer::NoAnswer);
    }

    pub(super) fn judge(&mut self, sub: &str) -> Standing {
        self.judge_issued(sub, None)
    }

    pub(super) fn judge_issued(&mut self, sub: &str, issued: Option<u64>) -> Standing {
        let now = self.now();
        let issued = issued.map(UnixTime::from_secs);
        self.feed.judge([(Kind::Subject, sub)], issued, now)
    }

    pub(super) fn is_revoked(&mut self, sub: &str) -> bool {
        matches!(self.judge(sub), Standing::Revoked { .. })
    }

    pub(super) fn log(&mut self) -> Vec<String> {
        let events = self.feed.events();
        events.into_iter().map(|(event, _)| event).collect()
    }

    /// What is measured now.
    pub(super) fn numbers(&mut self) -> BTreeMap<String, Number> {
        let now = self.now();
        let measures = self.feed.measures(now).into_iter();
        measures
            .map(|measure| (measure.name, measure.value))
            .collect()
    }
}

pub(super) fn ok(body: &str) -> Answer<'_> {
    Answer::Http {
        status: 200,
        headers: &[(b"etag", b"\"one\"")],
        body: body.as_bytes(),
    }
}
