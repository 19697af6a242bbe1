//! A request that waits for the body that was approved: on a host that keeps it, while keys and
//! lists are fetched, and for a client that is slow or leaves.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use passgate_harness::{
    AUDIENCE, BOTH, ISSUER, Issuer, Protocol, Request, Setup, eventually, with,
};
use passgate_kit::{SigningKey, Token};
use serde_json::json;

use crate::{
    approvals::{Person, approving},
    bodies::{PATH, begun, bytes, handing_over},
};

#[test]
fn of_many_requests_with_one_approval_that_wait_for_their_bodies_one_passes() {
    let gate = handing_over().workers(2).start();
    let person = Person::of(&gate);
    let body = bytes(2_000);
    let nonce = person.nonce(&gate);
    let request = person.approve(Request::post(PATH, &body), &nonce, &body);
    let go_on = AtomicBool::new(false);
    let before = gate.stat("http.gate.downstream_rq_total");
    std::thread::scope(|scope| {
        let (gate, go_on, request) = (&gate, &go_on, &request);
        let answers: Vec<_> = (0..8)
            .map(|index| {
                let protocol = BOTH[index % 2];
                scope.spawn(move || gate.send_in_halves(protocol, request, go_on))
            })
            .collect();
        // Each worker waits for one of them.
        eventually("all requests at the gate, and most of them refused", || {
            let all = gate.stat("http.gate.downstream_rq_total") - before;
            let waiting = gate.stat("http.gate.downstream_rq_active");
            (all == 8 && (1..=2).contains(&waiting)).then_some(())
        });
        go_on.store(true, Ordering::SeqCst);
        let answers = answers.into_iter().map(|answer| answer.join().unwrap());
        let answers: Vec<_> = answers.map(|answer| answer.expect("an answer")).collect();
        let count = |status: u16| {
            let answers = answers.iter();
            answers.filter(|answer| answer.status == status).count()
        };
        let [passed, refused, waits_already] = [200, 401, 503].map(count);
        assert_eq!((passed, passed + refused + waits_already), (1, 8));
        assert!(refused <= 1 && waits_already >= 6, "{answers:?}");
    });
    assert_eq!(gate.upstream.hits(), 1);
    gate.finish();
}

/// Envoy's default. Nothing is judged without its body, and what has none is not held up.
#[test]
fn a_host_that_keeps_bodies_lets_no_request_with_one_pass() {
    let gate = Setup::new(approving()).with_trailers().start();
    let person = Person::of(&gate);
    let nonce = person.nonce(&gate);
    let empty = person.approve(Request::new("POST", PATH), &nonce, b"");
    gate.passed(&gate.send(Protocol::Http2, &empty));
    let body = b"body";
    let requests = [
        Request::post(PATH, body),
        Request::post(PATH, body).chunked(),
        Request::post(PATH, body).trailer("x-trailer", "x"),
    ];
    std::thread::scope(|scope| {
        let (gate, person) = (&gate, &person);
        let mut waiting = Vec::new();
        for protocol in BOTH {
            for request in &requests {
                let approved = person.approve(request.clone(), &person.nonce(gate), body);
                waiting.push(scope.spawn(move || gate.send(protocol, &approved)));
                // What is wrong already does not wait.
                let nonce = person.nonce(gate);
                let forged = person.approve_as(request.clone(), &nonce, |proof| {
                    proof.body(body).signature(&[7; 70])
                });
                let answer = gate.send(protocol, &forged);
                gate.denied(&answer, "untrusted.proof_signature");
            }
        }
        for answer in waiting {
            gate.denied(&answer.join().unwrap(), "unavailable.body");
        }
    });
    assert_eq!(gate.upstream.hits(), 1);
    gate.finish();
}

#[test]
fn a_body_that_does_not_end_in_time_is_not_waited_for() {
    let gate = handing_over().start();
    let person = Person::of(&gate);
    let begin = |bytes: &[u8]| {
        let nonce = person.nonce(&gate);
        let request = person.approve(Request::post(PATH, b"body"), &nonce, b"body");
        let mut client = begun(&gate, &request);
        client.send(bytes);
        client
    };
    let mut half = begin(b"bo");
    gate.denied(&half.read(), "unavailable.waiting_time");
    // Nothing came, from a host that is known to hand over what comes.
    let mut none = begin(b"");
    gate.denied(&none.read(), "unavailable.waiting_time");
    assert_eq!(gate.upstream.connections(), 0);
    gate.finish();
}

#[test]
fn a_client_may_leave_before_its_body_is_whole() {
    let gate = handing_over().start();
    let person = Person::of(&gate);
    let body = bytes(1_000);
    let nonce = person.nonce(&gate);
    let request = person.approve(Request::post(PATH, &body), &nonce, &body);
    for size in [0, 500] {
        let mut client = begun(&gate, &request);
        client.send(&body[..size]);
        std::thread::sleep(Duration::from_millis(50));
        client.leave();
    }
    gate.leave_in_the_middle(&request, Duration::from_millis(50));
    eventually("those who left are gone", || {
        (gate.stat("http.gate.downstream_rq_active") == 0).then_some(())
    });
    assert_eq!(gate.upstream.connections(), 0);
    // Nothing was spent.
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.finish();
}

/// The configuration that took the request judges it, and both know what was spent.
#[test]
fn a_request_that_waits_for_its_body_outlives_its_configuration() {
    let mut gate = handing_over().watched().start();
    let person = Person::of(&gate);
    let nonce = person.nonce(&gate);
    let request = person.approve(Request::post(PATH, b"body"), &nonce, b"body");
    let mut client = begun(&gate, &request);
    client.send(b"bo");
    assert!(client.is_silent(Duration::from_millis(100)));
    gate.reconfigure(&with(approving(), "audit", json!({ "log": "all" })));
    client.send(b"dy");
    assert_eq!(gate.passed(&client.read()).body, b"body");
    let again = gate.send(Protocol::Http2, &request);
    gate.denied(&again, "untrusted.proof_replayed");
    gate.finish();
}

/// Keys that are looked for while the body comes, whole, in part, or not at all, and whether or not
/// the host hands it over.
#[test]
fn a_body_may_come_while_keys_are_looked_for() {
    for hands_over in [true, false] {
        let gate = Setup::new(approving())
            .hands_over_bodies(hands_over)
            .start();
        let person = Person::of(&gate);
        let nonces: Vec<String> = (0..8).map(|_| person.nonce(&gate)).collect();
        let next = SigningKey::es256("k2");
        gate.issuer.hold();
        gate.issuer.publish(&[&gate.issuer.key, &next]);
        let person = Person::with_token(Token::of(&next, ISSUER, AUDIENCE));
        let body = bytes(30_000);
        let mut sent = Vec::new();
        let mut fresh = nonces.iter();
        for protocol in BOTH {
            for approved in [&body[..], b"another"] {
                for in_halves in [false, true] {
                    let request = Request::post(PATH, &body);
                    let request = person.approve(request, fresh.next().unwrap(), approved);
                    sent.push((protocol, request, in_halves, approved.len() == body.len()));
                }
            }
        }
        let go_on = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (gate, go_on) = (&gate, &go_on);
            let answers: Vec<_> = sent
                .iter()
                .map(|(protocol, request, in_halves, _)| {
                    scope.spawn(|| match in_halves {
                        true => gate.send_in_halves(*protocol, request, go_on),
                        false => gate.try_send(*protocol, request),
                    })
                })
                .collect();
            let all = u64::try_from(sent.len()).unwrap();
            eventually("all requests at the gate", || {
                (gate.stat("http.gate.downstream_rq_active") == all).then_some(())
            });
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(gate.upstream.connections(), 0);
            gate.issuer.release();
            std::thread::sleep(Duration::from_millis(300));
            go_on.store(true, Ordering::SeqCst);
            for ((_, _, _, is_good), answer) in sent.iter().zip(answers) {
                let answer = answer.join().unwrap().expect("an answer");
                match (hands_over, is_good) {
                    (true, true) => assert!(gate.passed(&answer).body == body),
                    (true, false) => gate.denied(&answer, "untrusted.proof_body"),
                    (false, _) => gate.denied(&answer, "unavailable.body"),
                }
            }
        });
        let passes = if hands_over { sent.len() / 2 } else { 0 };
        assert_eq!(gate.upstream.hits(), passes);
        gate.finish();
    }
}

/// The same for a status list that the token names: of its first two tokens one is revoked.
#[test]
fn a_body_may_come_while_a_status_list_is_fetched() {
    let uri = "https://id.example.com/status/1";
    let (issuer, lists) = (Issuer::start(), Issuer::start());
    let list = json!({ "bits": 1, "lst": "eNrbuRgAAhcBXQ" });
    let claims = json!({ "sub": uri, "iat": passgate_kit::now(), "ttl": 60, "status_list": list });
    let list = Token::of(&issuer.key, ISSUER, "").header("typ", "statuslist+jwt");
    lists.publish_text(&list.raw_claims(&claims.to_string()).build());
    lists.hold();
    let mut policy = approving();
    policy["providers"]["acme"]["status_lists"] = json!({
        "uri_prefix": "https://id.example.com/status/", "cluster": "lists", "timeout": "5s",
    });
    let setup = Setup::new(policy).issuer(issuer);
    let setup = setup.cluster("lists", lists.address());
    let gate = setup.hands_over_bodies(true).start();
    let asking = Person::of(&gate);
    let sent = [0, 1].map(|index| {
        let nonce = asking.nonce(&gate);
        let place = json!({ "status_list": { "idx": index, "uri": uri } });
        let person = Person::with_token(gate.token().claim("status", place));
        let request = person.approve(Request::post(PATH, b"body"), &nonce, b"body");
        let mut client = gate.client();
        client.send(request.to_http1());
        client
    });
    eventually("the list is asked for", || {
        (lists.fetches() > 0).then_some(())
    });
    let [mut revoked, mut valid] = sent;
    assert!(
        valid.is_silent(Duration::from_millis(300)) && revoked.is_silent(Duration::from_millis(1))
    );
    assert_eq!(gate.upstream.connections(), 0);
    lists.release();
    gate.denied(&revoked.read(), "untrusted.revoked");
    assert_eq!(gate.passed(&valid.read()).body, b"body");
    gate.finish();
}

/// It says what would have been done, and the gate behind it decides.
#[test]
fn a_gate_that_observes_and_gets_no_bodies_lets_a_request_go_on_after_a_while() {
    let mut outer = approving();
    outer["rules"][0]["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
    let gate = handing_over()
        .edit(|bootstrap| bootstrap.add_outer("passgate-outer", &outer))
        // The outer one is the first of the chain.
        .hands_over_bodies(false)
        .start();
    let person = Person::of(&gate);
    let body = bytes(30_000);
    let sent = [&body[..], b"another"].map(|approved| {
        let nonce = person.nonce(&gate);
        person.approve(Request::post(PATH, &body), &nonce, approved)
    });
    let [good, bad] = &sent;
    std::thread::scope(|scope| {
        let good = scope.spawn(|| gate.send(Protocol::Http1, good));
        let bad = gate.send(Protocol::Http2, bad);
        assert_eq!(bad.status, 401);
        assert_eq!(good.join().unwrap().status, 200);
    });
    assert!(gate.upstream.last().body == body);
    assert_eq!(gate.upstream.hits(), 1);
    gate.finish();
}
