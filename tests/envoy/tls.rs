//! Keys fetched over real TLS, from a server whose certificate Envoy checks.

use crate::harness::{Authority, BOTH, Gate, Issuer, Request, Setup, policy};
use serde_json::json;

#[test]
fn keys_come_over_tls_from_a_server_with_the_right_name() {
    let authority = Authority::new();
    let gate = fetching_from(Issuer::over_tls(&authority, "id.example.com"), &authority);
    let good = gate.good();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
    }
    gate.fetched_once();
    assert!(gate.stat("cluster.idp.ssl.handshake") >= 1);
    gate.finish();
}

#[test]
fn keys_of_a_server_with_a_wrong_name_are_not_taken() {
    let authority = Authority::new();
    let gate = fetching_from(Issuer::over_tls(&authority, "evil.example"), &authority);
    refused(&gate);
    assert!(gate.stat("cluster.idp.ssl.fail_verify_san") >= 1);
    gate.finish();
}

#[test]
fn keys_of_a_server_with_a_certificate_of_another_authority_are_not_taken() {
    let stranger = Authority::new();
    let gate = fetching_from(
        Issuer::over_tls(&stranger, "id.example.com"),
        &Authority::new(),
    );
    refused(&gate);
    assert!(gate.stat("cluster.idp.ssl.fail_verify_error") >= 1);
    gate.finish();
}

fn refused(gate: &Gate) {
    let good = gate.good();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&good));
        gate.denied(&answer, "unavailable.keys");
    }
    assert_eq!((gate.issuer.fetches(), gate.upstream.hits()), (0, 0));
}

fn fetching_from(issuer: Issuer, trusted: &Authority) -> Gate {
    let setup = Setup::new(policy()).issuer(issuer);
    let setup = setup.edit(|bootstrap| {
        bootstrap.cluster("idp")["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": "id.example.com",
                "common_tls_context": { "validation_context": {
                                        "match_typed_subject_alt_names": [
                        { "san_type": "DNS", "matcher": { "exact": "id.example.com" } },
                    ],
                } },
            },
        });
    });
    setup.trusting("idp", trusted).start()
}
