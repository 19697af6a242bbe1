//! A long document: a text of which four letters are read in each tick.

use super::{
    origin::{MAX_BYTES, TIMEOUT, endpoint},
    world::{START, World, ok, secs},
};
use crate::{
    fetch::{
        Endpoint, FetchId,
        clock::Moment,
        failure::Failure,
        health::Health,
        long::{Keeper, Long, Terms},
    },
    time::UnixTime,
};

/// The text in hand.
#[derive(Debug, Default)]
struct Page(String);

/// A text, and how many letters of it are still to be read.
#[derive(Debug)]
struct Reader(String, usize);

impl Keeper for Page {
    type Reader = Reader;
    type Wrong = &'static str;
    const SLICE: usize = 4;

    fn endpoint(&self) -> Endpoint {
        endpoint()
    }

    fn open(&self, body: Vec<u8>) -> Result<Reader, &'static str> {
        let text = String::from_utf8(body).map_err(|_| "not a text")?;
        let left = text.len();
        Ok(Reader(text, left))
    }

    fn read_on(
        &mut self,
        Reader(text, left): &mut Reader,
        _: (Moment, UnixTime),
        _: &mut Health,
    ) -> Result<bool, &'static str> {
        *left = left.saturating_sub(Self::SLICE);
        if *left > 0 {
            return Ok(false);
        }
        if text.ends_with('?') {
            return Err("an open end");
        }
        self.0.clone_from(text);
        Ok(true)
    }

    fn failed(&mut self, failure: &Failure<&'static str>) -> &'static str {
        failure.name()
    }

    fn age(&mut self, has_ended: bool, _: Moment, _: &mut Health) {
        if has_ended {
            self.0.clear();
        }
    }
}

fn world() -> World<Page> {
    let terms = Terms {
        timeout: TIMEOUT,
        cache_duration: secs(10),
        max_stale: secs(60),
        bytes: MAX_BYTES,
    };
    World::of(Long::of(Page::default(), terms, 7))
}

impl World<Page> {
    fn text(&self) -> &str {
        &self.long.keeper.0
    }
}

#[test]
fn a_short_document_is_in_force_in_the_callback_that_brings_it() {
    let mut world = world();
    world.comes("four");
    assert_eq!((world.text(), world.long.is_reading()), ("four", false));
    assert!(!world.long.holds_waiters());
}

/// The host has just copied it, which is enough for one callback.
#[test]
fn of_a_long_document_nothing_is_read_in_the_callback_that_brings_it() {
    let mut world = world();
    world.comes("four");
    world.comes("four and eight!");
    // Longer than it is fresh: whoever waits waits on, and no other fetch starts.
    world.pass(secs(20));
    for _ in 0..4 {
        let now = world.now();
        assert_eq!(world.text(), "four");
        assert!(world.long.holds_waiters() && world.long.next_change() <= now);
        assert_eq!(world.long.retry_after(now), None);
        assert_eq!(world.long.poll(FetchId(0), now), None);
        world.long.read_on((now, world.wall));
    }
    assert_eq!(world.text(), "four and eight!");
    assert!(!world.long.holds_waiters());
}

#[test]
fn a_long_document_that_is_odd_at_its_end_is_a_failure_and_leaves_the_one_in_hand() {
    let mut world = world();
    world.comes("four");
    world.comes("four and eight?");
    assert_eq!(world.log(), <[String; 0]>::default());
    let id = world.next_fetch();
    assert_eq!(world.text(), "four");
    assert_eq!(world.log(), ["fetches fail: an open end"]);
    world.answer(id, &ok("good"));
    assert_eq!(world.text(), "good");
    assert_eq!(world.log(), ["fetches succeed again"]);
    let measures = world.long.health.take_measures();
    let names: Vec<&str> = measures.iter().map(|measure| &*measure.name).collect();
    assert_eq!(names, ["fetches.ok", "fetches.unusable", "fetches.ok"]);
}

#[test]
fn in_an_outage_what_is_in_hand_serves_until_it_is_too_old() {
    let mut world = world();
    world.comes("four");
    world.fails();
    assert!(world.long.is_failing());
    let end = UnixTime::from_secs(START).saturating_add(secs(69));
    while world.wall < end {
        assert_eq!(world.text(), "four");
        world.fails();
    }
    world.pass(secs(2));
    let now = world.now();
    world.long.age(now);
    assert_eq!(world.text(), "");
    // There is nothing left to confirm.
    world.next_fetch();
    let call = world.calls.last().unwrap();
    assert_eq!(call.header("if-none-match"), None);
}
