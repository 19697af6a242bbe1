//! The room alone, and beside a naive model of it.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use core::cell::Cell;

use super::*;
use crate::fetch::jitter::Jitter;

const ACME: Need = Need::Keys(ProviderId(0));
const OTHER: Need = Need::Keys(ProviderId(1));
const LONGEST: Duration = Duration::from_secs(7);

fn at(secs: u64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn shared_by<T>(providers: usize, waiting_requests: usize, waiting_bytes: usize) -> WaitingRoom<T> {
    let limits = Limits {
        waiting_requests,
        waiting_bytes,
        ..Limits::default()
    };
    WaitingRoom::shared_by(providers, &limits)
}

fn room(waiting_requests: usize, waiting_bytes: usize) -> WaitingRoom<&'static str> {
    shared_by(1, waiting_requests, waiting_bytes)
}

#[test]
fn the_number_of_requests_is_bounded_and_a_place_that_is_left_is_free() {
    let mut room = room(2, 100);
    assert!(room.enter(1, ACME, ("a", 1), LONGEST, at(0)));
    assert!(room.enter(2, OTHER, ("b", 1), LONGEST, at(0)));
    assert!(!room.enter(3, ACME, ("c", 1), LONGEST, at(0)));
    assert_eq!(
        (room.count(ProviderId(0)), room.count(ProviderId(1))),
        (1, 1)
    );
    assert_eq!(room.leave(1).map(|place| place.content), Some("a"));
    assert!(room.leave(1).is_none());
    assert!(room.enter(3, ACME, ("c", 1), LONGEST, at(0)));
}

#[test]
fn the_bytes_are_bounded() {
    let mut room = room(10, 100);
    assert!(room.enter(1, ACME, ("a", 60), LONGEST, at(0)));
    assert!(!room.enter(2, ACME, ("b", 41), LONGEST, at(0)));
    assert!(room.enter(2, ACME, ("b", 40), LONGEST, at(0)));
    room.leave(1);
    assert!(room.enter(1, ACME, ("a", 60), LONGEST, at(0)));
}

#[test]
fn only_whose_provider_is_wanted_is_judged_and_who_has_waited_too_long() {
    let mut room = room(10, 100);
    room.enter(1, ACME, ("a", 1), LONGEST, at(0));
    room.enter(2, OTHER, ("b", 1), LONGEST, at(5));
    assert_eq!(room.next_deadline(), Some(at(8)));
    assert_eq!(room.ready(|need| need == OTHER, at(7)), [2]);
    assert!(room.ready(|_| false, at(7)).is_empty());
    assert_eq!(room.ready(|_| false, at(8)), [1]);
    assert_eq!(room.ready(|_| true, at(8)), [1, 2]);
}

#[test]
fn judging_again_never_prolongs_the_wait() {
    let mut room = room(10, 100);
    room.enter(1, ACME, ("a", 1), LONGEST, at(0));
    for second in 1..8 {
        let place = room.leave(1).unwrap();
        assert!(room.stay(1, place, at(second)));
    }
    let place = room.leave(1).unwrap();
    assert!(!room.stay(1, place, at(8)));
    assert!(room.leave(1).is_none());
    assert_eq!(room.next_deadline(), None);
}

#[test]
fn a_clock_that_jumps_back_prolongs_the_wait_by_no_more_than_the_step_it_hides() {
    let mut room = room(10, 100);
    room.enter(1, ACME, ("a", 1), LONGEST, at(1_000));
    assert!(room.ready(|_| false, at(0)).is_empty());
    assert_eq!(room.next_deadline(), Some(at(8)));
    assert_eq!(room.ready(|_| false, at(8)), [1]);
}

/// Lets so many requests of one byte come, and says how many found room.
fn crowd(room: &mut WaitingRoom<()>, provider: usize, requests: u32, next: &mut u32) -> usize {
    let mut entered = 0;
    for _ in 0..requests {
        *next += 1;
        let need = Need::Keys(ProviderId(provider));
        entered += usize::from(room.enter(*next, need, ((), 1), LONGEST, at(0)));
    }
    entered
}

#[test]
fn one_provider_has_all_of_the_room() {
    let mut room = shared_by(1, 4_096, 1 << 20);
    assert_eq!(crowd(&mut room, 0, 5_000, &mut 0), 4_096);
}

#[test]
fn slow_providers_leave_room_for_the_others() {
    for providers in [2, 3, 10, 100] {
        let mut room = shared_by(providers, 4_096, 1 << 20);
        let mut next = 0;
        let slow = crowd(&mut room, 0, 5_000, &mut next);
        assert!(slow >= 1_024, "{slow} of {providers}");
        let second = crowd(&mut room, 1, 5_000, &mut next);
        assert!(second >= 512, "{second} of {providers}");
        // Whatever all others do, each has its own.
        for provider in 2..providers {
            let own = crowd(&mut room, provider, 5_000, &mut next);
            assert!(own >= 2_048 / providers, "{own} of {providers}");
        }
        assert!(room.places.len() <= 4_096);
    }
}

/// However many wait for bodies, and however large these are.
#[test]
fn bodies_leave_room_for_those_who_wait_for_keys() {
    for bytes in [1, 1 << 16] {
        let mut room = shared_by(2, 4_096, 32 << 20);
        let slow = (0..5_000).filter(|stream| {
            let sized = ((), bytes);
            let need = Need::Body {
                person: u64::from(*stream),
                approval: 1,
            };
            room.enter(*stream, need, sized, LONGEST, at(0))
        });
        assert!(slow.count() >= 256);
        assert_eq!(room.count(ProviderId(0)), 0);
        let own = crowd(&mut room, 0, 1_024, &mut 5_000);
        assert_eq!((own, room.count(ProviderId(0))), (1_024, 1_024));
    }
}

/// Whoever has one approval has room for one body, however often it is sent; and whoever approves
/// without end leaves room for others.
#[test]
fn a_person_leaves_room_for_the_bodies_of_others() {
    let mut room = shared_by(1, 4_096, 2_000);
    let mut enter = |stream, person, approval, bytes| {
        let need = Need::Body { person, approval };
        room.enter(stream, need, ((), bytes), LONGEST, at(0))
    };
    assert!(enter(1, 7, 1, 10));
    assert!(!enter(2, 7, 1, 10), "it waits already");
    assert!(enter(3, 8, 1, 10), "the number of another person's");
    for approval in 2..9 {
        assert!(enter(10 + approval, 7, u64::from(approval), 10));
    }
    assert!(!enter(20, 7, 9, 10), "more than eight");
    assert!(enter(21, 9, u64::MAX, 600), "one alone may be large");
    assert!(!enter(22, 9, 2, 1), "and stays alone");
    assert!(enter(23, 6, 2, 300) && enter(24, 6, 1, 200), "a quarter");
    assert!(!enter(26, 6, 3, 1), "and no more");
    assert!(room.leave(1).is_some());
    let need = Need::Body {
        person: 7,
        approval: 1,
    };
    assert!(
        room.enter(2, need, ((), 10), LONGEST, at(0)),
        "its place is free again"
    );
    // To wait for keys is another thing.
    let keys = Need::Keys(ProviderId(0));
    assert!(room.enter(25, keys, ((), 1), LONGEST, at(0)));
}

#[test]
fn bytes_are_shared_out_like_places() {
    let mut room = shared_by(4, 4_096, 8_000);
    let mut enter = |stream, provider, bytes| {
        let need = Need::Keys(ProviderId(provider));
        room.enter(stream, need, ((), bytes), LONGEST, at(0))
    };
    // Its own 1,000, and half of what is common.
    assert!(enter(1, 0, 3_000));
    assert!(!enter(2, 0, 1));
    assert!(enter(3, 1, 2_000));
    assert!(enter(4, 2, 1_500));
    assert!(!enter(5, 3, 1_501));
    assert!(enter(6, 3, 1_500));
}

#[test]
fn a_small_room_is_nobodys_own_and_whoever_comes_first_does_not_take_it_all() {
    let mut room = shared_by(2, 2, 100);
    assert_eq!(crowd(&mut room, 0, 2, &mut 0), 1);
    assert_eq!(crowd(&mut room, 1, 2, &mut 10), 1);
    let mut room = shared_by(2, 1, 100);
    assert_eq!(crowd(&mut room, 0, 2, &mut 0), 1);
}

/// A hundred providers, four thousand requests: what is asked about is providers and nothing else.
#[test]
fn nobody_is_looked_at_who_is_not_called() {
    let mut room = shared_by(100, 4_096, 1 << 20);
    let mut next = 0;
    for provider in 0..100 {
        assert_eq!(crowd(&mut room, provider, 40, &mut next), 40);
    }
    let asked = Cell::new(0);
    let is_seventh = |need: Need| {
        asked.set(asked.get() + 1);
        need == Need::Keys(ProviderId(7))
    };
    assert_eq!(room.ready(is_seventh, at(0)).len(), 40);
    assert_eq!(asked.take(), 100);
    for stream in 1..=3_960 {
        room.leave(stream);
    }
    // Those of one provider are left.
    assert!(room.ready(is_seventh, at(0)).is_empty());
    assert_eq!(asked.take(), 1);
}

/// What the room says, from a list of who waits and nothing else.
#[derive(Default)]
struct Model(Vec<(u32, usize, usize, u64)>);

impl Model {
    fn held(&self, provider: usize, what: fn(usize) -> usize) -> usize {
        let own = self.0.iter().filter(|place| place.1 == provider);
        own.map(|place| what(place.2)).sum()
    }

    fn has_room(
        &self,
        provider: usize,
        (most, what): (usize, fn(usize) -> usize),
        more: usize,
    ) -> bool {
        let own = if PROVIDERS == 1 {
            most
        } else {
            most / 2 / PROVIDERS
        };
        let beyond = |held: usize| held.saturating_sub(own);
        let taken: usize = (0..PROVIDERS)
            .map(|other| beyond(self.held(other, what)))
            .sum();
        let free = most - own * PROVIDERS - taken;
        beyond(self.held(provider, what) + what(more)) <= free
            || self.held(provider, what) + what(more) <= own
    }
}

const PROVIDERS: usize = 5;

#[test]
fn the_room_does_what_a_naive_one_does() {
    let mut random = Jitter::new(7);
    let mut below = |most: usize| usize::try_from(random.next()).unwrap() % most;
    let (mut entered, mut refused, mut overdue) = (0, 0, 0);
    for _ in 0..50 {
        let (requests, bytes) = (1 + below(40), 1 + below(400));
        let mut room = shared_by(PROVIDERS, requests, bytes);
        let mut model = Model::default();
        let mut now = 0;
        for stream in 0..300 {
            now += u64::from(below(2) == 0);
            room.clock.advance(at(now));
            match below(10) {
                0..=5 => {
                    let (provider, size, wait) = (below(5).min(below(5)), below(20), below(30));
                    let expected = model.has_room(provider, (requests, |_| 1), size)
                        && model.has_room(provider, (bytes, |size| size), size);
                    let wait = u64::try_from(wait).unwrap();
                    let longest = Duration::from_secs(wait);
                    let need = Need::Keys(ProviderId(provider));
                    let found = room.enter(stream, need, ((), size), longest, at(now));
                    assert_eq!(found, expected);
                    if found {
                        model.0.push((stream, provider, size, now + wait + 1));
                        entered += 1;
                    } else {
                        refused += 1;
                    }
                }
                6..=7 if !model.0.is_empty() => {
                    let place = model.0.swap_remove(below(model.0.len()));
                    let left = room.leave(place.0).unwrap();
                    let provider = left.need.provider();
                    assert_eq!((provider, left.bytes), (Some(ProviderId(place.1)), place.2));
                    let stays = below(2) == 0;
                    if stays && room.stay(place.0, left, at(now)) {
                        assert!(now < place.3);
                        model.0.push(place);
                    } else {
                        assert!(!stays || now >= place.3);
                    }
                }
                _ => {
                    let called = below(5);
                    let mut expected: Vec<u32> = (model.0.iter())
                        .filter(|place| place.1 == called || place.3 <= now)
                        .map(|place| place.0)
                        .collect();
                    expected.sort_unstable();
                    overdue += model.0.iter().filter(|place| place.3 <= now).count();
                    assert_eq!(
                        room.ready(|need| need.provider() == Some(ProviderId(called)), at(now)),
                        expected
                    );
                }
            }
            for provider in 0..PROVIDERS {
                assert_eq!(
                    room.count(ProviderId(provider)),
                    model.held(provider, |_| 1)
                );
            }
            let next = model.0.iter().map(|place| place.3).min();
            assert_eq!(room.next_deadline(), next.map(|next| at(next.max(now))));
            assert!(room.places.len() <= requests);
            assert_eq!(
                room.bytes.taken,
                model.0.iter().map(|place| place.2).sum::<usize>()
            );
        }
        // Nothing is left over when all have gone.
        for (stream, ..) in model.0 {
            room.leave(stream);
        }
        assert_eq!((room.queues.len(), room.deadlines.len()), (0, 0));
        assert_eq!(
            (room.requests.taken_common, room.bytes.taken_common),
            (0, 0)
        );
    }
    assert!(
        entered > 1_000 && refused > 1_000 && overdue > 100,
        "{entered} {refused} {overdue}"
    );
}
