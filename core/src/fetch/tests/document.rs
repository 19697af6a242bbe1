//! A third document: a word, refreshed ahead of need.

use core::time::Duration;

use super::origin::*;
use crate::fetch::{
    Answer, Call,
    backoff::LEAST_APART,
    clock::Moment,
    document::{Document, Lifetime},
    fault::Fault,
    flight::Flight,
    jitter::Jitter,
};

const FRESH: Duration = Duration::from_secs(100);
const STALE: Duration = Duration::from_secs(400);
const SOON: Duration = Duration::from_millis(30);

/// The owner of a word: what `jwks::remote` is to a key set.
struct Words {
    word: Document<String>,
    flight: Option<Flight<()>>,
    jitter: Jitter,
    origin: Origin,
    millis: u64,
    log: Vec<String>,
    ignored: usize,
}

fn parse(body: &[u8]) -> Result<String, String> {
    if body.len() > MAX_BYTES {
        return Err("too large".into());
    }
    let word = body.strip_prefix(b"word ").ok_or("junk")?;
    Ok(String::from_utf8_lossy(word).into_owned())
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

impl Words {
    fn new() -> Self {
        Self {
            word: Document::new(at(20)),
            flight: None,
            jitter: Jitter::new(7),
            origin: Origin::default(),
            millis: 0,
            log: Vec::new(),
            ignored: 0,
        }
    }

    /// One whose first fetch brought a word with a tag.
    fn with_word() -> Self {
        let mut words = Self::new();
        let reply = Reply::Http(200, "\"1\"", "word one".into());
        words.live(1_000, |_| vec![(SOON, reply.clone())]);
        assert_eq!(words.word(), Some("one"));
        words
    }

    fn now(&self) -> Moment {
        at(self.millis)
    }

    fn word(&self) -> Option<&str> {
        self.word.value().map(String::as_str)
    }

    fn calls(&self) -> usize {
        self.origin.calls.len()
    }

    /// Lets time pass in steps of 10 ms; `origin` says what comes of each call.
    fn live(&mut self, millis: u64, origin: impl Fn(&Call) -> Delivery) {
        for _ in 0..millis / 10 {
            self.millis = self.millis.saturating_add(10);
            let now = self.now();
            for (id, reply) in self.origin.arrivals(now) {
                reply.give(|answer| self.on_answer(id, answer));
            }
            if let Some(lost) = self.flight.take_if(|flight| flight.deadline <= now) {
                self.failed(Fault::Lost.into(), lost.started);
            }
            if self.word.take_ended(now).is_some() {
                self.log.push("ended".into());
            }
            if self.word.becomes_stale(now) {
                self.log.push("stale".into());
            }
            if self.flight.is_none() && self.word.next_start() <= now {
                let timeout = self.word.longest_try(TIMEOUT, None, now);
                let tag = self.word.start(timeout, now);
                let call = Call::get(endpoint(), "text/plain", tag, MAX_BYTES, timeout);
                let id = self.origin.next_id();
                self.flight = Some(Flight::of(id, (), &call, now));
                let delivery = origin(&call);
                self.origin.call(id, call, now, delivery);
            }
        }
    }

    fn on_answer(&mut self, id: crate::fetch::FetchId, answer: &Answer<'_>) {
        let now = self.now();
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            self.ignored = self.ignored.saturating_add(1);
            return;
        };
        let lifetime = Lifetime::Fixed(FRESH);
        match self.word.read(answer, &flight, lifetime, parse) {
            Ok(received) => {
                if self.word.succeeded(flight.started, now) {
                    self.log.push("recovered".into());
                }
                let jitter = &mut self.jitter;
                self.word.put(received, STALE, flight.started, now, jitter);
            }
            Err(cause) => self.failed(cause, flight.started),
        }
    }

    fn failed(&mut self, cause: String, started: Moment) {
        let words: [fn(String) -> String; 2] = [
            |cause| format!("failing: {cause}"),
            |cause| format!("still: {cause}"),
        ];
        let now = self.now();
        let told = self
            .word
            .failed(cause, words, started, now, &mut self.jitter);
        self.log.extend(told);
    }
}

fn good(call: &Call) -> Delivery {
    let reply = match call.header("if-none-match") {
        Some(_) => Reply::status(304),
        None => Reply::body("word two"),
    };
    vec![(SOON, reply)]
}

#[test]
fn it_is_fetched_before_anybody_asks_and_again_before_it_is_stale() {
    let mut words = Words::with_word();
    let (_, call) = &words.origin.calls[0];
    assert_eq!((call.method, call.header("if-none-match")), ("GET", None));
    let head = call.head();
    for sent in [
        (":method", "GET"),
        (":path", "/thing"),
        (":authority", "id.example"),
        ("accept", "text/plain"),
        ("accept-encoding", "identity"),
    ] {
        assert!(head.contains(&sent), "{sent:?} is not in {head:?}");
    }
    words.live(1_000_000, good);
    assert!((11..=13).contains(&words.calls()), "{}", words.calls());
    for (_, call) in &words.origin.calls[1..] {
        assert_eq!(call.header("if-none-match"), Some("\"1\""));
    }
    assert_eq!((words.word(), words.log.len()), (Some("one"), 0));
}

#[test]
fn whatever_goes_wrong_leaves_the_word_in_hand_and_is_told_once() {
    let late = TIMEOUT + Duration::from_secs(3);
    let odd: [(Delivery, &str); 9] = [
        (vec![(SOON, Reply::junk())], "junk"),
        (vec![(SOON, Reply::too_large())], "too large"),
        (vec![(SOON, Reply::status(404))], "status 404"),
        (vec![(SOON, Reply::status(503))], "status 503"),
        (
            vec![(SOON, Reply::status(302))],
            "status 302: redirects are not followed",
        ),
        (vec![(TIMEOUT, Reply::NoAnswer)], "no answer"),
        (vec![(Duration::ZERO, Reply::NotSent)], "the host refused"),
        (vec![], "the answer was lost"),
        (
            vec![(late, Reply::body("word late"))],
            "the answer was lost",
        ),
    ];
    for (delivery, cause) in odd {
        let mut words = Words::with_word();
        words.live(160_000, |_| delivery.clone());
        assert_eq!(words.word(), Some("one"), "{cause}");
        assert_eq!(words.log.len(), 2, "{:?}", words.log);
        assert!(
            words.log[0].starts_with(&format!("failing: {cause}")),
            "{:?}",
            words.log
        );
        assert_eq!(words.log[1], "stale");
        // After 1, 2, 4 and 4 seconds, and so on: a minute of it, and then more seldom.
        assert!(
            (10..=40).contains(&words.calls()),
            "{cause}: {}",
            words.calls()
        );
        words.live(20_000, good);
        assert_eq!(words.log[2..], ["recovered"], "{cause}");
        assert!(!words.word.is_stale());
        let starts = words.origin.calls.iter().map(|(start, _)| *start);
        assert!(
            starts
                .clone()
                .zip(starts.skip(1))
                .all(|(one, next)| next.since(one) >= LEAST_APART)
        );
    }
}

#[test]
fn it_serves_while_it_is_stale_and_then_there_is_none() {
    let mut words = Words::with_word();
    words.live(495_000, |_| vec![(SOON, Reply::NoAnswer)]);
    assert_eq!(words.word(), Some("one"));
    words.live(6_000, |_| vec![(SOON, Reply::NoAnswer)]);
    assert_eq!(
        (words.word(), words.log.last().unwrap().as_str()),
        (None, "ended")
    );
    // There is nothing left to confirm: the tag is gone, and "the same again" says nothing.
    words.live(70_000, |call| {
        assert_eq!(call.header("if-none-match"), None);
        vec![(SOON, Reply::status(304))]
    });
    assert_eq!(words.word(), None);
    words.live(70_000, good);
    assert_eq!(words.word(), Some("two"));
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let mut words = Words::with_word();
    let twice = vec![
        (SOON, Reply::body("word two")),
        (2 * SOON, Reply::body("word three")),
    ];
    words.live(120_000, |_| twice.clone());
    assert_eq!(
        (words.word(), words.ignored),
        (Some("two"), words.calls() - 1)
    );
}
