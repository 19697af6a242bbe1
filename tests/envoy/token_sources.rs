//! Where a token may be, and what becomes of it on the way to the upstream.

use passgate_harness::{BOTH, Gate, Request, policy, policy_with};
use passgate_kit::tampered;
use serde_json::{Value, json};

#[test]
fn the_bearer_token_is_taken_and_removed() {
    let gate = Gate::start(policy());
    let token = gate.good();
    for protocol in BOTH {
        // The scheme's name has no case (RFC 9110 section 11.1).
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let request =
                Request::get("/path?a=b").header("authorization", format!("{scheme} {token}"));
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(received.headers.bytes("authorization"), None);
            assert_eq!(received.headers.text("x-user"), Some("alice"));
            assert_eq!(received.path, b"/path?a=b");
        }
    }
    gate.finish();
}

#[test]
fn the_bearer_token_is_forwarded_byte_for_byte() {
    let gate = Gate::start(policy_with(json!({ "forward": true })));
    let value = format!("Bearer {}", gate.good());
    for protocol in BOTH {
        let request = Request::get("/").header("authorization", &value);
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("authorization"), Some(&*value));
    }
    gate.finish();
}

#[test]
fn a_header_of_another_name() {
    let sources = json!({ "from_headers": [{ "name": "x-token", "value_prefix": "Jwt " }] });
    for forward in [false, true] {
        let gate = Gate::start(forwarding(&sources, forward));
        let token = gate.good();
        let value = format!("Jwt {token}");
        for protocol in BOTH {
            let request = Request::get("/").header("x-token", &value);
            let received = gate.passed(&gate.send(protocol, &request));
            let kept = received.headers.text("x-token");
            assert_eq!(kept, forward.then_some(&*value));

            // Naming a place switches the default off.
            let answer = gate.send(protocol, &Request::get("/").bearer(&token));
            gate.denied(&answer, "missing.token");
            // Without the prefix it is not a token of this place.
            let answer = gate.send(protocol, &Request::get("/").header("x-token", &token));
            assert_eq!(answer.status, 401);
        }
        gate.finish();
    }
}

#[test]
fn a_cookie() {
    let sources = json!({ "from_cookies": ["__Host-session"] });
    for forward in [false, true] {
        let gate = Gate::start(forwarding(&sources, forward));
        let token = gate.good();
        let cookie = format!("theme=dark; __Host-session={token}; lang=en");
        for protocol in BOTH {
            let request = Request::get("/").header("cookie", &cookie);
            let received = gate.passed(&gate.send(protocol, &request));
            let kept = received.headers.text("cookie");
            let expected = if forward {
                cookie.as_str()
            } else {
                "theme=dark; lang=en"
            };
            assert_eq!(kept, Some(expected));

            let request = Request::get("/").header("cookie", format!("__Host-session={token}"));
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(received.headers.text("cookie").is_some(), forward);

            let other = Request::get("/").header("cookie", format!("__host-session={token}"));
            gate.denied(&gate.send(protocol, &other), "missing.token");
        }
        gate.finish();
    }
}

#[test]
fn cookies_in_several_headers() {
    // HTTP/2 clients split cookies, one to a field (RFC 9113 section 8.2.3).
    let gate = Gate::start(policy_with(json!({ "from_cookies": ["session"] })));
    let token = gate.good();
    let split = |first: &str, second: &str| {
        let request = Request::get("/").header("cookie", first);
        request.header("cookie", second)
    };
    let session = format!("session={token}");
    let received = gate.passed(&gate.send(BOTH[1], &split("theme=dark", &session)));
    let left = received
        .headers
        .0
        .iter()
        .filter(|(name, _)| name == b"cookie");
    let left: Vec<&[u8]> = left.map(|(_, value)| value.as_slice()).collect();
    assert_eq!(left.concat(), b"theme=dark");

    let two = split(&session, &format!("session={}", tampered(&token)));
    gate.denied(&gate.send(BOTH[1], &two), "ambiguous.credentials");
    gate.finish();
}

#[test]
fn a_query_parameter() {
    let sources = json!({ "from_params": ["access_token"] });
    for forward in [false, true] {
        let gate = Gate::start(forwarding(&sources, forward));
        let token = gate.good();
        for protocol in BOTH {
            for (sent, left) in [
                (format!("/p?access_token={token}"), "/p"),
                (format!("/p?a=1&access_token={token}"), "/p?a=1"),
                (
                    format!("/p?access_token={token}&b=%2F%3b;//"),
                    "/p?b=%2F%3b;//",
                ),
                (format!("/p?a=1&access_token={token}&b=2"), "/p?a=1&b=2"),
            ] {
                let received = gate.passed(&gate.send(protocol, &Request::get(&sent)));
                let expected = if forward { sent.as_str() } else { left };
                assert_eq!(String::from_utf8(received.path).unwrap(), expected);
            }
            let other = Request::get(format!("/p?Access_Token={token}"));
            gate.denied(&gate.send(protocol, &other), "missing.token");
        }
        gate.finish();
    }
}

#[test]
fn a_subprotocol_of_a_websocket() {
    let sources = json!({ "from_websocket_protocol": "bearer" });
    for forward in [false, true] {
        let gate = Gate::start(forwarding(&sources, forward));
        let token = gate.good();
        let upgrade = |subprotocols: &str| {
            Request::get("/socket")
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-protocol", subprotocols)
        };
        for (sent, left) in [
            (format!("bearer, {token}"), "bearer"),
            (format!("chat, bearer, {token}, v2"), "chat, bearer, v2"),
        ] {
            let received = gate.passed(&gate.send(BOTH[0], &upgrade(&sent)));
            let expected = if forward { sent.as_str() } else { left };
            let list = received.headers.text("sec-websocket-protocol");
            assert_eq!(list, Some(expected));
            assert_eq!(received.headers.text("x-user"), Some("alice"));
        }
        for (sent, reason) in [
            ("chat".to_owned(), "missing.token"),
            (token.clone(), "missing.token"),
            (
                format!("bearer, {token}, bearer, {}", tampered(&token)),
                "ambiguous.credentials",
            ),
        ] {
            gate.denied(&gate.send(BOTH[0], &upgrade(&sent)), reason);
        }
        // A service that reads this spelling would see a token that nobody judged.
        let other = upgrade(&format!("bearer, {token}")).header(
            "sec_websocket_protocol",
            format!("bearer, {}", tampered(&token)),
        );
        let received = gate.passed(&gate.send(BOTH[0], &other));
        assert_eq!(received.headers.text("sec_websocket_protocol"), None);
        gate.finish();
    }
}

#[test]
fn the_payload_can_be_handed_on() {
    let gate = Gate::start(policy_with(
        json!({ "forward_payload_header": "x-jwt-payload" }),
    ));
    let token = gate.good();
    for protocol in BOTH {
        let request = Request::get("/")
            .bearer(&token)
            .header("x-jwt-payload", "spoofed");
        let received = gate.passed(&gate.send(protocol, &request));
        let payload = token.split('.').nth(1);
        assert_eq!(received.headers.text("x-jwt-payload"), payload);
    }
    gate.finish();
}

fn forwarding(sources: &Value, forward: bool) -> Value {
    let mut members = sources.clone();
    members["forward"] = json!(forward);
    policy_with(members)
}
