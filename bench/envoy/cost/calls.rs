//! How often Envoy and the module call each other for a request, by Envoy's own trace of it.

use super::case::{Case, Tokens};
use super::filter::{Guard, Keys, connect, gate};
use super::load::Client;
use super::measure::{nonce, requests};
use super::table;
use std::collections::BTreeMap;
use std::path::Path;

pub const TABLE: &str = "\
| | settings | new | old | more or fewer |
|---|---|---|---|---|";

/// So many requests, after as many that warm up.
const COUNTED: usize = 32;

/// Prints a line: the calls of the new module and those of the old one.
pub fn compare(name: &str, case: &Case, guard: Guard, old: &'static Path) {
    let keys = Keys::new(guard.size, case.algorithm);
    let [new, old] = [guard, guard.of(old)].map(|guard| calls(case, guard, &keys));
    let mut names: Vec<&String> = new.keys().chain(old.keys()).collect();
    names.sort();
    names.dedup();
    let of = |calls: &BTreeMap<String, f64>, name| calls.get(name).copied().unwrap_or_default();
    let differences: Vec<String> = names
        .into_iter()
        .map(|name| (name, of(&new, name) - of(&old, name)))
        .filter(|(_, more)| *more != 0.0)
        .map(|(name, more)| format!("{name} {more:+.2}"))
        .collect();
    println!(
        "| {name} | {} | {:.2} | {:.2} | {} |",
        table::settings(guard),
        new.values().sum::<f64>(),
        old.values().sum::<f64>(),
        differences.join(", ")
    );
}

/// The calls for a request, in both directions, by name.
fn calls(case: &Case, guard: Guard, keys: &Keys) -> BTreeMap<String, f64> {
    let gate = gate(guard, keys, 1, None);
    let tokens = case.tokens_for(guard);
    let status = match tokens {
        Tokens::New
        | Tokens::Repeated
        | Tokens::Opaque
        | Tokens::Proved
        | Tokens::Approved
        | Tokens::Session => 200,
        Tokens::Expired | Tokens::None => 401,
    };
    let nonce = nonce(tokens, &gate, keys);
    let requests = requests(case, tokens, keys, 1, &nonce);
    // A proof counts once.
    let (probe, requests) = requests.split_first().expect("a request");
    let (first, rest) = requests.split_at(COUNTED);
    let mut client = Client::connect(|| connect(guard, &gate), probe, status);
    client.send(first);
    let trace = gate.traced(|| client.send(&rest[..COUNTED]));
    let mut calls = BTreeMap::new();
    for line in trace.lines() {
        let call = line.split_once("[vm->host] ");
        let call = call.or_else(|| line.split_once("[host->vm] "));
        if let Some((name, _)) = call.and_then(|(_, call)| call.split_once('(')) {
            *calls.entry(name.to_owned()).or_default() += 1.0 / COUNTED as f64;
        }
    }
    assert!(!calls.is_empty(), "Envoy traces no calls");
    calls
}
