//! Credentials of one person at a time.

use core::time::Duration;

use passgate_kit::{SigningKey, base64url};
use serde_json::{Value, json};

use super::world::{ISSUER, ok, secs, word};
use crate::{
    credentials::{CredentialsBySubject, Piece, people::People},
    fetch::{
        Answer, Endpoint, FetchId, Number,
        clock::{Clock, Moment},
    },
    limits,
    time::UnixTime,
};

const OTHER_ISSUER: &str = "https://other.example.com/a b";

struct World {
    people: People,
    clock: Clock,
    wall: UnixTime,
    ids: u64,
    paths: Vec<String>,
}

/// Something that a person has.
fn entry(id: &[u8]) -> Value {
    let key = base64url(SigningKey::es256("k").cose_key());
    json!({ "id": base64url(id), "cose_key": key })
}

fn answer(issuer: &str, subject: &str, entries: &[Value]) -> String {
    json!({ "iss": issuer, "sub": subject, "credentials": entries }).to_string()
}

impl World {
    fn new() -> Self {
        let text = |text: &str| Piece::Text(text.to_owned());
        let source = CredentialsBySubject {
            endpoint: Endpoint {
                scheme: "https".into(),
                authority: "id.example.com".into(),
                path: String::new(),
                cluster: "id".into(),
            },
            pieces: vec![
                text("/c/"),
                Piece::Issuer,
                text("/"),
                Piece::Subject,
                text("?a=b"),
            ],
            timeout: secs(2),
            cache_duration: secs(60),
            signed_within: None,
        };
        Self {
            people: People::new(&source, 1, 7),
            clock: Clock::default(),
            wall: UnixTime::from_secs(1_795_900_000),
            ids: 0,
            paths: Vec::new(),
        }
    }

    fn now(&mut self) -> Moment {
        self.clock.advance(self.wall)
    }

    fn pass(&mut self, time: Duration) {
        self.wall = self.wall.saturating_add(time);
    }

    fn find(&mut self, subject: &str) -> &'static str {
        self.find_of(ISSUER, subject)
    }

    fn find_of(&mut self, issuer: &str, subject: &str) -> &'static str {
        let now = self.now();
        word(&self.people.find((issuer, subject), &[1], now))
    }

    /// The fetches that start now.
    fn fetches(&mut self) -> Vec<FetchId> {
        let now = self.now();
        let mut started = Vec::new();
        for _ in 0..1_000 {
            self.ids += 1;
            let id = FetchId(self.ids);
            let Some((number, call)) = self.people.poll(id, now) else {
                return started;
            };
            assert!(self.people.holds(number));
            self.paths.push(call.endpoint.path);
            started.push(id);
        }
        panic!("fetches never end");
    }

    /// The one fetch that starts now brings this.
    fn comes(&mut self, answer: &Answer<'_>) {
        let [id] = self.fetches()[..] else {
            panic!("one fetch");
        };
        let now = self.now();
        let number = self.people.on_answer(id, answer, (now, self.wall)).unwrap();
        assert!(!self.people.holds(number));
    }

    fn number(&mut self, name: &str) -> usize {
        let measures = self.people.measures();
        let mut sum = 0;
        for measure in measures {
            if let (true, Number::Count(count)) = (measure.name == name, measure.value) {
                sum += usize::try_from(count).unwrap();
            }
        }
        sum
    }
}

#[test]
fn a_person_is_asked_about_once_and_again_when_the_answer_is_old() {
    let mut world = World::new();
    assert!(world.fetches().is_empty(), "nobody asks");
    for _ in 0..3 {
        assert_eq!(world.find("alice"), "pending");
    }
    world.comes(&ok(&answer(ISSUER, "alice", &[entry(&[1])])));
    for _ in 0..3 {
        assert_eq!(world.find("alice"), "known");
    }
    world.pass(secs(59));
    assert_eq!(world.find("alice"), "known");
    assert!(world.fetches().is_empty());
    world.pass(secs(1));
    assert_eq!(world.find("alice"), "pending");
    world.comes(&ok(&answer(ISSUER, "alice", &[])));
    assert_eq!(world.find("alice"), "unknown");
    assert_eq!(world.number("fetches.ok"), 2);
}

#[test]
fn a_name_is_one_segment_of_the_path() {
    let mut world = World::new();
    for (issuer, subject, path) in [
        (ISSUER, "alice", "/c/https%3A%2F%2Fid.example.com/alice?a=b"),
        (
            ISSUER,
            "a/../b",
            "/c/https%3A%2F%2Fid.example.com/a%2F..%2Fb?a=b",
        ),
        (
            ISSUER,
            "a?b#c%2f",
            "/c/https%3A%2F%2Fid.example.com/a%3Fb%23c%252f?a=b",
        ),
        (
            ISSUER,
            "ü\r\n",
            "/c/https%3A%2F%2Fid.example.com/%C3%BC%0D%0A?a=b",
        ),
        (
            ISSUER,
            "{iss}",
            "/c/https%3A%2F%2Fid.example.com/%7Biss%7D?a=b",
        ),
        (ISSUER, "...", "/c/https%3A%2F%2Fid.example.com/...?a=b"),
        (
            OTHER_ISSUER,
            "alice",
            "/c/https%3A%2F%2Fother.example.com%2Fa%20b/alice?a=b",
        ),
    ] {
        assert_eq!(world.find_of(issuer, subject), "pending");
        world.comes(&ok("{}"));
        assert_eq!(world.paths.last().unwrap(), path);
    }
}

#[test]
fn nobody_asks_for_a_name_that_leads_elsewhere() {
    let mut world = World::new();
    let long = "a".repeat(limits::SUBJECT_BYTES + 1);
    for subject in ["", ".", "..", &long] {
        assert_eq!(world.find(subject), "unknown");
    }
    assert!(world.fetches().is_empty());
    assert_eq!(world.find(&long.replacen('a', "", 1)), "pending");
}

#[test]
fn an_answer_is_about_the_person_who_was_asked_about() {
    let entries = [entry(&[1])];
    let good = answer(ISSUER, "alice", &entries);
    let too_many: Vec<Value> = (0..=limits::CREDENTIALS_OF_SUBJECT)
        .map(|number| entry(&[u8::try_from(number).unwrap()]))
        .collect();
    for (body, wanted) in [
        (good.clone(), "known"),
        // What stands in an entry says nothing.
        (good.replace("\"id\"", "\"sub\":\"bob\",\"id\""), "known"),
        (answer(ISSUER, "bob", &entries), "unavailable"),
        (answer(OTHER_ISSUER, "alice", &entries), "unavailable"),
        (
            json!({ "iss": ISSUER, "credentials": entries }).to_string(),
            "unavailable",
        ),
        (
            json!({ "sub": "alice", "credentials": entries }).to_string(),
            "unavailable",
        ),
        (
            json!({ "iss": ISSUER, "sub": "alice" }).to_string(),
            "unavailable",
        ),
        (answer(ISSUER, "alice", &too_many[1..]), "known"),
        (answer(ISSUER, "alice", &too_many), "unavailable"),
        ("[]".to_owned(), "unavailable"),
        (String::new(), "unavailable"),
    ] {
        let mut world = World::new();
        assert_eq!(world.find("alice"), "pending");
        world.comes(&ok(&body));
        assert_eq!(world.find("alice"), wanted, "{body}");
        // An odd answer puts off nobody else.
        assert_eq!(world.find("bob"), "pending");
    }
    // An odd entry spoils no other.
    let mut world = World::new();
    world.find("alice");
    let odd = json!({ "id": "AQ" });
    world.comes(&ok(&answer(ISSUER, "alice", &[odd, entry(&[1])])));
    assert_eq!(world.find("alice"), "known");
    assert_eq!(world.number("unreadable"), 1);
}

#[test]
fn an_answer_is_one_issuers() {
    let mut world = World::new();
    assert_eq!(world.find("alice"), "pending");
    world.comes(&ok(&answer(ISSUER, "alice", &[entry(&[1])])));
    assert_eq!(world.find("alice"), "known");
    assert_eq!(world.find_of(OTHER_ISSUER, "alice"), "pending");
    world.comes(&ok(&answer(OTHER_ISSUER, "alice", &[])));
    assert_eq!(world.find_of(OTHER_ISSUER, "alice"), "unknown");
    assert_eq!(world.find("alice"), "known");
}

#[test]
fn a_person_without_passkeys_is_no_outage_and_everything_else_is() {
    let status = |status| Answer::Http {
        status,
        headers: &[],
        body: b"",
    };
    for (came, wanted, others) in [
        (status(404), "unknown", "pending"),
        // For this person alone.
        (status(500), "unavailable", "pending"),
        (status(403), "unavailable", "pending"),
        (status(301), "unavailable", "pending"),
        (status(204), "unavailable", "pending"),
        // For everybody.
        (status(503), "unavailable", "unavailable"),
        (Answer::NoAnswer, "unavailable", "unavailable"),
        (
            Answer::NotSent { cluster: "idp" },
            "unavailable",
            "unavailable",
        ),
    ] {
        let mut world = World::new();
        world.find("alice");
        world.comes(&came);
        assert_eq!(world.find("alice"), wanted, "{came:?}");
        assert_eq!(world.find("bob"), others, "{came:?}");
        let log = world.people.events();
        assert_eq!(log.len(), usize::from(wanted == "unavailable"), "{log:?}");
    }
    // An answer that is lost, too; and what is remembered serves on.
    let mut world = World::new();
    world.find("alice");
    world.comes(&ok(&answer(ISSUER, "alice", &[entry(&[1])])));
    world.find("bob");
    assert_eq!(world.fetches().len(), 1);
    world.pass(secs(3));
    assert!(world.fetches().is_empty());
    assert_eq!(
        (world.find("alice"), world.find("bob")),
        ("known", "unavailable")
    );
    let log = world.people.events();
    assert_eq!(
        log,
        [(
            "an answer cannot be had: the answer was lost".to_owned(),
            true
        )]
    );
    world.pass(secs(1));
    assert_eq!(world.find("bob"), "pending");
    world.comes(&status(404));
    let log = world.people.events();
    assert_eq!(log, [("answers can be had again".to_owned(), false)]);
}

/// Whoever has tokens of many people cannot make a worker remember them all.
#[test]
fn what_is_remembered_and_awaited_is_bounded() {
    let mut world = World::new();
    for number in 0..3 * limits::CREDENTIAL_SUBJECTS {
        let subject = format!("person-{number}");
        assert_eq!(world.find(&subject), "pending");
        world.comes(&ok(&answer(ISSUER, &subject, &[])));
        world.pass(Duration::from_millis(1));
        assert_eq!(world.find(&subject), "unknown");
    }
    let last = 3 * limits::CREDENTIAL_SUBJECTS;
    let remembered =
        (0..last).filter(|number| world.find(&format!("person-{number}")) == "unknown");
    assert_eq!(remembered.count(), limits::CREDENTIAL_SUBJECTS);
    let mut world = World::new();
    let asked: Vec<&str> = (0..100)
        .map(|number| world.find(&format!("person-{number}")))
        .collect();
    assert_eq!(
        asked.iter().filter(|found| **found == "pending").count(),
        64
    );
    assert_eq!(world.fetches().len(), 16);
}
