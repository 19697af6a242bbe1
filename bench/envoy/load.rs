//! What `bench/load` runs: two workers at full speed for half a minute, with good, bad and missing
//! tokens of several algorithms, while keys rotate and the configuration is replaced. Every answer
//! is compared with the right one.

mod load {
    pub mod answers;
    pub mod clients;
    pub mod process;
    pub mod world;
}

use load::answers::Answers;
use load::clients;
use load::process::anonymous_mib;
use load::world::{World, policy};
use passgate_arguments::Program;
use passgate_harness::{Issuer, SECOND, Setup};
use serde_json::json;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

const WORKERS: u32 = 2;
const ROTATION: Duration = Duration::from_secs(4);
const REPLACEMENT: Duration = Duration::from_secs(5);
/// What the process may hold more at the end than in the middle, in MiB.
const FLAT: f64 = 8.0;

const PROGRAM: Program = Program {
    name: "bench/load",
    usage: "usage: bench/load [SECONDS]\n",
    options: &[],
    flags: &[],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let texts = line.texts();
        let seconds = match texts.as_slice() {
            [] => Some(30),
            [seconds] => seconds.parse().ok(),
            _ => None,
        };
        seconds.map(|seconds| match run(Duration::from_secs(seconds)) {
            true => Ok(()),
            false => Err("not as it should be".into()),
        })
    })
}

/// Whether all was as it should be.
fn run(length: Duration) -> bool {
    let partners = Issuer::start();
    let mut world = World::new(&partners.key);
    let issuer = Issuer::start();
    world.publish(&issuer);
    let mut gate = Setup::new(policy(true))
        .issuer(issuer)
        .cluster("idp2", partners.address())
        .workers(WORKERS)
        .edit(|bootstrap| {
            let manager = bootstrap.manager();
            manager["access_log"] = json!([]);
            manager["route_config"]["virtual_hosts"][0]["routes"] =
                json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]);
        })
        .watched()
        .start();
    println!(
        "passgate with {WORKERS} workers, {SECOND} under attack, {} s",
        length.as_secs()
    );

    let clients = clients::start(gate.address, world.shared());
    let start = Instant::now();
    let (mut rotated, mut replaced) = (start, start);
    let (mut rotations, mut replacements, mut reads) = (0, 0, true);
    let mut memory = Vec::new();
    while start.elapsed() < length {
        sleep(Duration::from_millis(100));
        memory.push(anonymous_mib(gate.process_id()));
        if rotated.elapsed() >= ROTATION {
            (rotated, rotations) = (Instant::now(), rotations + 1);
            world.publish(&gate.issuer);
        }
        if replaced.elapsed() >= REPLACEMENT {
            (replaced, replacements, reads) = (Instant::now(), replacements + 1, !reads);
            world.replace(&mut gate, reads);
        }
    }
    let answers: Answers = clients.finish();
    let fetches = gate.issuer.fetches();
    // Also: no machine was lost, nothing secret was logged, and Envoy stops in order.
    gate.finish();

    answers.print(length);
    let peak = |part: usize| {
        let third = memory.len() / 3;
        let part = &memory[part * third..(part + 1) * third];
        part.iter().copied().fold(0.0, f64::max)
    };
    let peaks = [0, 1, 2].map(peak);
    let [first, middle, last] = peaks;
    println!(
        "{rotations} rotations of keys, {replacements} replacements of the configuration, {fetches} fetches; \
         memory, most in each third: {first:.1}, {middle:.1}, {last:.1} MiB"
    );
    let flat = last <= first.max(middle) + FLAT;
    if !flat {
        println!("**memory grows**");
    }
    flat && answers.are_right()
}
