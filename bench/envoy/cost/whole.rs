//! What the filter costs beside requests: memory, module, start.

use super::chunks::{self, CHUNK};
use super::filter::{Allocator, Bare, Filter, Guard, Keys, Passgate, Size, connect, gate};
use super::load::Client;
use super::measure::{core, token, wire};
use super::process::{anonymous_kib, cpu_micros, resident_kib};
use super::sample::Sample;
use super::table::{verdict, whole};
use passgate_harness::Gate;
use std::fs;
use std::time::{Duration, Instant};

/// No filter, passgate as it comes, and `jwt_authn`.
fn guards(cache: bool) -> [Guard; 3] {
    [
        Filter::Nothing,
        Filter::Passgate(Passgate::COMES),
        Filter::JwtAuthn { cache },
    ]
    .map(Guard::small)
}

/// What the last two need more than the first, in each round.
pub fn more([nothing, passgate, jwt_authn]: &[Sample; 3]) -> [Sample; 2] {
    [passgate, jwt_authn].map(|with| with.with(nothing, |with, without| with - without))
}

/// What a chunk of a body costs.
pub fn chunks(rounds: usize) {
    let taken = chunks::costs(guards(false), rounds);
    whole(CHUNK, &more(&taken), "µs", Some(1.0));
}

pub const MEMORY: &str = "memory of one more worker: 3 providers with 5 keys, 1,000 tokens seen";
pub const PROXIES: &str = "the memory of a whole proxy after a minute";
pub const START: &str = "start of Envoy with the filter minus without";

/// Three providers with five keys each, a thousand tokens, on each of three workers.
pub fn memory(rounds: usize) {
    let taken = memories(guards(true), rounds);
    whole(MEMORY, &more(&taken), "MiB", Some(16.0));
}

/// All memory of proxies that were started a minute ago and have nothing to do, with one worker and
/// with four.
pub fn proxies() {
    const WORKERS: [u32; 2] = [1, 4];
    let keys = Keys::new(guards(true)[0].size, "ES256");
    let [nothing, passgate, jwt_authn] = guards(true);
    let empty = Guard::small(Filter::Bare(Bare::Empty));
    let thrifty = [Allocator::AtOnce, Allocator::ByProcessor].map(|allocator| {
        Guard::small(Filter::Passgate(Passgate {
            allocator,
            ..Passgate::COMES
        }))
    });
    let others = [passgate, jwt_authn, empty].into_iter().chain(thrifty);
    let guards: Vec<Guard> = [nothing].into_iter().chain(others).collect();
    let start = |workers| {
        let gates = guards
            .iter()
            .map(|guard| gate(*guard, &keys, workers, None));
        gates.collect::<Vec<Gate>>()
    };
    let proxies = WORKERS.map(start);
    std::thread::sleep(Duration::from_secs(60));
    for (workers, gates) in WORKERS.iter().zip(&proxies) {
        let mib = |gate: &Gate| Sample(vec![resident_kib(gate.process_id()) / 1_024.0]);
        let taken: Vec<Sample> = gates.iter().map(mib).collect();
        let [nothing, passgate, jwt_authn, empty, at_once, by_processor] = &taken[..] else {
            panic!("one for each guard");
        };
        let name = format!("{PROXIES}, {workers} workers, minus one");
        let line = |than: &str, [passgate, less, jwt_authn]: [&Sample; 3], wanted| {
            let more = more(&[less, passgate, jwt_authn].map(Sample::clone));
            whole(&format!("{name} {than}"), &more, "MiB", wanted);
        };
        let wanted = (*workers == 1).then_some(28.0);
        line("without", [passgate, nothing, jwt_authn], wanted);
        let than = "without; with soft_memory_limit_bytes";
        line(than, [at_once, nothing, jwt_authn], wanted);
        let than = "without; the same with glibc.pthread.rseq=0";
        line(than, [by_processor, nothing, jwt_authn], wanted);
        let than = "with an empty Wasm filter";
        line(than, [passgate, empty, jwt_authn], None);
    }
}

/// MiB of one more worker.
pub fn memories(guards: [Guard; 3], rounds: usize) -> [Sample; 3] {
    const WORKERS: u32 = 3;
    const SIZE: Size = Size {
        providers: 3,
        keys: 5,
        rules: 4,
    };
    let keys = Keys::new(SIZE, "ES256");
    let (issuer, key) = keys.last();
    let request = |number: usize| {
        let token = token(&issuer, key).claim("jti", format!("{number:04}"));
        wire(Some(&token.build()))
    };
    let requests: Vec<String> = (0..1_000).map(request).collect();
    let used = |guard: Guard, workers| {
        let gate = gate(guard.sized(SIZE), &keys, workers, core());
        // Connections are spread by chance: often enough, and each worker has seen each token.
        for _ in 0..if workers == 1 { 2 } else { 12 } {
            Client::connect(|| connect(guard, &gate), &requests[0], 200).send(&requests);
        }
        anonymous_kib(gate.process_id())
    };
    let of_a_worker =
        |guard| (used(guard, WORKERS) - used(guard, 1)) / f64::from(WORKERS - 1) / 1_024.0;
    let mut taken: [Sample; 3] = Default::default();
    for _ in 0..rounds {
        for (guard, taken) in guards.into_iter().zip(&mut taken) {
            taken.0.push(of_a_worker(guard));
        }
    }
    taken
}

/// The file's size.
pub fn module_size() {
    let file = std::env::var("PASSGATE_WASM").unwrap_or_else(|_| "dist/passgate.wasm".to_owned());
    let size = fs::metadata(file)
        .expect("the module")
        .len()
        .div_ceil(1_024);
    let verdict = verdict(size <= 1_100);
    println!("| module | {size} KiB | | at most 1,100 KiB: {verdict} |");
}

/// From the start of the process until it takes requests: on the whole machine, as it is started,
/// and on one core.
pub fn start(rounds: usize) {
    let all = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let [clock, cpu] = starts(guards(false), rounds, None);
    whole(
        &format!("{START}, on {all} cores"),
        &more(&clock),
        "ms",
        Some(600.0),
    );
    whole("the same, CPU time", &more(&cpu), "ms", None);
    if core().is_some() {
        let [clock, _] = starts(guards(false), rounds, core());
        whole("the same on one core", &more(&clock), "ms", None);
    }
}

/// Milliseconds by the clock and of CPU time.
pub fn starts(guards: [Guard; 3], rounds: usize, core: Option<usize>) -> [[Sample; 3]; 2] {
    let mut taken: [[Sample; 3]; 2] = Default::default();
    for _ in 0..rounds {
        for (index, guard) in guards.into_iter().enumerate() {
            let keys = Keys::new(guard.size, "ES256");
            let before = Instant::now();
            let gate = gate(guard, &keys, 1, core);
            let elapsed = before.elapsed();
            let [clock, cpu] = &mut taken;
            clock[index].0.push(elapsed.as_secs_f64() * 1_000.0);
            cpu[index].0.push(cpu_micros(gate.process_id()) / 1_000.0);
        }
    }
    taken
}
