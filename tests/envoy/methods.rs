//! Methods, the headers that would change them, and preflights.

use passgate_harness::{
    BOTH, Gate, Protocol, Request, Setup, policy, public, ruled, the_rest, with,
};
use serde_json::json;

#[test]
fn a_method_is_upper_case_letters_and_hyphens() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for method in ["get", "Get", "M_SEARCH", "GET1", "G.T"] {
        let request = Request::new(method, "/").bearer(&good);
        gate.denied(&gate.send(Protocol::Http2, &request), "ambiguous.method");
        // Envoy's own HTTP/1.1 parser refuses them before any filter.
        let answer = gate.try_send(Protocol::Http1, &request);
        assert!(
            answer.map_or(true, |answer| answer.status == 400),
            "{method}"
        );
    }
    for method in ["FOO", "PATCH", "M-SEARCH"] {
        gate.passed(&gate.send(Protocol::Http2, &Request::new(method, "/").bearer(&good)));
    }
    let seen: Vec<String> = gate
        .upstream
        .received()
        .into_iter()
        .map(|r| r.method)
        .collect();
    assert_eq!(seen, ["FOO", "PATCH", "M-SEARCH"]);
    gate.finish();
}

#[test]
fn trace_and_connect_are_denied_unless_a_rule_names_them() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "path": "/traced", "methods": ["TRACE"] }, "requires": { "provider_name": "acme" } },
            public("/open/"),
            the_rest(),
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for path in ["/", "/open/a"] {
            let trace = Request::new("TRACE", path).bearer(&good);
            gate.denied(&gate.send(protocol, &trace), "forbidden.method");
        }
        let trace = Request::new("TRACE", "/traced");
        gate.passed(&gate.send(protocol, &trace.clone().bearer(&good)));
        gate.denied(&gate.send(protocol, &trace), "missing.token");
    }
    let mut client = gate.client();
    client.send(format!("CONNECT api.example.com:443 HTTP/1.1\r\nhost: api.example.com:443\r\nauthorization: Bearer {good}\r\n\r\n"));
    gate.denied(&client.read(), "forbidden.method");
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn headers_that_change_method_or_path_are_removed() {
    let names = [
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-override-url",
        "x-rewrite-url",
    ];
    let configured = with(
        policy(),
        "override_headers",
        json!({ "allow": ["x-http-method-override"] }),
    );
    for (policy, kept) in [
        (policy(), None),
        (configured, Some("x-http-method-override")),
    ] {
        let gate = Gate::start(ruled(policy, json!([public("/open/"), the_rest()])));
        let good = gate.good();
        for protocol in BOTH {
            for request in [Request::get("/").bearer(&good), Request::get("/open/a")] {
                let request = names
                    .iter()
                    .fold(request, |request, name| request.header(name, "DELETE"));
                let received = gate.passed(&gate.send(protocol, &request));
                for name in names {
                    let expected = (Some(name) == kept).then_some("DELETE");
                    assert_eq!(received.headers.text(name), expected, "{name}");
                }
            }
        }
        gate.finish();
    }
}

#[test]
fn a_preflight_passes_only_where_configured() {
    for bypass in [false, true] {
        let gate = Gate::start(with(policy(), "bypass_cors_preflight", json!(bypass)));
        let options = |method: &str| Request::new(method, "/");
        let preflight = options("OPTIONS")
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("x-user", "spoofed");
        for protocol in BOTH {
            let answer = gate.send(protocol, &preflight);
            if bypass {
                let received = gate.passed(&answer);
                assert_eq!(received.headers.bytes("x-user"), None);
            } else {
                gate.denied(&answer, "missing.token");
            }
            for no_preflight in [
                options("OPTIONS"),
                options("OPTIONS").header("origin", "https://app.example.com"),
                options("OPTIONS").header("access-control-request-method", "POST"),
                options("GET")
                    .header("origin", "https://app.example.com")
                    .header("access-control-request-method", "POST"),
            ] {
                gate.denied(&gate.send(protocol, &no_preflight), "missing.token");
            }
        }
        gate.finish();
    }
}

#[test]
fn a_request_for_an_upgrade_does_not_pass_as_a_preflight() {
    let policy = with(policy(), "bypass_cors_preflight", json!(true));
    let setup = Setup::new(policy).edit(|bootstrap| {
        bootstrap.manager()["upgrade_configs"] = json!([{ "upgrade_type": "websocket" }]);
    });
    let gate = setup.start();
    let mut client = gate.client();
    let asks = Request::new("OPTIONS", "/updates")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    client.send(asks.to_http1());
    gate.denied(&client.read(), "missing.token");
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}
