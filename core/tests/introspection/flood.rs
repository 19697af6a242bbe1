//! Many tokens at once: made-up ones, and those that were active.

use passgate_core::Step;
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{Weather, World, active};

const QUESTIONS: &str = "unavailable.questions";

/// Tokens that do not count, so many in each of so many seconds, and how many questions they cause.
fn flood(world: &mut World, each_second: usize, seconds: usize) -> usize {
    world.asked();
    for second in 0..seconds {
        for number in 0..each_second {
            let reason = world.reason(&format!("made-up-{second}-{number}"));
            assert!([INACTIVE, QUESTIONS].contains(&reason), "{reason}");
        }
        world.pass(1_000);
    }
    world.asked()
}

#[test]
fn a_flood_of_made_up_tokens_causes_few_questions() {
    let mut world = World::new();
    let asked = flood(&mut world, 1_000, 20);
    assert!((500..1_200).contains(&asked), "{asked}");
    // A trickle is asked about, all of it.
    world.pass(10_000);
    assert_eq!(flood(&mut world, 20, 20), 400);
}

#[test]
fn tokens_that_were_active_go_on_in_a_flood() {
    let mut world = World::new();
    let known: Vec<String> = (0..200).map(|number| format!("known-{number}")).collect();
    for token in &known {
        world.says(token, active(&json!({})));
        assert_eq!(world.reason(token), PASSES);
    }
    for _ in 0..4 {
        flood(&mut world, 2_000, 1);
        // Their answers have ended by now.
        world.pass(30_000);
        flood(&mut world, 2_000, 1);
        world.now = world
            .now
            .saturating_add(std::time::Duration::from_millis(1));
        for token in &known {
            assert_eq!(world.reason(token), PASSES, "{token}");
        }
    }
}

/// An issuer's tokens for others are many, and whoever has one may send it.
#[test]
fn tokens_that_the_gate_refuses_cost_as_much_as_made_up_ones() {
    for change in [json!({ "aud": "another" }), json!({ "exp": null })] {
        let mut world = World::new();
        for second in 0..10 {
            for number in 0..200 {
                world.says(&format!("{second}-{number}"), active(&change));
            }
        }
        world.asked();
        for second in 0..10 {
            for number in 0..200 {
                let reason = world.reason(&format!("{second}-{number}"));
                let wanted = ["untrusted.audience", "malformed.claims", QUESTIONS];
                assert!(wanted.contains(&reason), "{reason}");
            }
            world.pass(1_000);
        }
        let asked = world.asked();
        assert!((300..800).contains(&asked), "{change}: {asked}");
    }
}

/// With or without a memory for them.
#[test]
fn tokens_that_the_gate_accepts_are_free() {
    for remembered in [0, 4_096] {
        let mut world = World::with(&json!({
            "providers": { "acme": crate::world::provider(&json!({})) },
            "limits": { "remembered_tokens": remembered },
        }));
        for number in 0..2_000 {
            let token = format!("good-{number}");
            world.says(&token, active(&json!({})));
            assert_eq!(world.reason(&token), PASSES, "{token}");
        }
    }
}

/// An endpoint that hangs: made-up tokens take all the places that are theirs, and no others.
#[test]
fn tokens_that_were_active_have_places_of_their_own() {
    let mut world = World::new();
    world.says("known", active(&json!({})));
    assert_eq!(world.reason("known"), PASSES);
    world.pass(30_000);
    world.asked();
    world.weather = Weather::Slow;
    let mut waiting = 0;
    for number in 0..1_000 {
        match world.verify("/", "Bearer", &format!("made-up-{number}")) {
            Step::Await(_) => waiting += 1,
            Step::Settle(settlement) => assert_eq!(settlement.record.reason, OUT),
        }
        world.tick();
    }
    let sent = world.asked();
    assert!(
        (10..30).contains(&sent) && waiting > sent,
        "{sent} of {waiting}"
    );
    let need = world.waits("known");
    world.tick();
    assert_eq!(world.asked(), 1, "it does not wait for those before it");
    let (id, token) = world.open.pop_back().unwrap();
    assert_eq!(token, "known");
    world.open.push_front((id, token));
    assert_eq!(world.answer(), Some(need));
    let Step::Settle(settlement) = world.verify("/", "Bearer", "known") else {
        panic!("the answer is there");
    };
    assert_eq!(settlement.record.reason, PASSES);
}

/// Of each made-up token it is remembered that it is not active, and all that is active stays.
#[test]
fn what_is_not_active_makes_no_room_among_what_is() {
    let mut world = World::with(&json!({
        "providers": { "acme": crate::world::provider(&json!({})) },
        // So that answers stay where they came.
        "limits": { "remembered_tokens": 0 },
    }));
    let known: Vec<String> = (0..60).map(|number| format!("known-{number}")).collect();
    for token in &known {
        world.says(token, active(&json!({})));
        assert_eq!(world.reason(token), PASSES);
    }
    // What is not active would end after them from now on.
    world.pass(26_000);
    assert!(flood(&mut world, 200, 3) > 128);
    for token in &known {
        assert_eq!(world.reason(token), PASSES, "{token}");
    }
    assert_eq!(world.asked(), 0);
}

/// Whatever a token ends in.
#[test]
fn thousands_of_active_tokens_are_remembered_and_none_is_asked_about_twice() {
    let mut world = World::new();
    let tokens: Vec<String> = (0..5_000)
        .map(|number| format!("{number}-of-the-same-tenant-and-the-same-end=="))
        .collect();
    for token in &tokens {
        let name = token.replace('=', "%3D");
        world.says(&name, active(&json!({})));
        assert_eq!(world.reason(token), PASSES);
    }
    assert_eq!(world.asked(), 5_000);
    for token in &tokens {
        assert_eq!(world.reason(token), PASSES);
    }
    assert_eq!(world.asked(), 0);
}
