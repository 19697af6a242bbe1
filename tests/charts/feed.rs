//! The feed: its file is one that it takes, and secrets are referred to.

use crate::harness::{ALL, only, ours, render, said, scratch};
use serde_json::{Value, json};

/// The feed of `feed.yaml`, and that of `feed-postgresql.yaml`.
fn feeds() -> [(&'static str, Vec<Value>); 2] {
    [
        ("file", render(ALL, &[])),
        ("postgresql", render(&["waypoint", "feed-postgresql"], &[])),
    ]
}

fn config(objects: &[Value]) -> &str {
    let mut maps = objects
        .iter()
        .filter(|object| object["kind"] == "ConfigMap");
    let found = maps.find_map(|object| object["data"]["feed.yaml"].as_str());
    found.expect("the feed's file")
}

#[test]
fn the_feed_takes_its_file() {
    for (name, objects) in feeds() {
        // `--check` reads no secret, and no certificate.
        let file = scratch(&format!("feed-{name}.yaml"), config(&objects));
        let output = ours("passgate-feed", &["--check", file.to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

#[test]
fn nothing_that_is_written_is_a_secret() {
    for (name, objects) in feeds() {
        assert!(
            objects.iter().all(|object| object["kind"] != "Secret"),
            "{name}"
        );
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let variables = container["env"].as_array().unwrap();
        assert_eq!(variables.len(), 2, "{name}");
        for variable in variables {
            assert_eq!(variable["value"], Value::Null, "{name}");
            assert_eq!(
                variable["valueFrom"]["secretKeyRef"]["name"], "feed",
                "{name}"
            );
        }
    }
}

#[test]
fn the_pod_has_no_more_than_it_needs() {
    for (name, objects) in feeds() {
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        let container = &pod["containers"][0];
        assert_eq!(
            container["securityContext"],
            json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            }),
            "{name}"
        );
        // The operators' address is in no Service.
        let ports = &only(&objects, "Service")["spec"]["ports"];
        assert_eq!(ports.as_array().unwrap().len(), 1, "{name}");
        assert_eq!(ports[0]["targetPort"], "public", "{name}");
    }
}

#[test]
fn a_store_in_a_file_is_kept_and_has_one_process() {
    let [(_, file), (_, postgresql)] = feeds();
    let deployment = &only(&file, "Deployment")["spec"];
    assert_eq!(deployment["replicas"], 1);
    assert_eq!(deployment["strategy"]["type"], "Recreate");
    let claim = only(&file, "PersistentVolumeClaim");
    assert_eq!(
        claim["metadata"]["annotations"]["helm.sh/resource-policy"],
        "keep"
    );

    let deployment = &only(&postgresql, "Deployment")["spec"];
    assert_eq!(deployment["replicas"], 3);
    assert_eq!(deployment["strategy"], Value::Null);
    let pod = &deployment["template"]["spec"];
    assert_eq!(pod["imagePullSecrets"], json!([{ "name": "registry" }]));
    assert_eq!(
        pod["containers"][0]["readinessProbe"]["httpGet"],
        json!({ "path": "/readyz", "port": 8091 })
    );
    assert!(
        postgresql
            .iter()
            .all(|object| object["kind"] != "PersistentVolumeClaim")
    );
}

/// A Pod reads its file when it starts.
#[test]
fn another_file_makes_another_pod() {
    let sum = |set: &[&str]| {
        let objects = render(ALL, set);
        let template = &only(&objects, "Deployment")["spec"]["template"];
        template["metadata"]["annotations"]["checksum/config"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(sum(&[]), sum(&[]));
    assert_ne!(
        sum(&[]),
        sum(&["--set", "feed.config.providers.acme.max_token_lifetime=2h"])
    );
}
