//! What the filter costs beside requests: memory, module, start.

use super::super::harness::{AUDIENCE, Gate};
use super::case::{core, wire};
use super::filter::{Filter, Keys, Size, gate};
use super::load;
use super::process::{anonymous_kib, cpu_micros};
use super::sample::Sample;
use passgate_kit::Token;
use std::fs;
use std::time::Instant;

/// Three providers with five keys each, a thousand tokens, on each of three workers.
pub fn memory() {
    const WORKERS: u32 = 3;
    let size = Size {
        providers: 3,
        keys: 5,
        rules: 4,
    };
    let keys = Keys::new(&size, "ES256");
    let (issuer, key) = keys.last();
    let token = |number: usize| {
        let token = Token::of(key, &issuer, AUDIENCE).claim("jti", number.to_string());
        wire(Some(
            &token.claim("client_id", "shop").expires_in(3_600).build(),
        ))
    };
    let requests: Vec<String> = (0..1_000).map(token).collect();
    let used = |filter, workers| {
        let gate = gate(filter, &size, &keys, workers, core());
        // Connections are spread by chance: often enough, and each worker has seen each token.
        for _ in 0..if workers == 1 { 2 } else { 12 } {
            load::send(gate.address, &requests, 200);
        }
        anonymous_kib(gate.process_id())
    };
    let of_a_worker =
        |filter| (used(filter, WORKERS) - used(filter, 1)) / f64::from(WORKERS - 1) / 1_024.0;
    let nothing = of_a_worker(Filter::Nothing);
    let [passgate, jwt_authn] =
        [Filter::Passgate, Filter::JwtAuthnWithCache].map(|filter| of_a_worker(filter) - nothing);
    println!(
        "| memory of one more worker: 3 providers with 5 keys, 1,000 tokens seen | {passgate:.1} MiB | {jwt_authn:.1} MiB |"
    );
}

/// The file's size.
pub fn module_size() {
    let file = std::env::var("PASSGATE_WASM").unwrap_or_else(|_| "dist/passgate.wasm".to_owned());
    let size = fs::metadata(file).expect("the module").len();
    println!("| module | {} KiB | |", size.div_ceil(1_024));
}

/// From the start of the process until it takes requests.
pub fn start(rounds: usize) {
    let keys = Keys::new(&Size::SMALL, "ES256");
    let mut taken = [const { Vec::new() }; 3];
    let mut used = taken.clone();
    for _ in 0..rounds {
        for (index, filter) in [Filter::Nothing, Filter::Passgate, Filter::JwtAuthn]
            .into_iter()
            .enumerate()
        {
            let before = Instant::now();
            let gate: Gate = gate(filter, &Size::SMALL, &keys, 1, core());
            taken[index].push(before.elapsed().as_secs_f64() * 1_000.0);
            used[index].push(cpu_micros(gate.process_id()) / 1_000.0);
        }
    }
    for (what, [nothing, passgate, jwt_authn]) in [("clock", taken), ("CPU", used)] {
        let more = |of: &[f64]| {
            Sample::of(
                of.iter()
                    .zip(&nothing)
                    .map(|(with, without)| with - without)
                    .collect(),
            )
        };
        println!(
            "| start of Envoy with the filter minus without, ms of {what} | {} | {} |",
            more(&passgate),
            more(&jwt_authn)
        );
    }
}
