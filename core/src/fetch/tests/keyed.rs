//! An answer for each of many names, by POST.

use core::time::Duration;

use super::origin::*;
use crate::fetch::{
    Call,
    fault::Fault,
    jitter::Jitter,
    keyed::{Asked, Bounds, Keyed},
};

const FRESH: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(30);
const BOUNDS: Bounds = Bounds {
    remembered: 6,
    awaited: 5,
    calls: 2,
    spare: 0,
};

struct Names {
    names: Keyed<u64, String>,
    origin: Origin,
    millis: u64,
    fresh: Duration,
    ended: Vec<(u64, Result<(), Fault>)>,
    ignored: usize,
}

/// What a look at a key said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Here(String),
    Pending,
    Later,
}

fn here(text: &str) -> Said {
    Said::Here(text.into())
}

fn call(key: u64) -> Call {
    let form = (
        "application/x-www-form-urlencoded",
        format!("name={key}").into_bytes(),
    );
    Call::post(endpoint(), "text/plain", form, MAX_BYTES, TIMEOUT)
}

impl Names {
    fn new() -> Self {
        Self {
            names: Keyed::new(BOUNDS, 7),
            origin: Origin::default(),
            millis: 0,
            fresh: FRESH,
            ended: Vec::new(),
            ignored: 0,
        }
    }

    fn ask(&mut self, key: u64) -> Said {
        match self.names.ask(&key, at(self.millis)) {
            Asked::Said(value) => here(value),
            Asked::Pending => Said::Pending,
            Asked::Unavailable(retry_after) => {
                assert!(retry_after >= Duration::from_secs(1));
                Said::Later
            }
        }
    }

    fn bodies(&self) -> Vec<&str> {
        let calls = self.origin.calls.iter();
        calls
            .map(|(_, call)| str::from_utf8(&call.body).unwrap())
            .collect()
    }

    /// Lets time pass in steps of 10 ms; `origin` says what comes of each call.
    fn live(&mut self, millis: u64, mut origin: impl FnMut(&Call) -> Delivery) {
        for _ in 0..millis / 10 {
            self.millis = self.millis.saturating_add(10);
            let now = at(self.millis);
            for (id, reply) in self.origin.arrivals(now) {
                let fresh = self.fresh;
                let read = |body: Result<&[u8], Fault>| match body {
                    Ok(body) if body.len() > MAX_BYTES => Err(Fault::Status(413)),
                    Ok(body) => match body.strip_prefix(b"it is ") {
                        Some(name) => Ok((String::from_utf8_lossy(name).into_owned(), fresh)),
                        None => Err(Fault::Status(200)),
                    },
                    // That there is none is an answer.
                    Err(Fault::Status(404)) => Ok(("nobody".into(), fresh)),
                    Err(fault) => Err(fault),
                };
                match reply.give(|answer| self.names.on_answer(id, answer, now, read)) {
                    Some(ended) => self.ended.push((ended.key, ended.result)),
                    None => self.ignored = self.ignored.saturating_add(1),
                }
            }
            while let Some(ended) = self.names.take_lost(now) {
                self.ended.push((ended.key, ended.result));
            }
            loop {
                let id = self.origin.next_id();
                let Some(call) = self.names.poll(id, now, |key| call(*key)) else {
                    break;
                };
                let delivery = origin(&call);
                self.origin.call(id, call, now, delivery);
            }
            let next = self.names.next_change();
            assert!(
                next.is_none_or(|next| next > now),
                "polled, and still to be polled now"
            );
        }
    }
}

fn good(call: &Call) -> Delivery {
    let name = str::from_utf8(&call.body)
        .unwrap()
        .replace("name=", "it is n");
    vec![(SOON, Reply::body(&name))]
}

fn nothing(_: &Call) -> Delivery {
    Vec::new()
}

#[test]
fn many_who_ask_for_a_key_cause_one_call_and_all_hear_its_answer() {
    let mut names = Names::new();
    names.live(1_000, nothing);
    assert_eq!((names.bodies().len(), names.names.next_change()), (0, None));
    assert_eq!(
        [0; 3].map(|_| names.ask(1)),
        [Said::Pending, Said::Pending, Said::Pending]
    );
    names.live(10, good);
    assert_eq!(names.ask(1), Said::Pending);
    assert!(names.names.is_awaited(&1));
    names.live(50, good);
    assert_eq!([0; 2].map(|_| names.ask(1)), [here("n1"), here("n1")]);
    assert_eq!(names.bodies(), ["name=1"]);
    let (_, call) = &names.origin.calls[0];
    assert_eq!(call.head()[0], (":method", "POST"));
    assert_eq!(
        call.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!((call.max_bytes, call.timeout), (MAX_BYTES, TIMEOUT));
    assert_eq!(names.ended, [(1, Ok(()))]);
}

#[test]
fn an_answer_counts_from_the_start_of_its_fetch_and_serves_those_who_waited() {
    let mut names = Names::new();
    names.ask(1);
    names.live(10, |_| {
        vec![(Duration::from_millis(1_500), Reply::body("it is n1"))]
    });
    names.live(9_990, good);
    assert_eq!(names.ask(1), here("n1"));
    names.live(10, good);
    assert_eq!(names.ask(1), Said::Pending);
    names.live(50, good);
    assert_eq!(names.bodies(), ["name=1", "name=1"]);
    names.fresh = Duration::ZERO;
    names.ask(2);
    names.live(50, good);
    assert_eq!(names.ask(2), here("n2"));
    names.live(1_000, good);
    assert_eq!(names.ask(2), Said::Pending);
}

#[test]
fn that_there_is_none_is_an_answer() {
    let mut names = Names::new();
    names.ask(1);
    names.live(50, |_| vec![(SOON, Reply::status(404))]);
    assert_eq!(names.ask(1), here("nobody"));
}

#[test]
fn an_odd_answer_puts_off_its_key_and_no_other() {
    for reply in [
        Reply::junk(),
        Reply::too_large(),
        Reply::status(500),
        Reply::status(302),
        Reply::status(304),
    ] {
        let mut names = Names::new();
        names.ask(1);
        names.live(50, |_| vec![(SOON, reply.clone())]);
        assert_eq!(
            (names.ask(1), names.ask(2)),
            (Said::Later, Said::Pending),
            "{reply:?}"
        );
        names.live(50, good);
        assert_eq!(names.ask(2), here("n2"));
        names.live(1_000, good);
        assert_eq!(names.ask(1), Said::Pending);
        names.live(50, good);
        assert_eq!(names.ask(1), here("n1"), "{reply:?}");
    }
}

#[test]
fn in_an_outage_one_call_at_a_time_tries_and_what_is_remembered_serves() {
    let late = TIMEOUT + Duration::from_secs(3);
    let odd: [Delivery; 6] = [
        vec![(SOON, Reply::NoAnswer)],
        vec![(SOON, Reply::NotSent)],
        vec![(SOON, Reply::status(503))],
        vec![(SOON, Reply::status(429))],
        vec![],
        vec![(late, Reply::body("it is late"))],
    ];
    for delivery in odd {
        let mut names = Names::new();
        names.fresh = Duration::from_secs(600);
        names.ask(9);
        names.live(50, good);
        let mut next = 10;
        for _ in 0..6_000 {
            // Everybody asks for a key of its own.
            next += 1;
            names.ask(next);
            names.live(10, |_| delivery.clone());
        }
        let calls = names.origin.calls.len();
        assert!((10..=30).contains(&calls), "{delivery:?}: {calls}");
        assert_eq!(names.ask(9), here("n9"));
        assert!(
            names
                .ended
                .iter()
                .skip(1)
                .all(|(_, result)| result.is_err())
        );
        // Nobody waits for what does not come.
        names.live(10_000, |_| delivery.clone());
        assert!((10..=next).all(|key| !names.names.is_awaited(&key)));
        assert_eq!((names.ask(1), names.ask(2)), (Said::Pending, Said::Later));
        names.live(50, good);
        assert_eq!(
            (names.ask(1), names.ask(2)),
            (here("n1"), Said::Pending),
            "{delivery:?}"
        );
    }
}

#[test]
fn an_answer_that_comes_twice_or_too_late_counts_once_or_not_at_all() {
    let mut names = Names::new();
    names.ask(1);
    let twice = vec![
        (SOON, Reply::body("it is one")),
        (2 * SOON, Reply::body("it is two")),
    ];
    names.live(100, |_| twice.clone());
    assert_eq!((names.ask(1), names.ignored), (here("one"), 1));
    names.ask(2);
    let late = vec![(TIMEOUT + Duration::from_secs(2), Reply::body("it is late"))];
    names.live(5_000, |_| late.clone());
    assert_eq!(
        (names.ended[1].clone(), names.ignored),
        ((2, Err(Fault::Lost)), 2)
    );
    assert_eq!(names.ask(2), Said::Pending);
}

#[test]
fn memory_and_calls_are_bounded() {
    let mut names = Names::new();
    for key in 0..5 {
        assert_eq!(names.ask(key), Said::Pending);
    }
    assert_eq!(names.ask(5), Said::Later, "too many are awaited");
    names.live(10, good);
    assert_eq!(names.bodies(), ["name=0", "name=1"], "two at a time");
    names.live(200, good);
    assert_eq!(names.bodies().len(), 5);
    names.ask(5);
    names.live(50, good);
    // Keys that are merely asked for drive out nothing; an answer drives out the one that ends
    // first.
    assert_eq!(
        [6, 0].map(|key| names.ask(key)),
        [Said::Pending, here("n0")]
    );
    names.live(50, good);
    let said = [6, 5, 2].map(|key| names.ask(key));
    assert_eq!(said, [here("n6"), here("n5"), here("n2")]);
    assert_eq!(names.ask(0), Said::Pending);
}

/// Histories that nobody thought of: what is said is right and young enough, and nobody waits for
/// ever.
#[test]
fn no_history_breaks_a_promise() {
    const KEYS: usize = 12;
    let mut tally = [0; 3];
    for seed in 0..40 {
        let (mut names, mut random) = (Names::new(), Jitter::new(seed));
        let mut waits: [Option<u64>; KEYS] = [None; KEYS];
        for _ in 0..3_000 {
            let new = random.next() % 12;
            for key in 0..12 {
                let since = &mut waits[usize::try_from(key).unwrap()];
                // Whoever waits for nothing any more asks again.
                if key != new && (since.is_none() || names.names.is_awaited(&key)) {
                    continue;
                }
                let said = names.ask(key);
                if said == Said::Pending {
                    // Behind two calls at a time, and once more if an outage has put an end to
                    // that.
                    let waited = names.millis - *since.get_or_insert(names.millis);
                    assert!(waited <= 4 * 3_000 + 1_000, "seed {seed}: {waited} ms");
                    tally[0] += 1;
                    continue;
                }
                *since = None;
                if let Said::Here(text) = said {
                    let age = names.millis - text.parse::<u64>().unwrap();
                    assert!(age <= 10_000, "seed {seed}: {age} ms");
                    tally[1] += 1;
                } else {
                    tally[2] += 1;
                }
            }
            let mut draw = random.next();
            let called_at = names.millis + 10;
            names.live(10, |_| {
                draw = draw.rotate_left(7);
                let good = Reply::body(&format!("it is {called_at}"));
                match draw % 20 {
                    0 => vec![],
                    1 => vec![(Duration::from_secs(4), good)],
                    2 => vec![(SOON, good.clone()), (3 * SOON, good)],
                    3 => vec![(SOON, Reply::junk())],
                    4 => vec![(SOON, Reply::too_large())],
                    5 => vec![(SOON, Reply::NoAnswer)],
                    _ => vec![(Duration::from_millis(draw % 1_900), good)],
                }
            });
        }
    }
    assert!(tally.iter().all(|times| *times > 1_000), "{tally:?}");
}
