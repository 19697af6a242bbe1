//! Keys fetched over real TLS, from a server whose certificate Envoy checks.

use passgate_harness::{Authority, BOTH, Gate, Issuer, Request, Setup, policy};
use serde_json::json;

#[test]
fn keys_come_over_tls_from_a_server_with_the_right_name() {
    let authority = Authority::generate();
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
    let authority = Authority::generate();
    let gate = fetching_from(Issuer::over_tls(&authority, "evil.example"), &authority);
    refused(&gate);
    assert!(gate.stat("cluster.idp.ssl.fail_verify_san") >= 1);
    gate.finish();
}

#[test]
fn keys_of_a_server_with_a_certificate_of_another_authority_are_not_taken() {
    let stranger = Authority::generate();
    let gate = fetching_from(
        Issuer::over_tls(&stranger, "id.example.com"),
        &Authority::generate(),
    );
    refused(&gate);
    assert!(gate.stat("cluster.idp.ssl.fail_verify_error") >= 1);
    gate.finish();
}

/// As Debian's `ca-certificates.crt`: one file with the certificates of many authorities.
#[test]
fn keys_come_over_tls_by_a_file_of_many_authorities_and_not_by_one_without_the_right_one() {
    let authority = Authority::generate();
    let strangers: Vec<Authority> = (0..20).map(|_| Authority::generate()).collect();
    let strangers: String = strangers.iter().map(Authority::pem).collect();
    for (bundle, is_known) in [
        (format!("{strangers}{}{strangers}", authority.pem()), true),
        (strangers.clone(), false),
    ] {
        let issuer = Issuer::over_tls(&authority, "id.example.com");
        let gate = over_tls(issuer)
            .edit(|bootstrap| bootstrap.trust("idp", &bundle))
            .start();
        if is_known {
            let answer = gate.send(BOTH[0], &Request::get("/").bearer(&gate.good()));
            gate.passed(&answer);
        } else {
            refused(&gate);
        }
        gate.finish();
    }
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
    over_tls(issuer).trusting("idp", trusted).start()
}

fn over_tls(issuer: Issuer) -> Setup {
    Setup::new(policy()).issuer(issuer).edit(|bootstrap| {
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
    })
}
