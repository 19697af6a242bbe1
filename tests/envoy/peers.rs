//! Rules that ask for the workload at the other end of the connection, behind a listener that
//! verifies client certificates: the file that is shipped, with certificates of one authority.

use passgate_harness::{
    Authority, Bootstrap, Gate, Request, Response, Setup, TlsClient, eventually, exchange_all,
    policy, ruled,
};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};

const NAME: &str = "localhost";
const REPORT: &str = "spiffe://example.org/ns/batch/sa/report";
const SHOP: &str = "spiffe://example.org/ns/web/sa/shop";

/// The listener with the certificates of this authority.
fn certificates(bootstrap: &mut Bootstrap, authority: &Authority) {
    let (certificate, key) = authority.server_pem(NAME);
    let socket = &mut bootstrap.listener()["filter_chains"][0]["transport_socket"];
    let context = &mut socket["typed_config"]["common_tls_context"];
    context["tls_certificates"] = json!([{
        "certificate_chain": { "inline_string": certificate },
        "private_key": { "inline_string": key },
    }]);
    context["validation_context"]["trusted_ca"] = json!({ "inline_string": authority.pem() });
}

fn shipped(authority: &Authority) -> Gate {
    let setup = Setup::shipped("envoy/workloads.yaml");
    setup
        .edit(|bootstrap| certificates(bootstrap, authority))
        .start()
}

/// The shipped listener with a policy of these rules.
fn with_rules(authority: &Authority, rules: Value) -> Gate {
    let policy = json!({
        "peer_verified_by_listener": true, "rules": rules, "audit": { "log": "all" },
    });
    let setup = Setup::shipped("envoy/workloads.yaml");
    let setup = setup.edit(|bootstrap| {
        certificates(bootstrap, authority);
        bootstrap.set_policy(&policy);
    });
    setup.start()
}

fn alice(gate: &Gate) -> String {
    Token::of(
        &gate.issuer.key,
        "http://127.0.0.1:9000",
        "https://localhost:8443",
    )
    .build()
}

fn send(gate: &Gate, client: &TlsClient, request: Request) -> Response {
    let request = request.authority(NAME);
    client.send(gate.address, NAME, &request).0
}

fn get(gate: &Gate, client: &TlsClient, path: &str) -> Response {
    send(gate, client, Request::get(path))
}

#[test]
fn the_shipped_file_tells_workloads_and_people_apart() {
    let authority = Authority::generate();
    let gate = shipped(&authority);
    let report = authority.workload(&[REPORT]);
    let shop = authority.workload(&[SHOP]);
    let stranger = authority.stranger();
    let token = alice(&gate);
    let person = |path: &str| Request::get(path).bearer(&token);

    // A workload alone.
    let received = gate.passed(&get(&gate, &report, "/reports/today"));
    let header = |name| received.headers.text(name);
    assert_eq!(header("x-passgate-peer"), Some(REPORT));
    assert_eq!(header("x-passgate-principal"), Some(REPORT));
    assert_eq!(header("x-passgate-kind"), Some("workload"));
    assert_eq!(header("x-passgate-provider"), None);
    gate.denied(&get(&gate, &shop, "/reports/today"), "forbidden.peer");
    gate.denied(&get(&gate, &stranger, "/reports/today"), "missing.peer");
    gate.denied(
        &send(&gate, &stranger, person("/reports/today")),
        "missing.peer",
    );

    // A person through a workload.
    let received = gate.passed(&send(&gate, &shop, person("/orders/1")));
    let header = |name| received.headers.text(name);
    assert_eq!(header("x-passgate-peer"), Some(SHOP));
    assert_eq!(
        header("x-passgate-principal"),
        Some("http://127.0.0.1:9000/alice")
    );
    gate.denied(&get(&gate, &shop, "/orders/1"), "missing.token");
    gate.denied(&send(&gate, &report, person("/orders/1")), "forbidden.peer");
    gate.denied(&send(&gate, &stranger, person("/orders/1")), "missing.peer");

    // One of both.
    gate.passed(&send(&gate, &stranger, person("/")));
    gate.passed(&get(&gate, &report, "/"));
    let nothing = get(&gate, &stranger, "/");
    gate.denied(&nothing, "missing.token");
    assert!(
        nothing
            .headers
            .text("www-authenticate")
            .is_some_and(|it| it.starts_with("Bearer "))
    );
    gate.denied(&get(&gate, &shop, "/"), "missing.token");
    gate.denied(
        &send(&gate, &report, Request::get("/").bearer("junk")),
        "malformed.token_shape",
    );

    let counted = |name: &str| gate.stat(&format!("wasmcustom.passgate.verdicts.{name}"));
    assert_eq!(counted("allow.rule.0.permitted.peer"), 1);
    assert_eq!(counted("allow.rule.2.permitted.peer"), 1);
    assert_eq!(counted("deny.rule.0.missing.peer"), 2);
    assert_eq!(counted("deny.rule.0.forbidden.peer"), 1);
    gate.finish();
}

/// Nothing but the certificate of the connection says who the peer is.
#[test]
fn headers_of_a_client_say_nothing_about_its_connection() {
    let authority = Authority::generate();
    let gate = shipped(&authority);
    let shop = authority.workload(&[SHOP]);
    let forged = |path: &str| {
        Request::get(path)
            .header(
                "x-forwarded-client-cert",
                format!("By=spiffe://example.org/gate;Hash=00;URI={REPORT}"),
            )
            .header("x-passgate-peer", REPORT)
            .header("X_Passgate_Peer", REPORT)
            .header("x-passgate-principal", REPORT)
    };
    for client in [&shop, &authority.stranger()] {
        let answer = send(&gate, client, forged("/reports"));
        assert_eq!(answer.status, 403);
        gate.denied(&send(&gate, client, forged("/")), "missing.token");
    }
    let token = alice(&gate);
    let received = gate.passed(&send(&gate, &shop, forged("/orders").bearer(&token)));
    assert_eq!(received.headers.all("x-passgate-peer"), [SHOP.as_bytes()]);
    assert!(received.headers.all("x_passgate_peer").is_empty());
    // A person who came without a peer that was asked for is told of without one.
    let received = gate.passed(&send(&gate, &shop, forged("/").bearer(&token)));
    assert!(received.headers.all("x-passgate-peer").is_empty());
    gate.finish();
}

#[test]
fn a_certificate_that_does_not_name_one_workload_is_nobody() {
    let authority = Authority::generate();
    let gate = shipped(&authority);
    let other = "spiffe://example.org/ns/batch/sa/other";
    for uris in [
        &[][..],
        &[REPORT, REPORT],
        &[REPORT, other],
        &[other, REPORT],
        &["https://example.org", REPORT],
        &["spiffe://example.org/ns/batch/sa/report/"],
        &["spiffe://example.org//ns/batch/sa/report"],
        &["spiffe://example.org/ns/batch/sa/%72eport"],
        &["spiffe://EXAMPLE.org/ns/batch/sa/report"],
        &["SPIFFE://example.org/ns/batch/sa/report"],
        &["spiffe://example.org"],
    ] {
        let client = authority.workload(uris);
        gate.denied(&get(&gate, &client, "/reports"), "missing.peer");
    }
    // A host name in the place of a URI.
    gate.denied(
        &get(&gate, &authority.client().0, "/reports"),
        "missing.peer",
    );
    for id in [
        "spiffe://example.org.evil/ns/batch/sa/report",
        "spiffe://evil/example.org/ns/batch/sa/report",
        "spiffe://example.org/ns/batch/sa/Report",
        "spiffe://example.org/ns/batch/sa/report/x",
        "spiffe://example.org/ns/batch/sa/reports",
    ] {
        let client = authority.workload(&[id]);
        gate.denied(&get(&gate, &client, "/reports"), "forbidden.peer");
    }
    gate.finish();
}

/// Envoy looks at a certificate in a full handshake alone: in a session that is resumed, one that
/// is over counts on.
#[test]
fn no_session_is_resumed_and_streams_have_the_workload_of_their_connection() {
    let authority = Authority::generate();
    let gate = shipped(&authority);
    let report = authority.workload(&[REPORT]);
    let request = Request::get("/reports").authority(NAME);
    for _ in 0..4 {
        let (answer, is_resumed) = report.send(gate.address, NAME, &request);
        gate.passed(&answer);
        assert!(!is_resumed);
    }

    let requests: Vec<Request> = ["/reports", "/", "/reports"]
        .map(|path| Request::get(path).authority(NAME))
        .into();
    let answers = |client: &TlsClient| {
        let answers = exchange_all(client.tunnel(gate.address, NAME), &requests).unwrap();
        assert_eq!(answers.len(), requests.len());
        answers
    };
    for answer in answers(&report) {
        gate.passed(&answer);
    }
    for (answer, reason) in answers(&authority.workload(&[SHOP])).iter().zip([
        "forbidden.peer",
        "missing.token",
        "forbidden.peer",
    ]) {
        gate.denied(answer, reason);
    }
    gate.finish();
}

#[test]
fn shadow_observes_workloads_and_changes_nothing() {
    let authority = Authority::generate();
    let rules = json!([{
        "match": { "prefix": "/" },
        "requires": { "token": "none", "peer": { "spiffe": [REPORT] } },
        "mode": { "shadow": { "until": "2099-12-31" } },
    }]);
    let gate = with_rules(&authority, rules);
    for (client, reason, peer) in [
        (
            authority.workload(&[REPORT]),
            "permitted.peer",
            Some(REPORT),
        ),
        (authority.workload(&[SHOP]), "forbidden.peer", Some(SHOP)),
        (authority.stranger(), "missing.peer", None),
    ] {
        let request = Request::get("/").header("x-passgate-peer", "as it came");
        let answer = send(&gate, &client, request.clone());
        let received = gate.upstream.last();
        assert_eq!(answer.status, 200);
        assert_eq!(received.headers.all("x-passgate-peer"), [b"as it came"]);
        let id = received.headers.text("x-request-id").unwrap().to_owned();
        let record = eventually("a record of the request", || {
            let mut records = gate.records().into_iter();
            records.find(|record| record["request_id"] == json!(id))
        });
        assert_eq!(
            (&record["decision"], &record["reason"]),
            (&json!("shadow"), &json!(reason))
        );
        assert_eq!(record.get("peer"), peer.map(|peer| json!(peer)).as_ref());
    }
    gate.finish();
}

/// Tokens that name workloads, by the bundle of their trust domain, without certificate and issuer.
#[test]
fn a_token_of_a_trust_domain_names_its_workload() {
    let key = SigningKey::es256("svid");
    let mut jwk = key.public_jwk();
    jwk["use"] = json!("jwt-svid");
    let bundle = json!({ "keys": [
        { "kty": "EC", "use": "x509-svid", "crv": "P-256", "x5c": ["MIIB"],
          "x": jwk["x"], "y": jwk["y"] },
        jwk,
    ], "spiffe_sequence": 1, "spiffe_refresh_hint": 300 });
    let mut policy = policy();
    policy["providers"]["mesh"] = json!({
        "spiffe": { "trust_domain": "example.org" },
        "audiences": ["https://api.example.com"],
        "local_jwks": { "inline_string": bundle.to_string() },
    });
    let rule = json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "mesh" } });
    let any = json!({ "match": { "path": "/any" }, "requires": {} });
    let gate = Gate::start(ruled(policy, json!([any, rule])));
    let svid = |sub: &str| {
        let token = Token::of(&key, "", "https://api.example.com").without("iss");
        token.claim("sub", sub).build()
    };
    for path in ["/", "/any"] {
        let request = Request::get(path).bearer(&svid(REPORT));
        let received = gate.passed(&gate.send(passgate_harness::Protocol::Http1, &request));
        assert_eq!(received.headers.text("x-passgate-principal"), Some(REPORT));
        assert_eq!(received.headers.text("x-passgate-kind"), Some("workload"));
        let other =
            Request::get(path).bearer(&svid("spiffe://example.org.evil/ns/batch/sa/report"));
        let answer = gate.send(passgate_harness::Protocol::Http1, &other);
        gate.denied(&answer, "untrusted.issuer");
    }
    gate.passed(&gate.send(
        passgate_harness::Protocol::Http1,
        &Request::get("/any").bearer(&gate.good()),
    ));
    gate.finish();
}
