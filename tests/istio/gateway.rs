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
    let before = mesh.key_fetches.value();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.gateway
        .until(200, &Request::get("/").bearer(&mesh.good()));
    assert!(mesh.key_fetches.value() > before);
    let clusters = mesh.gateway.admin("/clusters");
    let used = clusters.lines().any(|line| {
        line.starts_with("outbound|443||id.example.com::127.0.0.3:443::rq_success::")
            && !line.ends_with("::0")
    });
    assert!(used, "{clusters}");
}

#[test]
fn a_provider_whose_certificate_is_for_another_name_is_not_asked() {
    let mesh = story();
    let way = file("identity-provider.yaml");
    let other = way.replace(
        "subjectAltNames: [id.example.com]",
        "subjectAltNames: [other.example.com]",
    );
    assert_ne!(way, other);
    mesh.apply(&other);
    mesh.eventually("the other name", || {
        let cluster = mesh
            .gateway
            .admin("/config_dump?resource=dynamic_active_clusters");
        cluster.contains("other.example.com")
    });
    let before = mesh.key_fetches.value();
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    let with_token = Request::get("/").bearer(&mesh.good());
    let refused = mesh.gateway.send(&with_token).unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.text("retry-after").is_some(), "{refused:?}");
    assert_eq!(mesh.key_fetches.value(), before);
    mesh.eventually("the reason in the gateway's log", || {
        mesh.gateway
            .log()
            .contains("\"reason\":\"unavailable.keys\"")
    });

    mesh.apply(&way);
    mesh.gateway.until(200, &with_token);
}
