//! Refusals that a gRPC client can read.

use passgate_harness::{Gate, Protocol, Request, policy, ruled};
use serde_json::json;

#[test]
fn a_grpc_client_gets_a_status_and_a_short_message() {
    let wants_scope =
        json!({ "match": { "path": "/shop.Orders/Refund" }, "requires": { "scopes": ["refund"] } });
    let wants_token = json!({ "match": { "prefix": "/shop.Orders/" }, "requires": {} });
    let gate = Gate::start(ruled(policy(), json!([wants_scope, wants_token])));
    let good = gate.good();
    let call = |path: &str, content_type: &str| {
        let request = Request::post(path, b"\0\0\0\0\0").header("te", "trailers");
        request.header("content-type", content_type)
    };
    let list = "/shop.Orders/List";
    for (request, status, title, code) in [
        (
            call(list, "application/grpc"),
            "16",
            "Unauthorized",
            "missing.token",
        ),
        (
            call(list, "application/grpc+proto"),
            "16",
            "Unauthorized",
            "missing.token",
        ),
        (
            call("/shop.Orders/Refund", "application/grpc").bearer(&good),
            "7",
            "Forbidden",
            "insufficient.scope",
        ),
        (
            call("/other.Service/Get", "application/grpc").bearer(&good),
            "7",
            "Forbidden",
            "forbidden.no_rule",
        ),
    ] {
        let answer = gate.send(Protocol::Http2, &request);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers.text("grpc-status"), Some(status), "{code}");
        assert_eq!(
            answer.headers.text("content-type"),
            Some("application/grpc")
        );
        let message = answer.headers.text("grpc-message").unwrap();
        let id = message.strip_prefix(&format!("{title} (request ")).unwrap();
        let id = id.strip_suffix(')').unwrap();
        assert_eq!(gate.entry(id)["details"], json!(format!("passgate.{code}")));
        let is_challenged = answer.headers.text("www-authenticate").is_some();
        assert_eq!(is_challenged, code != "forbidden.no_rule");
        assert_eq!(answer.body, b"");
    }
    // To Envoy, gRPC-Web is not gRPC.
    let answer = gate.send(Protocol::Http2, &call(list, "application/grpc-web+proto"));
    gate.denied(&answer, "missing.token");
    assert_eq!(gate.upstream.hits(), 0);
    let answer = gate.send(
        Protocol::Http2,
        &call(list, "application/grpc").bearer(&good),
    );
    gate.passed(&answer);
    gate.finish();
}
