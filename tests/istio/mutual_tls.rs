//! The workload's identity, from the mesh, beside the person's, from the filter.

use crate::harness::{Request, file, story};
use std::net::TcpStream;

#[test]
fn the_right_person_from_the_wrong_workload_is_denied() {
    let mesh = story();
    for name in ["sidecar.yaml", "strict-mtls.yaml", "authorization.yaml"] {
        mesh.apply(&file(name));
    }
    let alice = mesh.to_ledger().bearer(&mesh.good());
    // The policy and the plugin arrive one after the other: both are there when each has refused something.
    mesh.eventually("a refusal by the policy", || {
        mesh.batch.until(403, &alice).text() == "RBAC: access denied"
    });
    mesh.web.until(401, &mesh.to_ledger());
    mesh.settled();
    mesh.web.until(200, &alice);

    let mallory = mesh.token().claim("sub", "mallory").build();
    let denied = mesh.web.until(403, &mesh.to_ledger().bearer(&mallory));
    assert_eq!(denied.text(), "RBAC: access denied");
    // A header of the client is not what the policy reads.
    let forged = mesh.to_ledger().bearer(&mallory).header("x-user", "alice");
    assert_eq!(mesh.web.until(403, &forged).text(), "RBAC: access denied");

    // The gateway is a workload like others: not the one that the policy names.
    let through_gateway = Request::get("/").bearer(&mesh.good());
    assert_eq!(
        mesh.gateway.until(403, &through_gateway).text(),
        "RBAC: access denied"
    );
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
