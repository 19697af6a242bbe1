//! Quotas by identity that a rate-limit service counts for all replicas: `envoy/quotas.yaml`.

#[path = "../quotas/callers.rs"]
mod callers;

use passgate_harness::{Gate, Protocol, Request, Setup, eventually};
use passgate_kit::{Token, now};

use crate::memory::Memory;

const NAMES: callers::Names = ("http://127.0.0.1:9000", "http://127.0.0.1:8080");

fn gate(memory: &Memory, opens: bool) -> Gate {
    let setup = Setup::shipped("envoy/quotas.yaml");
    let setup = setup.edit(|bootstrap| {
        bootstrap.set_address("ratelimit", memory.address());
        if opens {
            let filters = bootstrap.filters().iter_mut();
            let mut limits = filters.filter(|own| own["name"] == "envoy.filters.http.ratelimit");
            let filter = limits.next().unwrap();
            filter["typed_config"]["failure_mode_deny"] = false.into();
        }
    });
    setup.start()
}

/// A minute after the service began a new window, which lasts an hour.
fn in_one_window() -> Memory {
    let memory = Memory::clocked();
    let next = now() / 3_600 * 3_600 + 3_600;
    memory.set_clock(next + 60 - now());
    memory
}

#[test]
fn each_caller_spends_its_own_quota_over_all_replicas() {
    let memory = in_one_window();
    let gate = gate(&memory, false);
    callers::spend(&gate, NAMES);
    gate.finish();
}

#[test]
fn while_the_service_is_away_nobody_passes_or_all_do_as_the_file_says() {
    let mut memory = in_one_window();
    let gates = [false, true].map(|opens| gate(&memory, opens));
    let ask = |gate: &Gate, subject: &str| {
        let token = Token::of(&gate.issuer.key, NAMES.0, NAMES.1);
        let token = token.claim("sub", subject).claim("client_type", "person");
        gate.send(Protocol::Http1, &Request::get("/").bearer(&token.build()))
    };
    for gate in &gates {
        eventually("the first answer of the service", || {
            (ask(gate, "probe").status == 200).then_some(())
        });
    }
    memory.kill_service();
    let [closed, open] = &gates;
    assert_eq!(ask(closed, "alice").status, 503);
    for _ in 0..25 {
        assert_eq!(ask(open, "alice").status, 200);
    }
    // What passgate refuses is refused as ever.
    let answer = open.send(Protocol::Http1, &Request::get("/"));
    open.denied(&answer, "missing.token");
    for gate in gates {
        gate.finish();
    }
}
