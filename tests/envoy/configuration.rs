//! What Envoy does with a configuration: the shipped one, a broken one, a new one under load.

use passgate_harness::{
    BOTH, Gate, Protocol, Request, Setup, eventually, policy, policy_with, with,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[test]
fn with_a_broken_configuration_envoy_does_not_start() {
    for (policy, told) in broken() {
        let log = Setup::new(policy).refused();
        for line in told {
            assert!(log.contains(line), "{line:?} is not in the log:\n{log}");
        }
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[test]
fn a_broken_update_is_refused_and_the_old_configuration_stays() {
    let mut gate = Setup::new(policy()).watched().start();
    let good = gate.good();
    for (policy, told) in broken() {
        gate.reconfigure(&policy);
        for line in told {
            eventually("the error in the log", || {
                gate.log().contains(line).then_some(())
            });
        }
        for protocol in BOTH {
            let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
            assert_eq!(received.headers.text("x-user"), Some("alice"));
            gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
        }
    }
    assert_eq!(
        gate.stat("listener_manager.lds.update_rejected"),
        broken().len() as u64
    );
    gate.finish();
}

#[test]
fn a_new_configuration_takes_over_under_load() {
    let mut gate = Setup::new(policy()).watched().workers(2).start();
    let good = gate.good();
    let address = gate.address;
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // The load ends with this block, also when it panics.
        let at_the_end = Stop(&stop);
        let load: Vec<_> = BOTH
            .iter()
            .map(|protocol| {
                let (stop, sent, good) = (&stop, &sent, &good);
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        let good = Request::get("/").bearer(good);
                        let passed =
                            Gate::send_to(address, *protocol, &good).map(|answer| answer.status);
                        let bad = Gate::send_to(address, *protocol, &Request::get("/"));
                        answers.push((passed, bad.map(|answer| answer.status)));
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                    answers
                })
            })
            .collect();
        for round in 0..4 {
            let header = format!("x-user-{round}");
            let lines = json!([{ "claim_name": "sub", "header_name": header }]);
            gate.reconfigure(&policy_with(json!({ "claim_to_headers": lines })));
            eventually("the new configuration", || {
                gate.send(Protocol::Http1, &Request::get("/").bearer(&good));
                let received = gate.upstream.received();
                received
                    .iter()
                    .any(|r| r.headers.text(&header) == Some("alice"))
                    .then_some(())
            });
            // However busy the machine is, each configuration sees some load.
            let enough = sent.load(Ordering::SeqCst) + 6;
            eventually("load on the new configuration", || {
                (sent.load(Ordering::SeqCst) >= enough).then_some(())
            });
        }
        drop(at_the_end);
        let answers: Vec<_> = load
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        for (passed, bad) in answers {
            assert_eq!((passed, bad), (Ok(200), Ok(401)));
        }
    });
    assert_eq!(gate.stat("listener_manager.lds.update_rejected"), 0);
    gate.finish();
}

#[test]
fn what_an_update_forbids_is_forbidden_at_once() {
    let mut gate = Setup::new(policy()).watched().start();
    let good = gate.good();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&good)));
    gate.reconfigure(&policy_with(
        json!({ "audiences": ["https://elsewhere.example"] }),
    ));
    let refused = eventually("the new configuration", || {
        let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&good));
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&refused, "untrusted.audience");
    gate.finish();
}

struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Configurations that are refused, and what the operator is told of each.
fn broken() -> Vec<(Value, Vec<&'static str>)> {
    vec![
        (
            policy_with(json!({ "audiences": null, "clock_skew_seconds": 60 })),
            vec!["providers.acme.clock_skew_seconds", "clock_skew: \"60s\""],
        ),
        (
            with(
                policy(),
                "rules",
                json!([
                    { "match": { "prefix": "/api" }, "requires": { "provider_name": "acme" } },
                ]),
            ),
            vec!["rules[0].match.prefix", "path_separated_prefix: /api"],
        ),
        (json!({}), vec!["providers"]),
        (json!("not an object"), vec!["refused"]),
    ]
}
