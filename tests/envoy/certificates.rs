//! Tokens that are bound to a client certificate (RFC 8705), on connections that show it, or
//! another, or none.

use passgate_harness::{Authority, Gate, Request, Setup, TlsClient, exchange_all, policy, ruled};
use passgate_kit::base64url;
use serde_json::json;

const NAME: &str = "api.example.com";

/// A gate whose listener asks for client certificates of this authority.
fn gate(authority: &Authority) -> Gate {
    let rules = json!([
        { "match": { "path": "/bound" }, "requires": { "proof": { "certificate": {} } } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let (certificate, key) = authority.server_pem(NAME);
    let trusted = authority.pem();
    Setup::new(ruled(policy(), rules))
        .edit(|bootstrap| {
            bootstrap.listener()["filter_chains"][0]["transport_socket"] = json!({
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                    "common_tls_context": {
                        "alpn_protocols": ["h2", "http/1.1"],
                        "tls_certificates": [{
                            "certificate_chain": { "inline_string": certificate },
                            "private_key": { "inline_string": key },
                        }],
                        "validation_context": { "trusted_ca": { "inline_string": trusted } },
                    },
                },
            });
        })
        .start()
}

fn send(gate: &Gate, client: &TlsClient, path: &str, token: &str) -> passgate_harness::Response {
    let request = Request::get(path).authority(NAME).bearer(token);
    client.send(gate.address, NAME, &request).0
}

#[test]
fn a_token_passes_on_connections_of_its_certificate_alone() {
    let authority = Authority::generate();
    let gate = gate(&authority);
    let (client, digest) = authority.client();
    let (thief, _) = authority.client();
    let cnf = json!({ "x5t#S256": base64url(digest) });
    let token = gate.token().claim("cnf", cnf).build();
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    for path in ["/bound", "/other"] {
        gate.passed(&send(&gate, &client, path, &token));
        gate.denied(&send(&gate, &thief, path, &token), "untrusted.proof_key");
        gate.denied(
            &send(&gate, &authority.stranger(), path, &token),
            "missing.proof",
        );
        // What a client says of its certificate is nothing.
        let forged = Request::get(path)
            .authority(NAME)
            .bearer(&token)
            .header("x-forwarded-client-cert", format!("Hash={hash}"));
        let (answer, _) = authority.stranger().send(gate.address, NAME, &forged);
        gate.denied(&answer, "missing.proof");
    }
    let unbound = gate.good();
    gate.denied(
        &send(&gate, &client, "/bound", &unbound),
        "untrusted.proof_token",
    );
    gate.passed(&send(&gate, &client, "/other", &unbound));
    // Those that passed with a proof, of which there were two.
    assert_eq!(gate.stat("wasmcustom.passgate.proofs.certificate"), 2);
    gate.finish();
}

/// The session knows the certificate that began it.
#[test]
fn a_resumed_session_has_the_certificate_that_began_it() {
    let authority = Authority::generate();
    let gate = gate(&authority);
    let (client, digest) = authority.client();
    let cnf = json!({ "x5t#S256": base64url(digest) });
    let token = gate.token().claim("cnf", cnf).build();
    let request = Request::get("/bound").authority(NAME).bearer(&token);
    let (first, resumed) = client.send(gate.address, NAME, &request);
    gate.passed(&first);
    assert!(!resumed);
    let mut resumed = false;
    for _ in 0..3 {
        let (answer, again) = client.send(gate.address, NAME, &request);
        gate.passed(&answer);
        resumed |= again;
    }
    assert!(resumed, "no session was resumed");
    gate.finish();
}

#[test]
fn each_stream_of_an_http2_connection_has_the_certificate_of_its_connection() {
    let authority = Authority::generate();
    let gate = gate(&authority);
    let (client, digest) = authority.client();
    let (thief, _) = authority.client();
    let cnf = json!({ "x5t#S256": base64url(digest) });
    let token = gate.token().claim("cnf", cnf).build();
    let requests: Vec<Request> = ["/bound", "/other", "/bound"]
        .map(|path| Request::get(path).authority(NAME).bearer(&token))
        .into();
    let answers = |client: &TlsClient| {
        let answers = exchange_all(client.tunnel(gate.address, NAME), &requests).unwrap();
        assert_eq!(answers.len(), requests.len());
        answers
    };
    for answer in answers(&client) {
        gate.passed(&answer);
    }
    for answer in answers(&thief) {
        gate.denied(&answer, "untrusted.proof_key");
    }
    for answer in answers(&authority.stranger()) {
        gate.denied(&answer, "missing.proof");
    }
    gate.finish();
}
