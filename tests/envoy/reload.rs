//! A worker's machine is killed, and `FAIL_RELOAD` brings it back.

use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, module, module_with_trap,
    policy,
};
use passgate_kit::{SigningKey, Token};
use serde_json::json;

const TRAP: &str = "x-story-trap";

#[test]
fn a_worker_whose_vm_was_killed_lets_nobody_pass_until_it_is_back_with_new_keys() {
    let issuer = Issuer::start();
    let mut gate = Setup::new(policy())
        .issuer(issuer)
        .module(&module_with_trap())
        .edit(|bootstrap| bootstrap.manager()["stream_idle_timeout"] = json!("3s"))
        .start();
    let good = Request::get("/").bearer(&gate.good());
    gate.passed(&gate.send(Protocol::Http1, &good));
    let reloaded = |gate: &Gate| {
        let stats = gate.stats();
        let reloads = stats
            .iter()
            .filter(|(name, _)| name.ends_with("vm_reload_success"));
        reloads.map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(reloaded(&gate), 0);

    // Somebody waits for a key that is being asked for when the machine dies.
    eventually("the keys of both threads", || {
        (gate.issuer.fetches() == 2).then_some(())
    });
    gate.issuer.hold();
    let next = SigningKey::es256("k2");
    let waiting = Token::of(&next, ISSUER, AUDIENCE).build();
    let mut waiter = gate.client();
    waiter.send(Request::get("/").bearer(&waiting).to_http1());
    eventually("a request that waits", || {
        let waiting = gate.stat("wasmcustom.passgate.keys.provider.acme.waiting");
        (waiting == 1 && gate.issuer.fetches() == 3).then_some(())
    });
    let hits = gate.upstream.hits();
    let trapped = gate.send(Protocol::Http1, &good.clone().header(TRAP, "1"));
    assert_eq!(trapped.status, 503, "{trapped:?}");
    // The dead machine answers nobody any more: who waited is ended by Envoy's own timer, and
    // closed.
    assert_eq!(waiter.read().status, 503);
    assert_eq!(gate.upstream.hits(), hits, "and nothing went on");

    // The new machine fetches for itself before it lets anybody pass.
    gate.issuer.release();
    gate.issuer.publish(&[&gate.issuer.key, &next]);
    eventually("the worker's return", || {
        (gate.send(Protocol::Http1, &good).status == 200).then_some(())
    });
    eventually("its count", || (reloaded(&gate) == 1).then_some(()));
    assert!(gate.issuer.fetches() >= 4, "the new machine asks, too");
    let of_next = Request::get("/").bearer(&waiting);
    gate.passed(&gate.send(Protocol::Http1, &of_next));

    // Whoever dies cannot take back what it had added to a gauge (docs/observability.md): one
    // worker more has fresh keys than there are, and one request more waits.
    eventually("the gauges", || {
        let gauges = ["state.fresh", "waiting"];
        let gauges =
            gauges.map(|name| gate.stat(&format!("wasmcustom.passgate.keys.provider.acme.{name}")));
        (gauges == [3, 1]).then_some(())
    });
    gate.end();
}

#[test]
fn the_module_that_is_shipped_has_no_trap() {
    let has_trap = |path| {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(TRAP.len())
            .any(|text| text == TRAP.as_bytes())
    };
    assert!(has_trap(module_with_trap()));
    assert!(!has_trap(module()));
}
