//! What a rule may want of a token: scopes, claims, another audience.

use passgate_harness::{AUDIENCE, BOTH, Gate, ISSUER, Request, policy, policy_with, ruled};
use passgate_kit::Token;
use serde_json::{Value, json};

#[test]
fn scopes_are_all_wanted() {
    let gate = requiring(json!({ "scopes": ["payments:read", "payments:write"] }));
    let enough = [
        gate.token()
            .claim("scope", "payments:write profile payments:read")
            .build(),
        gate.token()
            .claim("scp", json!(["payments:read", "payments:write"]))
            .build(),
    ];
    let short = [
        gate.good(),
        gate.token().claim("scope", "payments:read").build(),
        gate.token()
            .claim("scope", "payments:read,payments:write")
            .build(),
        gate.token()
            .claim("scope", "payments:read payments:writes")
            .build(),
        gate.token().claim("scope", "").build(),
        gate.token().claim("scp", json!(["payments:read"])).build(),
    ];
    for protocol in BOTH {
        for token in &enough {
            gate.passed(&gate.send(protocol, &Request::get("/").bearer(token)));
        }
        for token in &short {
            let answer = gate.send(protocol, &Request::get("/").bearer(token));
            gate.denied(&answer, "insufficient.scope");
        }
    }
    gate.finish();
}

#[test]
fn claims_are_compared_with_their_type() {
    let gate = requiring(json!({ "claims": [
        { "claim_name": "groups", "any_of": ["finance", "audit"] },
        { "claim_name": "level", "any_of": [2, 3] },
    ] }));
    let with = |groups: Value, level: Value| {
        gate.token()
            .claim("groups", groups)
            .claim("level", level)
            .build()
    };
    let enough = [
        with(json!(["it", "finance"]), json!(2)),
        with(json!("audit"), json!(3)),
    ];
    let short = [
        with(json!(["it"]), json!(2)),
        with(json!(["finance"]), json!("2")),
        with(json!(["finance"]), json!(4)),
        // Strings are not split: a user may choose a name with a blank in it.
        with(json!("it finance"), json!(2)),
        with(json!("finance,it"), json!(2)),
        with(json!(["Finance"]), json!(2)),
        with(json!([["finance"]]), json!(2)),
        with(json!({ "finance": true }), json!(2)),
        with(json!(true), json!(2)),
        with(Value::Null, json!(2)),
        gate.token().claim("groups", "finance").build(),
    ];
    for protocol in BOTH {
        for token in &enough {
            gate.passed(&gate.send(protocol, &Request::get("/").bearer(token)));
        }
        for token in &short {
            let answer = gate.send(protocol, &Request::get("/").bearer(token));
            gate.denied(&answer, "forbidden.claim");
        }
    }
    gate.finish();
}

#[test]
fn a_claim_of_words_is_split_where_the_rule_says_so() {
    let gate = requiring(json!({ "claims": [
        { "claim_name": "groups", "any_of": ["finance"], "split": "space" },
    ] }));
    let enough = gate.token().claim("groups", "it finance").build();
    let short = gate.token().claim("groups", "it finances").build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&enough)));
        let answer = gate.send(protocol, &Request::get("/").bearer(&short));
        gate.denied(&answer, "forbidden.claim");
    }
    gate.finish();
}

#[test]
fn a_rule_may_want_another_audience() {
    let gate = requiring(json!({ "provider_name": "acme", "audiences": ["payments"] }));
    let enough = [
        Token::of(&gate.issuer.key, ISSUER, "payments").build(),
        gate.token()
            .claim("aud", json!([AUDIENCE, "payments"]))
            .build(),
    ];
    let of_the_provider = gate.good();
    let of_nobody = Token::of(&gate.issuer.key, ISSUER, "payment").build();
    for protocol in BOTH {
        for token in &enough {
            gate.passed(&gate.send(protocol, &Request::get("/").bearer(token)));
        }
        let answer = gate.send(protocol, &Request::get("/").bearer(&of_the_provider));
        gate.denied(&answer, "forbidden.audience");
        let answer = gate.send(protocol, &Request::get("/").bearer(&of_nobody));
        gate.denied(&answer, "untrusted.audience");
    }
    gate.finish();
}

#[test]
fn the_audience_may_be_another_claim() {
    let gate = Gate::start(policy_with(json!({ "audience_claim": "client_id" })));
    let good = gate
        .token()
        .without("aud")
        .claim("client_id", AUDIENCE)
        .build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        let answer = gate.send(protocol, &Request::get("/").bearer(&gate.good()));
        gate.denied(&answer, "untrusted.audience");
    }
    gate.finish();
}

#[test]
fn an_untrusted_token_is_told_nothing_of_what_the_rule_wants() {
    let gate = requiring(json!({ "scopes": ["payments:write"] }));
    let expired = gate.token().claim("iat", 1).expires_in(-3600).build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&expired));
        gate.denied(&answer, "untrusted.expired");
        assert!(!format!("{answer:?}{}", answer.text()).contains("payments"));
    }
    gate.finish();
}

fn requiring(requires: Value) -> Gate {
    Gate::start(ruled(
        policy(),
        json!([{ "match": { "prefix": "/" }, "requires": requires }]),
    ))
}
