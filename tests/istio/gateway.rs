//! The filter at an ingress gateway.

use crate::harness::{DENIED, Request, Story, file, plugin, story, workspace};
use crate::people;
use passgate_kit::{SigningKey, tampered};
use serde_json::json;
use std::fs;

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
    takes_its_identity_tokens(&mesh);
    people::sign_in(&mesh);
}

/// Istio's own filter at the next sidecar verifies what the gateway signs
/// (docs/guides/pass-identity-on.md).
fn takes_its_identity_tokens(mesh: &Story) {
    let (_, pem) = SigningKey::es256_with_pem("gateway");
    let mut edge = plugin("gateway.yaml");
    let variable = json!({ "name": "PASSGATE_IDENTITY_KEY", "value": pem });
    edge["spec"]["vmConfig"] = json!({ "env": [variable] });
    edge["spec"]["pluginConfig"]["identity_token"] = json!({
        "issuer": "https://gate.example.com",
        "audience": "orders.internal",
        "keys": [{ "env": "PASSGATE_IDENTITY_KEY" }],
        "keys_uri": "/.well-known/passgate/jwks.json",
    });
    mesh.apply(&edge.to_string());
    let keys = Request::get("/.well-known/passgate/jwks.json");
    let keys = mesh.gateway.until(200, &keys).text();
    let alice = Request::get("/").bearer(&mesh.good());
    let header = "\"x-passgate-identity\":\"";
    mesh.eventually("an identity token", || {
        mesh.gateway.until(200, &alice).text().contains(header)
    });

    let shipped = workspace().join("envoy/identity/request-authentication.yaml");
    let shipped = fs::read_to_string(shipped).unwrap();
    let own = shipped
        .replace("namespace: shop", "namespace: payments")
        .replace(
            "jwksUri: https://gate.example.com/.well-known/passgate/jwks.json",
            &format!("jwks: '{keys}'"),
        );
    assert!(own.contains("jwks: '{"), "{own}");
    mesh.apply(&own);
    let denied = mesh.web.until(403, &mesh.to_ledger());
    assert_eq!(denied.text(), DENIED);
    mesh.settled();
    let passed = mesh.gateway.until(200, &alice).text();
    let (_, token) = passed.split_once(header).unwrap();
    let (token, _) = token.split_once('"').unwrap();
    // Whoever carries it on is believed, and nothing that anybody else wrote.
    let with = |token: &str| mesh.to_ledger().header("x-passgate-identity", token);
    mesh.web.until(200, &with(token));
    mesh.web.until(401, &with(&tampered(token)));
    mesh.web.until(401, &with(&mesh.good()));
    let forged = alice.header("x-passgate-identity", tampered(token));
    mesh.gateway.until(200, &forged);
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
    // Istio takes it for ready all the same (docs/istio/gateway.md).
    let has_keys = || {
        let query = "/stats?filter=passgate.keys.*(never_fetched|unavailable)";
        let states = mesh.gateway.admin(query);
        assert!(!states.is_empty());
        states.lines().all(|line| line.ends_with(": 0"))
    };
    assert!(!has_keys());
    assert_eq!(mesh.gateway.readiness(), 200);

    mesh.apply(&way);
    mesh.gateway.until(200, &with_token);
    mesh.eventually("keys", has_keys);
}

#[test]
fn a_route_is_chosen_by_who_the_token_is_about() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.apply(&file("routes.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    let alice = Request::get("/").bearer(&mesh.good());
    let bob = mesh.token().claim("sub", "bob").build();
    let bob = Request::get("/").bearer(&bob);
    let went_to = |request: &Request| {
        let passed = mesh.gateway.until(200, request).text();
        match passed.contains("\"server\":\"ledger-next\"") {
            true => "ledger-next",
            false => "ledger",
        }
    };
    mesh.eventually("the routes", || went_to(&alice) == "ledger-next");
    mesh.settled();
    assert_eq!(went_to(&alice), "ledger-next");
    assert_eq!(went_to(&bob), "ledger");
    // What the client says is gone before the route is chosen, in any spelling.
    for name in ["x-user", "X-User", "x_user"] {
        assert_eq!(went_to(&bob.clone().header(name, "alice")), "ledger");
        assert_eq!(went_to(&alice.clone().header(name, "bob")), "ledger-next");
    }
    let nobody = Request::get("/").header("x-user", "alice");
    assert_eq!(mesh.gateway.send(&nobody).unwrap().status, 401);
}

#[test]
fn each_caller_at_a_gateway_spends_its_own_quota() {
    let mesh = story();
    mesh.apply(&file("gateway.yaml"));
    mesh.apply(&file("quotas.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.eventually("the quotas", || {
        mesh.gateway
            .admin("/config_dump")
            .contains("local_ratelimit")
    });
    mesh.settled();
    let of = |subject: &str| {
        let token = mesh.token().claim("sub", subject).build();
        Request::get("/").bearer(&token)
    };
    let status = |request: &Request| mesh.gateway.send(request).unwrap().status;
    // Its kind is not known.
    let alice = of("alice");
    let spent: Vec<u16> = (0..6).map(|_| status(&alice)).collect();
    assert_eq!(spent, [200, 200, 200, 200, 200, 429]);
    for (name, value) in [
        (
            "x-passgate-principal",
            "https://id.example.com/realms/acme/carol",
        ),
        ("x_passgate_kind", "human"),
        ("x-passgate-kind", "workload"),
    ] {
        assert_eq!(status(&alice.clone().header(name, value)), 429, "{name}");
    }
    assert_eq!(status(&of("carol")), 200);
}

#[test]
fn a_gateway_of_the_gateway_api_is_guarded_by_target_refs() {
    for form in ["", ".traffic-extension"] {
        let mesh = story();
        mesh.apply(&file(&format!("kubernetes-gateway{form}.yaml")));
        mesh.edge.until(401, &Request::get("/"));
        let passed = mesh
            .edge
            .until(200, &Request::get("/").bearer(&mesh.good()));
        assert!(passed.text().contains("\"x-user\":\"alice\""), "{passed:?}");
        // The other gateway of the namespace is none of its business.
        assert_eq!(mesh.gateway.get("/").unwrap().status, 200);
    }
}

#[test]
fn mode_server_leaves_a_gateway_of_the_gateway_api_open() {
    let mesh = story();
    let mut silent = plugin("kubernetes-gateway.yaml");
    silent["spec"]["match"] = json!([{ "mode": "SERVER" }]);
    mesh.apply(&silent.to_string());
    // The plugin of the other gateway comes after it.
    mesh.apply(&file("gateway.yaml"));
    mesh.gateway.until(401, &Request::get("/"));
    mesh.settled();
    assert_eq!(mesh.edge.get("/").unwrap().status, 200);
    mesh.apply(&file("kubernetes-gateway.yaml"));
    mesh.edge.until(401, &Request::get("/"));
}
