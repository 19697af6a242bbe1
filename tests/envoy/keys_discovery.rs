//! An issuer whose own document says where its keys are.

use passgate_harness::{
    AUDIENCE, Authority, BOTH, Gate, ISSUER, Issuer, Load, Protocol, Request, Setup, eventually,
    policy_with,
};
use passgate_kit::{SigningKey, Token, jwks};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const DOCUMENT: &str = "/.well-known/openid-configuration";

#[test]
fn a_changed_jwks_uri_is_followed_within_the_refresh_period_and_nobody_is_refused() {
    let gate = Setup::new(discovering())
        .issuer(saying(ISSUER, "/oauth/v1"))
        .start();
    let load = Load::start(gate.address, &token(&gate.issuer.key));
    eventually("keys", || (gate.upstream.hits() > 0).then_some(()));
    let paths = gate.issuer.paths();
    assert_eq!(paths[0], DOCUMENT);
    assert!(paths.iter().any(|path| path == "/oauth/v1"), "{paths:?}");

    let next = SigningKey::es256("k2");
    gate.issuer
        .page("/oauth/v2", 200, &jwks(&[&gate.issuer.key, &next]));
    gate.issuer.page("/oauth/v1", 404, "gone");
    gate.issuer
        .page(DOCUMENT, 200, &document(ISSUER, "/oauth/v2"));
    let moved = Instant::now();
    eventually("the new address", || {
        gate.issuer
            .paths()
            .iter()
            .any(|path| path == "/oauth/v2")
            .then_some(())
    });
    assert!(
        moved.elapsed() < Duration::from_secs(4),
        "{:?}",
        moved.elapsed()
    );
    let request = Request::get("/").bearer(&token(&next));
    eventually("the new key", || {
        (gate.send(Protocol::Http1, &request).status == 200).then_some(())
    });
    load.finish_without_a_refusal();
    assert!(
        gate.log()
            .contains("discovery found them at https://id.example.com/oauth/v2")
    );
    gate.finish();
}

#[test]
fn a_document_of_another_issuer_or_with_an_address_elsewhere_is_not_followed() {
    let elsewhere = document(ISSUER, "/oauth/../evil");
    for (page, result) in [
        (document("https://evil.example", "/oauth/v1"), "issuer"),
        (document(&format!("{ISSUER}/"), "/oauth/v1"), "issuer"),
        (document(ISSUER, "/other/v1"), "jwks_uri"),
        (elsewhere, "jwks_uri"),
    ] {
        let issuer = Issuer::start();
        issuer.page(DOCUMENT, 200, &page);
        let gate = Setup::new(discovering()).issuer(issuer).start();
        let request = Request::get("/").bearer(&token(&gate.issuer.key));
        for protocol in BOTH {
            gate.denied(&gate.send(protocol, &request), "unavailable.keys");
        }
        let name = format!("wasmcustom.passgate.keys.provider.acme.discovery.{result}");
        assert!(gate.stat(&name) > 0, "{name}");
        assert!(gate.issuer.paths().iter().all(|path| path == DOCUMENT));
        assert_eq!(gate.upstream.hits(), 0);

        gate.issuer
            .page(DOCUMENT, 200, &document(ISSUER, "/oauth/v1"));
        eventually("keys after all", || {
            (gate.send(Protocol::Http1, &request).status == 200).then_some(())
        });
        gate.finish();
    }
}

#[test]
fn an_outage_of_the_document_alone_is_bridged_and_the_keys_go_on_being_refreshed() {
    let gate = Setup::new(discovering())
        .issuer(saying(ISSUER, "/oauth/v1"))
        .start();
    let load = Load::start(gate.address, &token(&gate.issuer.key));
    eventually("keys", || (gate.upstream.hits() > 0).then_some(()));
    gate.issuer.page(DOCUMENT, 500, "down");
    eventually("failures", || {
        let failed = gate.stat("wasmcustom.passgate.keys.provider.acme.discovery.status");
        (failed >= 4).then_some(())
    });
    let of_keys = |gate: &Gate| {
        gate.issuer
            .paths()
            .iter()
            .filter(|path| *path == "/oauth/v1")
            .count()
    };
    let before = of_keys(&gate);
    eventually("a refresh of the keys", || {
        (of_keys(&gate) > before).then_some(())
    });
    load.finish_without_a_refusal();
    gate.finish();
}

#[test]
fn the_shipped_example_finds_its_keys_over_tls() {
    let authority = Authority::generate();
    let issuer = Issuer::over_tls(&authority, "id.example.com");
    issuer.page(DOCUMENT, 200, &document(ISSUER, "/oauth/v1"));
    let setup = Setup::shipped("envoy/discovery.yaml").issuer(issuer);
    // Only the authority is another one than the public ones.
    let gate = setup.trusting("idp", &authority).start();
    let good = Token::of(&gate.issuer.key, ISSUER, "http://127.0.0.1:8080").build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
    }
    let paths = gate.issuer.paths();
    assert!(
        paths
            .iter()
            .all(|path| path == DOCUMENT || path == "/oauth/v1")
    );
    gate.finish();
}

fn discovering() -> Value {
    policy_with(json!({
        "remote_jwks": null,
        "discovery": {
            "cluster": "idp",
            "jwks_uri_prefix": format!("{ISSUER}/oauth/"),
            "refresh": "2s",
            "cache_duration": "1s",
        },
    }))
}

/// An issuer whose document says this, and whose keys are at any other path.
fn saying(issuer: &str, path: &str) -> Issuer {
    let server = Issuer::start();
    server.page(DOCUMENT, 200, &document(issuer, path));
    server
}

fn document(issuer: &str, path: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": format!("{ISSUER}{path}") }).to_string()
}

fn token(key: &SigningKey) -> String {
    Token::of(key, ISSUER, AUDIENCE).build()
}

/// An issuer that publishes the metadata of RFC 8414 only.
#[test]
fn keys_are_found_by_the_document_of_an_authorization_server() {
    let issuer = saying(ISSUER, "/oauth/v1");
    let document = document(ISSUER, "/oauth/v1");
    issuer.page("/.well-known/oauth-authorization-server", 200, &document);
    issuer.page(DOCUMENT, 404, "none");
    let mut policy = discovering();
    policy["providers"]["acme"]["discovery"]["document"] = json!("oauth");
    let gate = Setup::new(policy).issuer(issuer).start();
    for protocol in BOTH {
        let request = Request::get("/").bearer(&token(&gate.issuer.key));
        gate.passed(&gate.send(protocol, &request));
    }
    let paths = gate.issuer.paths();
    assert!(paths.iter().all(|path| path != DOCUMENT), "{paths:?}");
    gate.finish();
}
