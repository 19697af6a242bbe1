//! `docs/istio/troubleshooting.md`: each of its sections is followed after the mistake that it is
//! about.

use crate::guides::{follow, page};
use crate::harness::{Request, Story, file, plugin, story, workspace};
use serde_json::{Value, json};
use std::fs;

/// Follows a section of the page where `dist/istio/gateway.yaml` is this plugin.
#[track_caller]
fn look(mesh: &Story, section: &str, plugin: &Value) {
    let page = page("troubleshooting.md");
    let start = format!("\n## {section}\n");
    let (_, text) = page.split_once(&start).expect("a section of this name");
    let text = text.split("\n## ").next().unwrap();

    let folder = mesh.folder().join("reader");
    fs::create_dir_all(folder.join("dist/istio")).unwrap();
    let copy = |name: &str| {
        let name = format!("dist/istio/{name}");
        fs::copy(workspace().join(&name), folder.join(&name)).unwrap();
    };
    copy("identity-provider.yaml");
    fs::write(folder.join("dist/istio/gateway.yaml"), plugin.to_string()).unwrap();
    follow(mesh, &folder, text);
}

fn refused() -> Value {
    let mut plugin = plugin("gateway.yaml");
    plugin["spec"]["pluginConfig"]["providers"]["acme"]["clock_skew_seconds"] = json!(60);
    plugin
}

const REFUSED: &str = "The filter refuses the configuration";

#[test]
fn a_configuration_that_is_refused_at_first() {
    let mesh = story();
    look(&mesh, REFUSED, &refused());
    mesh.gateway.until(500, &Request::get("/"));
}

#[test]
fn a_configuration_that_is_refused_in_an_update() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    look(&mesh, REFUSED, &refused());
    assert_eq!(mesh.gateway.get("/").unwrap().status, 401);
}

#[test]
fn an_image_that_is_not_there() {
    let mesh = story();
    let mut plugin = plugin("gateway.yaml");
    let zeros = "0".repeat(64);
    plugin["spec"]["url"] = json!(format!(
        "oci://registry.example.com/passgate@sha256:{zeros}"
    ));
    look(&mesh, "The image does not come", &plugin);
    mesh.gateway.until(403, &Request::get("/"));
}

#[test]
fn a_plugin_that_reaches_no_proxy() {
    let mesh = story();
    let mut plugin = plugin("gateway.yaml");
    plugin["spec"]["match"] = json!([{ "mode": "SERVER" }]);
    look(&mesh, "The plugin reaches no proxy", &plugin);
    mesh.gateway.until(200, &Request::get("/"));
}

#[test]
fn keys_that_do_not_come() {
    let mesh = story();
    mesh.kubectl(&[
        "delete",
        "destinationrule",
        "identity-provider",
        "--namespace",
        "istio-system",
    ]);
    mesh.apply(&file("gateway.yaml"));
    let request = Request::get("/").bearer(&mesh.good());
    mesh.gateway.until(503, &request);
    look(&mesh, "The keys do not come", &plugin("gateway.yaml"));
    mesh.gateway.until(200, &request);
}

#[test]
fn a_good_token_that_is_refused() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    let other = mesh.token().claim("aud", "https://other.example.com");
    mesh.gateway
        .until(401, &Request::get("/").bearer(&other.build()));
    look(&mesh, "A good token is refused", &plugin("gateway.yaml"));
}
