//! The request is read in one way only: path, method, authority, preflight.

use crate::harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Protocol, Request, Setup, policy, public, ruled, the_rest, with,
};
use passgate_kit::Token;
use serde_json::{Value, json};

#[test]
fn a_path_that_can_be_read_in_two_ways_is_refused() {
    // As shipped: Envoy resolves dots and turns backslashes, all else arrives as it was sent.
    let gate = Gate::start(policy());
    let good = good(&gate);
    for protocol in BOTH {
        for path in [
            "//a",
            "/a//b",
            "/a//",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a%25b",
            "/a;b",
            "/a;v=1/b",
            "/admin%2f..%2fpublic",
            "/a%252fb",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "ambiguous.path");
        }
        // The query is no part of the path.
        gate.passed(&gate.send(protocol, &Request::get("/a?b=//;%2f%5c%25..").bearer(&good)));
        let answer = gate.send(protocol, &Request::get("/a%00b").bearer(&good));
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn without_envoys_normalisation_the_filter_refuses_dots_and_backslashes_itself() {
    let gate = without_normalisation(policy());
    let good = good(&gate);
    for protocol in BOTH {
        for path in [
            "/a/../b",
            "/..",
            "/a/.",
            "/./a",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/%2e/a",
            "/a\\b",
            "/a/..\\b",
            "/a%00b",
            "/a%2fb",
            "//a",
            "/a;b",
            "/a%25",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "ambiguous.path");
        }
        for path in ["/a.b", "/.well-known/x", "/..a", "/a..", "/a?b=../c\\"] {
            gate.passed(&gate.send(protocol, &Request::get(path).bearer(&good)));
        }
    }
    gate.finish();
}

#[test]
fn dots_cannot_smuggle_a_path_into_a_public_rule() {
    let gate = Gate::start(ruled(policy(), json!([public("/public/"), the_rest()])));
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/public/a")));
        for path in [
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/a/../../admin",
        ] {
            gate.denied(&gate.send(protocol, &Request::get(path)), "missing.token");
        }
        for path in [
            "/public/..%2fadmin",
            "/public/%2e%2e%2fadmin",
            "/public//../../admin",
        ] {
            let answer = gate.send(protocol, &Request::get(path));
            assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
        }
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn each_form_can_be_permitted_by_its_name() {
    for (word, path, other) in [
        ("encoded_slash", "/a%2fb", "/a//b"),
        ("double_slash", "/a//b", "/a;b"),
        ("semicolon", "/a;b", "/a%25b"),
        ("encoded_percent", "/a%25b", "/a%2fb"),
        ("backslash", "/a%5cb", "/a%2fb"),
    ] {
        let gate = without_normalisation(with(policy(), "path", json!({ "allow": [word] })));
        let good = good(&gate);
        for protocol in BOTH {
            let received = gate.passed(&gate.send(protocol, &Request::get(path).bearer(&good)));
            assert_eq!(received.path, path.as_bytes());
            for refused in [other, "/a/../b", "/a%00b"] {
                let answer = gate.send(protocol, &Request::get(refused).bearer(&good));
                gate.denied(&answer, "ambiguous.path");
            }
        }
        gate.finish();
    }
}

#[test]
fn encoded_letters_are_decoded_for_matching_and_case_counts() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "path": "/admin" }, "requires": { "scopes": ["admin"] } },
            { "match": { "path": "/Any", "ignore_case": true }, "requires": { "scopes": ["any"] } },
            public("/"),
        ]),
    ));
    let good = good(&gate);
    for protocol in BOTH {
        for path in ["/admin", "/%61dmin", "/adm%69n", "/any", "/ANY", "/a%4ey"] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "insufficient.scope");
        }
        for path in ["/Admin", "/ADMIN", "/admin/", "/anything"] {
            gate.passed(&gate.send(protocol, &Request::get(path)));
        }
    }
    gate.finish();
}

#[test]
fn a_method_is_upper_case_letters_and_hyphens() {
    let gate = Gate::start(policy());
    let good = good(&gate);
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
    assert_eq!(gate.upstream.hits(), 3);
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
    let good = good(&gate);
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
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
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
        let good = good(&gate);
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
fn an_authority_that_can_be_read_in_two_ways_is_refused() {
    let by_host = json!([{ "match": { "prefix": "/", "hosts": ["api.example.com"] },
        "requires": { "provider_name": "acme" } }]);
    for policy in [policy(), ruled(policy(), by_host)] {
        let gate = Gate::start(policy);
        let good = good(&gate);
        for protocol in BOTH {
            for authority in ["user@api.example.com", "a.example,api.example.com"] {
                let request = Request::get("/").authority(authority).bearer(&good);
                match gate.try_send(protocol, &request) {
                    // Some never get past Envoy's own parser.
                    Ok(answer) if answer.body.is_empty() => assert_eq!(answer.status, 400),
                    Ok(answer) => gate.denied(&answer, "ambiguous.authority"),
                    Err(reset) => assert_eq!(protocol, Protocol::Http2, "{authority}: {reset}"),
                }
            }
            let none = Request::get("/").without_authority().bearer(&good);
            if let Ok(answer) = gate.try_send(protocol, &none) {
                assert_eq!(answer.status, 400);
            }
        }
        assert_eq!(gate.upstream.hits(), 0);
        gate.finish();
    }
}

#[test]
fn an_authority_with_a_comma_or_a_user_reaches_the_filter_over_http1() {
    let gate = Gate::start(policy());
    let good = good(&gate);
    let mut client = gate.client();
    client.send(format!(
        "GET / HTTP/1.1\r\nhost: a.example\r\nhost: api.example.com\r\nauthorization: Bearer {good}\r\n\r\n"
    ));
    gate.denied(&client.read(), "ambiguous.authority");
    gate.finish();
}

#[test]
fn hosts_are_compared_without_case_port_and_trailing_dot() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "prefix": "/", "hosts": ["api.example.com", "*.wild.example.com"] },
              "requires": { "provider_name": "acme" } },
        ]),
    ));
    let good = good(&gate);
    for protocol in BOTH {
        for authority in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com.",
            "api.example.com:8443",
            "Api.example.com.:80",
            "a.wild.example.com",
        ] {
            let request = Request::get("/").authority(authority).bearer(&good);
            gate.passed(&gate.send(protocol, &request));
        }
        for authority in [
            "example.com",
            "evil-api.example.com",
            "wild.example.com",
            "a.wild.example.com.evil.example",
        ] {
            let request = Request::get("/").authority(authority).bearer(&good);
            gate.denied(&gate.send(protocol, &request), "forbidden.no_rule");
        }
    }
    gate.finish();
}

#[test]
fn an_absolute_form_request_is_judged_by_its_own_authority() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "prefix": "/", "hosts": ["api.example.com"] }, "requires": { "provider_name": "acme" } },
            { "match": { "prefix": "/", "hosts": ["open.example.com"] },
              "public": { "reason": "story", "owner": "tests", "until": "never" } },
        ]),
    ));
    let mut client = gate.client();
    client.send("GET http://api.example.com/a HTTP/1.1\r\nhost: open.example.com\r\n\r\n");
    gate.denied(&client.read(), "missing.token");
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
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

fn without_normalisation(policy: Value) -> Gate {
    let setup = Setup::new(policy);
    setup
        .edit(|bootstrap| bootstrap.manager()["normalize_path"] = json!(false))
        .start()
}

fn good(gate: &Gate) -> String {
    Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build()
}
