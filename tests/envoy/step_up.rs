//! The answer to a sign-in that falls short says how to do better (RFC 9470).

use passgate_harness::{
    BOTH, Gate, Protocol, Request, Response, policy_with, provider, ruled, second_provider,
};
use passgate_kit::{TokenBuilder, now};
use serde_json::{Value, json};

/// One rule with these demands, on a provider whose `acr` says `phr` or `phrh`.
fn policy(requires: Value) -> Value {
    let policy = policy_with(json!({ "evidence": { "preset": "eap" } }));
    ruled(
        policy,
        json!([{ "match": { "prefix": "/" }, "requires": requires }]),
    )
}

fn challenge(answer: &Response) -> &str {
    answer
        .headers
        .text("www-authenticate")
        .expect("a challenge")
}

const SHORT: &str = "error=\"insufficient_user_authentication\", error_description=\"The sign-in behind the access token does not suffice\"";

#[test]
fn a_client_is_told_what_to_ask_for_and_who_asks_for_it_passes() {
    let gate = Gate::start(policy(
        json!({ "facts": ["phishing_resistant"], "max_age": "5m" }),
    ));
    for protocol in BOTH {
        let send = |token: TokenBuilder<'_>| {
            gate.send(protocol, &Request::get("/").bearer(&token.build()))
        };
        let short = send(gate.token().claim("acr", "0"));
        gate.denied(&short, "insufficient.authentication");
        let expected =
            format!("Bearer realm=\"passgate\", {SHORT}, acr_values=\"phr phrh\", max_age=\"300\"");
        assert_eq!(challenge(&short), expected);
        let old = send(
            gate.token()
                .claim("acr", "phr")
                .claim("auth_time", now() - 400),
        );
        gate.denied(&old, "insufficient.max_age");
        assert_eq!(challenge(&old), expected);
        for acr in ["phr", "phrh"] {
            gate.passed(&send(
                gate.token().claim("acr", acr).claim("auth_time", now()),
            ));
        }
    }
    gate.finish();
}

#[test]
fn a_client_without_a_token_is_told_too_so_that_it_signs_in_once() {
    let gate = Gate::start(policy(
        json!({ "facts": ["phishing_resistant"], "max_age": "5m" }),
    ));
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/"));
        gate.denied(&answer, "missing.token");
        let expected = "Bearer realm=\"passgate\", acr_values=\"phr phrh\", max_age=\"300\"";
        assert_eq!(challenge(&answer), expected);
    }
    gate.finish();
}

#[test]
fn only_values_that_prove_all_that_is_wanted_are_named() {
    let gate = Gate::start(policy(
        json!({ "facts": ["phishing_resistant", "hardware_bound"] }),
    ));
    let token = gate.token().claim("acr", "phr").build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&token));
        gate.denied(&answer, "insufficient.authentication");
        assert!(challenge(&answer).ends_with(", acr_values=\"phrh\""));
    }
    gate.finish();
}

#[test]
fn what_cannot_be_asked_for_is_refused_all_the_same() {
    let gate = Gate::start(policy(json!({ "facts": ["user_verified"] })));
    let token = gate.token().claim("acr", "phr").build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&token));
        gate.denied(&answer, "insufficient.authentication");
        let short = SHORT.trim_end_matches('"');
        let expected = format!(
            "Bearer realm=\"passgate\", {short}, and no acr value asks for one that does\""
        );
        assert_eq!(challenge(&answer), expected);
    }
    gate.finish();
}

#[test]
fn a_value_that_the_token_has_shown_is_not_named_again() {
    let mut policy = policy(json!({ "facts": ["phishing_resistant"] }));
    policy["providers"]["acme"]["evidence"] = json!({ "lines": [{
        "when": { "acr_any_of": ["phr", "phrh"], "amr_none_of": ["pwd"] }, "proves": ["phishing_resistant"],
    }] });
    let gate = Gate::start(policy);
    for protocol in BOTH {
        for (acr, end) in [
            ("0", "suffice\", acr_values=\"phr phrh\""),
            ("phr", "suffice\", acr_values=\"phrh\""),
            ("phrh", "suffice, and no acr value asks for one that does\""),
        ] {
            let token = gate.token().claim("acr", acr).claim("amr", json!(["pwd"]));
            let answer = gate.send(protocol, &Request::get("/").bearer(&token.build()));
            gate.denied(&answer, "insufficient.authentication");
            assert!(challenge(&answer).ends_with(end), "{}", challenge(&answer));
        }
    }
    gate.finish();
}

#[test]
fn a_missing_scope_comes_before_a_better_sign_in() {
    let gate = Gate::start(policy(
        json!({ "facts": ["phishing_resistant"], "scopes": ["write"], "max_age": "5m" }),
    ));
    for protocol in BOTH {
        let send = |token: TokenBuilder<'_>| {
            gate.send(protocol, &Request::get("/").bearer(&token.build()))
        };
        let answer = send(gate.token());
        gate.denied(&answer, "insufficient.scope");
        assert!(!challenge(&answer).contains("acr_values"));
        gate.denied(
            &send(gate.token().claim("scope", "write")),
            "insufficient.authentication",
        );
    }
    gate.finish();
}

#[test]
fn of_several_ways_the_one_that_got_furthest_is_told() {
    let mut policy = policy(json!({ "requires_any": { "requirements": [
        { "provider_name": "partners", "facts": ["multi_factor"] },
        { "provider_name": "acme", "scopes": ["admin"] },
        { "provider_name": "acme", "facts": ["phishing_resistant"] },
    ] } }));
    policy["providers"]["partners"] = second_provider();
    policy["providers"]["partners"]["remote_jwks"] = provider(json!({}))["remote_jwks"].clone();
    let gate = Gate::start(policy);
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&gate.good()));
        gate.denied(&answer, "insufficient.authentication");
        assert!(challenge(&answer).ends_with(", acr_values=\"phr phrh\""));
    }
    gate.finish();
}

#[test]
fn entras_clients_are_told_in_their_own_words() {
    let line = json!({ "when": { "claim": { "path": ["acrs"], "contains": "c1" } }, "proves": ["phishing_resistant"] });
    let policy = ruled(
        policy_with(json!({ "evidence": { "preset": "entra", "lines": [line] } })),
        json!([{ "match": { "prefix": "/" }, "requires": { "facts": ["phishing_resistant"] } }]),
    );
    let gate = Gate::start(policy);
    let claims =
        "claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";
    for protocol in BOTH {
        let send = |token: TokenBuilder<'_>| {
            gate.send(protocol, &Request::get("/").bearer(&token.build()))
        };
        let answer = send(gate.token());
        assert_eq!(answer.status, 401);
        let expected = format!(
            "Bearer realm=\"passgate\", error=\"insufficient_claims\", error_description=\"The sign-in behind the access token does not suffice\", {claims}"
        );
        assert_eq!(challenge(&answer), expected);
        let answer = gate.send(protocol, &Request::get("/"));
        assert_eq!(
            challenge(&answer),
            format!("Bearer realm=\"passgate\", {claims}")
        );
        gate.passed(&send(gate.token().claim("acrs", json!(["c1"]))));
    }
    gate.finish();
}

#[test]
fn a_page_of_our_origins_may_read_the_challenge() {
    let mut policy = policy(json!({ "facts": ["phishing_resistant"] }));
    policy["origins"] = json!(["https://api.example.com", "https://app.example.com"]);
    let gate = Gate::start(policy);
    for protocol in BOTH {
        let request = Request::get("/")
            .header("origin", "https://app.example.com")
            .bearer(&gate.good());
        let answer = gate.send(protocol, &request);
        gate.denied(&answer, "insufficient.authentication");
        let header = |name: &str| answer.headers.text(name).unwrap_or_default().to_owned();
        assert_eq!(
            header("access-control-allow-origin"),
            "https://app.example.com"
        );
        assert!(header("access-control-expose-headers").contains("WWW-Authenticate"));
        assert!(challenge(&answer).starts_with("Bearer realm=\"https://api.example.com\""));
    }
    gate.finish();
}

#[test]
fn a_token_of_a_withdrawn_trust_is_told_nothing_of_the_rule() {
    let gate = Gate::start(policy(
        json!({ "facts": ["phishing_resistant"], "max_age": "5m" }),
    ));
    let expired = gate.token().claim("exp", now() - 100).build();
    let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&expired));
    gate.denied(&answer, "untrusted.expired");
    assert!(!challenge(&answer).contains("acr_values") && !challenge(&answer).contains("max_age"));
    gate.finish();
}
