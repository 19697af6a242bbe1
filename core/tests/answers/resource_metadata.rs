//! The document of RFC 9728: named in challenges, and served.

use passgate_core::Verdict;
use serde_json::{Value, json};

use crate::gate::{Gate, header, request};

const PATH: &str = "/.well-known/oauth-protected-resource";

fn gate(path: &str, serve: bool) -> Gate {
    let mut gate = Gate::new();
    gate.config["origins"] = json!(["https://api.example.com", "https://two.example.com:8443"]);
    let uri = format!("https://api.example.com{path}");
    gate.config["resource_metadata"] = json!({ "uri": uri, "serve": serve });
    gate.config["rules"] = json!([
        { "match": { "path_separated_prefix": "/pay" }, "requires": { "scopes": ["pay:write", "pay:read"] } },
        { "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
            { "provider_name": "acme", "scopes": ["pay:read"] }, { "provider_name": "acme", "scopes": ["admin"] },
        ] } } },
    ]);
    gate
}

/// Status, headers and body.
type Served = (u16, Vec<(&'static str, String)>, String);

fn served(gate: &Gate, method: &str, path: &str, authority: &str) -> Option<Served> {
    let headers = [
        (":authority", authority),
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "GET"),
    ];
    match gate.judge(&request(method, path, &headers)) {
        (Verdict::Serve(document), record) => {
            assert_eq!(
                (record.decision, record.reason),
                ("allow", "permitted.resource_metadata")
            );
            Some((document.status, document.headers(), document.body))
        }
        _ => None,
    }
}

#[test]
fn every_bearer_challenge_names_the_document() {
    for serve in [true, false] {
        let gate = gate(PATH, serve);
        let named = format!("resource_metadata=\"https://api.example.com{PATH}\"");
        let weak = format!("Bearer {}", gate.token().build());
        for (path, token, status) in [
            ("/", None, 401),
            ("/", Some("Bearer a.b.c"), 401),
            ("/pay", Some(&*weak), 403),
            ("/a//b", None, 400),
        ] {
            let token = token.map(|token| ("authorization", token));
            let rejection = gate.refused(&request("GET", path, token.as_slice()));
            let headers = rejection.headers();
            let challenge = header(&headers, "www-authenticate").unwrap();
            assert_eq!(rejection.status, status);
            assert!(challenge.ends_with(&format!(", {named}")), "{challenge}");
        }
        // A place that is not an origin of ours gets the configured address. Another origin gets
        // that of its own document.
        for (authority, origin) in [
            ("elsewhere.example", "https://api.example.com"),
            (
                "two.example.com:8443",
                if serve {
                    "https://two.example.com:8443"
                } else {
                    "https://api.example.com"
                },
            ),
        ] {
            let rejection = gate.refused(&request("GET", "/", &[(":authority", authority)]));
            let headers = rejection.headers();
            let challenge = header(&headers, "www-authenticate").unwrap();
            assert!(
                challenge.ends_with(&format!("resource_metadata=\"{origin}{PATH}\"")),
                "{challenge}"
            );
        }
    }
}

#[test]
fn a_challenge_without_the_field_names_none() {
    let gate = Gate::new();
    let headers = gate.refused(&request("GET", "/", &[])).headers();
    assert!(
        !header(&headers, "www-authenticate")
            .unwrap()
            .contains("resource_metadata")
    );
}

#[test]
fn the_document_says_whom_this_resource_trusts() {
    for (path, resource) in [(PATH.to_owned(), ""), (format!("{PATH}/pay"), "/pay")] {
        let gate = gate(&path, true);
        for (authority, origin) in [
            ("api.example.com", "https://api.example.com"),
            ("API.example.com:443", "https://api.example.com"),
            ("two.example.com:8443", "https://two.example.com:8443"),
        ] {
            for method in ["GET", "HEAD"] {
                let (status, headers, body) = served(&gate, method, &path, authority).unwrap();
                assert_eq!(status, 200);
                assert_eq!(header(&headers, "content-type"), Some("application/json"));
                assert_eq!(header(&headers, "access-control-allow-origin"), Some("*"));
                assert_eq!(
                    header(&headers, "cache-control"),
                    Some("public, max-age=300")
                );
                let document: Value = serde_json::from_str(&body).unwrap();
                let expected = json!({
                    "resource": format!("{origin}{resource}"),
                    "authorization_servers": ["https://id.example.com"],
                    "bearer_methods_supported": ["header", "query"],
                    "scopes_supported": ["pay:write", "pay:read", "admin"],
                });
                assert_eq!(document, expected);
            }
        }
        let (status, headers, body) = served(&gate, "OPTIONS", &path, "api.example.com").unwrap();
        assert_eq!((status, &*body), (204, ""));
        assert_eq!(
            header(&headers, "access-control-allow-methods"),
            Some("GET, HEAD")
        );
    }
}

#[test]
fn nothing_else_is_served() {
    let gate = gate(PATH, true);
    for (method, path, authority) in [
        ("POST", PATH, "api.example.com"),
        ("GET", PATH, "elsewhere.example"),
        ("GET", PATH, "api.example.com:8443"),
        (
            "GET",
            "/.well-known/oauth-protected-resource/",
            "api.example.com",
        ),
        (
            "GET",
            "/.well-known/oauth-protected-resource/x",
            "api.example.com",
        ),
        (
            "GET",
            "/.well-known/oauth-protected-resourcex",
            "api.example.com",
        ),
        ("GET", "/", "api.example.com"),
    ] {
        assert!(
            served(&gate, method, path, authority).is_none(),
            "{method} {path} {authority}"
        );
    }
    assert!(served(&self::gate(PATH, false), "GET", PATH, "api.example.com").is_none());
    // A query changes nothing.
    assert!(served(&gate, "GET", &format!("{PATH}?x"), "api.example.com").is_some());
    // An encoded letter or sign that Envoy did not decode is refused.
    let encoded = PATH.replace('-', "%2D");
    assert!(served(&gate, "GET", &encoded, "api.example.com").is_none());
}

#[test]
fn a_provider_whose_tokens_come_in_cookies_alone_has_no_bearer_method() {
    let mut gate = gate(PATH, true);
    let acme = &mut gate.config["providers"]["acme"];
    acme["from_headers"] = json!([]);
    acme["from_params"] = json!([]);
    acme["from_cookies"] = json!(["session"]);
    gate.config.as_object_mut().unwrap().remove("rules");
    let (_, _, body) = served(&gate, "GET", PATH, "api.example.com").unwrap();
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["bearer_methods_supported"], json!([]));
    assert_eq!(document.get("scopes_supported"), None);
}

/// Two servers below one host, and the host itself.
fn two_servers() -> Gate {
    let mut gate = gate(PATH, true);
    let document = |below: &str| format!("https://api.example.com{PATH}{below}");
    gate.config["resource_metadata"] = json!([
        { "uri": document("/mcp/one"), "serve": true, "scopes": ["one:read"] },
        { "path_separated_prefix": "/mcp/two", "uri": document("/mcp/two"), "serve": true },
        { "path_separated_prefix": "/mcp/two/deep", "uri": document("/mcp/two/deep") },
        { "path_separated_prefix": "/a%20b", "uri": document("/a%20b"), "serve": true },
    ]);
    let rule = |prefix: &str, scopes: Value| {
        json!({
            "match": { "path_separated_prefix": prefix },
            "requires": { "scopes": scopes },
        })
    };
    gate.config["rules"] = json!([
        rule("/mcp/two/admin", json!(["two:admin"])),
        rule("/mcp/two", json!(["two:read"])),
        rule("/mcp", json!(["mcp"])),
        { "match": { "prefix": "/" }, "requires": { "scopes": ["all"] } },
    ]);
    gate
}

#[test]
fn a_challenge_names_the_document_with_the_longest_prefix_of_its_path() {
    let mut gate = two_servers();
    for with_host in [false, true] {
        for (path, below) in [
            ("/mcp/one", Some("/mcp/one")),
            ("/mcp/one/tools?x", Some("/mcp/one")),
            ("/mcp/oneself", None),
            ("/mcp/One", None),
            ("/mcp", None),
            ("/mcp/two/deep", Some("/mcp/two/deep")),
            ("/mcp/two/deep/er", Some("/mcp/two/deep")),
            ("/mcp/two/deeper", Some("/mcp/two")),
            ("/a%20b/c", Some("/a%20b")),
            // Nobody knows its path.
            ("/mcp/one//x", None),
            ("/mcp/one/%2e%2e/two", None),
        ] {
            let rejection = gate.refused(&request("GET", path, &[]));
            let headers = rejection.headers();
            let challenge = header(&headers, "www-authenticate").unwrap();
            let named = challenge.split("resource_metadata=").nth(1);
            let expected = below.or(with_host.then_some(""));
            let expected =
                expected.map(|below| format!("\"https://api.example.com{PATH}{below}\""));
            assert_eq!(named, expected.as_deref(), "{path}");
        }
        let all = gate.config["resource_metadata"].as_array_mut().unwrap();
        all.insert(
            0,
            json!({ "uri": format!("https://api.example.com{PATH}") }),
        );
    }
}

#[test]
fn each_path_has_a_document_with_a_resource_and_scopes_of_its_own() {
    let gate = two_servers();
    for (below, scopes) in [
        ("/mcp/one", json!(["one:read"])),
        ("/mcp/two", json!(["two:admin", "two:read"])),
        ("/a%20b", json!(["all"])),
    ] {
        let path = format!("{PATH}{below}");
        for (authority, origin) in [
            ("api.example.com", "https://api.example.com"),
            ("two.example.com:8443", "https://two.example.com:8443"),
        ] {
            let (status, _, body) = served(&gate, "GET", &path, authority).unwrap();
            let document: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(status, 200);
            assert_eq!(document["resource"], json!(format!("{origin}{below}")));
            assert_eq!(document["scopes_supported"], scopes);
            let rejection = gate.refused(&request("GET", below, &[(":authority", authority)]));
            let headers = rejection.headers();
            let challenge = header(&headers, "www-authenticate").unwrap();
            let named = format!("resource_metadata=\"{origin}{path}\"");
            assert!(challenge.ends_with(&named), "{challenge}");
        }
    }
    for below in ["", "/mcp", "/mcp/two/deep", "/mcp/one/x"] {
        let path = format!("{PATH}{below}");
        assert!(
            served(&gate, "GET", &path, "api.example.com").is_none(),
            "{below}"
        );
    }
}
