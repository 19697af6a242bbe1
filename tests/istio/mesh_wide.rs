//! A rule for the whole mesh, and a namespace that asks for more.

use crate::harness::{Story, file, plugin, story};
use serde_json::json;

fn tightened(mesh: &Story, outer: &str, inner: &str) {
    mesh.apply(&file(outer));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.settled();
    let without_scope = mesh.to_ledger().bearer(&mesh.good());
    let passed = mesh.web.until(200, &without_scope).text();
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
    // The token is still there, for the next filter.
    assert!(passed.contains("\"authorization\":\"Bearer "), "{passed}");

    mesh.apply(&file(inner));
    mesh.web.until(403, &without_scope);
    mesh.settled();
    let scoped = mesh.token().claim("scope", "payments:write").build();
    let scoped = mesh.to_ledger().bearer(&scoped);
    let passed = mesh.web.until(200, &scoped).text();
    assert!(!passed.contains("\"authorization\""), "{passed}");
    assert!(
        passed.contains("\"x-passgate-provider\":\"acme\""),
        "{passed}"
    );
    mesh.web.until(401, &mesh.to_ledger());
}

#[test]
fn a_namespace_tightens_what_holds_for_the_mesh() {
    let mesh = story();
    tightened(&mesh, "mesh.yaml", "namespace.yaml");
}

#[test]
fn a_namespace_tightens_with_traffic_extensions_too() {
    let mesh = story();
    tightened(
        &mesh,
        "mesh.traffic-extension.yaml",
        "namespace.traffic-extension.yaml",
    );
}

#[test]
fn a_namespace_cannot_loosen_what_holds_for_the_mesh() {
    let mesh = story();
    mesh.apply(&file("mesh.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    let mut open = plugin("namespace.yaml");
    open["spec"]["pluginConfig"]["rules"] = json!([{
        "match": { "prefix": "/" },
        "public": {
            "reason": "a namespace that opens up",
            "owner": "story",
            "until": "never",
            "identity_from": "acme",
        },
    }]);
    mesh.apply(&open.to_string());
    // Both judge once the token, which the mesh's plugin leaves in the request, is gone.
    mesh.eventually("the plugin of the namespace", || {
        let passed = mesh.web.send(&mesh.to_ledger().bearer(&mesh.good()));
        passed.is_some_and(|passed| {
            passed.status == 200 && !passed.text().contains("\"authorization\"")
        })
    });
    mesh.settled();
    assert_eq!(mesh.web.send(&mesh.to_ledger()).unwrap().status, 401);
}
