//! The files of `envoy/` do what they say.

use passgate_harness::{Authority, BOTH, Gate, Issuer, Protocol, Request, Setup, workspace};
use passgate_kit::{ApprovalBuilder, SigningKey, Token, TokenBuilder, public_members, tampered};
use serde_json::json;
use std::fs;
use std::process::Command;

#[test]
fn the_file_that_make_run_starts() {
    let gate = Setup::shipped("envoy/envoy.yaml").start();
    let demo = || {
        Token::of(
            &gate.issuer.key,
            "http://127.0.0.1:9000",
            "http://localhost:8080",
        )
    };
    for protocol in BOTH {
        for path in ["/healthz", "/", "/page/style.css", "/session", "/catalog"] {
            gate.passed(&gate.send(protocol, &Request::get(path)));
        }
    }
    guards_path(&gate, "/account", &demo().build());
    let readable = demo().claim("scope", "reports:read").build();
    guards_scope(&gate, "/reports/1", &demo().build(), &readable);

    // What the demo's provider says of a passkey that was used with a PIN just now, and of others.
    let passkey = |flags: &[&str], age: i64| {
        let token = demo().claim("acr", "phr").claim("webauthn", flags);
        token.claim("auth_time", passgate_kit::now() - age).build()
    };
    let get = |path, token: &str| gate.send(Protocol::Http1, &Request::get(path).bearer(token));
    let verified = passkey(&["up", "uv", "single_device"], 1);
    gate.passed(&get("/payments", &verified));
    let received = gate.passed(&get("/vault", &verified));
    let header = |name| received.headers.text(name);
    assert_eq!(header("x-passgate-user-verified"), Some("true"));
    assert_eq!(header("x-passgate-device-bound"), Some("true"));
    let refused = |path, token: &str, reason| gate.denied(&get(path, token), reason);
    let touched = passkey(&["up", "single_device"], 1);
    refused("/payments", &touched, "insufficient.authentication");
    let synced = passkey(&["up", "uv", "multi_device", "backed_up"], 1);
    refused("/vault", &synced, "insufficient.authentication");
    let old = passkey(&["up", "uv", "single_device"], 40);
    refused("/payments", &old, "insufficient.max_age");
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
fn the_file_with_keys_of_your_own() {
    let folder = std::env::temp_dir().join(format!("passgate-local-keys-{}", std::process::id()));
    let made = Command::new(workspace().join("tools/local-keys"))
        .arg(&folder)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let file = folder.join("envoy.yaml");
    let good = fs::read_to_string(folder.join("token")).unwrap();
    let gate = Setup::shipped(file.to_str().unwrap()).start();
    fs::remove_dir_all(folder).unwrap();
    guards(&gate, &good);
    gate.finish();

    // As it is shipped, it believes a key that nobody has.
    let gate = Setup::shipped("envoy/local-jwks.yaml").start();
    let answer = gate.send(BOTH[0], &Request::get("/").bearer(&good));
    gate.denied(&answer, "untrusted.signature");
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
fn the_file_with_approvals_of_bodies() {
    let gate = Setup::shipped("envoy/approvals.yaml").start();
    let key = SigningKey::es256("passkey");
    let cnf = json!({ "jwk": public_members(&key) });
    let bound = token(&gate, "http://127.0.0.1:9000").claim("cnf", cnf);
    let bound = bound.build();
    let order = |body: &[u8]| {
        let order = Request::post("/orders", body).bearer(&bound);
        order.authority("localhost:8080")
    };
    for protocol in BOTH {
        let asked = gate.send(protocol, &order(b"{}"));
        gate.denied(&asked, "missing.proof");
        let nonce = asked.headers.text("webauthn-nonce").unwrap();
        let page = ("localhost", "http://localhost:8080");
        let approval = ApprovalBuilder::of(&key, page, ("POST", "http://localhost:8080/orders"))
            .token(&bound)
            .claim("iss", "http://127.0.0.1:9000")
            .claim("sub", "alice")
            .claim("iat", passgate_kit::now())
            .claim("nonce", nonce)
            .body(b"{}")
            .build();
        let approved = |body| order(body).header("webauthn-proof", &approval);
        let altered = gate.send(protocol, &approved(b"[]"));
        gate.denied(&altered, "untrusted.proof_body");
        let received = gate.passed(&gate.send(protocol, &approved(b"{}")));
        assert_eq!(received.body, b"{}");
    }
    guards(&gate, &token(&gate, "http://127.0.0.1:9000").build());
    gate.finish();
}

#[test]
fn the_file_with_keys_over_tls() {
    let authority = Authority::generate();
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
    guards_path(gate, "/", good);
}

fn guards_path(gate: &Gate, path: &str, good: &str) {
    for protocol in BOTH {
        let request = Request::get(path).bearer(good).header("x-user", "spoofed");
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.bytes("authorization"), None);
        gate.denied(&gate.send(protocol, &Request::get(path)), "missing.token");
        let forged = Request::get(path).bearer(&tampered(good));
        gate.denied(&gate.send(protocol, &forged), "untrusted.signature");
    }
}

fn guards_payments(gate: &Gate) {
    let token = || token(gate, "http://127.0.0.1:9000");
    let (short, enough) = (
        token().build(),
        token().claim("scope", "payments:write").build(),
    );
    guards_scope(gate, "/payments/1", &short, &enough);
}

fn guards_scope(gate: &Gate, path: &str, short: &str, enough: &str) {
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get(path).bearer(short));
        gate.denied(&answer, "insufficient.scope");
        gate.passed(&gate.send(protocol, &Request::get(path).bearer(enough)));
    }
}

fn token<'g>(gate: &'g Gate, issuer: &str) -> TokenBuilder<'g> {
    Token::of(&gate.issuer.key, issuer, "http://127.0.0.1:8080")
}
