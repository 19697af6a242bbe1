//! The filter at one workload's sidecar.

use crate::harness::{Request, file, plugin, story};
use serde_json::{Value, json};

#[test]
fn a_sidecar_judges_what_comes_in_and_not_what_goes_out() {
    let mesh = story();
    mesh.apply(&file("sidecar.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.settled();
    let reading = mesh.to_ledger().bearer(&mesh.good());
    let passed = mesh.web.until(200, &reading).text();
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");

    let mut writing = reading.clone();
    writing.method = "POST".to_owned();
    mesh.web.until(403, &writing);
    let scoped = mesh.token().claim("scope", "payments:write").build();
    let mut writing = mesh.to_ledger().bearer(&scoped);
    writing.method = "POST".to_owned();
    mesh.web.until(200, &writing);

    let mut probe = mesh.to_ledger();
    probe.path = b"/healthz".to_vec();
    mesh.web.until(200, &probe);

    // What the workload calls itself, through the same proxy, at the same time.
    let outbound = Request::get("/").authority("bank.example.com:8080");
    assert_eq!(mesh.ledger.send(&outbound).unwrap().status, 200);

    // So it is `match` that keeps the plugin away from it.
    let mut without_match = plugin("sidecar.yaml");
    without_match["spec"]["match"] = json!(null);
    mesh.apply(&without_match.to_string());
    mesh.ledger.until(401, &outbound);
}

#[test]
fn a_sidecar_resource_without_the_provider_leaves_no_way_to_the_keys() {
    let mesh = story();
    let patch = |operation: Value| {
        let patch = json!([operation]).to_string();
        mesh.kubectl(&[
            "patch",
            "sidecar",
            "ledger",
            "--namespace",
            "payments",
            "--type",
            "json",
            "--patch",
            &patch,
        ]);
    };
    let listed = json!({ "hosts": ["istio-system/*"] });
    patch(json!({ "op": "test", "path": "/spec/egress/1", "value": listed }));
    patch(json!({ "op": "remove", "path": "/spec/egress/1" }));
    mesh.eventually("a proxy that knows no way to the provider", || {
        !mesh.ledger.admin("/clusters").contains("id.example.com")
    });
    let fetches = mesh.key_fetches.value();
    // Of another configuration than in any other story, or a worker may have its keys from there.
    let mut plugin = plugin("sidecar.yaml");
    plugin["spec"]["pluginConfig"]["providers"]["acme"]["clock_skew"] = json!("59s");
    mesh.apply(&plugin.to_string());
    let request = mesh.to_ledger().bearer(&mesh.good());
    // Not every 503 is the gate's: proxies answer so while they change.
    mesh.eventually("a record that says that the keys cannot be had", || {
        drop(mesh.web.send(&request));
        mesh.ledger
            .log()
            .contains("\"reason\":\"unavailable.keys\"")
    });
    mesh.settled();
    assert_eq!(mesh.web.send(&request).unwrap().status, 503);
    assert_eq!(mesh.key_fetches.value(), fetches);

    patch(json!({ "op": "add", "path": "/spec/egress/1", "value": listed }));
    mesh.web.until(200, &request);
    assert!(mesh.key_fetches.value() > fetches, "the keys came");
}

#[test]
fn a_traffic_extension_does_what_the_plugin_does() {
    let mesh = story();
    mesh.apply(&file("sidecar.traffic-extension.yaml"));
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(200, &mesh.to_ledger().bearer(&mesh.good()));
    let outbound = Request::get("/").authority("bank.example.com:8080");
    assert_eq!(mesh.ledger.send(&outbound).unwrap().status, 200);
}

#[test]
fn a_traffic_extension_guards_a_gateway() {
    let mesh = story();
    mesh.apply(&file("gateway.traffic-extension.yaml"));
    let refused = mesh.gateway.until(401, &Request::get("/"));
    assert_eq!(
        refused.headers.text("www-authenticate"),
        Some("Bearer realm=\"https://api.example.com\"")
    );
    mesh.gateway
        .until(200, &Request::get("/").bearer(&mesh.good()));
    // Its records are found under its own name, without the suffix of a WasmPlugin
    // (mesh-config.yaml).
    mesh.eventually("its name in the record", || {
        mesh.gateway
            .log()
            .contains("\"plugin\":\"istio-ingress.passgate\"")
    });
}
