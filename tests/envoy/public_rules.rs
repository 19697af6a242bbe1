//! `public`: the only way past, and what becomes of tokens there.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, Issuer, Request, Setup, policy, policy_with, ruled, the_rest,
};
use passgate_kit::{Token, tampered};
use serde_json::{Value, json};

#[test]
fn without_identity_from_a_token_is_not_looked_at_and_removed() {
    let gate = Gate::start(ruled(policy(), open(json!({ "until": "never" }))));
    let good = gate.good();
    for protocol in BOTH {
        for request in [
            Request::get("/open/a"),
            Request::get("/open/a").bearer(&good),
            Request::get("/open/a").bearer(&tampered(&good)),
            Request::get("/open/a").bearer("garbage"),
        ] {
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(received.headers.bytes("authorization"), None);
            assert_eq!(received.headers.bytes("x-user"), None);
            assert_eq!(received.headers.bytes("x-passgate-principal"), None);
        }
        // A credential that the provider does not read is not ours to remove.
        let basic = Request::get("/open/a").header("authorization", "Basic YTpi");
        gate.passed(&gate.send(protocol, &basic));
        gate.denied(
            &gate.send(protocol, &Request::get("/closed")),
            "missing.token",
        );
    }
    gate.finish();
}

#[test]
fn with_forward_true_the_token_stays() {
    let policy = policy_with(json!({ "forward": true }));
    let gate = Gate::start(ruled(policy, open(json!({ "until": "never" }))));
    let value = format!("Bearer {}", gate.good());
    for protocol in BOTH {
        let request = Request::get("/open/a").header("authorization", &value);
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("authorization"), Some(&*value));
        assert_eq!(received.headers.bytes("x-user"), None);
    }
    gate.finish();
}

#[test]
fn with_identity_from_a_token_that_is_present_must_be_valid() {
    let rules = open(json!({ "until": "never", "identity_from": "acme" }));
    let gate = Gate::start(ruled(policy(), rules));
    let good = gate.good();
    let stranger = Token::of(&gate.issuer.key, "https://evil.example", AUDIENCE).build();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &Request::get("/open/a")));
        assert_eq!(received.headers.bytes("x-user"), None);
        let received = gate.passed(&gate.send(protocol, &Request::get("/open/a").bearer(&good)));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.text("x-passgate-provider"), Some("acme"));
        assert_eq!(received.headers.bytes("authorization"), None);

        // Unreadable or of an unknown issuer is never "missing".
        for (token, code) in [
            (tampered(&good), "untrusted.signature"),
            (
                gate.token().claim("iat", 1).expires_in(-3600).build(),
                "untrusted.expired",
            ),
            (stranger.clone(), "untrusted.issuer"),
            ("garbage".to_owned(), "malformed.token_shape"),
            (String::new(), "malformed.credential"),
        ] {
            let answer = gate.send(protocol, &Request::get("/open/a").bearer(&token));
            gate.denied(&answer, code);
        }
    }
    gate.finish();
}

#[test]
fn an_exemption_that_has_ended_denies() {
    let gate = Gate::start(ruled(policy(), open(json!({ "until": "2020-01-31" }))));
    let good = gate.good();
    for protocol in BOTH {
        for request in [
            Request::get("/open/a"),
            Request::get("/open/a").bearer(&good),
        ] {
            gate.denied(&gate.send(protocol, &request), "forbidden.exemption_ended");
        }
        gate.passed(&gate.send(protocol, &Request::get("/closed").bearer(&good)));
    }
    gate.finish();
}

#[test]
fn an_exemption_that_has_not_ended_holds() {
    let gate = Gate::start(ruled(policy(), open(json!({ "until": "2999-12-31" }))));
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/open/a")));
    }
    gate.finish();
}

#[test]
fn a_public_path_is_served_while_there_are_no_keys() {
    let issuer = Issuer::start();
    issuer.hold();
    let rules = open(json!({ "until": "never" }));
    let gate = Setup::new(ruled(policy(), rules)).issuer(issuer).start();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/open/a")));
    }
    gate.finish();
}

fn open(members: Value) -> Value {
    let mut public = json!({ "reason": "story", "owner": "tests" });
    for (name, value) in members.as_object().unwrap() {
        public[name] = value.clone();
    }
    json!([{ "match": { "prefix": "/open/" }, "public": public }, the_rest()])
}
