//! Thousands of streams: none of the looks at them takes long, and together they are soon over.

use passgate_kit::SigningKey;
use serde_json::json;

use crate::world::{Judge, World};

/// What the shell cuts in one tick.
const AT_ONCE: usize = 32;

/// Ticks, a millisecond apart, until so many streams were cut.
fn ticks_until(world: &mut World, judge: &mut Judge, cuts: usize) -> usize {
    let mut seen = 0;
    for tick in 1..=2_000 {
        world.pass(1);
        let Judge { supply, verifier } = judge;
        let some = verifier.look_after(&mut world.leases, AT_ONCE, supply, world.now);
        assert!(some.len() <= AT_ONCE, "{} in one go", some.len());
        seen += some.len();
        if seen == cuts {
            return tick;
        }
    }
    panic!("{seen} of {cuts}");
}

#[test]
fn ten_thousand_streams_that_end_at_once_end_in_small_slices_and_soon() {
    let mut world = World::new();
    let judge = &mut world.judge(json!({}));
    let token = world.token(60).build();
    for stream in 0..10_000 {
        world.with(judge, stream, &token);
    }
    world.pass(60_000);
    let ticks = ticks_until(&mut world, judge, 10_000);
    // One for each slice.
    assert!(ticks <= 10_000 / AT_ONCE + 1, "{ticks}");
    assert!(world.leases.is_empty());
}

#[test]
fn a_list_that_revokes_them_all_ends_them_as_soon() {
    let mut world = World::new();
    let feed = json!({ "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" } });
    let judge = &mut world.judge(json!({ "acme": { "revocations": feed } }));
    let token = world.token(600).build();
    for stream in 0..10_000 {
        world.with(judge, stream, &token);
    }
    world.list = json!([{ "sub": "alice" }]);
    world.sequence += 1;
    let mut cuts = 0;
    for _ in 0..20 {
        world.pass(600);
        cuts += world.tick(judge).len();
    }
    assert_eq!(cuts, 10_000);
}

/// By a new policy the signature of each token is checked once more. The slowest take milliseconds.
#[test]
fn the_signatures_that_a_new_policy_checks_are_shared_out_among_many_looks() {
    for (algorithm, most) in [("ES512", 1), ("ES256", 12)] {
        let mut world = World::signed_by(SigningKey::of(algorithm, "key-1"));
        let first = &mut world.judge(json!({}));
        for stream in 0..40 {
            let token = world.token(600).claim("jti", stream).build();
            world.with(first, stream, &token);
        }
        let second = &mut world.judge(json!({}));
        second.verifier.enter(&mut world.leases, crate::DOOR);
        let mut misses = 0;
        for _ in 0..600 {
            world.pass(1);
            let Judge { supply, verifier } = &mut *second;
            let cuts = verifier.look_after(&mut world.leases, AT_ONCE, supply, world.now);
            assert!(cuts.is_empty(), "the policy is the same");
            let checked = verifier.take_tally().misses;
            assert!(
                checked <= most,
                "{checked} signatures of {algorithm} in one go"
            );
            misses += checked;
        }
        assert_eq!(misses, 40, "each was judged anew, once");
        assert_eq!(world.leases.len(), 40);
    }
}
