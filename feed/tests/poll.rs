//! Events that are fetched (RFC 8936), from a transmitter that wants a token of its own.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{
    collections::BTreeMap,
    fs, thread,
    time::{Duration, Instant},
};

use passgate_harness::{Issuer, Message, eventually};
use serde_json::{Value, json};

use running::{Feed, configuration, event_token, new_folder, person, played::Played};

/// Hands out what is not acknowledged yet.
type Transmitter = Played<State>;

#[derive(Default)]
struct State {
    sets: BTreeMap<String, String>,
    errors: BTreeMap<String, Value>,
    /// How many tokens it gave; the last one is good.
    tokens: u64,
    polls: u64,
    /// How many of them were held.
    held: u64,
    status: Option<u16>,
}

/// How long a poll is held at most.
const HELD: Duration = Duration::from_secs(2);

/// Whether the transmitter may wait before it answers (RFC 8936 section 2.2).
fn is_long(request: &Message) -> bool {
    let body: Option<Value> = serde_json::from_slice(&request.body).ok();
    body.is_some_and(|body| body["returnImmediately"] == false)
}

const KIND: &str = "caep/event-type/session-revoked";

impl Transmitter {
    fn start() -> Self {
        Self::answering(|state, request| {
            // A poll that may be held is, until there is something.
            let is_long = is_long(request);
            let is_empty = || state.lock().unwrap().sets.is_empty();
            let began = Instant::now();
            while is_long && is_empty() && began.elapsed() < HELD {
                thread::sleep(Duration::from_millis(10));
            }
            state.lock().unwrap().answer(request)
        })
    }

    fn offer(&self, jti: &str, token: String) {
        self.state(|state| state.sets.insert(jti.to_owned(), token));
    }

    fn configuration(&self, issuer: &Issuer) -> Value {
        let mut words = configuration(issuer.address());
        let address = self.address();
        words["providers"]["acme"]["security_events"]["poll"] = json!({
            "uri": format!("http://{address}/poll"),
            "interval": "1s",
            "client_credentials": {
                "token_uri": format!("http://{address}/token"),
                "client_id": "the feed",
                "client_secret": { "file": "client" },
                "scope": "ssf.read",
            },
        });
        words
    }
}

impl State {
    fn answer(&mut self, request: &Message) -> (u16, Value) {
        let start = String::from_utf8_lossy(&request.start).into_owned();
        let shown = request.headers.text("authorization").unwrap_or_default();
        if start == "POST /token HTTP/1.1" {
            // The feed's name and secret, as RFC 6749 section 2.3.1 encodes them.
            assert_eq!(shown, "Basic dGhlK2ZlZWQ6YSUyNnNlY3JldA==");
            assert_eq!(
                request.body,
                b"grant_type=client_credentials&scope=ssf.read"
            );
            self.tokens += 1;
            let token = format!("t{}", self.tokens);
            return (200, json!({ "access_token": token, "expires_in": 300 }));
        }
        assert_eq!(start, "POST /poll HTTP/1.1");
        self.polls += 1;
        if shown != format!("Bearer t{}", self.tokens) {
            return (401, json!({}));
        }
        if let Some(status) = self.status {
            return (status, json!({}));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        self.held += u64::from(is_long(request));
        for jti in body["ack"].as_array().unwrap() {
            assert!(self.sets.remove(jti.as_str().unwrap()).is_some(), "{jti}");
        }
        for (jti, error) in body["setErrs"].as_object().unwrap() {
            assert!(self.sets.remove(jti).is_some(), "{jti}");
            self.errors.insert(jti.clone(), error.clone());
        }
        (200, json!({ "sets": self.sets }))
    }
}

fn names(feed: &Feed) -> Vec<String> {
    let entries = feed.list("")["entries"].as_array().unwrap().clone();
    let names = entries.iter().map(|entry| entry["sub"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

fn start(issuer: &Issuer, transmitter: &Transmitter) -> Feed {
    let folder = new_folder();
    fs::write(folder.join("client"), "a&secret\n").unwrap();
    Feed::in_folder(folder, &transmitter.configuration(issuer), &[])
}

#[test]
fn what_is_fetched_ends_what_it_says_and_is_acknowledged_when_it_is_on_disk() {
    let issuer = Issuer::start();
    let transmitter = Transmitter::start();
    let token = |sub: &str| event_token(&issuer.key, KIND, person(sub));
    transmitter.offer("a", token("alice").build());
    transmitter.offer("b", token("bob").claim("aud", "other").build());
    let feed = start(&issuer, &transmitter);
    let is_empty = || transmitter.state(|state| state.sets.is_empty().then_some(()));
    eventually("both are answered", is_empty);
    assert_eq!(names(&feed), ["alice"]);
    transmitter.state(|state| {
        assert_eq!(state.held, 0);
        assert_eq!(state.errors["b"]["err"], "invalid_audience");
        assert_eq!(state.errors.len(), 1);
        assert_eq!(state.tokens, 1);
        // A token of ours that is worth nothing any more is replaced.
        state.tokens += 1;
    });
    transmitter.offer("c", token("carol").build());
    eventually("the third", is_empty);
    assert_eq!(names(&feed), ["alice", "carol"]);
    let name = "passgate_feed_polls_total{provider=\"acme\",outcome=\"status\"}";
    assert_eq!(feed.metric(name), 1);
    assert!(!feed.log().contains("a&secret"));
    // What was here before is acknowledged, and changes nothing.
    let sequence = feed.list("")["sequence"].clone();
    let again = token("dave").claim("jti", "the-same").build();
    transmitter.offer("d", again.clone());
    eventually("the fourth", is_empty);
    assert_ne!(feed.list("")["sequence"], sequence);
    let sequence = feed.list("")["sequence"].clone();
    transmitter.offer("d", again);
    eventually("the fourth again", is_empty);
    assert_eq!(feed.list("")["sequence"], sequence);
}

#[test]
fn what_cannot_be_judged_yet_is_not_acknowledged() {
    let issuer = Issuer::start();
    let transmitter = Transmitter::start();
    issuer.status(500);
    let token = event_token(&issuer.key, KIND, person("alice")).build();
    transmitter.offer("a", token);
    let feed = start(&issuer, &transmitter);
    let name =
        "passgate_feed_events_total{provider=\"acme\",kind=\"unread\",outcome=\"unavailable\"}";
    eventually("an answer that says nothing of it", || {
        let polls = transmitter.state(|state| state.polls);
        (feed.metric(name) >= 2 && polls >= 2).then_some(())
    });
    transmitter.state(|state| {
        assert_eq!(state.sets.len(), 1);
        assert!(state.errors.is_empty());
    });
    issuer.recover();
    let words = transmitter.configuration(&issuer);
    let feed = Feed::in_folder(feed.kill(), &words, &[]);
    eventually("it is answered", || {
        transmitter.state(|state| state.sets.is_empty().then_some(()))
    });
    assert_eq!(names(&feed), ["alice"]);
}

#[test]
fn what_comes_from_the_future_is_not_answered() {
    let issuer = Issuer::start();
    let transmitter = Transmitter::start();
    let token = event_token(&issuer.key, KIND, person("alice"));
    let early = token.claim("iat", passgate_kit::now() + 90).build();
    transmitter.offer("a", early);
    let feed = start(&issuer, &transmitter);
    let name = "passgate_feed_events_total{provider=\"acme\",kind=\"unread\",outcome=\"early\"}";
    eventually("it comes again", || (feed.metric(name) >= 2).then_some(()));
    transmitter.state(|state| {
        assert_eq!(state.sets.len(), 1);
        assert!(state.errors.is_empty());
    });
}

#[test]
fn a_transmitter_that_fails_is_asked_again() {
    let issuer = Issuer::start();
    let transmitter = Transmitter::start();
    transmitter.state(|state| state.status = Some(503));
    let token = event_token(&issuer.key, KIND, person("alice")).build();
    transmitter.offer("a", token);
    let feed = start(&issuer, &transmitter);
    eventually("some polls", || {
        transmitter.state(|state| (state.polls > 1).then_some(()))
    });
    assert!(names(&feed).is_empty());
    transmitter.state(|state| state.status = None);
    eventually("it is answered", || {
        transmitter.state(|state| state.sets.is_empty().then_some(()))
    });
    assert_eq!(names(&feed), ["alice"]);
}

#[test]
fn a_transmitter_that_may_wait_is_not_asked_every_interval() {
    let issuer = Issuer::start();
    let transmitter = Transmitter::start();
    let mut words = transmitter.configuration(&issuer);
    let poll = &mut words["providers"]["acme"]["security_events"]["poll"];
    // Neither the interval nor the time for an answer is waited for.
    (poll["interval"], poll["timeout"]) = (json!("1s"), json!("1s"));
    poll["long_polling"] = json!("30s");
    let folder = new_folder();
    fs::write(folder.join("client"), "a&secret\n").unwrap();
    let feed = Feed::in_folder(folder, &words, &[]);
    let held = |more: u64| {
        let before = transmitter.state(|state| state.held);
        eventually("polls that are held", || {
            transmitter.state(|state| (state.held >= before + more).then_some(()))
        });
    };
    held(2);
    for name in ["alice", "bob"] {
        let token = event_token(&issuer.key, KIND, person(name)).build();
        transmitter.offer(name, token);
        let is_empty = || transmitter.state(|state| state.sets.is_empty().then_some(()));
        eventually("an answer", is_empty);
        held(1);
    }
    assert_eq!(names(&feed), ["alice", "bob"]);
    let (polls, held) = transmitter.state(|state| (state.polls, state.held));
    // What became of an event is told at once, and not with a poll that is held.
    assert_eq!(polls - held, 2);
    let failed = "passgate_feed_polls_total{provider=\"acme\",outcome=\"no_answer\"}";
    assert_eq!(feed.metric(failed), 0);
}
