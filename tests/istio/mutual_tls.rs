//! The workload's identity, from the mesh, beside the person's, from the filter.

use crate::harness::{DENIED, Request, Story, file, story};
use serde_json::json;
use std::net::TcpStream;

/// The mesh with the plugin and the policies of the guide.
fn guarded() -> Story {
    let mesh = story();
    for name in ["sidecar.yaml", "strict-mtls.yaml", "authorization.yaml"] {
        mesh.apply(&file(name));
    }
    // The policy and the plugin arrive one after the other: both are there when each has refused
    // something.
    let alice = mesh.to_ledger().bearer(&mesh.good());
    mesh.eventually("a refusal by the policy", || {
        mesh.batch.until(403, &alice).text() == DENIED
    });
    mesh.web.until(401, &mesh.to_ledger());
    mesh.settled();
    mesh
}

#[test]
fn the_right_person_from_the_wrong_workload_is_denied() {
    let mesh = guarded();
    let alice = mesh.to_ledger().bearer(&mesh.good());
    mesh.web.until(200, &alice);
    assert_eq!(mesh.batch.until(403, &alice).text(), DENIED);

    let mallory = mesh.token().claim("sub", "mallory").build();
    let denied = mesh.web.until(403, &mesh.to_ledger().bearer(&mallory));
    assert_eq!(denied.text(), DENIED);
    // A header of the client is not what the policy reads.
    let forged = mesh.to_ledger().bearer(&mallory).header("x-user", "alice");
    assert_eq!(mesh.web.until(403, &forged).text(), DENIED);

    // The gateway is a workload like others: not the one that the policy names.
    let through_gateway = Request::get("/").bearer(&mesh.good());
    let denied = mesh.gateway.until(403, &through_gateway);
    assert_eq!(denied.text(), DENIED);
}

#[test]
fn a_policy_asks_how_the_person_signed_in_beside_which_workload_calls() {
    let mesh = guarded();
    let signed_in_with = |methods: &[&str]| {
        let token = mesh.token().claim("scope", "payments:write");
        let token = token.claim("amr", json!(methods)).build();
        let mut writing = mesh.to_ledger().bearer(&token);
        writing.method = "POST".to_owned();
        writing
    };
    let (passkey, password) = (signed_in_with(&["hwk"]), signed_in_with(&["pwd"]));
    let passed = mesh.web.until(200, &passkey).text();
    let fact = "\"x-passgate-phishing-resistant\":\"true\"";
    assert!(passed.contains(fact), "{passed}");
    assert_eq!(mesh.web.until(403, &password).text(), DENIED);
    let claimed = password.header("x-passgate-phishing-resistant", "true");
    assert_eq!(mesh.web.until(403, &claimed).text(), DENIED);
    assert_eq!(mesh.batch.until(403, &passkey).text(), DENIED);
}

#[test]
fn nobody_goes_around_the_proxies_without_a_certificate() {
    let mesh = story();
    let direct = "10.0.0.5:8080".parse().unwrap();
    let status = || {
        mesh.at(direct, &mesh.to_ledger())
            .map(|answer| answer.status)
    };
    assert_eq!(status(), Some(200));
    mesh.apply(&file("strict-mtls.yaml"));
    mesh.eventually("no answer without a certificate", || status().is_none());
    assert!(TcpStream::connect(direct).is_ok(), "it listens");
    mesh.web.until(200, &mesh.to_ledger());
}
