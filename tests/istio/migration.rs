//! From RequestAuthentication to the filter, step by step.

use crate::harness::{DENIED, Request, Story, file, story};

/// A request of somebody of the group that the policy of `1-before.yaml` asks for.
fn from_finance(mesh: &Story) -> Request {
    let token = mesh.token().claim("groups", serde_json::json!(["finance"]));
    mesh.to_ledger().bearer(&token.build())
}

/// Istio's own filter goes.
fn without_request_authentication(mesh: &Story) {
    mesh.kubectl(&[
        "delete",
        "requestauthentication",
        "ledger",
        "--namespace",
        "payments",
    ]);
}

#[test]
fn from_request_authentication_to_the_filter() {
    let mesh = story();
    let finance = from_finance(&mesh);
    let other = mesh.to_ledger().bearer(&mesh.good());
    let denied_by_policy = || {
        assert_eq!(mesh.web.until(403, &other).text(), DENIED);
        assert_eq!(mesh.batch.until(403, &finance).text(), DENIED);
    };

    mesh.apply(&file("migration/1-before.yaml"));
    let refused = mesh.web.until(403, &mesh.to_ledger());
    assert_eq!(refused.text(), DENIED);
    mesh.web.until(200, &finance);
    mesh.settled();
    denied_by_policy();

    // Beside it: the filter answers first, and Istio's filter still finds the token.
    mesh.apply(&file("migration/2-beside.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.settled();
    let passed = mesh.web.until(200, &finance).text();
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
    assert!(passed.contains("\"authorization\":\"Bearer "), "{passed}");
    denied_by_policy();

    // In its place: the rule about groups is the filter's, and so is the answer.
    mesh.apply(&file("migration/3-after.yaml"));
    without_request_authentication(&mesh);
    mesh.eventually("the filter's own answer", || {
        let refused = mesh.web.until(403, &other);
        refused.text().contains("\"status\":403")
    });
    mesh.settled();
    let passed = mesh.web.until(200, &finance).text();
    assert!(!passed.contains("\"authorization\""), "{passed}");
    assert_eq!(mesh.batch.until(403, &finance).text(), DENIED);
    mesh.web.until(401, &mesh.to_ledger());
}

#[test]
fn a_policy_on_claims_cannot_follow() {
    let mesh = story();
    let finance = from_finance(&mesh);
    mesh.apply(&file("migration/1-before.yaml"));
    mesh.apply(&file("migration/2-beside.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(200, &finance);
    // Without Istio's own filter nobody fills in what `request.auth.claims` and `requestPrincipals`
    // read.
    without_request_authentication(&mesh);
    assert_eq!(mesh.web.until(403, &finance).text(), DENIED);
}
