//! A token in a cookie comes with every request of a browser, wanted or not.

use passgate_harness::{BOTH, Gate, Protocol, Request, policy_with, with};
use serde_json::{Value, json};

#[test]
fn a_cookie_on_an_unsafe_method_needs_our_origin() {
    let gate = Gate::start(cookie_policy());
    let token = gate.good();
    let cookie = format!("session={token}");
    for protocol in BOTH {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let request = || {
                let mut request = Request::new(method, "/").header("cookie", &cookie);
                request.body = Some(b"body".to_vec());
                request
            };
            for refused in [
                request(),
                request().header("origin", "https://evil.example"),
                request().header("origin", "null"),
                request().header("origin", "http://app.example.com"),
                request().header("origin", "https://app.example.com.evil.example"),
                request().header("sec-fetch-site", "same-site"),
                request().header("sec-fetch-site", "cross-site"),
                request().header("sec-fetch-site", "none"),
            ] {
                gate.denied(&gate.send(protocol, &refused), "forbidden.cross_site");
            }
            for allowed in [
                request().header("origin", "https://app.example.com"),
                request().header("sec-fetch-site", "same-origin"),
            ] {
                let received = gate.passed(&gate.send(protocol, &allowed));
                assert_eq!(received.body, b"body");
            }
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            let request = Request::new(method, "/").header("cookie", &cookie);
            gate.passed(&gate.send(protocol, &request));
        }
    }
    gate.finish();
}

#[test]
fn a_cookie_on_an_upgrade_needs_our_origin() {
    let gate = Gate::start(cookie_policy());
    let token = gate.good();
    let upgrade = || {
        Request::get("/socket")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("cookie", format!("session={token}"))
    };
    let evil = upgrade().header("origin", "https://evil.example");
    for refused in [upgrade(), evil] {
        gate.denied(
            &gate.send(Protocol::Http1, &refused),
            "forbidden.cross_site",
        );
    }
    let ours = upgrade().header("origin", "https://app.example.com");
    gate.passed(&gate.send(Protocol::Http1, &ours));
    gate.finish();
}

#[test]
fn a_bearer_token_needs_no_origin() {
    let gate = Gate::start(cookie_policy());
    let token = gate.good();
    for protocol in BOTH {
        let request = Request::post("/", b"body").bearer(&token);
        gate.passed(&gate.send(protocol, &request.header("origin", "https://evil.example")));
    }
    gate.finish();
}

fn cookie_policy() -> Value {
    let policy = policy_with(json!({
        "from_cookies": ["session"],
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
    }));
    with(
        policy,
        "origins",
        json!(["https://api.example.com", "https://app.example.com"]),
    )
}
