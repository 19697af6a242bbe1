//! From RequestAuthentication to the filter, step by step.

use crate::harness::{file, story};

#[test]
fn from_request_authentication_to_the_filter() {
    let mesh = story();
    let finance = mesh
        .token()
        .claim("groups", serde_json::json!(["finance"]))
        .build();
    let finance = mesh.to_ledger().bearer(&finance);
    let other = mesh.to_ledger().bearer(&mesh.good());
    let denied = "RBAC: access denied";

    mesh.apply(&file("migration/1-before.yaml"));
    assert_eq!(mesh.web.until(403, &mesh.to_ledger()).text(), denied);
    mesh.web.until(200, &finance);
    assert_eq!(mesh.web.until(403, &other).text(), denied);
    assert_eq!(mesh.batch.until(403, &finance).text(), denied);

    // Beside it: the filter answers first, and Istio's filter still finds the token.
    mesh.apply(&file("migration/2-beside.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.until_it_gets(&mesh.web, &finance, "\"x-user\":\"alice\"");
    mesh.until_it_gets(&mesh.web, &finance, "\"authorization\":\"Bearer ");
    assert_eq!(mesh.web.until(403, &other).text(), denied);
    assert_eq!(mesh.batch.until(403, &finance).text(), denied);

    // In its place: the rule about groups is the filter's, and so is the answer.
    mesh.apply(&file("migration/3-after.yaml"));
    mesh.kubectl(&[
        "delete",
        "requestauthentication",
        "ledger",
        "--namespace",
        "payments",
    ]);
    mesh.eventually("the filter's own answer", || {
        mesh.web
            .until(403, &other)
            .text()
            .contains("\"status\":403")
    });
    mesh.eventually("no token at the service", || {
        let answer = mesh.web.until(200, &finance);
        !answer.text().contains("\"authorization\"")
    });
    assert_eq!(mesh.batch.until(403, &finance).text(), denied);
    mesh.web.until(401, &mesh.to_ledger());
}

#[test]
fn a_policy_on_claims_cannot_follow() {
    let mesh = story();
    let finance = mesh
        .token()
        .claim("groups", serde_json::json!(["finance"]))
        .build();
    let finance = mesh.to_ledger().bearer(&finance);
    mesh.apply(&file("migration/1-before.yaml"));
    mesh.apply(&file("migration/2-beside.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(200, &finance);
    // Without Istio's own filter nobody fills in what `request.auth.claims` and `requestPrincipals` read.
    mesh.kubectl(&[
        "delete",
        "requestauthentication",
        "ledger",
        "--namespace",
        "payments",
    ]);
    assert_eq!(mesh.web.until(403, &finance).text(), "RBAC: access denied");
}
