//! A plugin that changes, that is wrong, or whose image cannot be fetched.

use crate::harness::{DENIED, Load, Request, file, plugin, story};
use serde_json::json;

#[test]
fn an_update_loses_no_request() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    let request = Request::get("/").bearer(&mesh.good());
    mesh.gateway.until(200, &request);

    let load = Load::start(&mesh.gateway, &request);
    let mut changed = plugin("gateway.yaml");
    for name in ["x-person", "x-subject", "x-who"] {
        changed["spec"]["pluginConfig"]["providers"]["acme"]["claim_to_headers"][0]["header_name"] =
            json!(name);
        mesh.apply(&changed.to_string());
        let header = format!("\"{name}\":\"alice\"");
        mesh.eventually("the new configuration", || {
            mesh.gateway.until(200, &request).text().contains(&header)
        });
    }
    load.finish_without_a_failure();
}

#[test]
fn a_broken_update_is_refused_and_the_old_policy_stays() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    let request = Request::get("/").bearer(&mesh.good());
    mesh.gateway.until(200, &request);

    let load = Load::start(&mesh.gateway, &request);
    let mut broken = plugin("gateway.yaml");
    broken["spec"]["pluginConfig"]["providers"]["acme"]["clock_skew_seconds"] = json!(60);
    mesh.apply(&broken.to_string());
    mesh.eventually("the reason in the gateway's log", || {
        let log = mesh.gateway.log();
        log.contains("passgate providers.acme.clock_skew_seconds: unknown here")
    });
    // The control plane says who refused what.
    mesh.eventually("the refusal in the control plane's log", || {
        mesh.control_plane_log().contains("ACK ERROR")
    });
    assert_eq!(mesh.gateway.get("/").unwrap().status, 401);
    load.finish_without_a_failure();
}

#[test]
fn a_plugin_that_is_broken_from_the_start_denies_everything() {
    let mesh = story();
    let mut broken = plugin("gateway.yaml");
    broken["spec"]["pluginConfig"]["providers"] = json!({});
    mesh.apply(&broken.to_string());
    mesh.gateway.until(500, &Request::get("/"));
    let with_token = Request::get("/").bearer(&mesh.good());
    assert_eq!(mesh.gateway.send(&with_token).unwrap().status, 500);
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(200, &with_token);
    mesh.gateway.until(401, &Request::get("/"));
}

#[test]
fn an_image_that_cannot_be_had_denies_everything() {
    let absent = "oci://registry.example.com/passgate@sha256:".to_owned() + &"0".repeat(64);
    let nowhere = "https://files.example.com/no-such.wasm".to_owned();
    for url in [absent, nowhere] {
        let mesh = story();
        let mut plugin = plugin("gateway.yaml");
        plugin["spec"]["url"] = json!(url);
        mesh.apply(&plugin.to_string());
        let denied = mesh
            .gateway
            .until(403, &Request::get("/").bearer(&mesh.good()));
        assert_eq!(denied.text(), DENIED);
        assert_eq!(mesh.gateway.get("/").unwrap().status, 403);
        mesh.eventually("the reason in the agent's log", || {
            mesh.gateway.log().contains("cannot fetch Wasm module")
        });
    }
}

#[test]
fn an_update_whose_image_cannot_be_had_denies_everything_until_it_is_taken_back() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    let request = Request::get("/").bearer(&mesh.good());
    mesh.gateway.until(200, &request);

    let mut absent = plugin("gateway.yaml");
    let zeros = "0".repeat(64);
    absent["spec"]["url"] = json!(format!(
        "oci://registry.example.com/passgate@sha256:{zeros}"
    ));
    mesh.apply(&absent.to_string());
    let denied = mesh.gateway.until(403, &request);
    assert_eq!(denied.text(), DENIED);

    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(200, &request);
    mesh.gateway.until(401, &Request::get("/"));
}
