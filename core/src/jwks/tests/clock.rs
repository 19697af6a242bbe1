//! A clock that jumps.

use super::world::*;
use crate::time::UnixTime;

#[test]
fn a_jump_back_neither_ends_keys_nor_prolongs_them_by_its_width() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(100));
    assert_eq!(world.ask("a"), Said::Found);
    world.now = UnixTime::from_millis(0);
    assert_eq!(world.ask("a"), Said::Found);
    assert!(world.until_wakeup() <= secs(170));
    let before = world.now;
    world.next_fetch();
    let wait = world.now.since(before);
    assert!(wait >= secs(140) && wait <= secs(170), "{wait:?}");
}

#[test]
fn a_jump_back_delays_nobody_who_waits_beyond_the_deadline() {
    let mut world = World::new(source());
    let lost = world.next_fetch();
    world.pass(secs(2));
    assert_eq!(world.ask("a"), Said::Pending);
    world.now = UnixTime::from_millis(5);
    assert_eq!(world.ask("a"), Said::Pending);
    assert_eq!(world.until_wakeup(), secs(4));
    world.pass(secs(4));
    assert_eq!(world.poll(), None);
    world.assert_unavailable("a");
    assert_eq!(world.answer(lost, &set_of(&["a"])), None);
}

#[test]
fn a_jump_far_forward_ends_the_keys_and_costs_one_fetch() {
    for far in [
        UnixTime::MAX,
        UnixTime::from_millis(u64::MAX),
        UnixTime::from_secs(4_000_000_000),
    ] {
        let mut world = World::with_keys(source(), &["a"]);
        world.now = far;
        assert_eq!(
            world.ask("a"),
            Said::Pending,
            "no keys serve, one fetch is due"
        );
        let fetch = world.poll().unwrap();
        assert_eq!(world.poll(), None);
        world.answer(fetch, &set_of(&["a"]));
        assert_eq!(world.ask("a"), Said::Found);
        assert_eq!(world.poll(), None);
    }
}

#[test]
fn a_jump_forward_while_a_fetch_is_in_flight_settles_who_waits() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    assert_eq!(world.ask("a"), Said::Pending);
    world.pass(secs(1_000_000));
    assert_eq!(world.until_wakeup(), secs(0), "overdue");
    assert_eq!(world.poll(), None);
    world.assert_unavailable("a");
    assert_eq!(world.answer(fetch, &set_of(&["a"])), None);
    let next = world.next_fetch();
    world.answer(next, &set_of(&["a"]));
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn a_clock_that_stands_still_causes_no_storm() {
    let mut world = World::with_keys(source(), &["a"]);
    for n in 0..1_000 {
        assert_ne!(world.ask(&format!("x{n}")), Said::Found);
        if let Some(fetch) = world.poll() {
            panic!("200 ms apart from the first, not {fetch:?}");
        }
    }
}
