//! A provider that is down, and comes back.

use core::time::Duration;

use super::world::*;
use crate::{
    fetch::Answer,
    jwks::{Purpose, RemoteJwks},
    supply::Fetch,
};

const DOCUMENT: &str =
    r#"{"issuer":"https://id.example/acme","jwks_uri":"https://keys.example/acme/certs"}"#;

/// How fetches end while the provider is down.
#[derive(Clone, Copy, Debug)]
enum Down {
    /// At once.
    Refuses,
    /// With the host's time-out.
    Hangs,
    /// Never: the host says nothing.
    Lost,
}

impl Down {
    fn end(self, world: &mut World, fetch: Fetch) {
        match self {
            Self::Refuses => world.fail(fetch),
            Self::Hangs => {
                world.pass(fetch.call.timeout);
                world.fail(fetch);
            }
            Self::Lost => {
                world.pass(fetch.call.timeout.saturating_add(secs(1)));
                assert!(world.poll().is_none());
            }
        }
    }
}

/// From when the provider is back to the keys, if it was down for so long after the first fetch had
/// failed.
fn served_after(mut world: World, down: Down, down_for: Duration) -> Duration {
    let first = world.next_fetch();
    down.end(&mut world, first);
    let back = world.now.saturating_add(down_for);
    for _ in 0..100 {
        let fetch = world.next_fetch();
        if world.now < back {
            down.end(&mut world, fetch);
        } else if fetch.purpose == Some(Purpose::Discovery) {
            world.answer(fetch, DOCUMENT);
        } else {
            world.answer(fetch, &set_of(&["b"]));
            assert_eq!(world.ask("b"), Said::Found);
            return world.now.since(back);
        }
    }
    panic!("faster than the backoff");
}

#[test]
fn a_provider_that_comes_back_within_a_minute_is_served_within_five_seconds() {
    for down in [Down::Refuses, Down::Hangs, Down::Lost] {
        for down_for in (0..236).map(|quarter| millis(250 * quarter)) {
            let remotes = [
                World::new(source()),
                World::new(discovered()),
                World::with_keys(
                    RemoteJwks {
                        cache_duration: secs(1),
                        max_stale: secs(0),
                        ..source()
                    },
                    &["a"],
                ),
            ];
            for world in remotes {
                let after = served_after(world, down, down_for);
                assert!(after <= secs(5), "{down:?} for {down_for:?}: {after:?}");
            }
        }
    }
}

/// The address is known, and neither its document nor the keys can be had.
#[test]
fn two_fetches_that_hang_in_turn_keep_the_promise_too() {
    for down in [Down::Refuses, Down::Hangs] {
        for down_for in (40..160).map(|quarter| millis(250 * quarter)) {
            let mut world = World::new(RemoteJwks {
                cache_duration: secs(1_000),
                max_cache_duration: secs(1_000),
                ..discovered()
            });
            for answer in [DOCUMENT.to_owned(), set_of(&["a"])] {
                let fetch = world.next_fetch();
                world.answer(fetch, &answer);
            }
            let first = world.next_fetch();
            down.end(&mut world, first);
            let after = served_after(world, down, down_for);
            assert!(after <= secs(5), "{down:?} for {down_for:?}: {after:?}");
        }
    }
}

#[test]
fn a_slow_provider_gets_its_whole_timeout_but_for_the_first_minute_of_an_outage() {
    let mut world = World::new(source());
    let fetch = world.next_fetch();
    assert_eq!(fetch.call.timeout, TIMEOUT);
    world.fail(fetch);
    let failed = world.now;
    loop {
        let fetch = world.next_fetch();
        if world.now.since(failed) >= secs(70) {
            assert_eq!(fetch.call.timeout, TIMEOUT);
            return;
        }
        assert!(fetch.call.timeout < secs(4));
        world.fail(fetch);
    }
}

/// It takes longer than an attempt of an outage has, with and without a document that says where
/// its keys are.
#[test]
fn a_provider_that_is_always_slow_comes_back_from_a_short_outage_too() {
    let took = millis(4_500);
    for remote in [source(), discovered()] {
        let mut world = World::new(RemoteJwks {
            timeout: TIMEOUT,
            cache_duration: secs(10),
            ..remote
        });
        while world.ask("a") != Said::Found {
            let fetch = world.next_fetch();
            world.pass(took);
            if fetch.purpose == Some(Purpose::Discovery) {
                world.answer(fetch, DOCUMENT);
            } else {
                world.answer(fetch, &set_of(&["a"]));
            }
        }
        let first = world.next_fetch();
        world.fail(first);
        let back = world.now.saturating_add(secs(10));
        while world.ask("b") != Said::Found {
            let fetch = world.next_fetch();
            assert_eq!(fetch.call.timeout, TIMEOUT);
            if world.now < back {
                world.fail(fetch);
            } else {
                world.pass(took);
                world.answer(fetch, &set_of(&["b"]));
            }
        }
        let after = world.now.since(back);
        assert!(after <= secs(5).saturating_add(took), "{after:?}");
    }
}

#[test]
fn another_cause_of_the_same_outage_gets_a_line_and_the_same_again_none() {
    let mut world = World::with_keys(source(), &["a"]);
    let http = |status, body| Answer::Http {
        status,
        headers: &[],
        body,
    };
    let answers = [
        http(503, &b""[..]),
        http(503, b""),
        Answer::NoAnswer,
        http(503, b""),
        http(200, b"{}"),
        Answer::NoAnswer,
    ];
    for answer in answers {
        let fetch = world.next_fetch();
        world.cache.on_answer(fetch.id, answer, world.now);
    }
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(
        world.events(),
        [
            "keys of provider0: fetches fail: status 503",
            "keys of provider0: fetches still fail, now: no answer in time, or it was reset, or larger than the host holds",
            "keys of provider0: fetches still fail, now: not an object with a list \"keys\"",
            "keys of provider0: fetches succeed again",
        ]
    );
    let fetch = world.next_fetch();
    world.answer_with(fetch, 503, &[], b"");
    assert_eq!(
        world.events(),
        ["keys of provider0: fetches fail: status 503"]
    );
}

#[test]
fn another_cause_of_a_failing_discovery_gets_a_line_too() {
    let mut world = World::new(discovered());
    for status in [503, 503, 404, 503] {
        let fetch = world.next_fetch();
        assert_eq!(fetch.purpose, Some(Purpose::Discovery));
        world.answer_with(fetch, status, &[], b"");
    }
    assert_eq!(
        world.events(),
        [
            "keys of provider0: discovery fails: status 503",
            "keys of provider0: discovery still fails, now: status 404",
        ]
    );
}
