//! A document, its clock, and short words for what happens to it.

use core::time::Duration;

use serde_json::{Value, json};

use crate::{
    credentials::{Book, CredentialDocument, Found, book::BookBounds},
    fetch::{
        Answer, Call, Endpoint, FetchId,
        clock::{Clock, Moment},
    },
    time::UnixTime,
};

pub(super) const ISSUER: &str = "https://id.example.com";

pub(super) struct World {
    pub(super) book: Book,
    clock: Clock,
    wall: UnixTime,
    ids: u64,
    pub(super) calls: Vec<Call>,
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A minute fresh, ten minutes stale.
fn source() -> CredentialDocument {
    CredentialDocument {
        endpoint: Endpoint {
            scheme: "https".into(),
            authority: "id.example.com".into(),
            path: "/credentials".into(),
            cluster: "id".into(),
        },
        timeout: secs(2),
        cache_duration: secs(60),
        max_stale: secs(600),
    }
}

/// A document of our issuer with these entries.
pub(super) fn document(entries: &[Value]) -> String {
    json!({ "iss": ISSUER, "credentials": entries }).to_string()
}

/// An entry with one fresh key.
pub(super) fn entry(subject: &str, id: &[u8]) -> Value {
    let key = passgate_kit::SigningKey::es256("k");
    json!({
        "sub": subject,
        "id": passgate_kit::base64url(id),
        "cose_key": passgate_kit::base64url(key.cose_key()),
    })
}

pub(super) fn ok(body: &str) -> Answer<'_> {
    Answer::Http {
        status: 200,
        headers: &[(b"etag", b"\"one\"")],
        body: body.as_bytes(),
    }
}

/// What was found, in a word.
pub(super) fn word(found: &Found) -> &'static str {
    match found {
        Found::Known(credential) if credential.is_disabled => "disabled",
        Found::Known(_) => "known",
        Found::Unknown => "unknown",
        Found::Unverified(_) => "unverified",
        Found::Keyless(_) => "keyless",
        Found::Pending(_) => "pending",
        Found::Unavailable(_) => "unavailable",
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            book: Book::new(&source(), ISSUER, BookBounds::shared_by(1), 7),
            clock: Clock::default(),
            wall: UnixTime::from_secs(1_795_900_000),
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

    /// The fetch that starts now.
    pub(super) fn fetch(&mut self) -> Option<FetchId> {
        let now = self.now();
        self.ids += 1;
        let id = FetchId(self.ids);
        self.book.read_on(now);
        let call = self.book.poll(id, now)?;
        self.calls.push(call);
        Some(id)
    }

    /// Lets time pass until a fetch starts.
    pub(super) fn next_fetch(&mut self) -> FetchId {
        for _ in 0..100_000 {
            if let Some(id) = self.fetch() {
                return id;
            }
            self.pass(Duration::from_millis(10));
        }
        panic!("no fetch for minutes");
    }

    pub(super) fn answer(&mut self, id: FetchId, answer: &Answer<'_>) {
        let now = self.now();
        let body = answer.body().to_vec();
        assert!(self.book.is_in_flight(id));
        assert!(self.book.on_answer(id, (answer, body), now));
        for _ in 0..1_000 {
            if !self.book.is_reading() {
                return;
            }
            self.book.read_on(now);
        }
        panic!("reading never ends");
    }

    /// The next fetch brings this.
    pub(super) fn comes(&mut self, body: &str) {
        let id = self.next_fetch();
        self.answer(id, &ok(body));
    }

    pub(super) fn find(&mut self, subject: &str, id: &[u8]) -> &'static str {
        let now = self.now();
        word(&self.book.find(subject, id, now))
    }

    pub(super) fn log(&mut self) -> Vec<String> {
        let events = self.book.events();
        events.into_iter().map(|(event, _)| event).collect()
    }

    /// The number of this name, if it is measured.
    pub(super) fn number(&mut self, name: &str) -> Option<crate::fetch::Number> {
        let measures = self.book.measures();
        let mut measures = measures.into_iter();
        let measure = measures.find(|measure| measure.name == name)?;
        Some(measure.value)
    }
}
