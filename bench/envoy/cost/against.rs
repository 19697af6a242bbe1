//! A new module beside an old one, in one run: each round gives a ratio, and their median counts.
//!
//! What else happens on the machine meets both alike, in short turns that alternate. So the ratio
//! says more than two runs one after the other.

use super::calls;
use super::case::{AUDITED, COMPARED, Case};
use super::chunks::{self, CHUNK};
use super::filter::{Filter, Guard, Passgate};
use super::measure::{core, measure};
use super::options::Options;
use super::{table, whole};
use passgate_harness::module;
use std::fs;
use std::path::Path;

/// One process of Envoy is not quite like another.
const STARTS: usize = 9;

pub fn tables(old: &'static Path, options: &Options) {
    let rounds = options.rounds;
    let cases: Vec<Case> = COMPARED
        .iter()
        .chain([&AUDITED])
        .filter(|case| options.wants_some(case))
        .map(|case| Case {
            starts: case.starts.max(STARTS).min(rounds),
            ..*case
        })
        .collect();
    if options.wants("calls") {
        println!(
            "Calls between Envoy and the module for each request.\n\n{}",
            calls::TABLE
        );
        for case in &cases {
            for guard in passgates(case) {
                calls::compare(name(case, guard), case, guard, old);
            }
        }
        println!();
    }
    println!(
        "Microseconds of CPU that a request costs more than without a filter, and the ratio: medians \
         of at least {rounds} rounds (lowest–highest).\n\n{}",
        table::AGAINST
    );
    for case in &cases {
        let new = passgates(case);
        let both = new
            .iter()
            .copied()
            .chain(new.iter().map(|guard| guard.of(old)));
        let guards: Vec<Guard> = [case.nothing()].into_iter().chain(both).collect();
        let costs = measure(case, &guards, rounds);
        for guard in new {
            let both = [costs.of(guard), costs.of(guard.of(old))];
            table::against(name(case, guard), &table::settings(guard), both);
        }
    }
    let new = Guard::small(Filter::Passgate(Passgate::COMES));
    let guards = [Guard::NOTHING, new, new.of(old)];
    if options.wants(CHUNK) {
        let [new, old] = whole::more(&chunks::costs(guards, rounds));
        table::against(CHUNK, "µs", [&new, &old]);
    }
    if options.wants("memory") {
        let [new, old] = whole::more(&whole::memories(guards, rounds.min(3)));
        table::against(whole::MEMORY, "MiB", [&new, &old]);
    }
    if options.wants("module") {
        let [new, old] = [module().as_path(), old].map(size);
        let (ratio, more) = (new / old, new - old);
        println!("| module | bytes | {new} | {old} | {ratio:.3} | {more} |");
    }
    if options.wants("start") {
        for core in [None, core()] {
            let [clock, cpu] = whole::starts(guards, rounds, core);
            let where_ = core.map_or("all cores", |_| "one core");
            for (taken, unit) in [(clock, "ms"), (cpu, "ms of CPU")] {
                let [new, old] = whole::more(&taken);
                table::against(whole::START, &format!("{unit}, {where_}"), [&new, &old]);
            }
        }
    }
}

/// The gates of a case that are passgate.
fn passgates(case: &Case) -> Vec<Guard> {
    let is_passgate = |guard: &Guard| matches!(guard.filter, Filter::Passgate(_));
    case.guards().into_iter().filter(is_passgate).collect()
}

/// The name of the first line with this gate.
fn name(case: &Case, guard: Guard) -> &'static str {
    let mut lines = case.lines.iter();
    let line = lines.find(|line| line.ours == guard || line.other == guard);
    line.map_or("", |line| line.name)
}

fn size(module: &Path) -> f64 {
    fs::metadata(module).expect("the module").len() as f64
}
