//! Identity headers that a client sends itself.

use passgate_harness::{
    BOTH, Gate, Headers, Issuer, Protocol, Request, Setup, policy, policy_with, public, ruled,
    second_provider, the_rest,
};
use serde_json::{Value, json};
use std::time::Duration;

/// What must never reach the upstream from a client.
const SPOOFS: [&str; 13] = [
    "x-user",
    "x_user",
    "x.user",
    "x~user",
    "x-passgate.principal",
    "x-passgate-principal",
    "x_passgate_principal",
    "x-passgate_provider",
    "x-passgate-kind",
    "x-passgate-phishing-resistant",
    "x_passgate_made_up",
    "x-passgate-",
    "x-passgate-user-verified",
];

#[test]
fn spoofed_headers_are_removed_beside_a_good_token() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &spoofed(Request::get("/")).bearer(&good)));
        free_of_spoofs(&received.headers);
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.text("x-userx"), Some("kept"));
    }
    gate.finish();
}

#[test]
fn spoofed_headers_are_removed_on_public_paths() {
    let gate = Gate::start(ruled(policy(), json!([public("/public/"), the_rest()])));
    let good = gate.good();
    for protocol in BOTH {
        for request in [
            Request::get("/public/a"),
            Request::get("/public/a").bearer(&good),
        ] {
            let received = gate.passed(&gate.send(protocol, &spoofed(request)));
            free_of_spoofs(&received.headers);
            assert_eq!(received.headers.bytes("x-user"), None);
            assert_eq!(received.headers.bytes("x-passgate-principal"), None);
        }
    }
    gate.finish();
}

#[test]
fn a_claim_that_is_absent_null_or_empty_leaves_no_spoofed_header() {
    // Not of `sub`, without which no token passes.
    let rules = json!([{ "claim_name": "nickname", "header_name": "x-user" }]);
    let gate = Gate::start(policy_with(json!({ "claim_to_headers": rules })));
    for (token, written) in [
        (gate.token().claim("nickname", "al"), Some("al")),
        (gate.token(), None),
        (gate.token().claim("nickname", Value::Null), None),
        (gate.token().claim("nickname", ""), None),
        (gate.token().claim("nickname", json!([])), None),
    ] {
        let token = token.build();
        for protocol in BOTH {
            let answer = gate.send(protocol, &spoofed(Request::get("/")).bearer(&token));
            let received = gate.passed(&answer);
            free_of_spoofs(&received.headers);
            assert_eq!(received.headers.text("x-user"), written);
        }
    }
    gate.finish();
}

#[test]
fn an_upgrade_lets_no_intermediary_drop_an_identity_header() {
    let gate = Gate::start(ruled(policy(), json!([public("/public/"), the_rest()])));
    let named = "X-User, upgrade, x_passgate_kind,keep-alive, x-passgate-principal";
    for path in ["/socket", "/public/socket"] {
        let request = Request::get(path)
            .header("connection", named)
            .header("upgrade", "websocket")
            .bearer(&gate.good());
        let received = gate.passed(&gate.send(Protocol::Http1, &request));
        let options = received.headers.text("connection");
        assert_eq!(options, Some("upgrade, keep-alive"), "{path}");
        assert_eq!(received.headers.text("upgrade"), Some("websocket"));
    }
    gate.finish();
}

#[test]
fn spoofed_trailers_are_removed() {
    let rules = json!([public("/public/"), the_rest()]);
    let gate = Setup::new(ruled(policy(), rules)).with_trailers().start();
    let good = gate.good();
    for protocol in BOTH {
        for path in ["/private", "/public/a"] {
            let mut request = Request::post(path, b"body").bearer(&good);
            for name in SPOOFS {
                request = request.trailer(name, "spoofed");
            }
            let request = request.trailer("x-checksum", "kept");
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(received.body, b"body");
            assert_eq!(
                received.trailers.text("x-checksum"),
                Some("kept"),
                "{protocol:?} {path}"
            );
            free_of_spoofs(&received.trailers);
        }
    }
    gate.finish();
}

#[test]
fn spoofed_trailers_are_removed_while_keys_are_awaited() {
    for protocol in BOTH {
        let issuer = Issuer::start();
        issuer.hold();
        let gate = Setup::new(policy()).issuer(issuer).with_trailers().start();
        let request = Request::post("/", b"body").bearer(&gate.good());
        let request = request
            .trailer("x-user", "spoofed")
            .trailer("x-checksum", "kept");
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| gate.send(protocol, &request));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!answer.is_finished());
            assert_eq!(gate.upstream.connections(), 0);
            gate.issuer.release();
            let received = gate.passed(&answer.join().unwrap());
            assert_eq!(received.body, b"body");
            assert_eq!(received.trailers.text("x-checksum"), Some("kept"));
            free_of_spoofs(&received.trailers);
        });
        gate.finish();
    }
}

#[test]
fn headers_of_a_second_provider_are_removed_as_well() {
    let mut policy = policy();
    policy["providers"]["partners"] = second_provider();
    let policy = ruled(
        policy,
        json!([
            { "match": { "path_separated_prefix": "/partners" }, "requires": { "provider_name": "partners" } },
            the_rest(),
        ]),
    );
    let second = Issuer::start();
    let gate = Setup::new(policy).cluster("idp2", second.address()).start();
    let good = gate.good();
    for protocol in BOTH {
        let request = Request::get("/")
            .bearer(&good)
            .header("x_partner", "spoofed");
        let received = gate.passed(&gate.send(protocol, &request.header("x-partner", "spoofed")));
        free_of_spoofs(&received.headers);
        assert_eq!(received.headers.text("x-user"), Some("alice"));
    }
    gate.finish();
}

fn spoofed(mut request: Request) -> Request {
    for name in SPOOFS {
        request = request.header(name, "spoofed");
    }
    request.header("x-userx", "kept")
}

#[track_caller]
fn free_of_spoofs(headers: &Headers) {
    let spoofed = headers
        .0
        .iter()
        .any(|(_, value)| value.windows(7).any(|part| part == b"spoofed"));
    assert!(!spoofed, "{headers:?}");
}
