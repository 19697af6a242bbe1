//! The ways of the module to the proxy.

use crate::harness::{DENIED, Request, module, module_digest, plugin, serve_module, story};
use serde_json::json;

#[test]
fn the_agent_takes_each_form_of_the_image() {
    for form in ["oci", "docker", "artifact"] {
        let mesh = story();
        let mut plugin = plugin("gateway.yaml");
        let digest = mesh.image_digest(form);
        plugin["spec"]["url"] = json!(format!("oci://registry.example.com/passgate@{digest}"));
        mesh.apply(&plugin.to_string());
        mesh.gateway.until(401, &Request::get("/"));
        mesh.gateway
            .until(200, &Request::get("/").bearer(&mesh.good()));
    }
}

#[test]
fn a_registry_stores_what_was_built() {
    let mesh = story();
    for form in ["oci", "docker", "artifact"] {
        let digest = mesh.image_digest(form);
        let reference = format!("registry.example.com/passgate@{digest}");
        assert_eq!(mesh.crane(&["digest", &reference]).trim(), digest);
        let labels = match form {
            "docker" => mesh.crane(&["config", &reference]),
            _ => mesh.crane(&["manifest", &reference]),
        };
        assert!(
            labels.contains("\"org.opencontainers.image.title\":\"passgate\""),
            "{labels}"
        );
    }
}

#[test]
fn the_agent_fetches_the_module_over_http_and_checks_its_sum() {
    let mesh = story();
    let fetches = serve_module("127.0.0.4:80");
    let mut plugin = plugin("gateway.yaml");
    let url = "http://files.example.com/passgate.wasm";
    plugin["spec"]["url"] = json!(url);
    plugin["spec"]["sha256"] = json!("0".repeat(64));
    mesh.apply(&plugin.to_string());
    let request = Request::get("/").bearer(&mesh.good());
    assert_eq!(mesh.gateway.until(403, &request).text(), DENIED);

    plugin["spec"]["sha256"] = json!(module_digest(&module()));
    mesh.apply(&plugin.to_string());
    mesh.gateway.until(200, &request);
    mesh.gateway.until(401, &Request::get("/"));
    assert!(fetches.value() > 0);
}

#[test]
fn a_registry_that_asks_who_pulls_learns_it_from_the_pull_secret() {
    let mesh = story();
    let mut plugin = plugin("gateway.yaml");
    let digest = mesh.image_digest("oci");
    plugin["spec"]["url"] = json!(format!("oci://private.example.com/passgate@{digest}"));
    mesh.apply(&plugin.to_string());
    let request = Request::get("/").bearer(&mesh.good());
    assert_eq!(mesh.gateway.until(403, &request).text(), DENIED);

    mesh.kubectl(&[
        "create",
        "secret",
        "docker-registry",
        "registry",
        "--namespace=istio-ingress",
        "--docker-server=private.example.com",
        "--docker-username=passgate",
        "--docker-password=secret",
    ]);
    plugin["spec"]["imagePullSecret"] = json!("registry");
    mesh.apply(&plugin.to_string());
    mesh.gateway.until(200, &request);
    mesh.gateway.until(401, &Request::get("/"));
}
