//! Every request is judged for itself, whatever came before it on its connection.

use passgate_harness::{Gate, Http1, Request, Setup, eventually, policy};
use passgate_kit::tampered;

#[test]
fn an_earlier_success_on_the_connection_grants_nothing() {
    let gate = Gate::start(policy());
    let good = gate.good();
    let mut client = gate.client();
    let mut send = |request: Request| {
        client.send(request.to_http1());
        client.read()
    };
    gate.passed(&send(Request::get("/").bearer(&good)));
    gate.denied(
        &send(Request::get("/").bearer(&tampered(&good))),
        "untrusted.signature",
    );
    gate.denied(&send(Request::get("/")), "missing.token");
    gate.passed(&send(Request::post("/", b"body").bearer(&good)));
    let spoofed = Request::get("/").header("x-user", "alice");
    gate.denied(&send(spoofed), "missing.token");
    gate.passed(&send(Request::get("/").bearer(&good)));
    assert_eq!(gate.upstream.hits(), 3);
    gate.finish();
}

#[test]
fn streams_of_one_connection_are_judged_each_for_itself() {
    let gate = Gate::start(policy());
    let good = gate.good();
    let forged = tampered(&good);
    let requests: Vec<Request> = (0..90)
        .map(|index| match index % 3 {
            0 => Request::get("/").bearer(&good),
            1 => Request::post("/", b"body").bearer(&forged),
            _ => Request::get("/").header("x-user", "alice"),
        })
        .collect();
    for (index, answer) in gate.send_streams(&requests).iter().enumerate() {
        match index % 3 {
            0 => assert_eq!(answer.status, 200),
            1 => gate.denied(answer, "untrusted.signature"),
            _ => gate.denied(answer, "missing.token"),
        }
    }
    assert_eq!(gate.upstream.hits(), 30);
    gate.finish();
}

#[test]
fn the_answer_of_another_request_is_never_used() {
    // The same token for two callers' headers: nothing of the first request may show in the second.
    let gate = Gate::start(policy());
    let alice = gate.good();
    let bob = gate.token().claim("sub", "bob").build();
    let mut client = gate.client();
    for (token, user) in [
        (&alice, "alice"),
        (&bob, "bob"),
        (&alice, "alice"),
        (&alice, "alice"),
    ] {
        client.send(Request::get("/").bearer(token).to_http1());
        let received = gate.passed(&client.read());
        assert_eq!(received.headers.text("x-user"), Some(user));
    }
    gate.finish();
}

#[test]
fn a_token_that_expires_is_refused_though_it_passed_before() {
    let mut policy = policy();
    policy["providers"]["acme"]["clock_skew"] = serde_json::json!("0s");
    let gate = Gate::start(policy);
    let brief = gate.token().expires_in(3).build();
    let request = Request::get("/").bearer(&brief).to_http1();
    let mut client = gate.client();
    let mut send = || {
        client.send(&request);
        client.read()
    };
    gate.passed(&send());
    let refused = eventually("the end of the token", || {
        Some(send()).filter(|answer| answer.status != 200)
    });
    gate.denied(&refused, "untrusted.expired");
    gate.denied(&send(), "untrusted.expired");
    gate.finish();
}

#[test]
fn two_workers_judge_alike() {
    let gate = Setup::new(policy()).workers(2).start();
    let good = gate.good();
    let forged = tampered(&good);
    let served = |gate: &Gate| -> Vec<u64> {
        let stats = gate.stats();
        let of_worker =
            |name: &str| name.contains(".worker_") && name.ends_with(".downstream_cx_total");
        let counts = stats
            .iter()
            .filter(|(name, _)| name.starts_with("listener.") && of_worker(name));
        counts
            .filter(|(name, _)| !name.contains("admin"))
            .map(|(_, count)| *count)
            .collect()
    };
    eventually("connections at both workers", || {
        let mut client: Http1 = gate.client();
        client.send(Request::get("/").bearer(&good).to_http1());
        gate.passed(&client.read());
        client.send(Request::get("/").bearer(&forged).to_http1());
        gate.denied(&client.read(), "untrusted.signature");
        let counts = served(&gate);
        (counts.len() == 2 && counts.iter().all(|count| *count > 2)).then_some(())
    });
    gate.fetched_once();
    gate.finish();
}
