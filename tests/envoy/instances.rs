//! The filter more than once on one request: two instances in a chain, and an internal redirect.

use passgate_harness::{BOTH, Gate, Issuer, Request, Setup, policy, policy_with, ruled};
use passgate_kit::tampered;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn two_instances_must_both_agree() {
    let outer = policy_with(json!({
        "forward": true,
        "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-outer" }],
    }));
    let inner = ruled(
        policy(),
        json!([
            { "match": { "prefix": "/" }, "requires": { "provider_name": "acme", "scopes": ["inner"] } },
        ]),
    );
    let gate = Setup::new(inner)
        .edit(|bootstrap| bootstrap.add_outer("outer", &outer))
        .start();
    let good = gate.token().claim("scope", "inner").build();
    let short = gate.good();
    for protocol in BOTH {
        let request = Request::get("/").bearer(&good);
        let request = ["x-outer", "x-user", "x-passgate-principal"]
            .iter()
            .fold(request, |request, name| request.header(name, "spoofed"));
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("x-outer"), Some("alice"));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        let principal = received.headers.text("x-passgate-principal");
        assert_eq!(principal, Some("https://id.example.com/alice"));
        assert_eq!(received.headers.bytes("authorization"), None);

        // Refused by the inner one, then by the outer one.
        let answer = gate.send(protocol, &Request::get("/").bearer(&short));
        gate.denied(&answer, "insufficient.scope");
        let answer = gate.send(protocol, &Request::get("/").bearer(&tampered(&good)));
        gate.denied(&answer, "untrusted.signature");
    }
    gate.finish();
}

#[test]
fn two_instances_wait_for_keys_one_after_the_other() {
    let outer = policy_with(json!({ "forward": true, "claim_to_headers": null }));
    let issuer = Issuer::start();
    issuer.hold();
    let setup = Setup::new(policy()).issuer(issuer);
    let gate = setup
        .edit(|bootstrap| bootstrap.add_outer("outer", &outer))
        .start();
    let mut client = gate.client();
    client.send(Request::post("/", b"body").bearer(&gate.good()).to_http1());
    assert!(client.is_silent(Duration::from_millis(300)));
    assert_eq!(gate.upstream.connections(), 0);
    gate.issuer.release();
    let received = gate.passed(&client.read());
    assert_eq!(received.body, b"body");
    assert_eq!(received.headers.text("x-user"), Some("alice"));
    gate.finish();
}

#[test]
fn an_outer_instance_that_removes_the_token_leaves_nothing_for_the_inner_one() {
    let setup = Setup::new(policy());
    let gate = setup
        .edit(|bootstrap| bootstrap.add_outer("outer", &policy()))
        .start();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&gate.good()));
        gate.denied(&answer, "missing.token");
    }
    gate.finish();
}

#[test]
fn an_internal_redirect_runs_the_filter_again() {
    for (forward, status) in [(false, 401), (true, 200)] {
        let gate = redirecting(policy_with(json!({ "forward": forward })));
        gate.upstream
            .redirect("/first", "http://api.example.com/second");
        let good = gate.good();
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/first").bearer(&good));
            assert_eq!(answer.status, status, "forward: {forward}: {answer:?}");
            let paths = gate.upstream.received();
            let last = paths.last().unwrap();
            if forward {
                assert_eq!(last.path, b"/second");
                assert_eq!(last.headers.text("x-user"), Some("alice"));
            } else {
                assert_eq!(last.path, b"/first");
            }
        }
        gate.finish();
    }
}

#[test]
fn an_internal_redirect_cannot_reach_what_the_token_may_not() {
    let gate = redirecting(ruled(
        policy_with(json!({ "forward": true })),
        json!([
            { "match": { "path": "/admin" }, "requires": { "provider_name": "acme", "scopes": ["admin"] } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
        ]),
    ));
    gate.upstream
        .redirect("/first", "http://api.example.com/admin");
    let good = gate.good();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/first").bearer(&good));
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert!(
        gate.upstream
            .received()
            .iter()
            .all(|received| received.path == b"/first")
    );
    gate.finish();
}

fn redirecting(policy: Value) -> Gate {
    let setup = Setup::new(policy);
    let setup = setup.edit(|bootstrap| {
        bootstrap.route()["internal_redirect_policy"] = json!({ "max_internal_redirects": 1 });
    });
    setup.start()
}
