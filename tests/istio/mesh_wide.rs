//! A rule for the whole mesh, and a namespace that asks for more.

use crate::harness::{Story, file, plugin, story};
use serde_json::json;

/// A token of no scope, and one that may write payments.
fn tokens(mesh: &Story) -> (String, String) {
    let scoped = mesh.token().claim("scope", "payments:write").build();
    (mesh.good(), scoped)
}

fn tightened(mesh: &Story, outer: &str, inner: &str) {
    let (plain, scoped) = tokens(mesh);
    mesh.apply(&file(outer));
    mesh.web.until(401, &mesh.to_ledger());
    // The token is still there, for whoever comes next; and this one was judged.
    let request = mesh.to_ledger().bearer(&plain);
    mesh.until_it_gets(&mesh.web, &request, "\"x-user\":\"alice\"");
    mesh.until_it_gets(&mesh.web, &request, "\"authorization\":\"Bearer ");

    mesh.apply(&file(inner));
    mesh.web.until(403, &request);
    let request = mesh.to_ledger().bearer(&scoped);
    mesh.eventually("an answer that both have judged", || {
        let answer = mesh.web.until(200, &request).text();
        !answer.contains("\"authorization\"") && answer.contains("\"x-passgate-provider\":\"acme\"")
    });
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
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(200, &mesh.to_ledger().bearer(&mesh.good()));
    mesh.web.until(401, &mesh.to_ledger());
}
