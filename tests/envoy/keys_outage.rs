//! A provider that is down, or whose answer is not a key set, while keys are in hand and load is
//! on.

use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, Load, Protocol, Request, Server, Setup, eventually, policy,
    with,
};
use passgate_kit::{Token, jwks};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn an_outage_of_a_minute_refuses_nobody_and_is_asked_about_at_the_backoffs_pace() {
    let gate = Gate::start(short_lived());
    let load = Load::start(gate.address, &token(&gate.issuer));
    eventually("keys", || (gate.upstream.hits() > 0).then_some(()));
    gate.issuer.drop_connections();
    let before = gate.issuer.fetches();
    let down = Instant::now();
    std::thread::sleep(Duration::from_secs(60));
    let during = gate.issuer.fetches() - before;
    let seconds = down.elapsed().as_secs() as usize;
    // Each of the two threads asks when its keys are due, then after 1, 2, and every 4 s, each less
    // a quarter at most.
    let (least, most) = (2 * (seconds / 4 - 3), 2 * (seconds / 3 + 3));
    assert!(
        (least..=most).contains(&during),
        "{during} fetches in {seconds} s"
    );
    let succeeded = gate.stat("wasmcustom.passgate.keys.provider.acme.fetches.ok");
    gate.issuer.recover();
    let back = Instant::now();
    eventually("fresh keys", || {
        (gate.stat("wasmcustom.passgate.keys.provider.acme.fetches.ok") > succeeded).then_some(())
    });
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "{:?}",
        back.elapsed()
    );
    load.finish_without_a_refusal();
    let log = gate.log();
    let lines = log.matches("keys of acme: fetches fail").count();
    assert!(lines <= 2, "a line for each change of state:\n{log}");
    gate.finish();
}

/// The provider takes connections and says nothing, which costs each attempt its whole time.
#[test]
fn a_provider_that_hangs_is_served_within_five_seconds_of_coming_back() {
    let issuer = Issuer::start();
    let good = jwks(&[&issuer.key]);
    let is_back = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&is_back);
    let hanging = Server::start(move |mut stream| {
        let mut ahead = [0; 4096];
        let _ = stream.read(&mut ahead);
        if shared.load(Ordering::SeqCst) {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", good.len());
            let _ = stream.write_all((head + "connection: close\r\n\r\n" + &good).as_bytes());
            return;
        }
        // Until Envoy gives up.
        let _ = stream.read(&mut ahead);
    });
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["http_uri"]["cluster"] = json!("hanging");
    let gate = Setup::new(policy)
        .cluster("hanging", hanging.address)
        .start();
    let request = Request::get("/").bearer(&token(&issuer));
    // The first attempt takes the whole `timeout` of 5 s, and the second one is on its way.
    let failed = "wasmcustom.passgate.keys.provider.acme.fetches";
    eventually("attempts that fail", || {
        let failed = [".no_answer", ".status"].map(|kind| gate.stat(&format!("{failed}{kind}")));
        (failed.iter().sum::<u64>() >= 2).then_some(())
    });
    std::thread::sleep(Duration::from_millis(500));
    is_back.store(true, Ordering::SeqCst);
    let back = Instant::now();
    eventually("keys after all", || {
        (gate.send(Protocol::Http1, &request).status == 200).then_some(())
    });
    assert!(
        back.elapsed() < Duration::from_secs(5),
        "{:?}",
        back.elapsed()
    );
    gate.finish();
}

#[test]
fn an_answer_that_is_no_key_set_harms_nothing() {
    let large = |bytes: usize| format!("{{\"keys\":[]{}}}", " ".repeat(bytes));
    let (half_a_mebibyte, mebibyte) = (large(1 << 19), large(1 << 20));
    type Trouble<'t> = &'t dyn Fn(&Issuer);
    let troubles: [(&str, Trouble<'_>); 6] = [
        ("unreadable", &|issuer| {
            issuer.publish_text("<html>sign in</html>")
        }),
        ("unreadable", &|issuer| issuer.publish_text("{\"keys\":7}")),
        ("status", &|issuer| issuer.status(500)),
        ("status", &|issuer| issuer.status(302)),
        ("too_large", &|issuer| issuer.publish_text(&half_a_mebibyte)),
        // More than Envoy holds for the module.
        ("no_answer", &|issuer| issuer.publish_text(&mebibyte)),
    ];
    for (result, make) in troubles {
        let gate = Gate::start(short_lived());
        let load = Load::start(gate.address, &token(&gate.issuer));
        eventually("keys", || (gate.upstream.hits() > 0).then_some(()));
        make(&gate.issuer);
        let name = format!("wasmcustom.passgate.keys.provider.acme.fetches.{result}");
        eventually(&name, || (gate.stat(&name) > 0).then_some(()));
        std::thread::sleep(Duration::from_millis(500));
        load.finish_without_a_refusal();
        gate.finish();
    }
}

#[test]
fn a_slow_trickle_ends_with_its_time_and_harms_nothing() {
    let issuer = Issuer::start();
    let good = jwks(&[&issuer.key]);
    let connections = AtomicUsize::new(0);
    let slow = Server::start(move |mut stream| {
        let mut ahead = [0; 4096];
        let _ = stream.read(&mut ahead);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", good.len());
        let head = head + "connection: close\r\n\r\n";
        // Two threads of the gate get their keys; after that one byte comes every 100 ms.
        if connections.fetch_add(1, Ordering::SeqCst) < 2 {
            let _ = stream.write_all((head + &good).as_bytes());
            return;
        }
        let _ = stream.write_all(head.as_bytes());
        for byte in good.bytes() {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(&[byte]).is_err() {
                return;
            }
        }
    });
    let mut policy = short_lived();
    policy["providers"]["acme"]["remote_jwks"]["http_uri"]["cluster"] = json!("slow");
    let setup = Setup::new(policy).cluster("slow", slow.address);
    let gate = setup.start();
    let load = Load::start(
        gate.address,
        &Token::of(&issuer.key, ISSUER, AUDIENCE).build(),
    );
    // What Envoy makes of its own time-out: an answer without headers, or 504.
    let failed = |result: &str| {
        gate.stat(&format!(
            "wasmcustom.passgate.keys.provider.acme.fetches.{result}"
        ))
    };
    eventually("fetches that time out", || {
        (failed("no_answer") + failed("status") > 1).then_some(())
    });
    load.finish_without_a_refusal();
    gate.finish();
}

#[test]
fn keys_that_are_too_old_serve_nobody_until_they_come_again() {
    let mut policy = short_lived();
    policy["providers"]["acme"]["remote_jwks"]["max_stale"] = json!("1s");
    let gate = Gate::start(policy);
    let request = Request::get("/").bearer(&token(&gate.issuer));
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.issuer.drop_connections();
    let down = Instant::now();
    let answer = eventually("the end of the keys", || {
        let answer = gate.send(Protocol::Http1, &request);
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&answer, "unavailable.keys");
    assert!(
        down.elapsed() < Duration::from_secs(4),
        "{:?}",
        down.elapsed()
    );
    gate.issuer.recover();
    eventually("keys after all", || {
        (gate.send(Protocol::Http1, &request).status == 200).then_some(())
    });
    gate.finish();
}

/// A policy whose keys are fresh for a second, and stale for an hour.
fn short_lived() -> Value {
    let mut policy = policy();
    let jwks = &mut policy["providers"]["acme"]["remote_jwks"];
    jwks["cache_duration"] = json!("1s");
    jwks["max_stale"] = json!("1h");
    jwks["http_uri"]["timeout"] = json!("1s");
    with(policy, "bypass_cors_preflight", json!(false))
}

fn token(issuer: &Issuer) -> String {
    Token::of(&issuer.key, ISSUER, AUDIENCE).build()
}
