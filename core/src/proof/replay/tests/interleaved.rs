//! Workers that take turns between any two calls of the host, in an order that a seed decides.
#![expect(clippy::disallowed_types, reason = "here the workers are threads")]

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
};

use super::*;
use crate::proof::shared::SharedData;

/// Lets one worker run at a time, from one call of the host to its next.
#[derive(Debug)]
struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    running: Option<u8>,
    waiting: BTreeSet<u8>,
    alive: usize,
    seed: u64,
    /// Turns so far: the clock of all workers, in milliseconds.
    taken: u64,
    /// The turns after which the host loses its data.
    wiped_at: Vec<u64>,
    proxy: Proxy,
}

impl State {
    /// When all stand still, one goes on.
    fn choose(&mut self) {
        if self.running.is_some() || self.waiting.len() < self.alive || self.alive == 0 {
            return;
        }
        self.taken += 1;
        if self.wiped_at.contains(&self.taken) {
            self.proxy.wipe();
        }
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(self.seed >> 33).unwrap() % self.waiting.len();
        let next = *self.waiting.iter().nth(place).unwrap();
        self.waiting.remove(&next);
        self.running = Some(next);
    }
}

impl Turns {
    /// The time when this worker goes on.
    fn wait(&self, worker: u8) -> UnixTime {
        let mut state = self.state.lock().unwrap();
        if state.running == Some(worker) {
            state.running = None;
        }
        state.waiting.insert(worker);
        state.choose();
        self.changed.notify_all();
        let state = self
            .changed
            .wait_while(state, |state| state.running != Some(worker))
            .unwrap();
        NOW.saturating_add(Duration::from_millis(state.taken))
    }

    fn end(&self) {
        let mut state = self.state.lock().unwrap();
        (state.running, state.alive) = (None, state.alive - 1);
        state.choose();
        self.changed.notify_all();
    }
}

/// What one worker sees of the host.
#[derive(Debug)]
struct Seen {
    turns: Arc<Turns>,
    worker: u8,
    proxy: Proxy,
}

impl SharedData for Seen {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, NotShared> {
        self.turns.wait(self.worker);
        self.proxy.get(key)
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> Result<Stored, NotShared> {
        self.turns.wait(self.worker);
        self.proxy.set(key, value, version)
    }
}

/// How often each of these proofs was spent by so many workers, each of which tries all of them in
/// an order of its own.
fn run(
    workers: u8,
    proofs: impl Fn() -> Vec<Spend> + Copy + Send + 'static,
    seed: u64,
    wiped_at: Vec<u64>,
) -> Vec<usize> {
    let proxy = Proxy::default();
    let turns = Arc::new(Turns {
        state: Mutex::new(State {
            running: None,
            waiting: BTreeSet::new(),
            alive: workers.into(),
            seed,
            taken: 0,
            wiped_at,
            proxy: proxy.clone(),
        }),
        changed: Condvar::new(),
    });
    let work = |worker: u8| {
        let (turns, proxy) = (Arc::clone(&turns), proxy.clone());
        thread::spawn(move || {
            let mut proofs = proofs();
            let shift = usize::from(worker) % proofs.len();
            proofs.rotate_left(shift);
            let seen = Seen {
                turns: Arc::clone(&turns),
                worker,
                proxy,
            };
            let shared = Shared::new(Box::new(seen), [worker; 32]);
            // A worker knows the beginning of the memory that it has seen last.
            let mut memory = memory();
            let spent = proofs.iter().filter(|spend| {
                let now = turns.wait(worker);
                memory.spend(&shared, spend, now) == Ok(())
            });
            let spent: Vec<Box<[u8]>> = spent.map(|spend| spend.id.clone()).collect();
            turns.end();
            spent
        })
    };
    let threads: Vec<_> = (0..workers).map(work).collect();
    let spent: Vec<Box<[u8]>> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let times = |spend: &Spend| spent.iter().filter(|id| **id == spend.id).count();
    proofs().iter().map(times).collect()
}

/// So many proofs of one person.
fn proofs(count: u64) -> Vec<Spend> {
    (0..count)
        .map(|number| proof(number, "alice", after(1)))
        .collect()
}

#[test]
fn of_workers_that_take_turns_one_spends_a_proof_and_that_once() {
    for seed in 0..150 {
        for (workers, count) in [(2, 1), (4, 1), (4, 3), (8, 2)] {
            let times = run(workers, move || proofs(count), seed, Vec::new());
            assert!(times.iter().all(|times| *times == 1), "{seed}: {times:?}");
        }
    }
}

#[test]
fn a_host_that_loses_its_data_between_any_two_calls_spends_nothing_twice() {
    for seed in 0..100 {
        // Made before the host loses anything, as everything is that could have been spent by then.
        let proofs = || vec![proof(1, "alice", NOW), proof(2, "alice", NOW)];
        let wiped_at = vec![seed % 40 + 1, seed % 23 + 9];
        let times = run(4, proofs, seed, wiped_at);
        assert!(times.iter().all(|times| *times <= 1), "{seed}: {times:?}");
    }
}
