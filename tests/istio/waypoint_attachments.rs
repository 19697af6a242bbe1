//! Attachments of a plugin at which a waypoint lets every request pass, and nothing says so; and
//! what `passgate check` says of each from the resources alone.

use crate::harness::{ACCOUNTS, NEWS, OBJECTS, Story, file, passgate, plugin, said, story};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// The plugin of one service, with another name, namespace and `spec`.
fn attached(name: &str, namespace: &str, attachment: &Value) -> Value {
    let mut plugin = plugin("waypoint/one-service.yaml");
    plugin["metadata"] = json!({ "name": name, "namespace": namespace });
    let spec = plugin["spec"].as_object_mut().unwrap();
    spec.remove("targetRefs");
    spec.extend(attachment.as_object().unwrap().clone());
    plugin
}

fn status(mesh: &Story) -> u16 {
    let answer = mesh.ask(&mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    answer.expect("an answer").status
}

/// What `passgate check` says of the plugin beside the objects of the cluster.
fn checked(mesh: &Story, plugin: &Value) -> String {
    let path = mesh.folder().join("silent.yaml");
    fs::write(&path, format!("{OBJECTS}\n---\n{plugin}")).unwrap();
    said(
        &Command::new(passgate())
            .arg("check")
            .arg(path)
            .output()
            .unwrap(),
    )
}

#[test]
fn a_waypoint_is_silently_open_for_plugins_that_are_attached_in_another_way() {
    let class = json!([{ "group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint" }]);
    let gateway =
        json!([{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "waypoint" }]);
    let accounts = json!([{ "group": "", "kind": "Service", "name": "accounts" }]);
    let of_waypoint =
        json!({ "matchLabels": { "gateway.networking.k8s.io/gateway-name": "waypoint" } });
    let of_service = json!({ "matchLabels": { "app": "accounts" } });
    let client = json!([{ "mode": "CLIENT" }]);
    let selected = "selects a waypoint, which takes plugins by targetRefs alone";
    let reaches_none = "reaches no waypoint: requests through books/waypoint pass unjudged";
    let silent = [
        ("books", json!({ "selector": of_waypoint }), selected),
        ("books", json!({ "selector": of_service }), reaches_none),
        ("books", json!({}), reaches_none),
        ("istio-system", json!({}), reaches_none),
        (
            "books",
            json!({ "targetRefs": class }),
            "GatewayClass, which counts in the mesh's root namespace alone",
        ),
        (
            "shop",
            json!({ "targetRefs": accounts }),
            "the Service accounts, which the file has in the namespace books",
        ),
        (
            "books",
            json!({ "targetRefs": gateway, "match": client }),
            "mode CLIENT never matches at a waypoint",
        ),
        (
            "books",
            json!({ "targetRefs": accounts, "match": client }),
            "mode CLIENT never matches at a waypoint",
        ),
    ];
    let mesh = story();
    for (index, (namespace, attachment, warning)) in silent.iter().enumerate() {
        let plugin = attached(&format!("passgate-silent-{index}"), namespace, attachment);
        mesh.apply(&plugin.to_string());
        let said = checked(&mesh, &plugin);
        assert!(said.contains(warning), "{namespace} {attachment}: {said}");
        assert!(said.contains("pass unjudged"), "{said}");
    }
    // Once a plugin that came after all of them judges the other service, they have arrived too,
    // and none of them judges this one.
    let news = json!([{ "group": "", "kind": "Service", "name": "news" }]);
    let news = attached("passgate-news", "books", &json!({ "targetRefs": news }));
    mesh.apply(&news.to_string());
    mesh.ask_until(401, &mesh.web, &NEWS, &NEWS.request());
    mesh.settled();
    assert_eq!(status(&mesh), 200);
    let ecds = mesh.waypoint.admin("/config_dump?resource=ecds_filters");
    assert!(
        ecds.contains("passgate-news") && !ecds.contains("passgate-silent"),
        "{ecds}"
    );
}

#[test]
fn the_plugin_that_is_attached_right_is_seen_from_outside_and_not_warned_of() {
    let mesh = story();
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    let said = checked(&mesh, &plugin("waypoint/one-service.yaml"));
    assert!(
        !said.contains("warning") && !said.contains("SWITCHED OFF"),
        "{said}"
    );
}
