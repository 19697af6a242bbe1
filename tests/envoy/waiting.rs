//! Requests that come before the keys: they wait, and nothing of them goes on before the verdict.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, Http1, ISSUER, Issuer, Protocol, Request, SECOND, Setup, eventually,
    policy, provider, second_provider, with,
};
use passgate_kit::{SigningKey, Token, tampered};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn nothing_reaches_the_upstream_before_the_verdict() {
    for protocol in BOTH {
        let gate = stalled(policy()).start();
        let good = gate.good();
        std::thread::scope(|scope| {
            let waiting = [
                Request::get("/a").bearer(&good),
                Request::post("/b", b"body").bearer(&good),
            ]
            .map(|request| {
                scope.spawn({
                    let gate = &gate;
                    move || gate.send(protocol, &request)
                })
            });
            let refused = Request::get("/c").bearer(&tampered(&good));
            let refused = scope.spawn({
                let gate = &gate;
                move || gate.send(protocol, &refused)
            });
            awaited(&gate);
            std::thread::sleep(Duration::from_millis(300));
            assert!(waiting.iter().all(|request| !request.is_finished()) && !refused.is_finished());
            assert_eq!((gate.upstream.hits(), gate.upstream.connections()), (0, 0));

            // What needs no keys does not wait for them.
            gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");

            gate.issuer.release();
            for request in waiting {
                gate.passed(&request.join().unwrap());
            }
            gate.denied(&refused.join().unwrap(), "untrusted.signature");
        });
        assert_eq!(gate.upstream.hits(), 2);
        gate.fetched_once();
        gate.finish();
    }
}

#[test]
fn keys_are_fetched_before_the_first_request() {
    let gate = Gate::start(policy());
    awaited(&gate);
    assert!(gate.issuer.paths().iter().all(|path| path == "/jwks"));
    gate.passed(&gate.send(BOTH[0], &Request::get("/").bearer(&gate.good())));
    gate.fetched_once();
    gate.finish();
}

#[test]
fn a_body_is_held_with_its_request() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    // More than Envoy buffers for one stream (1 MiB).
    let body: Vec<u8> = (0..3 * 1024 * 1024_u32)
        .map(|index| index.to_le_bytes()[0])
        .collect();
    std::thread::scope(|scope| {
        let sent = BOTH.map(|protocol| {
            let request = Request::post("/upload", &body).bearer(&good);
            let gate = &gate;
            scope.spawn(move || gate.send(protocol, &request))
        });
        awaited(&gate);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(gate.upstream.connections(), 0);
        gate.issuer.release();
        for answer in sent {
            let answer = answer.join().unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    });
    for received in gate.upstream.received() {
        assert!(
            received.body == body,
            "{} bytes arrived",
            received.body.len()
        );
        assert_eq!(received.headers.text("x-user"), Some("alice"));
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn a_body_of_a_refused_request_goes_nowhere() {
    let gate = stalled(policy()).start();
    let forged = tampered(&gate.good());
    let mut client = gate.client();
    client.send(Request::post("/upload", b"body").bearer(&forged).to_http1());
    awaited(&gate);
    gate.issuer.release();
    gate.denied(&client.read(), "untrusted.signature");
    assert_eq!((gate.upstream.hits(), gate.upstream.connections()), (0, 0));
    gate.finish();
}

#[test]
fn five_hundred_requests_at_once_cost_one_fetch() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let forged = tampered(&good);
    let mut clients: Vec<Http1> = (0..500).map(|_| gate.client()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let token = if index % 10 == 0 { &forged } else { &good };
        client.send(Request::get("/").bearer(token).to_http1());
    }
    eventually("all requests at the gate", || {
        (gate.stat("http.gate.downstream_rq_active") == 500).then_some(())
    });
    assert_eq!(gate.upstream.connections(), 0);
    gate.issuer.release();
    for (index, client) in clients.iter_mut().enumerate() {
        let expected = if index % 10 == 0 { 401 } else { 200 };
        assert_eq!(client.read().status, expected, "request {index}");
    }
    assert_eq!(gate.upstream.hits(), 450);
    gate.fetched_once();
    gate.finish();
}

/// The host answers those who are refused in one callback inside one another: too many would
/// overflow its stack.
#[test]
fn a_thousand_refusals_at_once_do_not_end_the_vm() {
    for status in [200, 500] {
        let gate = stalled(policy()).start();
        let good = gate.good();
        let made_up = gate.token().header("kid", "made-up").build();
        awaited(&gate);
        let mut clients: Vec<Http1> = (0..1_000).map(|_| gate.client()).collect();
        for (index, client) in clients.iter_mut().enumerate() {
            let token = if index % 10 == 0 { &good } else { &made_up };
            client.send(Request::get("/").bearer(token).to_http1());
        }
        eventually("all requests at the gate", || {
            (gate.stat("http.gate.downstream_rq_active") == 1_000).then_some(())
        });
        gate.issuer.status(status);
        gate.issuer.release();
        for (index, client) in clients.iter_mut().enumerate() {
            let answer = client.read().status;
            let is_right = match (index % 10, status) {
                (0, 200) => answer == 200,
                // Whether the one other fetch that the unknown key may cause has ended decides.
                (_, 200) => answer == 401 || answer == 503,
                _ => answer == 503,
            };
            assert!(is_right, "request {index}: {answer}");
        }
        gate.finish();
    }
}

#[test]
fn many_streams_of_one_connection_wait_together() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let requests: Vec<Request> = (0..90)
        .map(|index| {
            let token = if index % 9 == 0 {
                &tampered(&good)
            } else {
                &good
            };
            Request::post(format!("/{index}"), b"body").bearer(token)
        })
        .collect();
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| gate.send_streams(&requests));
        eventually("all requests at the gate", || {
            (gate.stat("http.gate.downstream_rq_active") == 90).then_some(())
        });
        assert_eq!(gate.upstream.connections(), 0);
        gate.issuer.release();
        for (index, answer) in answers.join().unwrap().iter().enumerate() {
            let expected = if index % 9 == 0 { 401 } else { 200 };
            assert_eq!(answer.status, expected, "stream {index}");
        }
    });
    assert_eq!(gate.upstream.hits(), 80);
    assert!(
        gate.upstream
            .received()
            .iter()
            .all(|received| received.body == b"body")
    );
    gate.fetched_once();
    gate.finish();
}

#[test]
fn two_workers_fetch_once_each() {
    let gate = stalled(policy()).workers(2).start();
    let good = gate.good();
    let mut clients: Vec<Http1> = (0..100).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send(Request::get("/").bearer(&good).to_http1());
    }
    eventually("all requests at the gate", || {
        (gate.stat("http.gate.downstream_rq_active") == 100).then_some(())
    });
    gate.issuer.release();
    for client in &mut clients {
        assert_eq!(client.read().status, 200);
    }
    gate.fetched_once();
    gate.finish();
}

#[test]
fn pipelined_requests_are_judged_one_by_one() {
    let gate = stalled(policy()).start();
    let good = gate.good();
    let requests = [
        Request::get("/first").bearer(&good),
        Request::get("/second").bearer(&tampered(&good)),
        Request::post("/third", b"body").bearer(&good),
        Request::get("/fourth"),
    ];
    let mut client = gate.client();
    client.send(requests.map(|request| request.to_http1()).concat());
    awaited(&gate);
    assert!(client.is_silent(Duration::from_millis(300)));
    assert_eq!(gate.upstream.connections(), 0);
    gate.issuer.release();
    gate.passed(&client.read());
    gate.denied(&client.read(), "untrusted.signature");
    // Envoy may end the connection after an answer of its own; what it does answer is right.
    if let Ok(third) = client.try_read() {
        gate.passed(&third);
        if let Ok(fourth) = client.try_read() {
            gate.denied(&fourth, "missing.token");
        }
    }
    let paths: Vec<Vec<u8>> = gate
        .upstream
        .received()
        .into_iter()
        .map(|r| r.path)
        .collect();
    assert!(
        paths
            .iter()
            .all(|path| path == b"/first" || path == b"/third"),
        "{paths:?}"
    );
    gate.finish();
}

#[test]
fn a_waiting_request_is_judged_by_the_second_provider_when_its_keys_come() {
    let mut policy = policy();
    policy["providers"]["partners"] = second_provider();
    let second = Issuer::start();
    second.hold();
    let gate = Setup::new(policy).cluster("idp2", second.address()).start();
    let of_acme = gate.good();
    let of_partners = Token::of(&second.key, SECOND, AUDIENCE).build();
    let mut waiting = gate.client();
    waiting.send(Request::get("/").bearer(&of_partners).to_http1());
    eventually("the second provider is asked", || {
        (second.fetches() > 0).then_some(())
    });
    // One provider's stalled keys hold nobody else up.
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&of_acme)));
    assert!(waiting.is_silent(Duration::from_millis(200)));
    second.release();
    let received = gate.passed(&waiting.read());
    assert_eq!(received.headers.text("x-partner"), Some("alice"));
    gate.finish();
}

#[test]
fn a_slow_provider_leaves_room_for_those_who_wait_for_another() {
    let mut policy = with(policy(), "limits", json!({ "waiting_requests": 8 }));
    policy["providers"]["partners"] = second_provider();
    let slow = Issuer::start();
    slow.hold();
    let gate = Setup::new(policy).cluster("idp2", slow.address()).start();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good())));
    let of_partners = Token::of(&slow.key, SECOND, AUDIENCE).build();
    let mut crowd: Vec<Http1> = (0..8).map(|_| gate.client()).collect();
    for client in &mut crowd {
        client.send(Request::get("/").bearer(&of_partners).to_http1());
    }
    // A quarter of the room is the slow provider's own, and a quarter of it is all that it may take
    // of the common half.
    eventually("half of the crowd waits, the other half is refused", || {
        (gate.stat("http.gate.downstream_rq_active") == 4
            && gate.stat("http.gate.downstream_rq_5xx") == 4)
            .then_some(())
    });

    // The other provider's key rotates. A request with the new key waits for it and passes.
    let next = SigningKey::es256("next");
    gate.issuer.publish(&[&gate.issuer.key, &next]);
    gate.issuer.hold();
    let of_next = Token::of(&next, ISSUER, AUDIENCE).build();
    let mut rotated: Vec<Http1> = (0..3).map(|_| gate.client()).collect();
    for client in &mut rotated {
        client.send(Request::get("/").bearer(&of_next).to_http1());
    }
    eventually("they wait", || {
        (gate.stat("http.gate.downstream_rq_active") == 7).then_some(())
    });
    gate.issuer.release();
    for client in &mut rotated {
        gate.passed(&client.read());
    }
    slow.release();
    let mut statuses: Vec<u16> = crowd
        .iter_mut()
        .map(|client| client.read().status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 503, 503, 503, 503]);
    gate.finish();
}

#[test]
fn a_thousand_requests_for_a_hundred_providers_wait_side_by_side() {
    const PROVIDERS: usize = 100;
    const EACH: usize = 10;
    let of = |number: usize| format!("https://{number}.example.com");
    let providers = (0..PROVIDERS).map(|number| {
        // Long enough for a slow machine to send all of it.
        let keys = json!({ "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "idp", "timeout": "60s" } });
        let provider = provider(json!({
            "issuer": of(number), "remote_jwks": keys, "claim_to_headers": null,
        }));
        (format!("p{number}"), provider)
    });
    let providers: serde_json::Map<String, Value> = providers.collect();
    let gate = stalled(json!({ "providers": providers })).start();
    let mut clients: Vec<Http1> = (0..PROVIDERS * EACH).map(|_| gate.client()).collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let token = Token::of(&gate.issuer.key, &of(index % PROVIDERS), AUDIENCE).build();
        client.send(Request::get("/").bearer(&token).to_http1());
    }
    let waiting = |gate: &Gate| -> Vec<u64> {
        let stats = gate.stats().into_iter();
        let gauges = stats.filter(|(name, _)| {
            name.starts_with("wasmcustom.passgate.keys.provider.p") && name.ends_with(".waiting")
        });
        gauges.map(|(_, waiting)| waiting).collect()
    };
    eventually("the gauges of all who wait", || {
        (waiting(&gate) == [EACH as u64; PROVIDERS]).then_some(())
    });
    // Each has been asked for its keys by each thread, and nobody more than once.
    eventually("a fetch for each", || {
        (gate.issuer.fetches() == PROVIDERS * 2).then_some(())
    });
    gate.issuer.release();
    for client in &mut clients {
        assert_eq!(client.read().status, 200);
    }
    eventually("the gauges of nobody", || {
        (waiting(&gate) == [0; PROVIDERS]).then_some(())
    });
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
