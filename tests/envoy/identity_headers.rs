//! What the upstream is told about the caller.

use passgate_harness::{BOTH, Gate, Headers, Request, policy_with};
use passgate_kit::{TokenBuilder, base64url};
use serde_json::{Value, json};

#[test]
fn the_caller_is_named_with_the_issuer() {
    let gate = Gate::start(claim_headers(
        json!([{ "claim_name": "sub", "header_name": "x-user" }]),
    ));
    let headers = received(&gate, gate.token());
    for headers in headers {
        assert_eq!(headers.text("x-user"), Some("alice"));
        assert_eq!(headers.text("x-passgate-provider"), Some("acme"));
        let principal = headers.text("x-passgate-principal");
        assert_eq!(principal, Some("https://id.example.com/alice"));
    }
    gate.finish();
}

#[test]
fn headers_of_other_proxies_are_written_and_never_a_clients() {
    let gate = Gate::start(policy_with(json!({
        "subject_claims": ["sub", "client_id"],
        "claim_to_headers": [
            { "claim_name": "email", "header_name": "x-forwarded-email" },
            { "claim_name": "roles", "members": true, "header_name": "x-roles" },
        ],
    })));
    let service = gate.token().without("sub").claim("client_id", "app");
    let person = gate.token().claim("email", "al@example.com");
    let person = person.claim("roles", json!({ "admin": { "1": "acme" }, "user": {} }));
    for (token, email, roles, subject) in [
        (person, Some("al@example.com"), Some("admin,user"), "alice"),
        (service, None, None, "client_id:app"),
    ] {
        let token = token.build();
        for protocol in BOTH {
            let request = Request::get("/").bearer(&token);
            let request = request.header("x-forwarded-email", "admin@example.com");
            let request = request.header("x_forwarded_email", "admin@example.com");
            let headers = gate.passed(&gate.send(protocol, &request)).headers;
            assert_eq!(headers.text("x-forwarded-email"), email);
            assert_eq!(headers.bytes("x_forwarded_email"), None);
            assert_eq!(headers.text("x-roles"), roles);
            let principal = format!("https://id.example.com/{subject}");
            assert_eq!(headers.text("x-passgate-principal"), Some(&*principal));
        }
    }
    gate.finish();
}

#[test]
fn the_kind_of_the_caller_needs_positive_evidence() {
    let gate = Gate::start(policy_with(json!({ "kinds": {
        "human": { "amr_any_of": ["hwk", "pop"], "amr_none_of": ["pwd"] },
        "workload": { "claim": { "path": ["client_type"], "equals": "service" } },
    } })));
    let amr = |values: Value| gate.token().claim("amr", values);
    for (token, kind) in [
        (amr(json!(["hwk"])), "human"),
        (gate.token().claim("client_type", "service"), "workload"),
        // Somebody acts for the person (RFC 8693 section 4.1).
        (
            amr(json!(["hwk"])).claim("act", json!({ "sub": "robot" })),
            "agent",
        ),
        (amr(json!(["hwk", "pwd"])), "unknown"),
        (amr(json!([])), "unknown"),
        (gate.token(), "unknown"),
    ] {
        for headers in received(&gate, token) {
            assert_eq!(headers.text("x-passgate-kind"), Some(kind));
        }
    }
    gate.finish();
}

#[test]
fn strings_numbers_and_booleans_are_written_as_they_are() {
    let gate = Gate::start(claim_headers(json!([
        { "claim_name": "name", "header_name": "x-name" },
        { "claim_name": "level", "header_name": "x-level" },
        { "claim_name": "debt", "header_name": "x-debt" },
        { "claim_name": "ratio", "header_name": "x-ratio" },
        { "claim_name": "admin", "header_name": "x-admin" },
    ])));
    let token = gate
        .token()
        .claim("name", "Alice, the \"first\" 100%")
        .claim("level", 9_007_199_254_740_993_u64)
        .claim("debt", -5)
        .claim("ratio", 0.25)
        .claim("admin", false);
    for headers in received(&gate, token) {
        assert_eq!(headers.text("x-name"), Some("Alice, the \"first\" 100%"));
        assert_eq!(headers.text("x-level"), Some("9007199254740993"));
        assert_eq!(headers.text("x-debt"), Some("-5"));
        assert_eq!(headers.text("x-ratio"), Some("0.25"));
        assert_eq!(headers.text("x-admin"), Some("false"));
    }
    gate.finish();
}

#[test]
fn no_element_of_an_array_can_pass_for_two() {
    let gate = Gate::start(claim_headers(
        json!([{ "claim_name": "groups", "header_name": "x-groups" }]),
    ));
    for (groups, expected) in [
        (json!(["finance", "it"]), Some("finance,it")),
        (json!(["a,admin", "b%2Cc"]), Some("a%2Cadmin,b%252Cc")),
        (
            json!(["two words", "ü", "line\r\nbreak"]),
            Some("two%20words,%C3%BC,line%0D%0Abreak"),
        ),
        (json!([1, true]), Some("1,true")),
    ] {
        for headers in received(&gate, gate.token().claim("groups", groups.clone())) {
            assert_eq!(headers.text("x-groups"), expected);
        }
    }
    gate.finish();
}

#[test]
fn an_object_is_written_as_base64url_json() {
    let gate = Gate::start(claim_headers(
        json!([{ "claim_name": "realm", "header_name": "x-realm" }]),
    ));
    let realm = json!({ "roles": ["a", "b"] });
    for headers in received(&gate, gate.token().claim("realm", realm.clone())) {
        assert_eq!(
            headers.text("x-realm"),
            Some(&*base64url(realm.to_string()))
        );
    }
    gate.finish();
}

#[test]
fn dots_and_paths_reach_into_objects() {
    let gate = Gate::start(claim_headers(json!([
        { "claim_name": "realm_access.name", "header_name": "x-realm" },
        { "claim_path": ["realm_access", "roles"], "header_name": "x-roles" },
        { "claim_path": ["https://example.com/dotted.claim"], "header_name": "x-dotted" },
    ])));
    let token = gate
        .token()
        .claim(
            "realm_access",
            json!({ "name": "acme", "roles": ["reader", "writer"] }),
        )
        .claim("https://example.com/dotted.claim", "whole");
    for headers in received(&gate, token) {
        assert_eq!(headers.text("x-realm"), Some("acme"));
        assert_eq!(headers.text("x-roles"), Some("reader,writer"));
        assert_eq!(headers.text("x-dotted"), Some("whole"));
    }
    gate.finish();
}

#[test]
fn nothing_is_written_that_a_header_may_not_carry() {
    let gate = Gate::start(claim_headers(
        json!([{ "claim_name": "name", "header_name": "x-name" }]),
    ));
    for name in [
        "a\r\nx-injected: 1",
        "a\nb",
        "nul\0",
        "bell\u{7}",
        "del\u{7f}",
    ] {
        let token = gate.token().claim("name", name).build();
        for protocol in BOTH {
            let before = gate.upstream.hits();
            let request = Request::get("/").bearer(&token).header("x-name", "spoofed");
            let answer = gate.send(protocol, &request);
            let received = gate.passed(&answer);
            assert_eq!(gate.upstream.hits(), before + 1);
            assert_eq!(received.headers.bytes("x-injected"), None);
            assert_eq!(received.headers.bytes("x-name"), None, "{name:?}");
        }
    }
    gate.finish();
}

fn received(gate: &Gate, token: TokenBuilder<'_>) -> Vec<Headers> {
    let token = token.build();
    let answers = BOTH.map(|protocol| gate.send(protocol, &Request::get("/").bearer(&token)));
    answers
        .iter()
        .map(|answer| gate.passed(answer).headers)
        .collect()
}

fn claim_headers(lines: Value) -> Value {
    policy_with(json!({ "claim_to_headers": lines }))
}
