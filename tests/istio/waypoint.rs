//! The filter at a waypoint, in front of services without sidecars.

use crate::harness::{ACCOUNTS, Behind, DENIED, NEWS, Request, Story, file, plugin, story};
use serde_json::{Value, json};

/// A mesh whose waypoint has the cluster of the identity provider.
fn with_keys() -> Story {
    let mesh = story();
    mesh.apply(&file("waypoint/keys.yaml"));
    way_to_keys(&mesh);
    mesh
}

fn way_to_keys(mesh: &Story) {
    mesh.eventually("the cluster of the identity provider", || {
        has_way_to_keys(mesh)
    });
}

fn has_way_to_keys(mesh: &Story) -> bool {
    let clusters = mesh.waypoint.admin("/clusters");
    clusters.contains("outbound|443||id.example.com::")
}

/// The status without a token.
fn status(mesh: &Story, service: &Behind) -> u16 {
    let answer = mesh.ask(&mesh.web, service, &service.request());
    answer.expect("an answer").status
}

/// What a service answers to a person with a good token.
fn passed(mesh: &Story, service: &Behind) -> String {
    let request = service.request().bearer(&mesh.good());
    mesh.ask_until(200, &mesh.web, service, &request).text()
}

#[test]
fn a_plugin_on_the_gateway_judges_every_service_behind_the_waypoint() {
    for form in ["", ".traffic-extension"] {
        let mesh = with_keys();
        mesh.apply(&file(&format!("waypoint/every-service{form}.yaml")));
        for service in [&ACCOUNTS, &NEWS] {
            mesh.ask_until(401, &mesh.web, service, &service.request());
            let passed = passed(&mesh, service);
            assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
            assert!(passed.contains(&format!("\"server\":\"{}\"", service.name)));
            assert!(!passed.contains("\"authorization\""), "{passed}");
        }
    }
}

#[test]
fn a_plugin_on_a_service_judges_that_service_alone() {
    for form in ["", ".traffic-extension"] {
        let mesh = with_keys();
        mesh.apply(&file(&format!("waypoint/one-service{form}.yaml")));
        mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
        passed(&mesh, &ACCOUNTS);
        let mut writing = ACCOUNTS.request().bearer(&mesh.good());
        writing.method = "POST".to_owned();
        mesh.ask_until(403, &mesh.web, &ACCOUNTS, &writing);
        mesh.settled();
        assert_eq!(status(&mesh, &NEWS), 200);
    }
}

#[test]
fn a_plugin_on_the_class_judges_every_waypoint() {
    for form in ["", ".traffic-extension"] {
        let mesh = with_keys();
        mesh.apply(&file(&format!("waypoint/every-waypoint{form}.yaml")));
        for service in [&ACCOUNTS, &NEWS] {
            mesh.ask_until(401, &mesh.web, service, &service.request());
            passed(&mesh, service);
        }
    }
}

/// A service outside of the mesh, to which the waypoint leads.
const PARTNER: &str = r#"
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: books, labels: { istio.io/use-waypoint: waypoint } }
spec:
  hosts: [partner.example.com]
  addresses: [10.96.0.40]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 8080, name: http, protocol: HTTP }]
  endpoints: [{ address: 10.0.0.8 }]
"#;

#[test]
fn a_plugin_on_a_service_entry_judges_what_leads_there() {
    let mesh = with_keys();
    let partner = Behind {
        name: "partner",
        address: "10.96.0.40:8080",
    };
    let request = Request::get("/").authority("partner.example.com:8080");
    mesh.apply(PARTNER);
    mesh.ask_until(200, &mesh.web, &partner, &request);
    let mut plugin = plugin("waypoint/one-service.yaml");
    plugin["spec"]["targetRefs"] = json!([
        { "group": "networking.istio.io", "kind": "ServiceEntry", "name": "partner" }
    ]);
    mesh.apply(&plugin.to_string());
    mesh.ask_until(401, &mesh.web, &partner, &request);
    let request = request.bearer(&mesh.good());
    mesh.ask_until(200, &mesh.web, &partner, &request);
    mesh.settled();
    assert_eq!(status(&mesh, &ACCOUNTS), 200);
}

/// The plugin of one service, for another one with an audience of its own.
fn for_news() -> Value {
    let mut other = plugin("waypoint/one-service.yaml");
    other["metadata"]["name"] = json!("passgate-news");
    other["spec"]["targetRefs"][0]["name"] = json!("news");
    other["spec"]["pluginName"] = json!("passgate-news");
    let config = &mut other["spec"]["pluginConfig"];
    config["providers"]["acme"]["audiences"] = json!(["https://news.example.com"]);
    config["providers"]["acme"]["claim_to_headers"][0]["header_name"] = json!("x-reader");
    config["rules"] = json!([{ "match": { "prefix": "/" }, "requires": {
        "provider_name": "acme", "scopes": ["news:read"] } }]);
    other
}

#[test]
fn two_services_behind_one_waypoint_have_two_policies_and_share_nothing() {
    let mesh = with_keys();
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.apply(&for_news().to_string());
    for service in [&ACCOUNTS, &NEWS] {
        mesh.ask_until(401, &mesh.web, service, &service.request());
    }
    let for_accounts = mesh.good();
    let news = mesh.token().claim("aud", "https://news.example.com");
    let without_scope = news.build();
    let news = mesh.token().claim("aud", "https://news.example.com");
    let for_news = news.claim("scope", "news:read").build();
    let ask = |status: u16, service: &Behind, token: &str| {
        let request = service.request().bearer(token);
        mesh.ask_until(status, &mesh.web, service, &request).text()
    };
    // The token that one remembers is not one that the other takes.
    for _ in 0..2 {
        let passed = ask(200, &ACCOUNTS, &for_accounts);
        assert!(passed.contains("\"x-user\":\"alice\"") && !passed.contains("x-reader"));
        ask(401, &NEWS, &for_accounts);
        let passed = ask(200, &NEWS, &for_news);
        assert!(passed.contains("\"x-reader\":\"alice\"") && !passed.contains("x-user"));
        ask(401, &ACCOUNTS, &for_news);
        ask(403, &NEWS, &without_scope);
    }
    // Nor does the end of one end the other.
    let gone = [
        "delete",
        "wasmplugin",
        "passgate-news",
        "--namespace",
        "books",
    ];
    mesh.kubectl(&gone);
    mesh.ask_until(200, &mesh.web, &NEWS, &NEWS.request());
    mesh.settled();
    assert_eq!(status(&mesh, &ACCOUNTS), 401);
    ask(200, &ACCOUNTS, &for_accounts);
}

#[test]
fn a_plugin_on_the_gateway_and_one_on_the_service_both_judge() {
    let mesh = with_keys();
    let mut outer = plugin("waypoint/every-service.yaml");
    outer["spec"]["priority"] = json!(100);
    let acme = &mut outer["spec"]["pluginConfig"]["providers"]["acme"];
    acme["claim_to_headers"][0]["header_name"] = json!("x-person");
    mesh.apply(&outer.to_string());
    mesh.apply(&file("waypoint/one-service.yaml"));
    // The one that comes first takes the token away, and the other does not find it.
    let request = ACCOUNTS.request().bearer(&mesh.good());
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &request);
    let passed = passed(&mesh, &NEWS);
    assert!(passed.contains("\"x-person\":\"alice\""), "{passed}");

    outer["spec"]["pluginConfig"]["providers"]["acme"]["forward"] = json!(true);
    mesh.apply(&outer.to_string());
    let passed = mesh.ask_until(200, &mesh.web, &ACCOUNTS, &request).text();
    for header in ["x-person", "x-user"] {
        assert!(
            passed.contains(&format!("\"{header}\":\"alice\"")),
            "{passed}"
        );
    }
    assert!(!passed.contains("\"authorization\""), "{passed}");
}

#[test]
fn each_of_three_ways_makes_the_cluster_of_the_keys() {
    type Way = (&'static str, fn(&Story));
    let ways: [Way; 3] = [
        ("an annotation", |mesh| {
            mesh.apply(&file("waypoint/keys.yaml"));
        }),
        ("a route", |mesh| {
            mesh.apply(&file("waypoint/keys-by-route.yaml"));
        }),
        ("the mesh configuration", |mesh| {
            let part = file("waypoint/keys-mesh-config.yaml");
            let (_, providers) = part.split_once("extensionProviders:\n").unwrap();
            mesh.configure(providers);
        }),
    ];
    for (name, make) in ways {
        let mesh = story();
        assert!(!has_way_to_keys(&mesh), "before {name}");
        make(&mesh);
        way_to_keys(&mesh);
        let before = mesh.key_fetches.value();
        mesh.apply(&file("waypoint/every-service.yaml"));
        mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
        passed(&mesh, &ACCOUNTS);
        assert!(mesh.key_fetches.value() > before, "{name}");
    }
}

#[test]
fn without_a_way_to_the_keys_a_good_token_gets_503_and_the_log_names_the_cluster() {
    let mesh = story();
    mesh.apply(&file("waypoint/every-service.yaml"));
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    assert!(!has_way_to_keys(&mesh));
    let request = ACCOUNTS.request().bearer(&mesh.good());
    let refused = mesh.ask_until(503, &mesh.web, &ACCOUNTS, &request);
    assert!(refused.headers.text("retry-after").is_some(), "{refused:?}");
    mesh.eventually("a reason that names the cluster", || {
        let log = mesh.waypoint.log();
        log.contains("\"reason\":\"unavailable.keys\"")
            && log.lines().any(|line| {
                line.contains("passgate keys of acme: fetches fail: ")
                    && line.contains("outbound|443||id.example.com")
            })
    });
    mesh.apply(&file("waypoint/keys.yaml"));
    mesh.ask_until(200, &mesh.web, &ACCOUNTS, &request);
}

#[test]
fn a_policy_behind_the_filter_asks_for_the_person_and_for_the_callers_spiffe_id() {
    let mesh = with_keys();
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.apply(&file("waypoint/authorization.yaml"));
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    let alice = ACCOUNTS.request().bearer(&mesh.good());
    let denied = mesh.ask_until(403, &mesh.batch, &ACCOUNTS, &alice);
    assert_eq!(denied.text(), DENIED);
    mesh.settled();
    mesh.ask_until(200, &mesh.web, &ACCOUNTS, &alice);
    let mallory = mesh.token().claim("sub", "mallory").build();
    let mallory = ACCOUNTS.request().bearer(&mallory);
    let forged = mallory.clone().header("x-user", "alice");
    for request in [mallory, forged] {
        let denied = mesh.ask(&mesh.web, &ACCOUNTS, &request).unwrap();
        assert_eq!((denied.status, denied.text()), (403, DENIED.to_owned()));
    }
    // Without a token it is the filter that answers, whoever calls.
    let nobody = ACCOUNTS.request().header("x-user", "alice");
    assert_eq!(
        mesh.ask(&mesh.batch, &ACCOUNTS, &nobody).unwrap().status,
        401
    );
}

#[test]
fn a_broken_update_leaves_the_old_policy_and_a_broken_start_denies_everything() {
    let mesh = with_keys();
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    let mut broken = plugin("waypoint/one-service.yaml");
    broken["spec"]["pluginConfig"]["providers"]["acme"]["clock_skew_seconds"] = json!(60);
    mesh.apply(&broken.to_string());
    mesh.eventually("the reason in the waypoint's log", || {
        let log = mesh.waypoint.log();
        log.contains("passgate providers.acme.clock_skew_seconds: unknown here")
    });
    mesh.settled();
    assert_eq!(status(&mesh, &ACCOUNTS), 401);
    passed(&mesh, &ACCOUNTS);
    drop(mesh);

    let mesh = with_keys();
    broken["spec"]["pluginConfig"]["providers"] = json!({});
    mesh.apply(&broken.to_string());
    mesh.ask_until(500, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    let with_token = ACCOUNTS.request().bearer(&mesh.good());
    let denied = mesh.ask(&mesh.web, &ACCOUNTS, &with_token).unwrap();
    assert_eq!(denied.status, 500);
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.ask_until(200, &mesh.web, &ACCOUNTS, &with_token);
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
}

#[test]
fn an_image_that_cannot_be_had_denies_what_the_plugin_is_for() {
    let mesh = with_keys();
    let mut absent = plugin("waypoint/one-service.yaml");
    let url = "oci://registry.example.com/passgate@sha256:".to_owned() + &"0".repeat(64);
    absent["spec"]["url"] = json!(url);
    mesh.apply(&absent.to_string());
    let with_token = ACCOUNTS.request().bearer(&mesh.good());
    let denied = mesh.ask_until(403, &mesh.web, &ACCOUNTS, &with_token);
    assert_eq!(denied.text(), DENIED);
    assert_eq!(status(&mesh, &ACCOUNTS), 403);
    mesh.settled();
    assert_eq!(status(&mesh, &NEWS), 200);
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.ask_until(200, &mesh.web, &ACCOUNTS, &with_token);
}

#[test]
fn an_update_is_in_force_for_new_requests() {
    let mesh = with_keys();
    mesh.apply(&file("waypoint/one-service.yaml"));
    mesh.ask_until(401, &mesh.web, &ACCOUNTS, &ACCOUNTS.request());
    passed(&mesh, &ACCOUNTS);
    let mut changed = plugin("waypoint/one-service.yaml");
    let acme = &mut changed["spec"]["pluginConfig"]["providers"]["acme"];
    acme["claim_to_headers"][0]["header_name"] = json!("x-person");
    mesh.apply(&changed.to_string());
    // While it comes, nothing passes without a token, and a good one always does.
    let request = ACCOUNTS.request().bearer(&mesh.good());
    mesh.eventually("the new configuration", || {
        assert_eq!(status(&mesh, &ACCOUNTS), 401);
        let answer = mesh.ask(&mesh.web, &ACCOUNTS, &request).unwrap();
        assert_eq!(answer.status, 200);
        answer.text().contains("\"x-person\":\"alice\"")
    });
}
