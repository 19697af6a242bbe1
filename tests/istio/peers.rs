//! Which workload calls, by the certificates that istiod hands out, in one rule with the person.

use crate::harness::{Request, Story, plugin, story};
use serde_json::{Value, json};

const WEB: &str = "spiffe://cluster.local/ns/shop/sa/web";

/// The plugin of the guide to a sidecar, with these rules.
fn with_rules(rules: Value) -> String {
    let mut resource = plugin("sidecar.yaml");
    let config = &mut resource["spec"]["pluginConfig"];
    config["peer_verified_by_listener"] = json!(true);
    config["rules"] = rules;
    resource.to_string()
}

fn at(mesh: &Story, path: &str) -> Request {
    let mut request = mesh.to_ledger();
    request.path = path.as_bytes().to_vec();
    request
}

#[test]
fn the_certificates_of_the_mesh_say_which_workload_calls() {
    let mesh = story();
    let web = json!({ "spiffe": [WEB] });
    let batch =
        json!({ "token": "none", "peer": { "spiffe": ["spiffe://cluster.local/ns/*/sa/batch"] } });
    mesh.apply(&with_rules(json!([
        { "match": { "path": "/reports" }, "requires": batch },
        { "match": { "path": "/orders" }, "requires": { "provider_name": "acme", "peer": web } },
        { "match": { "path": "/signed" },
          "requires": { "provider_name": "acme", "facts": ["phishing_resistant"], "peer": web } },
        { "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
            { "provider_name": "acme" }, batch,
        ] } } },
    ])));
    // It is there when it has refused somebody.
    mesh.web.until(403, &at(&mesh, "/reports"));
    mesh.settled();
    // A workload alone.
    let passed = mesh.batch.until(200, &at(&mesh, "/reports")).text();
    let peer = "\"x-passgate-peer\":\"spiffe://cluster.local/ns/shop/sa/batch\"";
    assert!(passed.contains(peer), "{passed}");
    assert!(
        passed.contains("\"x-passgate-kind\":\"workload\""),
        "{passed}"
    );
    mesh.web.until(403, &at(&mesh, "/reports"));
    // What a client writes says nothing.
    let forged =
        at(&mesh, "/reports").header("x-passgate-peer", "spiffe://cluster.local/ns/shop/sa/batch");
    mesh.web.until(403, &forged);
    // Without mutual TLS there is no peer.
    let direct = "10.0.0.5:8080".parse().unwrap();
    let status = mesh
        .at(direct, &at(&mesh, "/reports"))
        .map(|answer| answer.status);
    assert_eq!(status, Some(403));

    // A person through a workload.
    let alice = |path: &str| at(&mesh, path).bearer(&mesh.good());
    let passed = mesh.web.until(200, &alice("/orders")).text();
    assert!(
        passed.contains(&format!("\"x-passgate-peer\":\"{WEB}\"")),
        "{passed}"
    );
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
    mesh.batch.until(403, &alice("/orders"));
    mesh.web.until(401, &at(&mesh, "/orders"));
    let methods = |amr: &str| {
        let token = mesh.token().claim("amr", json!([amr])).build();
        at(&mesh, "/signed").bearer(&token)
    };
    mesh.web.until(200, &methods("hwk"));
    mesh.web.until(401, &methods("pwd"));
    mesh.batch.until(403, &methods("hwk"));

    // One of both. At the service the gateway is a workload like others, whoever is behind it.
    mesh.web.until(200, &alice("/"));
    mesh.batch.until(200, &at(&mesh, "/"));
    mesh.web.until(401, &at(&mesh, "/"));
}
