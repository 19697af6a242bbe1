//! What operators see: metrics with labels, and the record of a verdict in the access log.

use crate::harness::{Request, file, plugin, story, workspace};
use serde_json::Value;
use std::fs;

#[test]
fn metrics_carry_decision_and_reason_as_labels() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.eventually("a labelled counter", || {
        let metrics = mesh.gateway.admin("/stats/prometheus");
        metrics.lines().any(|line| {
            line.starts_with("passgate_verdicts{")
                && line.contains("decision=\"deny\"")
                && line.contains("reason=\"missing.token\"")
        })
    });
}

#[test]
fn the_access_log_holds_the_record_of_the_verdict() {
    let mesh = story();
    mesh.apply(&file("access-log.yaml"));
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.eventually("the record in the access log", || {
        mesh.gateway.get("/");
        let log = mesh.gateway.log();
        log.lines().any(|line| {
            let Ok(Value::Object(entry)) = serde_json::from_str(line) else {
                return false;
            };
            let audit = entry.get("audit").and_then(Value::as_str);
            entry.get("details").and_then(Value::as_str) == Some("passgate.missing.token")
                && audit.is_some_and(|record| record.contains("\"decision\":\"deny\""))
        })
    });
}

#[test]
fn the_labels_are_those_of_envoy() {
    let envoy = workspace().join("observability/stats-tags.yaml");
    let envoy: Value = serde_saphyr::from_str(&fs::read_to_string(envoy).unwrap()).unwrap();
    let ours = plugin("stats-tags.yaml");
    let ours = ours["data"]["custom_bootstrap.json"].as_str().unwrap();
    let ours: Value = serde_json::from_str(ours).unwrap();
    assert_eq!(ours, envoy);
}
