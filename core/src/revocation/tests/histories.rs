//! Generated histories of one list: answers that are late, lost, twice, old, of another
//! cache, made up; a server that starts anew, workers that do.
//!
//! - **A revoked token never passes later than the bound**: where a list must be young, not longer
//!   than it may be old; where all is well, not longer than `cache_duration` and one answer.
//! - **Whom no list ever named is never refused for it**, unless the policy says `deny` and no list
//!   is young.

use core::time::Duration;
use std::collections::BTreeMap;

use super::world::{BOUNDS, document_of, ok, secs, source};
use crate::{
    fetch::{
        Answer, FetchId, Measure, Number,
        clock::{Clock, Moment},
        jitter::Jitter,
    },
    revocation::{Feed, Kind, RevocationSource, Standing, WhenUnavailable},
    time::UnixTime,
};

const HISTORIES: u64 = 120;
const PEOPLE: u64 = 8;
/// In milliseconds.
const STEP: u64 = 50;
const BOUND: u64 = 65_000;

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Good,
    Late,
    Lost,
    Down,
    /// Something in between sends an edition of some time ago.
    Cached,
    /// The server itself sends an old edition with a new date.
    Lying,
    Junk,
    /// It says what is new since an edition that nobody has.
    Gap,
}

const WEATHERS: [Weather; 8] = [
    Weather::Good,
    Weather::Late,
    Weather::Lost,
    Weather::Down,
    Weather::Cached,
    Weather::Lying,
    Weather::Junk,
    Weather::Gap,
];

#[derive(Clone)]
struct Published {
    epoch: u64,
    sequence: u64,
    /// Milliseconds.
    at: u64,
    people: Vec<u64>,
}

#[derive(Debug, Default)]
struct Tally {
    revoked: u64,
    clear: u64,
    pending: u64,
    unavailable: u64,
    unchecked: u64,
    refused: u64,
    added: u64,
    reloads: u64,
}

struct History {
    random: Jitter,
    source: RevocationSource,
    feed: Feed,
    clock: Clock,
    /// Milliseconds; the host's clock shows them too.
    now: u64,
    weather: Weather,
    /// Since when it is good, and nothing old is under way.
    good_since: u64,
    past: Vec<Published>,
    /// When each person was revoked.
    revoked: BTreeMap<u64, u64>,
    ids: u64,
    arrivals: Vec<(u64, FetchId, Option<String>)>,
    waiting_since: Option<u64>,
    tally: Tally,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Jitter::new(seed);
        let when = if random.next().is_multiple_of(2) {
            WhenUnavailable::Deny
        } else {
            WhenUnavailable::Allow
        };
        let source = source(when);
        let now = 1_795_900_000_000;
        let first = Published {
            epoch: 1,
            sequence: 0,
            at: now,
            people: Vec::new(),
        };
        Self {
            feed: Feed::new(&source, BOUNDS, random.next()),
            random,
            source,
            clock: Clock::default(),
            now,
            weather: Weather::Good,
            good_since: now,
            past: vec![first],
            revoked: BTreeMap::new(),
            ids: 0,
            arrivals: Vec::new(),
            waiting_since: None,
            tally: Tally::default(),
        }
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.random.next() % 100 < chance
    }

    fn below(&mut self, most: u64) -> u64 {
        self.random.next() % most.max(1)
    }

    fn moment(&mut self) -> Moment {
        self.clock.advance(UnixTime::from_millis(self.now))
    }

    /// The server writes its list anew, whatever the weather is on the way.
    fn publish(&mut self, person: Option<u64>) {
        let last = self.past.last().unwrap().clone();
        let mut next = Published {
            at: self.now,
            ..last
        };
        if let Some(person) = person.filter(|person| !next.people.contains(person)) {
            next.people.push(person);
            next.sequence += 1;
            self.revoked.insert(person, self.now);
        }
        self.past.push(next);
    }

    fn text(published: &Published, at: u64, more: &str, from: usize) -> String {
        let entries: Vec<String> = published.people[from..]
            .iter()
            .map(|person| format!(r#"{{"sub":"p{person}"}}"#))
            .collect();
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        document_of(
            published.epoch,
            published.sequence,
            at / 1_000,
            more,
            &entries,
        )
    }

    /// What the server or something in between sends now.
    fn body(&mut self, path: &str) -> String {
        let last = self.past.last().unwrap().clone();
        let index = self.below(self.past.len() as u64) as usize;
        let old = self.past[index].clone();
        match self.weather {
            Weather::Junk => "<html>".into(),
            Weather::Gap => {
                let more = format!(",\"after\":{}", last.sequence + 7);
                let mut odd = last;
                odd.sequence += 8;
                Self::text(&odd, self.now, &more, 0)
            }
            Weather::Cached => Self::text(&old, old.at, "", 0),
            // A lie can be seen by whoever knows better.
            Weather::Lying => {
                let measures = self.feed.measures(Moment::default());
                let is_newer = |measure: &Measure| {
                    matches!(measure.value, Number::Is(held)
                        if measure.name == "sequence" && held > old.sequence)
                };
                let lies = old.epoch == last.epoch && measures.iter().any(is_newer);
                let at = if lies { self.now } else { old.at };
                Self::text(&old, at, "", 0)
            }
            _ => {
                let after = path.split_once("after=").and_then(|(_, n)| n.parse().ok());
                let since = |after: &u64| {
                    let of_epoch = |old: &&Published| old.epoch == last.epoch;
                    let mut past = self.past.iter().filter(of_epoch);
                    past.find(|old| old.sequence == *after)
                };
                match after.as_ref().and_then(since).map(|old| old.people.len()) {
                    Some(known) if self.ids.is_multiple_of(2) => {
                        self.tally.added += 1;
                        let more = format!(",\"after\":{}", after.unwrap_or_default());
                        Self::text(&last, self.now, &more, known)
                    }
                    _ => Self::text(&last, self.now, "", 0),
                }
            }
        }
    }

    fn poll(&mut self) {
        let (now, wall) = (self.moment(), UnixTime::from_millis(self.now));
        self.ids += 1;
        let id = FetchId(self.ids);
        self.feed.read_on((now, wall));
        let Some(call) = self.feed.poll(id, now) else {
            return;
        };
        let timeout = u64::try_from(call.timeout.as_millis()).unwrap();
        let delay = self.below(200);
        let arrival = match self.weather {
            Weather::Lost => return,
            Weather::Down => (self.now + delay, id, None),
            Weather::Late => {
                let body = self.body(&call.endpoint.path);
                let delay = self.below(timeout + 1_500);
                let timed_out = (self.now + timeout, id, None);
                if delay > timeout {
                    timed_out
                } else {
                    (self.now + delay, id, Some(body))
                }
            }
            _ => {
                let body = self.body(&call.endpoint.path);
                (self.now + delay, id, Some(body))
            }
        };
        if self.percent(5) {
            self.arrivals
                .push((arrival.0 + 300, arrival.1, arrival.2.clone()));
        }
        self.arrivals.push(arrival);
    }

    fn arrive(&mut self) {
        let now = self.now;
        let arrived: Vec<_> = self
            .arrivals
            .extract_if(.., |(at, ..)| *at <= now)
            .collect();
        for (_, id, body) in arrived {
            let (now, wall) = (self.moment(), UnixTime::from_millis(self.now));
            let answer = body.as_deref().map_or(Answer::NoAnswer, |_| ok(""));
            let body = body.unwrap_or_default().into_bytes();
            self.feed.on_answer(id, (&answer, body), (now, wall));
        }
    }

    fn ask(&mut self, person: u64) {
        let now = self.moment();
        let name = format!("p{person}");
        let said = self.feed.judge([(Kind::Subject, &*name)], None, now);
        let revoked = self.revoked.get(&person).copied();
        let denies = self.source.when_unavailable == WhenUnavailable::Deny;
        let since_good = self.now - self.good_since;
        match said {
            Standing::Revoked { .. } => {
                assert!(revoked.is_some(), "{name} was never revoked");
                self.tally.revoked += 1;
            }
            Standing::Clear => {
                self.tally.clear += 1;
                let passed = revoked.map_or(0, |at| self.now - at);
                // Dates are whole seconds.
                assert!(passed <= BOUND + 1_000, "{name} passes {passed} ms later");
                let is_well = since_good > BOUND + 5_000;
                let prompt = 5_000 + 200 + STEP * 2;
                assert!(
                    !is_well || passed <= prompt,
                    "{name}: {passed} ms while all is well"
                );
            }
            Standing::Pending => {
                self.tally.pending += 1;
                let since = *self.waiting_since.get_or_insert(self.now);
                let longest = self.feed.longest_wait();
                assert!(Duration::from_millis(self.now - since) <= longest);
                return;
            }
            Standing::Unavailable(_) => {
                self.tally.unavailable += 1;
                assert!(denies, "{name} is refused though the policy lets pass");
                assert!(since_good <= BOUND + 5_000, "no list though all is well");
            }
            Standing::Unchecked => {
                self.tally.unchecked += 1;
                assert!(!denies, "{name} passes though the policy refuses");
                assert!(since_good <= BOUND + 5_000, "no list though all is well");
            }
        }
        self.waiting_since = None;
    }

    fn happen(&mut self) {
        if self.percent(4) {
            let person = self.below(PEOPLE);
            self.publish(Some(person));
        }
        if self.now.is_multiple_of(1_000) {
            self.publish(None);
        }
        if self.percent(1) {
            let weather = WEATHERS[self.below(WEATHERS.len() as u64) as usize];
            self.turn(weather);
        }
        if self.random.next().is_multiple_of(400) {
            // The worker starts anew.
            self.tally.reloads += 1;
            self.feed = Feed::new(&self.source, BOUNDS, self.random.next());
            self.clock = Clock::default();
            self.arrivals.clear();
            self.waiting_since = None;
            self.good_since = self.good_since.max(self.now);
        }
        if self.random.next().is_multiple_of(500) {
            // The server does, and loses its numbers but not its list.
            let mut next = self.past.last().unwrap().clone();
            next.epoch += 1;
            next.sequence = next.people.len() as u64;
            next.at = self.now;
            self.past.push(next);
        }
    }

    fn turn(&mut self, weather: Weather) {
        if weather != Weather::Good || self.weather != Weather::Good {
            self.good_since = self.now;
        }
        self.weather = weather;
    }

    fn live(&mut self, steps: u64, is_well: bool) {
        for _ in 0..steps {
            self.now += STEP;
            if is_well {
                if self.now.is_multiple_of(1_000) {
                    let person = self.percent(10).then(|| self.below(PEOPLE));
                    self.publish(person);
                }
            } else {
                self.happen();
            }
            self.arrive();
            self.poll();
            let person = self.below(PEOPLE);
            self.ask(person);
            // Somebody whom no list ever names.
            self.ask(PEOPLE);
            for (event, _) in self.feed.events() {
                self.tally.refused += u64::from(event.contains("rolled back"));
            }
            let next = self.feed.next_change();
            assert!(next.since(self.moment()) <= secs(70), "sleeps too long");
        }
    }

    fn run(mut self) -> Tally {
        self.now -= self.now % STEP;
        self.live(2_400, false);
        self.turn(Weather::Good);
        self.live(2_400, true);
        self.tally
    }
}

#[test]
fn no_history_of_a_list_breaks_a_promise() {
    let mut sum = Tally::default();
    for seed in 0..HISTORIES {
        let run = std::panic::catch_unwind(|| History::new(seed).run());
        let tally = run.unwrap_or_else(|_| panic!("history {seed} broke a promise; see above"));
        sum.revoked += tally.revoked;
        sum.clear += tally.clear;
        sum.pending += tally.pending;
        sum.unavailable += tally.unavailable;
        sum.unchecked += tally.unchecked;
        sum.refused += tally.refused;
        sum.added += tally.added;
        sum.reloads += tally.reloads;
    }
    let Tally {
        revoked,
        clear,
        pending,
        unavailable,
        unchecked,
        refused,
        added,
        reloads,
    } = sum;
    let all = [
        revoked,
        clear,
        pending,
        unavailable,
        unchecked,
        refused,
        added,
        reloads,
    ];
    // A simulation in which something never happens proves nothing about it.
    assert!(all.iter().all(|number| *number > 50), "{all:?}");
}
