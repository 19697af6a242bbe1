//! Waiting ends: the client leaves, the fetch takes too long, or the room to wait is full.

use passgate_harness::{BOTH, Gate, Issuer, Protocol, Request, Setup, eventually, policy, with};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn the_client_that_came_first_may_leave() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let request = Request::get("/").bearer(&good);
    let mut first = gate.client();
    first.send(request.to_http1());
    awaited(&gate);
    first.leave();
    gate.abandon(&request, Duration::from_millis(100));
    let mut half = gate.client();
    half.send("POST /half HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 10\r\n");
    half.send(format!("authorization: Bearer {good}\r\n\r\nhalf"));
    half.leave();

    let mut second = gate.client();
    second.send(request.to_http1());
    eventually("only one request is left", || {
        (gate.stat("http.gate.downstream_rq_active") == 1).then_some(())
    });
    gate.issuer.release();
    gate.passed(&second.read());
    gate.passed(&gate.send(Protocol::Http2, &request));
    assert_eq!(gate.upstream.hits(), 2);
    gate.fetched_once();
    gate.finish();
}

#[test]
fn every_client_may_leave() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let request = Request::get("/").bearer(&good);
    for _ in 0..20 {
        let mut client = gate.client();
        client.send(request.to_http1());
        client.leave();
    }
    awaited(&gate);
    eventually("no request is left", || {
        (gate.stat("http.gate.downstream_rq_active") == 0).then_some(())
    });
    gate.issuer.release();
    gate.passed(&gate.send(Protocol::Http1, &request));
    assert_eq!(gate.upstream.hits(), 1);
    gate.finish();
}

#[test]
fn a_fetch_that_takes_too_long_ends_the_wait() {
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["http_uri"]["timeout"] = json!("1s");
    let gate = stalled(policy).start();
    let good = gate.good();
    let mut client = gate.client();
    client.send(Request::get("/").bearer(&good).to_http1());
    gate.denied(&client.read(), "unavailable.keys");
    assert_eq!(gate.upstream.hits(), 0);
    gate.issuer.release();
    eventually("keys after all", || {
        let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&good));
        (answer.status == 200).then_some(())
    });
    gate.finish();
}

#[test]
fn all_who_wait_are_refused_when_the_fetch_fails() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let request = Request::post("/", b"body").bearer(&good).to_http1();
    let mut waiting: Vec<_> = (0..50).map(|_| gate.client()).collect();
    for client in &mut waiting {
        client.send(&request);
    }
    eventually("all requests at the gate", || {
        (gate.stat("http.gate.downstream_rq_active") == 50).then_some(())
    });
    gate.issuer.status(500);
    gate.issuer.release();
    for client in &mut waiting {
        gate.denied(&client.read(), "unavailable.keys");
    }
    assert_eq!((gate.upstream.hits(), gate.upstream.connections()), (0, 0));
    gate.finish();
}

#[test]
fn the_number_of_waiting_requests_is_bounded() {
    let gate = stalled(with(policy(), "limits", json!({ "waiting_requests": 2 }))).start();
    let good = gate.good();
    let request = Request::get("/").bearer(&good).to_http1();
    let mut waiting = [gate.client(), gate.client()];
    for client in &mut waiting {
        client.send(&request);
    }
    eventually("two requests wait", || {
        (gate.stat("http.gate.downstream_rq_active") == 2).then_some(())
    });
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&good));
        gate.denied(&answer, "unavailable.waiting_limit");
    }
    gate.issuer.release();
    for client in &mut waiting {
        gate.passed(&client.read());
    }
    gate.finish();
}

#[test]
fn a_place_is_free_again_when_a_waiting_client_leaves() {
    let gate = stalled(with(policy(), "limits", json!({ "waiting_requests": 1 }))).start();
    let good = gate.good();
    let request = Request::get("/").bearer(&good).to_http1();
    for _ in 0..3 {
        let mut client = gate.client();
        client.send(&request);
        assert!(client.is_silent(Duration::from_millis(100)));
        client.leave();
        eventually("the place is free", || {
            (gate.stat("http.gate.downstream_rq_active") == 0).then_some(())
        });
    }
    let mut last = gate.client();
    last.send(&request);
    assert!(last.is_silent(Duration::from_millis(100)));
    gate.issuer.release();
    gate.passed(&last.read());
    gate.finish();
}

/// A gate whose issuer does not answer until it is released.
fn stalled(policy: Value) -> Setup {
    let issuer = Issuer::start();
    issuer.hold();
    Setup::new(policy).issuer(issuer)
}

/// The gate has asked for keys.
fn awaited(gate: &Gate) {
    eventually("a fetch of keys", || {
        (gate.issuer.fetches() > 0).then_some(())
    });
}
