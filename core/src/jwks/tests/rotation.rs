//! Keys that the set does not hold: rotated in, withdrawn, made up.

use super::world::*;
use crate::{crypto::Algorithm, jwks::RemoteJwks, limits, time::UnixTime};

#[test]
fn a_new_key_is_fetched_when_its_first_token_comes() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask("b"), Said::Pending);
    let fetch = world.poll().unwrap();
    assert_eq!(world.ask("b"), Said::Pending);
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
    assert_eq!(world.ask("a"), Said::Found);
}

#[test]
fn a_made_up_key_is_unknown_after_a_fetch_that_succeeded_and_costs_no_second_one() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask("x"), Said::Pending);
    let fetch = world.poll().unwrap();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("x"), Said::Unknown);
    for _ in 0..29 {
        world.pass(secs(1));
        assert!(!matches!(world.ask("x"), Said::Pending | Said::Found));
        assert_eq!(world.poll(), None);
    }
}

/// A key that no set has held may be published at any moment: what an answer says about it counts
/// for those who have waited for the answer, and is over a second later.
#[test]
fn a_key_that_was_used_before_it_was_published_is_put_off_and_not_refused() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask("b"), Said::Pending);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("b"), Said::Unknown, "whoever waited for it");
    world.pass(secs(1));
    let published = world.now;
    let fetch = loop {
        let said = world.ask("b");
        if said == Said::Pending {
            break world.next_fetch();
        }
        let Said::Unavailable(retry_after) = said else {
            panic!("{said:?} for a key that is published");
        };
        assert!(retry_after <= COOLDOWN);
        if let Some(fetch) = world.poll() {
            break fetch;
        }
        world.pass(millis(500));
    };
    assert!(world.now.since(published) <= COOLDOWN);
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

/// Nobody waits for that fetch, so nothing else would set the host's timer.
#[test]
fn who_is_put_off_makes_the_timer_anew_once_for_each_wish() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    world.ask("b");
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert!(world.cache.take_hurried());
    world.pass(secs(1));
    assert!(!world.cache.take_hurried());
    let before = world.until_wakeup();
    world.assert_unavailable("b");
    assert!(world.until_wakeup() < before);
    assert!(world.cache.take_hurried());
    world.assert_unavailable("b");
    assert!(!world.cache.take_hurried(), "the same wish");
    world.ask("x");
    assert!(
        world.cache.take_hurried(),
        "a name that is new comes sooner"
    );
}

/// Whatever was made up beside it, and though both fetches of the burst were spent in vain.
#[test]
fn a_key_that_was_used_before_it_was_published_is_found_within_a_cooldown() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    for kid in ["b", "made-up"] {
        assert_eq!(world.ask(kid), Said::Pending);
        let fetch = world.next_fetch();
        world.answer(fetch, &set_of(&["a"]));
    }
    world.pass(secs(1));
    let published = world.now;
    world.assert_unavailable("b");
    let fetch = world.next_fetch();
    assert!(world.now.since(published) <= COOLDOWN);
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

/// What a set has held once, or holds and cannot be used, is known: for a cooldown nobody asks
/// again.
#[test]
fn tokens_of_keys_that_are_gone_or_odd_are_refused_for_a_cooldown() {
    let odd = r#"{"kty":"OKP","kid":"odd"},{"kty""#;
    let set = set_of(&["a"]).replacen(r#"{"kty""#, odd, 1);
    let mut world = World::with_keys(source(), &["a", "gone"]);
    let fetch = world.next_fetch();
    world.answer(fetch, &set);
    for kid in ["gone", "odd"] {
        assert_eq!(world.ask(kid), Said::Pending);
    }
    let fetch = world.next_fetch();
    world.answer(fetch, &set);
    for _ in 0..29 {
        for kid in ["gone", "odd"] {
            assert_eq!(world.ask(kid), Said::Unknown, "{kid}");
        }
        world.pass(secs(1));
        assert_eq!(world.poll(), None);
    }
}

#[test]
fn a_fetch_that_failed_makes_nobody_unknown() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask("x"), Said::Pending);
    let fetch = world.poll().unwrap();
    world.fail(fetch);
    world.assert_unavailable("x");
    world.pass(millis(100));
    world.assert_unavailable("y");
    assert_eq!(world.poll(), None, "nobody shortens the backoff");
    let again = world.next_fetch();
    world.answer(again, &set_of(&["a", "y"]));
    assert_eq!(world.ask("x"), Said::Unknown);
    assert_eq!(world.ask("y"), Said::Found);
}

#[test]
fn a_key_first_asked_for_during_a_fetch_is_not_condemned_by_it() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    world.ask("x");
    let fetch = world.poll().unwrap();
    assert_eq!(world.ask("b"), Said::Pending, "in the same millisecond");
    world.pass(millis(20));
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("x"), Said::Unknown);
    assert_eq!(
        world.ask("b"),
        Said::Pending,
        "the burst allows another fetch"
    );
    assert_eq!(world.until_wakeup(), millis(180), "200 ms after the other");
    let second = world.next_fetch();
    world.answer(second, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

#[test]
fn who_has_waited_long_for_a_fetch_that_started_too_early_does_not_wait_for_another() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    world.ask("x");
    let fetch = world.poll().unwrap();
    world.pass(millis(1));
    assert_eq!(world.ask("b"), Said::Pending);
    world.pass(secs(3));
    world.answer(fetch, &set_of(&["a"]));
    world.assert_unavailable("b");
    let second = world.poll().unwrap();
    world.answer(second, &set_of(&["a", "b"]));
    assert_eq!(
        world.ask("b"),
        Said::Found,
        "but its next try finds the key"
    );
}

#[test]
fn when_the_pace_is_spent_the_answer_is_to_come_back() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    let start = world.now;
    for kid in ["x1", "x2"] {
        assert_eq!(world.ask(kid), Said::Pending);
        let fetch = world.next_fetch();
        world.answer(fetch, &set_of(&["a"]));
        assert_eq!(world.ask(kid), Said::Unknown);
    }
    let Said::Unavailable(retry_after) = world.ask("b") else {
        panic!("the pace is spent");
    };
    assert_eq!(world.poll(), None);
    assert_eq!(world.ask("a"), Said::Found);
    let fetch = world.next_fetch();
    assert_eq!(world.now.since(start), COOLDOWN);
    assert!(retry_after <= COOLDOWN);
    assert_eq!(world.ask("b"), Said::Pending);
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

#[test]
fn a_scheduled_fetch_settles_unknown_keys_and_costs_no_pace() {
    let mut world = World::with_keys(source(), &["a"]);
    let refresh = world.next_fetch();
    assert_eq!(world.ask("x"), Said::Pending);
    world.answer(refresh, &set_of(&["a"]));
    for _ in 0..2 {
        assert_eq!(world.ask("x"), Said::Pending);
        let fetch = world.next_fetch();
        world.answer(fetch, &set_of(&["a"]));
        assert_eq!(world.ask("x"), Said::Unknown);
        world.pass(COOLDOWN);
    }
}

#[test]
fn ten_thousand_made_up_keys_cause_the_paced_fetches_and_evict_nothing() {
    let mut world = World::with_keys(
        RemoteJwks {
            cache_duration: secs(3_000),
            max_cache_duration: secs(3_000),
            ..source()
        },
        &["a"],
    );
    let start = world.now;
    let mut fetches = 0;
    for n in 0..10_000 {
        let said = world.ask(&format!("made-up-{n}"));
        assert!(
            matches!(said, Said::Pending | Said::Unavailable(_)),
            "{said:?}"
        );
        assert_eq!(world.ask("a"), Said::Found);
        if let Some(fetch) = world.poll() {
            fetches += 1;
            world.pass(millis(1));
            world.answer(fetch, &set_of(&["a"]));
        }
        world.pass(millis(30));
    }
    let cooldowns = world.now.since(start).as_secs() / COOLDOWN.as_secs();
    assert!(
        fetches >= cooldowns && fetches <= cooldowns + 2,
        "{fetches} in {cooldowns}"
    );
    // And a real rotation in the middle of it is found as soon as the pace allows.
    world.ask("b");
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["b"]));
    assert_eq!(world.ask("b"), Said::Found);
}

/// Nothing tells the new key of a rotation from names that are made up, so what may be asked for
/// them bounds how long it is missed, and nothing else does: one cooldown and the fetch, whenever
/// the rotation comes and however many are made up.
#[test]
fn a_new_key_is_missed_for_one_cooldown_at_most_whatever_is_made_up_beside_it() {
    let (tick, answer) = (millis(20), millis(60));
    let mut longest = secs(0);
    for rotation in (0..90).step_by(3).map(secs) {
        let mut world = World::with_keys(source(), &["a"]);
        world.pass(secs(10));
        let (start, mut made_up, mut flying) = (world.now, 0, None);
        let missed = loop {
            made_up += 1;
            world.ask(&format!("made-up-{made_up}"));
            let published = world.now.since(start).checked_sub(rotation);
            if let Some(missed) = published {
                match world.ask("b") {
                    Said::Found => break missed,
                    Said::Pending | Said::Unavailable(_) => {}
                    other => panic!("{other:?} for a key that is published"),
                }
            }
            let kids: &[&str] = if published.is_some() {
                &["a", "b"]
            } else {
                &["a"]
            };
            flying = flying.or_else(|| world.poll().map(|fetch| (fetch, world.now, set_of(kids))));
            world.pass(tick);
            let arrived =
                |(_, started, _): &mut (_, UnixTime, _)| world.now.since(*started) >= answer;
            if let Some((fetch, _, set)) = flying.take_if(arrived) {
                world.answer(fetch, &set);
            }
        };
        longest = longest.max(missed);
    }
    let bound = COOLDOWN.saturating_add(answer).saturating_add(tick);
    assert!(longest <= bound, "{longest:?}");
    assert!(
        longest >= secs(26),
        "{longest:?} is better than what is written"
    );
}

#[test]
fn a_key_name_that_was_guessed_before_it_was_published_recovers_within_the_cooldown() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    world.ask("next");
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    world.pass(secs(29));
    world.assert_unavailable("next");
    world.pass(secs(1));
    assert_eq!(world.ask("next"), Said::Pending);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a", "next"]));
    assert_eq!(world.ask("next"), Said::Found);
}

/// What a set has confirmed not to exist dies with it, though no other set has come.
#[test]
fn who_waits_for_keys_that_have_ended_does_not_wait_twice_for_a_name_that_was_confirmed_before() {
    let mut world = World::with_keys(
        RemoteJwks {
            cache_duration: secs(10),
            max_stale: secs(0),
            refetch_cooldown: secs(12),
            ..source()
        },
        &["a"],
    );
    assert_eq!(world.ask("x"), Said::Pending);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask("x"), Said::Unknown);
    let refresh = world.next_fetch();
    world.pass(secs(3));
    assert_eq!(world.ask("x"), Said::Pending, "the keys have ended");
    world.pass(secs(2));
    world.answer(refresh, &set_of(&["a"]));
    world.assert_unavailable("x");
}

#[test]
fn a_token_without_kid_that_no_key_fits_is_an_unknown_key_too() {
    let mut world = World::with_keys(source(), &["a"]);
    assert_eq!(world.ask_for(None, Algorithm::Es256), Said::Found);
    world.pass(secs(10));
    assert_eq!(world.ask_for(None, Algorithm::Rs256), Said::Pending);
    let fetch = world.next_fetch();
    world.answer(fetch, &set_of(&["a"]));
    assert_eq!(world.ask_for(None, Algorithm::Rs256), Said::Unknown);
}

#[test]
fn misfit_and_ambiguous_cause_no_fetch() {
    let mut world = World::with_keys(source(), &["a", "b"]);
    world.pass(secs(10));
    assert_eq!(world.ask_for(Some("a"), Algorithm::Rs256), Said::Misfit);
    assert_eq!(world.ask_for(None, Algorithm::Es256), Said::Ambiguous);
    assert_eq!(world.poll(), None);
}

#[test]
fn a_cooldown_of_zero_still_settles_and_still_has_a_ceiling() {
    let mut world = World::with_keys(
        RemoteJwks {
            refetch_cooldown: secs(0),
            ..source()
        },
        &["a"],
    );
    world.pass(secs(10));
    let start = world.now;
    let mut fetches = 0;
    for n in 0..1_000 {
        let kid = format!("x{n}");
        world.ask(&kid);
        if let Some(fetch) = world.poll() {
            fetches += 1;
            world.answer(fetch, &set_of(&["a"]));
            assert_eq!(world.ask(&kid), Said::Unknown);
        }
        world.pass(millis(10));
    }
    assert!(
        fetches <= world.now.since(start).as_millis() / 200 + 1,
        "{fetches}"
    );
}

#[test]
fn a_kid_longer_than_any_key_may_have_is_unknown_and_causes_no_fetch() {
    let mut world = World::with_keys(source(), &["a"]);
    world.pass(secs(10));
    assert_eq!(world.ask(&"x".repeat(limits::KID_BYTES + 1)), Said::Unknown);
    assert_eq!(world.poll(), None);
    assert_eq!(world.ask(&"x".repeat(limits::KID_BYTES)), Said::Pending);
}

/// After a rotation, tokens of the withdrawn keys go on coming for as long as they last.
#[test]
fn tokens_of_withdrawn_keys_never_spend_the_fetch_that_a_real_rotation_needs() {
    let mut world = World::with_keys(
        RemoteJwks {
            cache_duration: secs(3_000),
            max_cache_duration: secs(3_000),
            ..source()
        },
        &["a"],
    );
    let start = world.now;
    let mut fetches = 0;
    while world.now.since(start) < secs(600) {
        for withdrawn in ["x1", "x2"] {
            let said = world.ask(withdrawn);
            assert!(
                matches!(said, Said::Unknown | Said::Pending | Said::Unavailable(_)),
                "{said:?}"
            );
        }
        if let Some(fetch) = world.poll() {
            fetches += 1;
            world.pass(millis(1));
            world.answer(fetch, &set_of(&["a"]));
        }
        world.pass(secs(1));
    }
    assert!(fetches <= 22, "{fetches}");
    // They have just been asked for: what is left of the pace is for a key that nobody has heard
    // of.
    world.pass(secs(5));
    assert_eq!(world.ask("b"), Said::Pending);
    let fetch = world.poll().unwrap();
    world.answer(fetch, &set_of(&["a", "b"]));
    assert_eq!(world.ask("b"), Said::Found);
}
