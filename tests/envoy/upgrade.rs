//! Procedures of `docs/operations.md`: a new version of the module and the way back, another file
//! that is delivered by LDS while requests come; and a copy of the key set in an outage.

use passgate_harness::{Gate, Protocol, Request, Setup, eventually, module, policy, policy_with};
use passgate_kit::jwks;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A module that is another one to Envoy: the shipped one, and a custom section with a name.
fn next_module(folder: &Path) -> std::path::PathBuf {
    let mut bytes = fs::read(module()).unwrap();
    bytes.extend_from_slice(b"\x00\x05\x04next");
    let path = folder.join("next.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn an_upgrade_and_the_way_back_lose_no_request_and_let_nobody_pass() {
    let setup = Setup::new(policy()).watched().workers(2);
    // A request on a machine with much to do may take longer than a second.
    let mut gate = setup.drains_for(Duration::from_secs(60)).start();
    let good = gate.good();
    let address = gate.address;
    let folder = std::env::temp_dir().join(format!("passgate-upgrade-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = next_module(&folder);
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // The load ends with this block, also when it panics.
        let at_the_end = Stop(&stop);
        let load = scope.spawn(|| {
            let mut answers = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let status = |request: &Request| {
                    Gate::send_to(address, Protocol::Http1, request).map(|answer| answer.status)
                };
                answers.push((
                    status(&Request::get("/").bearer(&good)),
                    status(&Request::get("/")),
                ));
                sent.fetch_add(1, Ordering::SeqCst);
            }
            answers
        });
        for (header, file) in [("x-user-next", next.clone()), ("x-user-back", module())] {
            let lines = json!([{ "claim_name": "sub", "header_name": header }]);
            gate.relisten(|bootstrap| {
                bootstrap.set_policy(&policy_with(json!({ "claim_to_headers": lines })));
                let config = &mut bootstrap.passgate()["typed_config"]["config"];
                config["vm_config"]["code"]["local"]["filename"] = json!(file);
            });
            eventually("the other module", || {
                gate.send(Protocol::Http1, &Request::get("/").bearer(&good));
                let received = gate.upstream.received();
                let mut received = received.iter();
                received
                    .any(|it| it.headers.text(header) == Some("alice"))
                    .then_some(())
            });
            let enough = sent.load(Ordering::SeqCst) + 6;
            eventually("load on the other module", || {
                (sent.load(Ordering::SeqCst) >= enough).then_some(())
            });
        }
        drop(at_the_end);
        for answer in load.join().unwrap() {
            assert_eq!(answer, (Ok(200), Ok(401)));
        }
    });
    assert_eq!(gate.stat("listener_manager.lds.update_rejected"), 0);
    fs::remove_dir_all(&folder).unwrap();
    gate.finish();
}

#[test]
fn a_module_that_refuses_the_configuration_leaves_the_old_one_in_force() {
    let mut gate = Setup::new(policy()).watched().start();
    let good = gate.good();
    let folder = std::env::temp_dir().join(format!("passgate-refused-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let next = next_module(&folder);
    gate.relisten(|bootstrap| {
        bootstrap.set_policy(&policy_with(json!({ "word_of_another_version": true })));
        let config = &mut bootstrap.passgate()["typed_config"]["config"];
        config["vm_config"]["code"]["local"]["filename"] = json!(next);
    });
    assert_eq!(gate.stat("listener_manager.lds.update_rejected"), 1);
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&good)));
    gate.denied(
        &gate.send(Protocol::Http1, &Request::get("/")),
        "missing.token",
    );
    fs::remove_dir_all(&folder).unwrap();
    gate.finish();
}

/// An update in an outage has no keys, and refuses; one with a copy of the key set needs none.
#[test]
fn a_copy_of_the_key_set_serves_while_the_provider_is_gone() {
    let mut gate = Setup::new(policy()).watched().start();
    let good = Request::get("/").bearer(&gate.good());
    gate.passed(&gate.send(Protocol::Http1, &good));
    gate.issuer.drop_connections();
    gate.passed(&gate.send(Protocol::Http1, &good));
    gate.reconfigure(&policy_with(json!({ "forward": true })));
    let refused = eventually("the instance without keys", || {
        let answer = gate.send(Protocol::Http1, &good);
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&refused, "unavailable.keys");
    let copy = json!({ "inline_string": jwks(&[&gate.issuer.key]) });
    gate.reconfigure(&policy_with(
        json!({ "remote_jwks": null, "local_jwks": copy }),
    ));
    eventually("the instance with the copy", || {
        (gate.send(Protocol::Http1, &good).status == 200).then_some(())
    });
    gate.denied(
        &gate.send(Protocol::Http1, &Request::get("/")),
        "missing.token",
    );
    // Back to the provider, when it is there again.
    gate.issuer.recover();
    let before = gate.issuer.fetches();
    gate.reconfigure(&policy());
    eventually("its keys", || {
        let passed = gate.send(Protocol::Http1, &good).status == 200;
        (passed && gate.issuer.fetches() > before).then_some(())
    });
    gate.finish();
}

struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
