//! Clocks that jump, answers that come late or not at all, and clients that leave.

use passgate_core::UnixTime;
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{START, Weather, World, active};

#[test]
fn a_clock_that_jumps_makes_no_answer_live_longer() {
    let mut world = World::vouching();
    assert_eq!(world.reason("t"), PASSES);
    world.pass(10_000);
    assert_eq!(world.reason("t"), PASSES);
    // An hour back, and on from there.
    world.now = UnixTime::from_secs(START - 20);
    world.said.clear();
    assert_eq!(world.reason("t"), PASSES);
    world.pass(19_999);
    assert_eq!(world.reason("t"), PASSES);
    world.pass(1);
    assert_eq!(world.reason("t"), INACTIVE);
    world.says("u", active(&json!({})));
    assert_eq!(world.reason("u"), PASSES);
    // An hour ahead.
    world.said.clear();
    world.pass(3_600_000);
    assert_eq!(world.reason("u"), INACTIVE);
}

#[test]
fn a_late_answer_is_ignored_and_a_lost_one_is_asked_for_again() {
    let mut world = World::vouching();
    world.weather = Weather::Slow;
    let need = world.waits("t");
    world.tick();
    assert_eq!(world.asked(), 1);
    world.pass(5_000);
    world.tick();
    assert!(!world.supply.holds(need));
    assert_eq!(world.answer(), None);
    assert_eq!(world.reason("t"), OUT);
    world.weather = Weather::Good;
    world.pass(60_000);
    assert_eq!(world.reason("t"), PASSES);
}

/// The client leaves; the answer is there for the next one.
#[test]
fn an_answer_that_nobody_waits_for_any_more_is_kept() {
    let mut world = World::vouching();
    world.waits("t");
    world.tick();
    world.pass(20_000);
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
}
