//! The files of `envoy/` do what they say.

use crate::harness::{Authority, BOTH, Gate, Issuer, Request, Setup};
use passgate_kit::{Token, TokenBuilder, tampered};

#[test]
fn the_file_that_make_run_starts() {
    let gate = Setup::shipped("envoy/envoy.yaml").start();
    let good = token(&gate, "http://127.0.0.1:9000").build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/healthz")));
    }
    guards(&gate, &good);
    guards_payments(&gate);
    gate.finish();
}

#[test]
fn the_smallest_file() {
    let gate = Setup::shipped("envoy/smallest.yaml").start();
    let good = token(&gate, "http://127.0.0.1:9000").build();
    guards(&gate, &good);
    gate.finish();
}

#[test]
fn the_file_with_two_instances() {
    let gate = Setup::shipped("envoy/two-instances.yaml").start();
    let good = token(&gate, "http://127.0.0.1:9000").build();
    guards(&gate, &good);
    guards_payments(&gate);
    gate.finish();
}

#[test]
fn the_file_with_keys_over_tls() {
    let authority = Authority::new();
    let start = |certified: &str| {
        let issuer = Issuer::over_tls(&authority, certified);
        let setup = Setup::shipped("envoy/jwks-over-tls.yaml").issuer(issuer);
        // Only the authority is another one than the public ones.
        setup.trusting("idp", &authority).start()
    };
    let gate = start("id.example.com");
    let good = token(&gate, "https://id.example.com").build();
    guards(&gate, &good);
    gate.finish();

    let gate = start("evil.example");
    let good = token(&gate, "https://id.example.com").build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&good));
        gate.denied(&answer, "unavailable.keys");
    }
    assert_eq!((gate.issuer.fetches(), gate.upstream.hits()), (0, 0));
    gate.finish();
}

/// A good token passes with its subject as `x-user`; nothing else does.
fn guards(gate: &Gate, good: &str) {
    for protocol in BOTH {
        let request = Request::get("/").bearer(good).header("x-user", "spoofed");
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.bytes("authorization"), None);
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
        let forged = Request::get("/").bearer(&tampered(good));
        gate.denied(&gate.send(protocol, &forged), "untrusted.signature");
    }
}

fn guards_payments(gate: &Gate) {
    let token = || token(gate, "http://127.0.0.1:9000");
    let (short, enough) = (
        token().build(),
        token().claim("scope", "payments:write").build(),
    );
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/payments/1").bearer(&short));
        gate.denied(&answer, "insufficient.scope");
        gate.passed(&gate.send(protocol, &Request::get("/payments/1").bearer(&enough)));
    }
}

fn token<'g>(gate: &'g Gate, issuer: &str) -> TokenBuilder<'g> {
    Token::of(&gate.issuer.key, issuer, "http://127.0.0.1:8080")
}
