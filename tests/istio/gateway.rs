//! The filter at an ingress gateway.

use crate::harness::{Request, file, story};

#[test]
fn a_gateway_lets_in_who_has_a_token() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    let refused = mesh.gateway.until(401, &Request::get("/"));
    assert_eq!(
        refused.headers.text("www-authenticate"),
        Some("Bearer realm=\"https://api.example.com\"")
    );
    let passed = mesh
        .gateway
        .until(200, &Request::get("/").bearer(&mesh.good()));
    assert!(passed.text().contains("\"x-user\":\"alice\""), "{passed:?}");
}

#[test]
fn the_keys_come_over_tls_from_the_cluster_of_the_service_entry() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    let before = mesh.key_fetches.value();
    mesh.gateway
        .until(200, &Request::get("/").bearer(&mesh.good()));
    assert!(mesh.key_fetches.value() > 0, "{before} fetches before");
    let clusters = mesh.gateway.admin("/clusters");
    let used = clusters.lines().any(|line| {
        line.starts_with("outbound|443||id.example.com::127.0.0.3:443::rq_success::")
            && !line.ends_with("::0")
    });
    assert!(used, "{clusters}");
}
