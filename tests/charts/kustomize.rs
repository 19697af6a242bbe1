//! The kustomize bases say what the chart says.

use crate::harness::{ALL, accepted, objects, only, render, root, said};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `kubectl kustomize` of this folder.
#[track_caller]
fn built(folder: &Path) -> String {
    let program = root().join(".tools/istio/bin/kubectl");
    let output = Command::new(&program).arg("kustomize").arg(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The folder of a base, as `make image` filled it in.
fn folder(name: &str) -> PathBuf {
    root().join("dist/kubernetes/kustomize").join(name)
}

#[track_caller]
fn base(name: &str) -> Vec<Value> {
    objects(&built(&folder(name)))
}

/// The specification of the only object of this kind.
fn spec<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    &only(objects, kind)["spec"]
}

#[test]
fn the_example_is_what_the_chart_installs_and_its_policy_is_accepted() {
    let text = built(&folder("example"));
    let ours = objects(&text);
    let charts = render(&["gateway"], &[]);
    for kind in ["WasmPlugin", "ServiceEntry", "DestinationRule"] {
        assert_eq!(spec(&ours, kind), spec(&charts, kind), "{kind}");
        assert_eq!(only(&ours, kind)["metadata"]["namespace"], "istio-ingress");
    }
    accepted("kustomize-example.yaml", &text);
}

#[test]
fn the_other_form_is_a_component() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overlay");
    fs::create_dir_all(&folder).unwrap();
    let bases = "../../../dist/kubernetes/kustomize";
    let overlay = json!({
        "resources": [format!("{bases}/example")],
        "components": [format!("{bases}/traffic-extension")],
    });
    fs::write(folder.join("kustomization.yaml"), overlay.to_string()).unwrap();
    let text = built(&folder);
    let ours = objects(&text);
    let charts = render(&["gateway"], &["--set", "form=TrafficExtension"]);
    let kind = "TrafficExtension";
    assert_eq!(spec(&ours, kind), spec(&charts, kind));
    accepted("kustomize-extension.yaml", &text);
}

/// They have no policy of their own that an overlay could leave something of.
#[test]
fn the_other_bases_are_attached_as_the_chart_attaches() {
    for (name, example, set) in [
        ("gateway", "gateway", "form=WasmPlugin"),
        ("sidecar", "sidecar", "form=WasmPlugin,priority=null"),
        ("waypoint", "waypoint", "form=WasmPlugin"),
    ] {
        let ours = base(name);
        let charts = render(&[example], &["--set", set]);
        let mut expected = spec(&charts, "WasmPlugin").clone();
        expected["pluginConfig"] = json!({});
        assert_eq!(spec(&ours, "WasmPlugin"), &expected, "{name}");
        if name == "waypoint" {
            let filter = only(&ours, "EnvoyFilter");
            let charts = only(&charts, "EnvoyFilter");
            assert_eq!(filter["spec"], charts["spec"]);
            let annotations = |object: &Value| object["metadata"]["annotations"].clone();
            assert_eq!(annotations(filter), annotations(charts));
        }
    }
}

#[test]
fn monitoring_is_the_same() {
    let ours = base("monitoring");
    let charts = render(ALL, &[]);
    assert_eq!(spec(&ours, "PodMonitor"), spec(&charts, "PodMonitor"));
    for (map, key, file) in [
        (
            "passgate-alerts",
            "alerts.yaml",
            "observability/alerts.yaml",
        ),
        (
            "passgate-dashboard",
            "passgate.json",
            "observability/dashboard.json",
        ),
    ] {
        let found = ours.iter().find(|object| object["metadata"]["name"] == map);
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert_eq!(found.unwrap()["data"][key], text, "{map}");
    }
}

#[test]
fn the_feed_is_the_same() {
    let ours = base("feed");
    let charts = render(ALL, &[]);
    let pod = |objects: &[Value]| {
        let mut deployment = spec(objects, "Deployment").clone();
        let mut pod = deployment["template"]["spec"].take();
        // The image is each user's, and the name of the file's ConfigMap says what is in it.
        pod["containers"][0]["image"] = Value::Null;
        pod["volumes"][0]["configMap"]["name"] = Value::Null;
        deployment["template"] = Value::Null;
        (pod, deployment)
    };
    assert_eq!(pod(&ours), pod(&charts));
    for kind in ["Service", "PersistentVolumeClaim"] {
        assert_eq!(spec(&ours, kind), spec(&charts, kind), "{kind}");
    }
    let config = |objects: &[Value]| -> Value {
        let maps = objects
            .iter()
            .filter(|object| object["kind"] == "ConfigMap");
        let mut files = maps.filter_map(|object| object["data"]["feed.yaml"].as_str());
        serde_saphyr::from_str(files.next().unwrap()).unwrap()
    };
    assert_eq!(config(&ours), config(&charts));
    let mounted = &spec(&ours, "Deployment")["template"]["spec"]["volumes"][0]["configMap"]["name"];
    let map = ours
        .iter()
        .find(|object| &object["metadata"]["name"] == mounted);
    assert!(map.is_some(), "{mounted}");
}
