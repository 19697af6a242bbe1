//! What `bench/cost` measures: the CPU time that passgate and Envoy's own `jwt_authn` add to a
//! request, what they add to Envoy's start and memory, and the tables of both.

mod cost {
    pub mod against;
    pub mod calls;
    pub mod case;
    pub mod chunks;
    pub mod filter;
    pub mod load;
    pub mod measure;
    pub mod options;
    pub mod process;
    pub mod sample;
    pub mod table;
    pub mod whole;
}

use cost::case::{AUDIT, AUDITED, COMPARED};
use cost::measure::measure;
use cost::options::{Options, PROGRAM};
use cost::{against, chunks, table, whole};
use std::process::ExitCode;

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let options = Options::of(line)?;
        match options.against {
            None => tables(&options),
            Some(old) => against::tables(old, &options),
        }
        Some(Ok(()))
    })
}

fn tables(options: &Options) {
    let rounds = options.rounds;
    println!(
        "Microseconds of CPU that a request costs more than without a filter: median of {rounds} rounds (lowest–highest)."
    );
    if COMPARED.iter().any(|case| options.wants_some(case)) {
        println!("\n{}", table::COMPARED);
    }
    for case in COMPARED {
        if options.wants_some(case) {
            let costs = measure(case, &case.guards(), rounds);
            for line in case.lines {
                if options.wants(line.name) {
                    table::compare(line, &costs);
                }
            }
        }
    }
    if options.wants(AUDIT) {
        println!();
        table::audit(&AUDITED, &measure(&AUDITED, &AUDITED.guards(), rounds));
    }
    let names = [
        chunks::CHUNK,
        whole::MEMORY,
        whole::PROXIES,
        "module",
        "start",
    ];
    let wanted = names.map(|name| options.wants(name));
    if wanted.contains(&true) {
        println!("\n{}", table::WHOLE);
    }
    let [chunk, memory, proxies, module, start] = wanted;
    if chunk {
        whole::chunks(rounds);
    }
    if memory {
        whole::memory(rounds.min(3));
    }
    if proxies {
        whole::proxies();
    }
    if module {
        whole::module_size();
    }
    if start {
        whole::start(rounds);
    }
}
