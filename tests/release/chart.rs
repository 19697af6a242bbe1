//! The chart of a release.

use crate::harness::{Outcome, VERSION, built, root, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

fn helm(arguments: &[&str]) -> Outcome {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm");
    let chart = built().join(format!("passgate-{VERSION}.tgz"));
    let mut helm = Command::new(root().join(".tools/helm/helm"));
    helm.args(arguments)
        .arg(chart)
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"));
    run(&mut helm)
}

#[test]
fn the_chart_is_one_that_helm_takes_and_has_the_version_of_the_release() {
    let said = helm(&["show", "chart"]).must_succeed();
    for member in ["version", "appVersion"] {
        let line = format!("{member}: {VERSION}\n");
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn the_chart_installs_the_image_beside_it() {
    let index = fs::read_to_string(built().join("image/oci/index.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let values = root().join("kubernetes/helm/examples/gateway.yaml");
    let values = values.to_str().unwrap();
    let said = helm(&["template", "--values", values, "passgate"]).must_succeed();
    let url = format!("url: oci://registry.example.com/passgate@{digest}\n");
    assert!(said.contains(&url), "{said}");
}
