//! Thousands of generated histories of the key cache: origins that answer late, twice, badly or never; tokens
//! with known, withdrawn, guessed and made-up keys; a clock that jumps; reloads. A model of what was published and
//! accepted stands beside the cache, and every answer of the cache is held against it.
//!
//! Time is virtual and each history has a bounded number of steps, so a loop is a failure and not a hang. A failed
//! history names its seed; `SIM_SEED=<seed>` runs that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a simulation that meets the unexpected should stop"
)]

#[path = "sim/model.rs"]
mod model;
#[path = "sim/origin.rs"]
mod origin;
#[path = "sim/random.rs"]
mod random;
#[path = "sim/world.rs"]
mod world;

use world::{Tally, World};

const HISTORIES: u64 = 3_000;

#[test]
fn thousands_of_histories_break_no_promise() {
    let seeds = match std::env::var("SIM_SEED") {
        Ok(seed) => {
            let seed = seed.parse().unwrap();
            seed..seed + 1
        }
        Err(_) => 0..HISTORIES,
    };
    let one = seeds.end - seeds.start == 1;
    let mut tally = Tally::default();
    for seed in seeds {
        let history = std::panic::catch_unwind(|| World::new(seed).run());
        match history {
            Ok(counts) => tally.add(&counts),
            Err(_) => panic!("history {seed} broke a promise; see above"),
        }
    }
    // A simulation in which something never happens proves nothing about it.
    assert!(one || tally.saw_everything(), "{tally:?}");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    assert_eq!(World::new(7).run(), World::new(7).run());
}
