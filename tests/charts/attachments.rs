//! What the plugin is attached to, and the way to the keys from there.

use crate::harness::{only, render};
use serde_json::{Value, json};

fn refs(group: &str, kind: &str, name: &str) -> Value {
    json!([{ "group": group, "kind": kind, "name": name }])
}

/// Each attachment as the guides write it, and what it must not have.
#[test]
fn each_attachment_is_the_one_that_judges() {
    let api = "gateway.networking.k8s.io";
    let server = json!([{ "mode": "SERVER" }]);
    for (attach, namespace, selector, target, mode) in [
        (
            json!({ "ingressGateway": { "labels": { "istio": "edge" } } }),
            "books",
            json!({ "matchLabels": { "istio": "edge" } }),
            Value::Null,
            Value::Null,
        ),
        (
            json!({ "workload": { "labels": { "app": "ledger" } } }),
            "books",
            json!({ "matchLabels": { "app": "ledger" } }),
            Value::Null,
            server.clone(),
        ),
        (
            json!({ "namespace": true }),
            "books",
            Value::Null,
            Value::Null,
            server.clone(),
        ),
        (
            json!({ "mesh": true }),
            "istio-system",
            Value::Null,
            Value::Null,
            server,
        ),
        (
            json!({ "kubernetesGateway": { "name": "edge" } }),
            "books",
            Value::Null,
            refs(api, "Gateway", "edge"),
            Value::Null,
        ),
        (
            json!({ "waypoint": { "name": "front" } }),
            "books",
            Value::Null,
            refs(api, "Gateway", "front"),
            Value::Null,
        ),
        (
            json!({ "service": { "name": "accounts", "waypoint": "front" } }),
            "books",
            Value::Null,
            refs("", "Service", "accounts"),
            Value::Null,
        ),
        (
            json!({ "everyWaypoint": true }),
            "istio-system",
            Value::Null,
            refs(api, "GatewayClass", "istio-waypoint"),
            Value::Null,
        ),
    ] {
        let set = format!("attach={attach}");
        let set = ["--set-json", &set, "--namespace", namespace];
        let objects = render(&["waypoint"], &set);
        let plugin = only(&objects, "WasmPlugin");
        assert_eq!(plugin["spec"]["selector"], selector, "{attach}");
        assert_eq!(plugin["spec"]["targetRefs"], target, "{attach}");
        assert_eq!(plugin["spec"]["match"], mode, "{attach}");
        assert_eq!(plugin["metadata"]["namespace"], namespace, "{attach}");

        // A waypoint alone needs something that refers to the host of the keys.
        let filters: Vec<&Value> = objects
            .iter()
            .filter(|object| object["kind"] == "EnvoyFilter")
            .collect();
        let at_waypoint = ["waypoint", "service", "everyWaypoint"]
            .iter()
            .any(|kind| attach.get(kind).is_some());
        assert_eq!(filters.len(), usize::from(at_waypoint), "{attach}");
        for filter in filters {
            let target = match attach.get("everyWaypoint") {
                Some(_) => refs(api, "GatewayClass", "istio-waypoint"),
                None => refs(api, "Gateway", "front"),
            };
            assert_eq!(filter["spec"]["targetRefs"], target, "{attach}");
            let named =
                &filter["metadata"]["annotations"]["envoyfilter.istio.io/referenced-services"];
            assert_eq!(named, &json!(format!("{namespace}/id.example.com")));
        }
    }
}

#[test]
fn the_way_to_the_keys_speaks_tls_with_the_host_that_it_names() {
    let objects = render(
        &["waypoint"],
        &["--set", "egress[0].caCertificates=/etc/ssl/own/ca.crt"],
    );
    let entry = &only(&objects, "ServiceEntry")["spec"];
    assert_eq!(entry["hosts"], json!(["id.example.com"]));
    assert_eq!(
        entry["ports"],
        json!([{ "number": 443, "name": "https", "protocol": "HTTPS" }])
    );
    let rule = &only(&objects, "DestinationRule")["spec"];
    assert_eq!(rule["host"], "id.example.com");
    assert_eq!(
        rule["trafficPolicy"]["tls"],
        json!({
            "mode": "SIMPLE",
            "sni": "id.example.com",
            "subjectAltNames": ["id.example.com"],
            "caCertificates": "/etc/ssl/own/ca.crt",
        })
    );
}

#[test]
fn a_way_that_exists_is_named_and_not_made_again() {
    let objects = render(
        &["waypoint"],
        &["--set", "egress[0].namespace=istio-system"],
    );
    let kinds: Vec<&str> = objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["EnvoyFilter", "WasmPlugin"]);
    let named = &objects[0]["metadata"]["annotations"]["envoyfilter.istio.io/referenced-services"];
    assert_eq!(named, "istio-system/id.example.com");
}
