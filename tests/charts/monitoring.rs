//! Alerts, dashboards and labels are those that the other tests prove.

use crate::harness::{ALL, EXAMPLES, only, render, root};
use serde_json::{Value, json};
use std::fs;

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    found
        .find(|object| object["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn what_monitoring_gets_is_what_the_tests_prove() {
    let objects = render(ALL, &[]);
    for (name, file) in [
        ("passgate", "observability/alerts.yaml"),
        ("passgate-feed", "feed/alerts.yaml"),
    ] {
        assert_eq!(
            named(&objects, "PrometheusRule", name)["spec"],
            yaml(file),
            "{name}"
        );
    }
    let boards = &named(&objects, "ConfigMap", "passgate-dashboard")["data"];
    assert_eq!(
        boards["passgate.json"],
        text("observability/dashboard.json")
    );
    assert_eq!(boards["passgate-feed.json"], text("feed/dashboard.json"));
    let tags = named(&objects, "ConfigMap", "passgate-stats-tags");
    assert_eq!(tags["data"], yaml("istio/stats-tags.yaml")["data"]);
}

#[test]
fn prometheus_scrapes_the_proxies_that_are_guarded() {
    let objects = render(ALL, &[]);
    let monitor = only(&objects, "PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(
        monitor["spec"]["selector"],
        json!({ "matchLabels": { "istio": "ingressgateway" } })
    );
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["path"], "/stats/prometheus");
    // The label that the alert of a gate that judges nothing asks for.
    assert_eq!(
        endpoint["relabelings"],
        json!([{ "targetLabel": "passgate", "replacement": "expected" }])
    );
    assert!(text("observability/alerts.yaml").contains("{passgate=\"expected\"}"));
}

#[test]
fn monitoring_and_the_feed_are_there_on_request_alone() {
    for names in EXAMPLES {
        let off = ["podMonitor", "alerts", "dashboard", "statsTags"]
            .map(|part| format!("monitoring.{part}=false"));
        let mut set = vec!["--set", "feed.enabled=false"];
        for one in &off {
            set.extend(["--set", one]);
        }
        let objects = render(names, &set);
        let kinds = [
            "ServiceEntry",
            "DestinationRule",
            "EnvoyFilter",
            "WasmPlugin",
            "TrafficExtension",
        ];
        assert!(
            objects
                .iter()
                .all(|object| kinds.contains(&object["kind"].as_str().unwrap())),
            "{names:?}: {objects:#?}"
        );
    }
}
