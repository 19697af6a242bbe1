//! Generated histories of open streams: tokens that expire, lists that name people and are old or
//! do not come, policies that take each other's place, clients that leave.
//!
//! - **No stream outlives its authority** by more than a look, or for revocations by more than the
//!   bound of the list.
//! - **No stream is cut without a cause**: it has expired, a list names it, the policy refuses it;
//!   or the policy says `deny` and there has been no list for a while.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    random::Random,
    world::{Judge, Weather, World},
};

const HISTORIES: u64 = 40;
/// In milliseconds, as all times here.
const STEP: u64 = 100;
const STEPS: u64 = 1_500;
/// All are looked at twice a second. A policy that takes the place of another may have looked just
/// before.
const LOOK: u64 = 2 * 500 + 2 * STEP;
/// `cache_duration` and `max_stale`, the whole second of `generated_at`, and a look.
const OLDEST: u64 = 1_000 + 10_000 + 1_000 + LOOK;
/// `cache_duration`, and looks.
const PROMPT: u64 = 1_000 + STEP + LOOK;
/// So long after an outage a list has come.
const HEALED: u64 = 10_000;
const PEOPLE: u64 = 5;

#[derive(Debug)]
struct Stream {
    person: u64,
    /// In seconds.
    issued: u64,
    ends: u64,
    reads: bool,
}

struct History {
    random: Random,
    world: World,
    /// The newest is the last.
    judges: Vec<Judge>,
    denies: bool,
    /// What the policy in force wants, and since when it has been asked.
    wants_reader: bool,
    policy_since: u64,
    next_policy: Option<bool>,
    streams: BTreeMap<u32, Stream>,
    opened: u32,
    /// Who is revoked: when that was published, and up to which second tokens are meant.
    revoked: Vec<(u64, u64, u64)>,
    /// When lists last did not come, or a worker had none yet.
    bad: u64,
    cuts: BTreeMap<&'static str, u64>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut history = Self {
            random: Random::new(seed),
            world: World::new(),
            judges: Vec::new(),
            denies: seed.is_multiple_of(2),
            wants_reader: false,
            policy_since: 0,
            next_policy: None,
            streams: BTreeMap::new(),
            opened: 0,
            revoked: Vec::new(),
            bad: 0,
            cuts: BTreeMap::new(),
        };
        history.load(false);
        history
    }

    fn now(&self) -> u64 {
        self.world.now.as_millis()
    }

    fn load(&mut self, wants_reader: bool) {
        let list = json!({
            "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" },
            "cache_duration": "1s", "max_stale": "10s",
            "when_unavailable": if self.denies { "deny" } else { "allow" },
        });
        let scopes = if wants_reader {
            json!(["read"])
        } else {
            json!([])
        };
        let mut requires = json!({ "scopes": scopes });
        if !wants_reader {
            requires = json!({});
        }
        let rules = json!([{ "match": { "prefix": "/" }, "requires": requires }]);
        let policy = json!({ "acme": { "revocations": list }, "rules": rules });
        let judge = self.world.judge(policy);
        self.judges.push(judge);
        self.next_policy = Some(wants_reader);
        self.bad = self.now();
    }

    /// When it was published that this token is revoked.
    fn revoked_since(&self, person: u64, issued: u64) -> Option<u64> {
        let named = self.revoked.iter();
        let named = named.filter(|(_, who, before)| *who == person && issued <= *before);
        named.map(|(at, ..)| *at).min()
    }

    /// When a stream like this has to be over, for a revocation.
    fn bound(&self, revoked: u64) -> Option<u64> {
        if self.now() > self.bad.max(revoked) + HEALED || self.bad + HEALED < revoked {
            return Some(revoked.max(self.bad + HEALED) + PROMPT);
        }
        self.denies.then_some(revoked + OLDEST + HEALED)
    }

    fn open(&mut self) {
        let (person, issued) = (self.random.between(0, PEOPLE), self.world.now.as_secs());
        let lifetime = self.random.one_of(&[4, 15, 300]);
        let reads = self.random.percent(50);
        let token = self.world.token(0).claim("iat", issued);
        let token = token.claim("exp", issued + lifetime);
        let token = token.claim("sub", format!("p{person}"));
        let token = token.claim("scope", if reads { "read" } else { "write" });
        let bearer = format!("Bearer {}", token.build());
        let headers = [(":path", "/chat"), ("authorization", &*bearer)];
        self.opened += 1;
        let judge = self.judges.last_mut().unwrap();
        judge.verifier.enter(&mut self.world.leases, crate::DOOR);
        if let Some(wants_reader) = self.next_policy.take() {
            (self.wants_reader, self.policy_since) = (wants_reader, self.now());
        }
        let judge = self.judges.last_mut().unwrap();
        match self.world.ask(judge, self.opened, &headers) {
            Some("permitted.token") => {
                assert!(reads || !self.wants_reader);
                let stream = Stream {
                    person,
                    issued,
                    ends: (issued + lifetime) * 1_000,
                    reads,
                };
                self.streams.insert(self.opened, stream);
            }
            Some("insufficient.scope") => assert!(self.wants_reader && !reads),
            Some("untrusted.revoked") => assert!(self.revoked_since(person, issued).is_some()),
            Some("unavailable.revocations") => assert!(self.denies),
            None => {}
            Some(reason) => panic!("{reason}"),
        }
    }

    fn happen(&mut self) {
        match self.random.between(0, 999) {
            0..=49 => self.open(),
            50..=59 => {
                if let Some((stream, _)) = self.streams.pop_first() {
                    self.world.leases.let_go(stream);
                }
            }
            60..=69 => {
                // Nobody ever names the last of the people.
                let person = self.random.between(0, PEOPLE - 1);
                let second = self.world.now.as_secs();
                let before = self.random.one_of(&[second, second, second + 5]);
                self.revoked.push((self.now(), person, before));
                let entry = json!({ "sub": format!("p{person}"), "not_before": before });
                self.world.list.as_array_mut().unwrap().push(entry);
                self.world.sequence += 1;
            }
            70..=79 => {
                let weathers = [Weather::Good, Weather::Good, Weather::Down, Weather::Old];
                self.world.weather = self.random.one_of(&weathers);
            }
            80..=83 => {
                let wants_reader = self.random.percent(50);
                self.load(wants_reader);
            }
            _ => {}
        }
        if self.world.weather != Weather::Good {
            self.bad = self.now();
        }
    }

    fn look(&mut self) {
        let mut cuts = Vec::new();
        for judge in &mut self.judges {
            cuts.extend(self.world.tick(judge));
        }
        let now = self.now();
        for cut in cuts {
            let (number, reason) = (cut.stream, cut.record.reason);
            assert_eq!(cut.record.decision, "cut");
            let stream = self.streams.remove(&number);
            let stream = stream.unwrap_or_else(|| panic!("{number}: {reason}, and it is not open"));
            let has_cause = match reason {
                "untrusted.expired" => stream.ends <= now,
                "untrusted.revoked" => self.revoked_since(stream.person, stream.issued).is_some(),
                "insufficient.scope" => self.wants_reader && !stream.reads,
                "unavailable.revocations" => self.denies && now <= self.bad + HEALED,
                _ => false,
            };
            assert!(has_cause, "{reason} is not why this ends: {stream:?}");
            *self.cuts.entry(reason).or_default() += 1;
        }
        for stream in self.streams.values() {
            assert!(now <= stream.ends + LOOK, "it has expired: {stream:?}");
            let refused = self.wants_reader && !stream.reads;
            assert!(
                !refused || now <= self.policy_since + LOOK,
                "a new policy refuses it: {stream:?}"
            );
            let revoked = self.revoked_since(stream.person, stream.issued);
            let bound = revoked.and_then(|revoked| self.bound(revoked));
            assert!(
                bound.is_none_or(|bound| now <= bound),
                "it is revoked since {revoked:?}, now {now}: {stream:?}"
            );
        }
        assert_eq!(self.world.leases.len(), self.streams.len());
    }

    fn run(mut self) -> BTreeMap<&'static str, u64> {
        for _ in 0..STEPS {
            self.world.pass(STEP);
            self.happen();
            self.look();
        }
        self.cuts
    }
}

#[test]
fn no_history_of_streams_breaks_a_promise() {
    let mut sum: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in 0..HISTORIES {
        let run = std::panic::catch_unwind(|| History::new(seed).run());
        let cuts = run.unwrap_or_else(|_| panic!("history {seed} broke a promise; see above"));
        for (reason, count) in cuts {
            *sum.entry(reason).or_default() += count;
        }
    }
    // A simulation in which something never happens proves nothing about it.
    assert_eq!(sum.len(), 4, "{sum:?}");
    assert!(sum.values().all(|count| *count > 20), "{sum:?}");
}
