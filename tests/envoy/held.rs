//! Headers, body and trailers go on together and after the verdict, whether or not Envoy hands over
//! the body of a request whose headers are held (`allow_on_headers_stop_iteration`).

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Issuer, Protocol, Received, Request, Response, Setup, eventually,
    policy, policy_with, with,
};
use passgate_kit::{SigningKey, Token, jwks, tampered};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::approvals::approving;

/// Both settings of `allow_on_headers_stop_iteration`.
const SETTINGS: [bool; 2] = [false, true];

#[test]
fn nothing_of_a_request_goes_on_while_the_first_keys_are_fetched() {
    for setting in SETTINGS {
        let gate = stalled(policy(), setting);
        let tokens = Tokens::of(&gate.issuer.key);
        nothing_goes_on_before_the_verdict(gate, &tokens);
    }
}

#[test]
fn nothing_of_a_request_goes_on_beside_rules_that_read_bodies() {
    for setting in SETTINGS {
        let gate = stalled(approving(), setting);
        let tokens = Tokens::of(&gate.issuer.key);
        nothing_goes_on_before_the_verdict(gate, &tokens);
    }
}

#[test]
fn a_body_larger_than_envoys_buffer_waits_for_keys_and_passes_whole() {
    let shadow = json!({ "shadow": { "until": "2999-12-31" } });
    for setting in SETTINGS {
        let shadowed = with(approving(), "mode", shadow.clone());
        for policy in [policy(), approving(), shadowed, either()] {
            let gate = stalled(policy, setting);
            let request = Request::post("/upload", &bytes(3 * 1024 * 1024)).bearer(&gate.good());
            let sent: Vec<_> = BOTH
                .into_iter()
                .flat_map(|protocol| {
                    [
                        (protocol, request.clone()),
                        (protocol, request.clone().chunked()),
                    ]
                })
                .collect();
            for answer in sent_while_stalled(&gate, &sent, || ()) {
                gate.passed(&answer);
            }
            let all = gate.upstream.received();
            assert_eq!(all.len(), sent.len());
            assert!(
                all.iter()
                    .all(|received| received.body == bytes(3 * 1024 * 1024))
            );
            gate.finish();
        }
    }
}

#[test]
fn nothing_of_a_request_goes_on_while_the_issuers_document_is_fetched() {
    for setting in SETTINGS {
        let discovering = policy_with(json!({
            "remote_jwks": null,
            "discovery": { "cluster": "idp", "jwks_uri_prefix": format!("{ISSUER}/oauth/") },
        }));
        let issuer = Issuer::start();
        let document = json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/oauth/v1") });
        issuer.page(
            "/.well-known/openid-configuration",
            200,
            &document.to_string(),
        );
        let gate = stalled_by(issuer, discovering, setting);
        let tokens = Tokens::of(&gate.issuer.key);
        nothing_goes_on_before_the_verdict(gate, &tokens);
    }
}

#[test]
fn nothing_of_a_request_goes_on_while_an_unknown_key_is_looked_for() {
    for setting in SETTINGS {
        let gate = Setup::new(policy())
            .with_trailers()
            .hands_over_bodies(setting)
            .start();
        let request = Request::get("/keys-in-hand").bearer(&gate.good());
        gate.passed(&gate.send(Protocol::Http1, &request));
        gate.issuer.hold();
        let next = SigningKey::es256("k2");
        gate.issuer.publish(&[&gate.issuer.key, &next]);
        nothing_goes_on_before_the_verdict(gate, &Tokens::of(&next));
    }
}

/// What clients show while the gate looks for a key.
struct Tokens {
    honest: String,
    tampered: String,
    made_up: String,
}

impl Tokens {
    fn of(key: &SigningKey) -> Self {
        let honest = Token::of(key, ISSUER, AUDIENCE).build();
        let made_up = Token::of(key, ISSUER, AUDIENCE).header("kid", "made-up");
        Self {
            tampered: tampered(&honest),
            made_up: made_up.build(),
            honest,
        }
    }
}

/// Requests of every shape, honest and forged, wait until the issuer is released. Other clients
/// leave before.
fn nothing_goes_on_before_the_verdict(gate: Gate, tokens: &Tokens) {
    let before = gate.upstream.hits();
    let mut sent = Vec::new();
    for protocol in BOTH {
        for (name, token) in [("honest", &tokens.honest), ("tampered", &tokens.tampered)] {
            sent.extend(shapes(&format!("/{protocol:?}/{name}"), token).map(|r| (protocol, r)));
        }
    }
    let answers = sent_while_stalled(&gate, &sent, || {
        for token in [&tokens.honest, &tokens.tampered, &tokens.made_up] {
            for request in shapes("/gone", token) {
                let mut half = request.to_http1();
                half.truncate(half.len() - 2);
                let mut client = gate.client();
                client.send(&half);
                std::thread::sleep(Duration::from_millis(10));
                client.leave();
                let _ = gate.try_abandon(&request, Duration::from_millis(20));
            }
        }
    });
    for ((_, request), answer) in sent.iter().zip(answers) {
        if request.path.windows(6).any(|part| part == b"honest") {
            gate.passed(&answer);
            arrived_whole(&received(&gate, request), request);
        } else {
            gate.denied(&answer, "untrusted.signature");
        }
    }
    let honest = sent.len() / 2;
    assert_eq!(gate.upstream.hits(), before + honest);
    gate.finish();
}

/// Sends all of these at once. All wait and nothing goes on, also when something happens meanwhile,
/// until the issuer is released. Their answers.
fn sent_while_stalled(
    gate: &Gate,
    sent: &[(Protocol, Request)],
    meanwhile: impl FnOnce(),
) -> Vec<Response> {
    let reached = || (gate.upstream.hits(), gate.upstream.connections());
    let before = reached();
    std::thread::scope(|scope| {
        let answers: Vec<_> = sent
            .iter()
            .map(|(protocol, request)| scope.spawn(|| gate.send(*protocol, request)))
            .collect();
        are_at_the_gate(gate, sent.len());
        meanwhile();
        are_at_the_gate(gate, sent.len());
        // Envoy's buffer is full by then.
        std::thread::sleep(Duration::from_millis(300));
        assert!(answers.iter().all(|answer| !answer.is_finished()));
        assert_eq!(reached(), before, "{:?}", gate.upstream.received());
        gate.issuer.release();
        let answers = answers.into_iter();
        answers.map(|answer| answer.join().unwrap()).collect()
    })
}

/// So many requests are at the gate, soon.
#[track_caller]
fn are_at_the_gate(gate: &Gate, requests: usize) {
    let requests = u64::try_from(requests).unwrap();
    eventually("all requests at the gate, and no others", || {
        (gate.stat("http.gate.downstream_rq_active") == requests).then_some(())
    });
}

/// With a length, in chunks, with trailers, with trailers only, and with nothing but headers; all
/// with names that only the gate may write.
fn shapes(path: &str, token: &str) -> [Request; 5] {
    let path = |shape: &str| format!("{path}/{shape}");
    let trailers = |request: Request| {
        request
            .trailer("x-user", "root")
            .trailer("x-checksum", "kept")
    };
    [
        Request::post(path("length"), b"body"),
        Request::post(path("chunks"), b"body").chunked(),
        trailers(Request::post(path("trailers"), b"body")),
        trailers(Request::new("POST", path("only-trailers"))),
        Request::get(path("headers")),
    ]
    .map(|request| request.header("x-user", "root").bearer(token))
}

/// What the upstream received of a request that passed.
#[track_caller]
fn received(gate: &Gate, request: &Request) -> Received {
    let all = gate.upstream.received().into_iter();
    let mut of_path = all.filter(|received| received.path == request.path);
    let only = of_path.next().expect("a request of this path");
    assert!(of_path.next().is_none(), "it came twice");
    only
}

/// All that the client may send came, and the names of the gate say what the gate found out.
#[track_caller]
fn arrived_whole(received: &Received, request: &Request) {
    let body = request.body.clone().unwrap_or_default();
    let seen = received.body.len();
    assert!(received.body == body, "{seen} of {} bytes came", body.len());
    assert_eq!(received.headers.text("x-user"), Some("alice"));
    assert_eq!(received.trailers.bytes("x-user"), None);
    let kept = (!request.trailers.0.is_empty()).then_some("kept");
    assert_eq!(received.trailers.text("x-checksum"), kept);
}

#[test]
fn a_body_that_is_still_coming_at_the_verdict_arrives_whole_or_not_at_all() {
    arrives_whole_or_not_at_all(policy());
}

/// Without an approval, nobody reads the body.
#[test]
fn a_body_that_an_approval_may_cover_arrives_whole_by_another_way_of_its_rule() {
    arrives_whole_or_not_at_all(either());
}

/// A token is enough, and an approval that covers the body would be, too.
fn either() -> Value {
    let covering = json!({ "webauthn": { "mode": "transaction", "body": "required" } });
    let ways = json!([{ "proof": covering }, { "provider_name": "acme" }]);
    let either = json!({ "requires_any": { "requirements": ways } });
    let rules = json!([{ "match": { "prefix": "/" }, "requires": either }]);
    with(approving(), "rules", rules)
}

fn arrives_whole_or_not_at_all(policy: Value) {
    for setting in SETTINGS {
        let gate = stalled(policy.clone(), setting);
        let honest = gate.good();
        let mut sent = Vec::new();
        for protocol in BOTH {
            for (name, token) in [("honest", &honest), ("tampered", &tampered(&honest))] {
                let shapes = shapes(&format!("/{protocol:?}/{name}"), token).into_iter();
                for mut request in shapes.filter(|request| request.body.is_some()) {
                    request.body = Some(bytes(64 * 1024));
                    sent.push((protocol, request));
                }
            }
        }
        let go_on = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (gate, go_on) = (&gate, &go_on);
            let answers: Vec<_> = sent
                .iter()
                .map(|(protocol, request)| {
                    scope.spawn(|| gate.send_in_halves(*protocol, request, go_on))
                })
                .collect();
            are_at_the_gate(gate, sent.len());
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(gate.upstream.connections(), 0);
            gate.issuer.release();
            let honest = sent.len() / 2;
            eventually("the honest ones at the upstream", || {
                (gate.upstream.connections() == honest).then_some(())
            });
            std::thread::sleep(Duration::from_millis(100));
            go_on.store(true, Ordering::SeqCst);
            for ((protocol, request), answer) in sent.iter().zip(answers) {
                let answer = answer.join().unwrap();
                if request.path.windows(6).any(|part| part == b"honest") {
                    gate.passed(&answer.unwrap_or_else(|error| {
                        panic!("{protocol:?} {}: {error}", request.path.escape_ascii())
                    }));
                    arrived_whole(&received(gate, request), request);
                } else if let Ok(answer) = answer {
                    gate.denied(&answer, "untrusted.signature");
                }
            }
            assert_eq!(gate.upstream.hits(), honest);
        });
        gate.finish();
    }
}

#[test]
fn an_observed_request_passes_as_it_came_after_it_waited() {
    let open = json!({ "shadow": { "until": "2999-12-31" } });
    for setting in SETTINGS {
        let gate = stalled(with(policy(), "mode", open.clone()), setting);
        let token = tampered(&gate.good());
        let sent: Vec<_> = BOTH
            .into_iter()
            .flat_map(|protocol| shapes(&format!("/{protocol:?}"), &token).map(|r| (protocol, r)))
            .collect();
        let answers = sent_while_stalled(&gate, &sent, || ());
        for ((_, request), answer) in sent.iter().zip(answers) {
            gate.passed(&answer);
            let received = received(&gate, request);
            assert_eq!(received.body, request.body.clone().unwrap_or_default());
            assert_eq!(received.headers.text("x-user"), Some("root"));
            let spoofed = (!request.trailers.0.is_empty()).then_some("root");
            assert_eq!(received.trailers.text("x-user"), spoofed);
        }
        gate.finish();
    }
}

#[test]
fn a_body_larger_than_envoys_buffer_passes_with_keys_in_hand() {
    for setting in SETTINGS {
        let issuer = Issuer::start();
        let inline = json!({ "inline_string": jwks(&[&issuer.key]) });
        let keys_in_hand = policy_with(json!({ "remote_jwks": null, "local_jwks": inline }));
        let setup = Setup::new(keys_in_hand).issuer(issuer);
        let gate = setup.hands_over_bodies(setting).start();
        let request = Request::post("/upload", &bytes(3 * 1024 * 1024)).bearer(&gate.good());
        for protocol in BOTH {
            let received = gate.passed(&gate.send(protocol, &request));
            assert!(received.body == bytes(3 * 1024 * 1024));
        }
        gate.finish();
    }
}

fn bytes(count: u32) -> Vec<u8> {
    (0..count).map(|index| index.to_le_bytes()[0]).collect()
}

/// A gate whose issuer does not answer until it is released.
fn stalled(policy: Value, setting: bool) -> Gate {
    stalled_by(Issuer::start(), policy, setting)
}

fn stalled_by(issuer: Issuer, policy: Value, setting: bool) -> Gate {
    issuer.hold();
    Setup::new(policy)
        .issuer(issuer)
        .with_trailers()
        .hands_over_bodies(setting)
        .start()
}
