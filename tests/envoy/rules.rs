//! Which rule a request falls under, and what a rule may want of a token.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Issuer, Request, SECOND, Setup, policy, ruled, second_provider,
};
use passgate_kit::Token;
use serde_json::{Value, json};

#[test]
fn a_request_that_no_rule_matches_is_denied() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "path": "/exact" }, "requires": { "provider_name": "acme" } },
            { "match": { "path_separated_prefix": "/tree" }, "requires": { "provider_name": "acme" } },
            { "match": { "prefix": "/slash/", "methods": ["POST"] }, "requires": { "provider_name": "acme" } },
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for path in ["/exact", "/exact?query", "/tree", "/tree/", "/tree/leaf"] {
            gate.passed(&gate.send(protocol, &Request::get(path).bearer(&good)));
        }
        gate.passed(&gate.send(protocol, &Request::post("/slash/a", b"").bearer(&good)));
        for path in [
            "/",
            "/exact/",
            "/exactly",
            "/Exact",
            "/treehouse",
            "/slash/a",
            "/other",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "forbidden.no_rule");
            // With or without a token.
            gate.denied(
                &gate.send(protocol, &Request::get(path)),
                "forbidden.no_rule",
            );
        }
    }
    gate.finish();
}

#[test]
fn the_first_rule_that_matches_decides() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "path_separated_prefix": "/a" }, "requires": { "scopes": ["never:given"] } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/a").bearer(&good));
        gate.denied(&answer, "insufficient.scope");
        gate.passed(&gate.send(protocol, &Request::get("/b").bearer(&good)));
    }
    gate.finish();
}

#[test]
fn a_rule_of_one_provider_takes_no_token_of_another() {
    let (gate, second) = two_providers(json!([
        { "match": { "path_separated_prefix": "/acme" }, "requires": { "provider_name": "acme" } },
        { "match": { "path_separated_prefix": "/partners" }, "requires": { "provider_name": "partners" } },
    ]));
    let of_acme = gate.good();
    let of_partners = Token::of(&second.key, SECOND, AUDIENCE).build();
    for protocol in BOTH {
        for (path, token, header) in [
            ("/acme", &of_acme, "x-user"),
            ("/partners", &of_partners, "x-partner"),
        ] {
            let received = gate.passed(&gate.send(protocol, &Request::get(path).bearer(token)));
            assert_eq!(received.headers.text(header), Some("alice"));
        }
        for (path, token) in [("/acme", &of_partners), ("/partners", &of_acme)] {
            let answer = gate.send(protocol, &Request::get(path).bearer(token));
            gate.denied(&answer, "untrusted.issuer");
        }
    }
    gate.finish();
}

#[test]
fn requires_any_takes_a_token_of_each() {
    let (gate, second) = two_providers(json!([{ "match": { "prefix": "/" }, "requires": {
        "requires_any": { "requirements": [{ "provider_name": "acme" }, { "provider_name": "partners" }] },
    } }]));
    each_provider_passes_and_no_other(&gate, &second);
    gate.finish();
}

#[test]
fn without_rules_any_provider_will_do() {
    let mut policy = policy();
    policy["providers"]["partners"] = second_provider();
    let second = Issuer::start();
    let gate = Setup::new(policy).cluster("idp2", second.address()).start();
    each_provider_passes_and_no_other(&gate, &second);
    gate.finish();
}

#[test]
fn all_of_one_alternative_is_met_by_one_token() {
    let (gate, second) = two_providers(json!([{ "match": { "prefix": "/" }, "requires": {
        "scopes": ["api"],
        "requires_any": { "requirements": [
            { "provider_name": "acme", "scopes": ["staff"] },
            { "provider_name": "partners" },
        ] },
    } }]));
    let of_acme = |scope: &str| gate.token().claim("scope", scope).build();
    let of_partners = |scope: &str| {
        Token::of(&second.key, SECOND, AUDIENCE)
            .claim("scope", scope)
            .build()
    };
    for protocol in BOTH {
        for good in [of_acme("api staff"), of_partners("api")] {
            gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        }
        for short in [of_acme("api"), of_acme("staff"), of_partners("staff")] {
            let answer = gate.send(protocol, &Request::get("/").bearer(&short));
            gate.denied(&answer, "insufficient.scope");
        }
    }
    gate.finish();
}

#[test]
fn each_provider_has_its_own_place_for_tokens() {
    let mut policy = policy();
    policy["providers"]["partners"] = second_provider();
    policy["providers"]["partners"]["from_headers"] = json!([{ "name": "x-partner-token" }]);
    let second = Issuer::start();
    let gate = Setup::new(policy).cluster("idp2", second.address()).start();
    let of_acme = gate.good();
    let of_partners = Token::of(&second.key, SECOND, AUDIENCE).build();
    for protocol in BOTH {
        let request = Request::get("/").header("x-partner-token", &of_partners);
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.bytes("x-partner-token"), None);
        assert_eq!(
            received.headers.text("x-passgate-provider"),
            Some("partners")
        );
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&of_acme)));

        let both = Request::get("/")
            .bearer(&of_acme)
            .header("x-partner-token", &of_partners);
        gate.denied(&gate.send(protocol, &both), "ambiguous.credentials");
    }
    gate.finish();
}

#[test]
fn a_key_of_one_provider_signs_nothing_for_another() {
    let (gate, second) = two_providers(json!([{ "match": { "prefix": "/" }, "requires": {
        "requires_any": { "requirements": [{ "provider_name": "acme" }, { "provider_name": "partners" }] },
    } }]));
    let forged = Token::of(&second.key, ISSUER, AUDIENCE).build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&forged));
        gate.denied(&answer, "untrusted.signature");
    }
    gate.finish();
}

fn each_provider_passes_and_no_other(gate: &Gate, second: &Issuer) {
    let of_acme = gate.good();
    let of_partners = Token::of(&second.key, SECOND, AUDIENCE).build();
    let of_nobody = Token::of(&second.key, "https://nobody.example", AUDIENCE).build();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&of_acme)));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.text("x-passgate-provider"), Some("acme"));
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&of_partners)));
        assert_eq!(received.headers.text("x-partner"), Some("alice"));
        assert_eq!(received.headers.bytes("x-user"), None);
        let principal = received.headers.text("x-passgate-principal");
        assert_eq!(principal, Some("https://partners.example.com/alice"));

        let answer = gate.send(protocol, &Request::get("/").bearer(&of_nobody));
        gate.denied(&answer, "untrusted.issuer");
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
    }
}

fn two_providers(rules: Value) -> (Gate, Issuer) {
    let mut policy = policy();
    policy["providers"]["partners"] = second_provider();
    let second = Issuer::start();
    let setup = Setup::new(ruled(policy, rules));
    (setup.cluster("idp2", second.address()).start(), second)
}
