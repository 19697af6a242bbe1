//! What `bench/cost` measures: the CPU time that passgate and Envoy's own `jwt_authn` add to a request, what they add
//! to Envoy's start and memory, and the table of both.

#[allow(dead_code, unused_imports, reason = "the stories use the rest")]
mod harness;

mod bench_cost {
    pub mod case;
    pub mod filter;
    pub mod load;
    pub mod process;
    pub mod sample;
    pub mod whole;
}

use bench_cost::case::{GROWN, NEVER_SEEN, Options, REFUSED, REPEATED, run};
use bench_cost::whole::{memory, module_size, start};

fn main() {
    let options = Options::from_arguments();
    println!(
        "Microseconds of CPU that a request costs more than without a filter; median of {} rounds (lowest to highest).",
        options.rounds
    );
    println!();
    println!("| case | passgate | `jwt_authn` | ratio |");
    println!("|---|---|---|---|");
    for case in NEVER_SEEN
        .iter()
        .chain(REPEATED)
        .chain(REFUSED)
        .chain(GROWN)
    {
        if options.wants(case.name) {
            run(case, &options);
        }
    }
    println!();
    println!("| | passgate | `jwt_authn` |");
    println!("|---|---|---|");
    if options.wants("memory") {
        memory();
    }
    if options.wants("module") {
        module_size();
    }
    if options.wants("start") {
        start(options.rounds);
    }
}
