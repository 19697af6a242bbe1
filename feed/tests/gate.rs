//! A real Envoy with the filter fetches from a real feed: what a provider tells takes effect at
//! each worker. Needs `ENVOY` and `PASSGATE_WASM` (`make test-feed`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::fs;

use passgate_harness::{
    AUDIENCE, Authority, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy_with,
};
use passgate_kit::{Token, jwks, now};
use serde_json::json;

use running::{Feed, READER, Relay, event_token, logout_token, person};

/// A gate whose cluster for the feed shows the bearer of readers.
fn gate(feed: &Feed, relay: &Relay, issuer: &Issuer) -> Gate {
    let policy = policy_with(json!({
        "remote_jwks": null,
        "local_jwks": { "inline_string": jwks(&[&issuer.key]) },
        "revocations": {
            "http_uri": { "uri": "https://feed.example.com/acme/revocations", "cluster": "feed" },
            "cache_duration": "1s",
        },
    }));
    let secret = feed.folder.join("sds.json");
    let resource = json!({ "resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "feed",
        "generic_secret": { "secret": { "inline_string": format!("Bearer {READER}") } },
    }] });
    fs::write(&secret, resource.to_string()).unwrap();
    let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http_protocol_options": {} },
        "http_filters": [
            { "name": "credential", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
                "credential": { "name": "generic", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "credential": { "name": "feed", "sds_config": { "path_config_source": { "path": secret } } },
                    "header": "authorization",
                } },
            } },
            { "name": "codec", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
            } },
        ],
    } });
    let setup = Setup::new(policy)
        .workers(4)
        .cluster("feed", relay.address());
    let setup = setup.edit(|bootstrap| {
        // Envoy reads secrets from a file only if it has a name.
        bootstrap.0["node"] = json!({ "id": "gate", "cluster": "gates" });
        bootstrap.cluster("feed")["typed_extension_protocol_options"] = options;
    });
    setup.start()
}

/// Requests on twenty connections, some of which reach each worker.
fn all_are(gate: &Gate, token: &str, status: u16) -> bool {
    let ask = || {
        gate.send(Protocol::Http1, &Request::get("/").bearer(token))
            .status
    };
    (0..20).all(|_| ask() == status)
}

#[test]
fn what_a_provider_tells_ends_a_session_and_then_a_person_at_each_worker() {
    let issuer = Issuer::start();
    let feed = Feed::start(&issuer);
    let relay = Relay::to(&feed);
    let gate = gate(&feed, &relay, &issuer);
    let token = |sub: &str, sid: &str, iat: i64| {
        let token = Token::of(&issuer.key, ISSUER, AUDIENCE).claim("sub", sub);
        token.claim("sid", sid).claim("iat", iat).build()
    };
    let (one, other, bob) = (
        token("alice", "s1", now()),
        token("alice", "s2", now()),
        token("bob", "s3", now()),
    );
    for good in [&one, &other, &bob] {
        assert!(all_are(&gate, good, 200), "{:?}", gate.log());
    }
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s1").build()).status,
        200
    );
    eventually("the end of the session", || {
        all_are(&gate, &one, 401).then_some(())
    });
    let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&one));
    gate.denied(&answer, "untrusted.revoked");
    assert!(all_are(&gate, &other, 200) && all_are(&gate, &bob, 200));

    let event = event_token(
        &issuer.key,
        "caep/event-type/session-revoked",
        person("alice"),
    );
    assert_eq!(feed.push(&event.build()).status, 202);
    eventually("the end of the person", || {
        all_are(&gate, &other, 401).then_some(())
    });
    assert!(all_are(&gate, &bob, 200));
    // She signs in again.
    assert!(all_are(&gate, &token("alice", "s4", now() + 5), 200));

    // After a kill the gates go on with the same list.
    let words = running::configuration(issuer.address());
    let feed = Feed::in_folder(feed.kill(), &words, &[]);
    relay.turn_to(&feed);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s3").build()).status,
        200
    );
    eventually("the end of the other person's session", || {
        all_are(&gate, &bob, 401).then_some(())
    });
    assert_eq!(
        gate.stat("wasmcustom.passgate.revocations.provider.acme.fetches.rolled_back"),
        0
    );
    gate.finish();
}

/// A gate that trusts the feed's authority, and shows a certificate of it.
fn certified_gate(feed: &Feed, relay: &Relay, issuer: &Issuer, authority: &Authority) -> Gate {
    let policy = policy_with(json!({
        "remote_jwks": null,
        "local_jwks": { "inline_string": jwks(&[&issuer.key]) },
        "revocations": {
            "http_uri": { "uri": format!("https://{NAME}/acme/revocations"), "cluster": "feed" },
            "cache_duration": "1s",
        },
    }));
    let file = |name: &str, text: String| {
        let path = feed.folder.join(name);
        fs::write(&path, text).unwrap();
        json!({ "filename": path })
    };
    let (certificate, key) = authority.server_pem("gate.example.com");
    let context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": NAME,
        "common_tls_context": {
            "tls_certificates": [{
                "certificate_chain": file("gate.crt", certificate),
                "private_key": file("gate.key", key),
            }],
            "validation_context": {
                "trusted_ca": file("feed.pem", authority.pem()),
                "match_typed_subject_alt_names": [{ "san_type": "DNS", "matcher": { "exact": NAME } }],
            },
        },
    });
    let setup = Setup::new(policy)
        .workers(2)
        .cluster("feed", relay.address());
    let setup = setup.edit(|bootstrap| {
        bootstrap.cluster("feed")["transport_socket"] =
            json!({ "name": "envoy.transport_sockets.tls", "typed_config": context });
    });
    setup.start()
}

const NAME: &str = "feed.example.com";

#[test]
fn a_gate_reads_over_tls_with_a_certificate_of_its_own() {
    let (issuer, authority) = (Issuer::start(), Authority::generate());
    let folder = running::new_folder();
    let (certificate, key) = authority.server_pem(NAME);
    fs::write(folder.join("tls.crt"), certificate).unwrap();
    fs::write(folder.join("tls.key"), key).unwrap();
    fs::write(folder.join("gates.pem"), authority.pem()).unwrap();
    let mut words = running::configuration(issuer.address());
    words["tls"] = json!({ "certificate": "tls.crt", "private_key": "tls.key" });
    let certificate = json!({ "trusted_ca": "gates.pem", "names": ["gate.example.com"] });
    words["readers"] = json!({ "certificate": certificate });
    let feed = Feed::in_folder(folder, &words, &[]);
    let relay = Relay::to(&feed);
    let gate = certified_gate(&feed, &relay, &issuer, &authority);
    let token = Token::of(&issuer.key, ISSUER, AUDIENCE)
        .claim("sid", "s1")
        .build();
    assert!(all_are(&gate, &token, 200), "{:?}", gate.log());
    let logout = running::logout(&logout_token(&issuer.key, "s1").build());
    let logout = logout.header("connection", "close");
    let (answer, _) = authority.stranger().send(feed.address, NAME, &logout);
    assert_eq!(answer.status, 200, "{answer:?}");
    eventually("the end of the session", || {
        all_are(&gate, &token, 401).then_some(())
    });
    gate.finish();
}
