//! Thousands of generated histories of the key cache: origins that answer late, twice, badly or
//! never; tokens with known, withdrawn, guessed and made-up keys; a clock that jumps; reloads. A
//! model of what was published and accepted stands beside the cache, and every answer of the cache
//! is compared with it. A verifier that remembers tokens lives through some of the histories too: a
//! token passes while its key is in force, and no longer.
//!
//! Time is virtual and each history has a bounded number of steps, so a loop is a failure and not a
//! hang. A failed history names its seed; `SIM_SEED=<seed>` runs that one alone.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a simulation that meets the unexpected should stop"
)]

#[path = "sim/clients.rs"]
mod clients;
#[path = "sim/model.rs"]
mod model;
#[path = "sim/origin.rs"]
mod origin;
#[path = "sim/random.rs"]
mod random;
#[path = "sim/setup.rs"]
mod setup;
#[path = "sim/tally.rs"]
mod tally;
#[path = "sim/world.rs"]
mod world;

use tally::Tally;
use world::World;

const HISTORIES: u64 = 2_000;
const THREADS: usize = 4;

#[test]
fn thousands_of_histories_break_no_promise() {
    if let Ok(seed) = std::env::var("SIM_SEED") {
        World::new(seed.parse().unwrap()).run();
        return;
    }
    let tally = std::thread::scope(|scope| {
        let share = |first: u64| (first..HISTORIES).step_by(THREADS).map(run);
        let threads: Vec<_> = (0..HISTORIES)
            .take(THREADS)
            .map(|first| scope.spawn(move || share(first).sum::<Tally>()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<Tally>()
    });
    // A simulation in which something never happens proves nothing about it.
    assert!(tally.saw_everything(), "{tally:?}");
}

fn run(seed: u64) -> Tally {
    std::panic::catch_unwind(|| World::new(seed).run())
        .unwrap_or_else(|_| panic!("history {seed} broke a promise; see above"))
}

#[test]
fn the_same_seed_gives_the_same_history() {
    assert_eq!(World::new(7).run(), World::new(7).run());
}
