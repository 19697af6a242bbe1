//! What is asked of a key server, and answers that are not a set of keys, or one that cannot be
//! used.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy,
};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};

#[test]
fn the_request_for_keys_says_who_asks_and_wants_no_content_coding() {
    let gate = Gate::start(policy());
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good())));
    let asked = gate.issuer.asked_with();
    assert!(!asked.is_empty());
    let agent = format!("passgate/{}", env!("CARGO_PKG_VERSION"));
    for headers in asked {
        assert_eq!(headers.text("user-agent"), Some(&*agent), "{headers:?}");
        assert_eq!(headers.text("accept-encoding"), Some("identity"));
        let accept = "application/jwk-set+json, application/json";
        assert_eq!(headers.text("accept"), Some(accept));
    }
    gate.finish();
}

#[test]
fn an_answer_that_is_no_key_set_is_refused_in_words_that_name_it() {
    type Trouble = (&'static str, fn(&Issuer));
    let troubles: [Trouble; 6] = [
        (
            "fetches fail: content-encoding: gzip, though identity was asked for",
            |issuer| issuer.header("content-encoding", "gzip"),
        ),
        (
            "fetches fail: not JSON: it starts with a byte order mark",
            |issuer| issuer.publish_bytes(b"\xef\xbb\xbf{\"keys\":[]}"),
        ),
        (
            "fetches fail: certificates by their names, not a JWK set: Google and Firebase serve the same keys",
            |issuer| issuer.publish_text(r#"{"6a2b":"-----BEGIN CERTIFICATE-----\nMIIC"}"#),
        ),
        ("fetches fail: not JSON: it is HTML or XML", |issuer| {
            issuer.publish_text("<!doctype html><title>Sign in</title>")
        }),
        (
            "fetches fail: status 302: redirects are not followed; this one leads to https://login.example.com/",
            |issuer| {
                issuer.status(302);
                issuer.header("location", "https://login.example.com/");
            },
        ),
        (
            "fetches fail: a set without a key that can be used, 1 skipped (\"rs1\": a private key was published (it has d): treat it as stolen)",
            |issuer| {
                let mut key = SigningKey::rs256("rs1").public_jwk();
                key["d"] = json!("AAAA");
                issuer.publish_text(&json!({ "keys": [key] }).to_string());
            },
        ),
    ];
    for (words, make) in troubles {
        let issuer = Issuer::start();
        make(&issuer);
        let gate = Setup::new(policy()).issuer(issuer).start();
        let good = gate.good();
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/").bearer(&good));
            gate.denied(&answer, "unavailable.keys");
        }
        let log = gate.log();
        assert!(log.contains(words), "{words}\n{log}");
        gate.finish();
    }
}

/// Written by a service on .NET: what is empty is absent.
#[test]
fn a_key_whose_empty_members_look_private_is_used() {
    let rsa = SigningKey::rs256("rs1");
    let mut key = rsa.public_jwk();
    for (name, value) in [
        ("key_ops", json!([])),
        ("oth", json!([])),
        ("x5c", json!([])),
        ("d", Value::Null),
    ] {
        key[name] = value;
    }
    let issuer = Issuer::start();
    issuer.publish_text(&json!({ "keys": [key] }).to_string());
    let gate = Setup::new(policy()).issuer(issuer).start();
    let good = Token::of(&rsa, ISSUER, AUDIENCE).build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
    }
    gate.finish();
}

#[test]
fn a_set_of_which_no_key_can_be_used_harms_no_keys_in_hand_however_often_it_comes() {
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["cache_duration"] = json!("1s");
    let gate = Gate::start(policy);
    let request = Request::get("/").bearer(&gate.good());
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.issuer.publish_text(r#"{"keys":[null]}"#);
    let unusable = "wasmcustom.passgate.keys.provider.acme.fetches.unusable";
    eventually("four such answers", || {
        (gate.stat(unusable) >= 4).then_some(())
    });
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &request));
    }
    assert!(gate.stat("wasmcustom.passgate.keys.provider.acme.skipped") >= 1);
    gate.finish();
}
