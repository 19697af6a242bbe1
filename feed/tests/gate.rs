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
    AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy_with,
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
