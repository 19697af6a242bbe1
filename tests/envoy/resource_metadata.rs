//! Clients learn from the gate itself which issuers it trusts (RFC 9728).

use passgate_harness::{BOTH, Gate, ISSUER, Protocol, Request, policy, public, ruled, with};
use serde_json::{Value, json};

const PATH: &str = "/.well-known/oauth-protected-resource";

fn described(serve: bool) -> Value {
    let policy = with(
        policy(),
        "origins",
        json!(["https://api.example.com", "https://two.example.com"]),
    );
    let uri = format!("https://api.example.com{PATH}");
    let rules = json!([
        public("/open/"),
        { "match": { "prefix": "/" }, "requires": { "provider_name": "acme", "scopes": ["read"] } },
    ]);
    with(
        ruled(policy, rules),
        "resource_metadata",
        json!({ "uri": uri, "serve": serve }),
    )
}

#[test]
fn a_client_finds_its_way_from_the_challenge_to_the_document() {
    let gate = Gate::start(described(true));
    for protocol in BOTH {
        for host in ["api.example.com", "two.example.com"] {
            let answer = gate.send(protocol, &Request::get("/").authority(host));
            gate.denied(&answer, "missing.token");
            let challenge = answer.headers.text("www-authenticate").unwrap();
            let uri = challenge
                .split("resource_metadata=\"")
                .nth(1)
                .unwrap()
                .trim_end_matches('"');
            let uri = url::Url::parse(uri).unwrap();
            assert_eq!((uri.host_str(), uri.path()), (Some(host), PATH));

            let answer = gate.send(protocol, &Request::get(uri.path()).authority(host));
            assert_eq!(answer.status, 200);
            assert_eq!(
                answer.headers.text("content-type"),
                Some("application/json")
            );
            assert_eq!(
                answer.headers.text("access-control-allow-origin"),
                Some("*")
            );
            assert_eq!(
                answer.headers.text("cache-control"),
                Some("public, max-age=300")
            );
            let document: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(document["resource"], json!(format!("https://{host}")));
            assert_eq!(document["authorization_servers"], json!([ISSUER]));
            assert_eq!(document["bearer_methods_supported"], json!(["header"]));
            assert_eq!(document["scopes_supported"], json!(["read"]));
        }
    }
    let head = gate.send(Protocol::Http1, &Request::new("HEAD", PATH));
    assert_eq!((head.status, &*head.body), (200, &b""[..]));
    assert_eq!(head.headers.text("content-type"), Some("application/json"));
    let counted = gate
        .stats()
        .into_iter()
        .any(|(name, _)| name.contains("allow") && name.ends_with("permitted.resource_metadata"));
    assert!(counted);
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn other_hosts_methods_and_paths_are_judged_by_the_rules() {
    let gate = Gate::start(described(true));
    for protocol in BOTH {
        for request in [
            Request::get(PATH).authority("elsewhere.example"),
            Request::post(PATH, b"{}"),
            Request::get(format!("{PATH}/x")),
        ] {
            gate.denied(&gate.send(protocol, &request), "missing.token");
        }
    }
    gate.finish();
    let gate = Gate::start(described(false));
    let answer = gate.send(Protocol::Http1, &Request::get(PATH));
    gate.denied(&answer, "missing.token");
    let challenge = answer.headers.text("www-authenticate").unwrap();
    assert!(
        challenge.ends_with(&format!(
            "resource_metadata=\"https://api.example.com{PATH}\""
        )),
        "{challenge}"
    );
    gate.finish();
}

/// Two MCP servers behind one host: a client that asks one of them is told of that one alone.
#[test]
fn each_of_two_servers_below_one_host_has_its_own_document() {
    let policy = with(policy(), "origins", json!(["https://mcp.example.com"]));
    let rule = |path: &str, scope: &str| {
        json!({
            "match": { "path_separated_prefix": path },
            "requires": { "provider_name": "acme", "scopes": [scope] },
        })
    };
    let rules = json!([rule("/mcp/one", "one"), rule("/mcp/two", "two")]);
    let at = |path: &str| format!("https://mcp.example.com{PATH}{path}");
    let documents = json!([
        { "uri": at("/mcp/one"), "serve": true },
        { "path_separated_prefix": "/mcp/two", "uri": at("/mcp/two"), "serve": true,
            "scopes": ["two", "two:write"] },
    ]);
    let gate = Gate::start(with(ruled(policy, rules), "resource_metadata", documents));
    for protocol in BOTH {
        for (path, scopes) in [
            ("/mcp/one", json!(["one"])),
            ("/mcp/two", json!(["two", "two:write"])),
        ] {
            let ask =
                |path: &str| gate.send(protocol, &Request::get(path).authority("mcp.example.com"));
            let answer = ask(&format!("{path}/messages"));
            gate.denied(&answer, "missing.token");
            let challenge = answer.headers.text("www-authenticate").unwrap();
            let named = format!("resource_metadata=\"{}\"", at(path));
            assert!(challenge.ends_with(&named), "{challenge}");
            let answer = ask(&format!("{PATH}{path}"));
            assert_eq!(answer.status, 200);
            let document: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(
                document["resource"],
                json!(format!("https://mcp.example.com{path}"))
            );
            assert_eq!(document["scopes_supported"], scopes);
        }
        for path in ["/elsewhere", PATH] {
            let request = Request::get(path).authority("mcp.example.com");
            let answer = gate.send(protocol, &request);
            gate.denied(&answer, "forbidden.no_rule");
            let challenge = answer.headers.text("www-authenticate").unwrap_or_default();
            assert!(!challenge.contains("resource_metadata"), "{challenge}");
        }
    }
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}
