//! A passkey approves a request with its body, which Envoy hands over while it holds the headers
//! (`allow_on_headers_stop_iteration`), or does not.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use passgate_harness::{BOTH, Gate, Http1, Protocol, Request, Response, Setup, eventually, with};
use passgate_kit::ApprovalBuilder;
use serde_json::json;

use crate::approvals::{Person, approving, nonce};

pub(crate) const PATH: &str = "/order/7?to=bob";

/// A gate whose host hands over bodies.
pub(crate) fn handing_over() -> Setup {
    Setup::new(approving()).hands_over_bodies(true)
}

impl Person {
    /// A nonce for an approval.
    pub(crate) fn nonce(&self, gate: &Gate) -> String {
        let asked = self.without(Request::new("POST", PATH));
        nonce(&gate.send(Protocol::Http1, &asked))
    }

    /// This request, approved, as far as its URL is [`PATH`] and its body this one.
    pub(crate) fn approve(&self, request: Request, nonce: &str, body: &[u8]) -> Request {
        self.approve_as(request, nonce, |proof| proof.body(body))
    }

    pub(crate) fn approve_as(
        &self,
        request: Request,
        nonce: &str,
        change: impl FnOnce(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>,
    ) -> Request {
        let approval = self.approval(&request.method, PATH, nonce);
        self.with(request, change(approval))
    }
}

/// The same bytes again and again, none like its neighbours.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    let numbers = 0..u32::try_from(count).unwrap();
    let mixed = numbers.map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]);
    mixed.collect()
}

/// The request with a body of each kind: none, announced and empty, short, long, and without a
/// length.
fn shapes() -> Vec<Request> {
    let mut shapes = vec![Request::new("POST", PATH), Request::post(PATH, b"")];
    for body in [b"{\"amount\":10}".to_vec(), bytes(60_000)] {
        shapes.push(Request::post(PATH, &body));
        shapes.push(Request::post(PATH, &body).chunked());
    }
    shapes.push(Request::post(PATH, b"").chunked());
    shapes
}

/// The gate refuses it and says so; or it ends the connection after that, which a client that is
/// still sending may not see.
fn refused(gate: &Gate, answer: Result<Response, String>, code: &str) {
    if let Ok(answer) = answer {
        gate.denied(&answer, code);
    }
}

#[test]
fn the_body_that_was_approved_passes_once_and_no_other_does() {
    let gate = handing_over().with_trailers().start();
    let person = Person::of(&gate);
    for protocol in BOTH {
        for request in shapes() {
            let body = request.body.clone().unwrap_or_default();
            let nonce = person.nonce(&gate);
            let other = [&*body, b" "].concat();
            let shown = format!("{protocol:?} {} {:?}", body.len(), request.is_chunked());
            for approved in [&other[..], b"something else"] {
                let altered = person.approve(request.clone(), &nonce, approved);
                let answer = gate.send(protocol, &altered);
                assert_eq!(answer.status, 401, "{shown}");
                gate.denied(&answer, "untrusted.proof_body");
            }
            let before = gate.upstream.hits();
            let good = person.approve(request, &nonce, &body);
            let answer = gate.send(protocol, &good);
            assert_eq!(answer.status, 200, "{shown}: {answer:?}");
            let received = gate.passed(&answer);
            assert!(received.body == body, "{shown}");
            assert_eq!(received.headers.text("x-user"), Some("alice"));
            assert_eq!(received.headers.text("webauthn-proof"), None);
            assert_eq!(gate.upstream.hits(), before + 1);
            gate.denied(&gate.send(protocol, &good), "untrusted.proof_replayed");
        }
        // What says how to read it is approved, too.
        let json = || Request::post(PATH, b"{}").header("content-type", "application/json");
        let nonce = person.nonce(&gate);
        let silent = person.approve(json(), &nonce, b"{}");
        gate.denied(&gate.send(protocol, &silent), "untrusted.proof_body");
        let said = person.approve_as(json(), &nonce, |proof| {
            proof.body(b"{}").claim("content_type", "application/json")
        });
        gate.passed(&gate.send(protocol, &said));
    }
    gate.finish();
}

/// A client of HTTP/1.1 that sends the head of a request, and its body as it likes.
pub(crate) fn begun(gate: &Gate, request: &Request) -> Http1 {
    let wire = request.to_http1();
    let end = wire
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let mut client = gate.client();
    client.send(&wire[..end + 4]);
    client
}

/// One by one, each with time to arrive alone.
fn in_pieces(client: &mut Http1, pieces: &[&[u8]]) {
    for piece in pieces {
        std::thread::sleep(Duration::from_millis(50));
        if client.try_send(piece).is_err() {
            // The gate has answered.
            return;
        }
    }
}

#[test]
fn a_body_in_pieces_is_judged_by_all_of_them() {
    let gate = handing_over().start();
    let person = Person::of(&gate);
    let pieces: [&[u8]; 4] = [b"{\"amount\"", b":10", b"", b"}"];
    let whole = pieces.concat();
    let chunk = |piece: &[u8]| {
        let size = format!("{:x}\r\n", piece.len());
        [size.as_bytes(), piece, b"\r\n"].concat()
    };
    // What a host hands over piece by piece must not be judged by one piece: not by the last, nor
    // by all but the last, nor by the first.
    for (approved, passes) in [
        (&whole[..], true),
        (b"}", false),
        (b"{\"amount\":10", false),
        (b"{\"amount\"", false),
        (b"", false),
    ] {
        for chunked in [false, true] {
            let nonce = person.nonce(&gate);
            let request = Request::post(PATH, &whole);
            let request = if chunked { request.chunked() } else { request };
            let request = person.approve(request, &nonce, approved);
            let mut client = begun(&gate, &request);
            let before = gate.upstream.connections();
            if chunked {
                let full = pieces.iter().filter(|piece| !piece.is_empty());
                let mut chunks: Vec<Vec<u8>> = full.map(|piece| chunk(piece)).collect();
                chunks.push(b"0\r\n\r\n".to_vec());
                let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
                let (last, first) = chunks.split_last().unwrap();
                in_pieces(&mut client, first);
                assert!(client.is_silent(Duration::from_millis(100)));
                assert_eq!(gate.upstream.connections(), before);
                in_pieces(&mut client, &[last]);
            } else {
                let (last, first) = pieces.split_last().unwrap();
                in_pieces(&mut client, first);
                assert!(client.is_silent(Duration::from_millis(100)));
                assert_eq!(gate.upstream.connections(), before);
                in_pieces(&mut client, &[last]);
            }
            let answer = client.read();
            if passes {
                let received = gate.passed(&answer);
                assert_eq!(received.body, whole, "{chunked}");
            } else {
                gate.denied(&answer, "untrusted.proof_body");
            }
        }
    }
    gate.finish();
}

#[test]
fn nothing_of_a_body_goes_on_before_all_of_it_was_judged() {
    let gate = handing_over().workers(2).start();
    let person = Person::of(&gate);
    let body = bytes(50_000);
    let mut sent = Vec::new();
    for protocol in BOTH {
        for request in [
            Request::post(PATH, &body),
            Request::post(PATH, &body).chunked(),
        ] {
            for approved in [&body, &body[..25_000].to_vec()] {
                let nonce = person.nonce(&gate);
                let request = person.approve(request.clone(), &nonce, approved);
                sent.push((protocol, request, approved.len() == body.len()));
            }
        }
    }
    let go_on = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (gate, go_on) = (&gate, &go_on);
        let answers: Vec<_> = sent
            .iter()
            .map(|(protocol, request, _)| {
                scope.spawn(|| gate.send_in_halves(*protocol, request, go_on))
            })
            .collect();
        let all = u64::try_from(sent.len()).unwrap();
        eventually("all requests at the gate", || {
            (gate.stat("http.gate.downstream_rq_active") == all).then_some(())
        });
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!((gate.upstream.hits(), gate.upstream.connections()), (0, 0));
        go_on.store(true, Ordering::SeqCst);
        for ((_, _, is_good), answer) in sent.iter().zip(answers) {
            let answer = answer.join().unwrap().expect("an answer");
            if *is_good {
                assert!(gate.passed(&answer).body == body);
            } else {
                gate.denied(&answer, "untrusted.proof_body");
            }
        }
    });
    assert_eq!(gate.upstream.hits(), sent.len() / 2);
    gate.finish();
}

#[test]
fn trailers_are_not_approved() {
    let gate = handing_over().with_trailers().start();
    let person = Person::of(&gate);
    for protocol in BOTH {
        for request in [Request::post(PATH, b"body"), Request::new("POST", PATH)] {
            let nonce = person.nonce(&gate);
            let body = request.body.clone().unwrap_or_default();
            let request = request.trailer("x-amount", "1000");
            let request = person.approve(request, &nonce, &body);
            gate.denied(&gate.send(protocol, &request), "untrusted.proof_body");
        }
    }
    assert_eq!(gate.upstream.connections(), 0);
    gate.finish();

    // Envoy drops those of HTTP/1.1 unless it is told otherwise, so nobody gets them.
    let gate = handing_over().start();
    let person = Person::of(&gate);
    let nonce = person.nonce(&gate);
    let request = Request::post(PATH, b"body").trailer("x-amount", "1000");
    let request = person.approve(request, &nonce, b"body");
    let received = gate.passed(&gate.send(Protocol::Http1, &request));
    assert_eq!(received.body, b"body");
    assert!(received.trailers.0.is_empty());
    gate.finish();
}

#[test]
fn a_body_beyond_the_limit_is_too_large_however_it_comes() {
    let policy = with(approving(), "limits", json!({ "proof_body_bytes": 4_096 }));
    let gate = Setup::new(policy).hands_over_bodies(true).start();
    let person = Person::of(&gate);
    for protocol in BOTH {
        // The last is more than Envoy holds.
        for size in [4_097, 40_000, 2 << 20] {
            let body = bytes(size);
            for request in [
                Request::post(PATH, &body),
                Request::post(PATH, &body).chunked(),
            ] {
                let nonce = person.nonce(&gate);
                let request = person.approve(request, &nonce, &body);
                let answer = gate.try_send(protocol, &request);
                refused(&gate, answer, "forbidden.body_size");
            }
        }
        let body = bytes(4_096);
        for request in [
            Request::post(PATH, &body),
            Request::post(PATH, &body).chunked(),
        ] {
            let nonce = person.nonce(&gate);
            let request = person.approve(request, &nonce, &body);
            assert!(gate.passed(&gate.send(protocol, &request)).body == body);
        }
    }
    assert_eq!(gate.upstream.hits(), 4);
    // Whatever a client still sends is thrown away, and the answer is there to be read.
    let nonce = person.nonce(&gate);
    let request = person.approve(Request::post(PATH, &bytes(4_097)), &nonce, b"");
    gate.denied(&begun(&gate, &request).read(), "forbidden.body_size");
    gate.finish();
}

/// Envoy answers itself, so the client sends its body while the headers are held.
#[test]
fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let gate = handing_over().start();
    let person = Person::of(&gate);
    let nonce = person.nonce(&gate);
    let request = Request::post(PATH, b"body").header("expect", "100-continue");
    let request = person.approve(request, &nonce, b"body");
    let mut client = begun(&gate, &request);
    assert_eq!(client.try_read_head().unwrap().status, 100);
    client.send(b"body");
    let received = gate.passed(&client.read());
    assert_eq!(received.body, b"body");
    gate.finish();
}

#[test]
fn two_gates_in_a_chain_judge_one_body_each_for_itself() {
    let mut outer = approving();
    let rules = outer["rules"].as_array_mut().unwrap();
    rules[0]["requires"]["proof"]["webauthn"]["forward"] = json!(true);
    outer["providers"]["acme"]["forward"] = json!(true);
    let gate = handing_over()
        .edit(|bootstrap| bootstrap.add_outer("passgate-outer", &outer))
        .start();
    let person = Person::of(&gate);
    let body = bytes(30_000);
    for protocol in BOTH {
        let nonce = person.nonce(&gate);
        let wrong = person.approve(Request::post(PATH, &body), &nonce, b"x");
        let answer = gate.send(protocol, &wrong);
        assert_eq!(answer.status, 401);
        let good = person.approve(Request::post(PATH, &body).chunked(), &nonce, &body);
        assert!(gate.passed(&gate.send(protocol, &good)).body == body);
        assert_eq!(gate.send(protocol, &good).status, 401);
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn an_observed_request_passes_with_its_body_whatever_was_approved() {
    let mut policy = approving();
    policy["rules"][0]["mode"] = json!({ "shadow": { "until": "2999-12-31" } });
    let gate = Setup::new(policy)
        .with_trailers()
        .hands_over_bodies(true)
        .start();
    let person = Person::of(&gate);
    // The other rules are enforced, so that there is a nonce.
    let asked = person.without(Request::new("POST", "/pay"));
    let nonce = nonce(&gate.send(Protocol::Http1, &asked));
    let body = bytes(30_000);
    for protocol in BOTH {
        for request in [
            Request::post(PATH, &body),
            Request::post(PATH, &body).chunked(),
            Request::post(PATH, &body).trailer("x-trailer", "kept"),
        ] {
            let before = gate.upstream.hits();
            let sent = person.approve(request, &nonce, b"another");
            assert_eq!(gate.send(protocol, &sent).status, 200);
            let received = gate.upstream.last();
            assert!(received.body == body);
            assert!(received.headers.text("webauthn-proof").is_some());
            assert_eq!(gate.upstream.hits(), before + 1);
        }
    }
    gate.finish();
}
