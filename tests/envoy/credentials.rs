//! Exactly one credential in a request, or a reason.

use passgate_harness::{BOTH, Gate, Request, policy, policy_with};
use passgate_kit::tampered;
use serde_json::json;

#[test]
fn two_authorization_headers_are_ambiguous() {
    let gate = Gate::start(policy());
    let token = gate.good();
    let bearer = format!("Bearer {token}");
    let forged = format!("Bearer {}", tampered(&token));
    for protocol in BOTH {
        for (first, second) in [(&bearer, &forged), (&forged, &bearer)] {
            let request = Request::get("/").header("authorization", first);
            let answer = gate.send(protocol, &request.header("authorization", second));
            gate.denied(&answer, "ambiguous.credentials");
        }
        for joined in [
            format!("{bearer},{forged}"),
            format!("{bearer}, Basic YTpi"),
            format!("{bearer} more"),
            format!("Bearer {token},{token}"),
        ] {
            let request = Request::get("/").header("authorization", &joined);
            gate.denied(&gate.send(protocol, &request), "ambiguous.credentials");
        }
    }
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn a_basic_credential_is_no_candidate_and_an_empty_bearer_is_malformed() {
    let gate = Gate::start(policy());
    for protocol in BOTH {
        let basic = Request::get("/").header("authorization", "Basic YWxpY2U6c2VjcmV0");
        gate.denied(&gate.send(protocol, &basic), "missing.token");
        for empty in ["Bearer", "Bearer "] {
            let request = Request::get("/").header("authorization", empty);
            gate.denied(&gate.send(protocol, &request), "malformed.credential");
        }
    }
    gate.finish();
}

#[test]
fn the_same_bytes_in_two_places_count_once_and_two_candidates_are_ambiguous() {
    let gate = Gate::start(policy_with(json!({
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
        "from_cookies": ["session"],
        "from_params": ["access_token"],
    })));
    let token = gate.good();
    let other = gate.token().claim("sub", "bob").build();
    for protocol in BOTH {
        let everywhere = Request::get(format!("/p?access_token={token}"))
            .bearer(&token)
            .header("cookie", format!("session={token}"));
        let received = gate.passed(&gate.send(protocol, &everywhere));
        // Removed wherever it was.
        assert_eq!(received.path, b"/p");
        assert_eq!(received.headers.bytes("authorization"), None);
        assert_eq!(received.headers.bytes("cookie"), None);

        for request in [
            Request::get("/")
                .bearer(&token)
                .header("cookie", format!("session={other}")),
            Request::get(format!("/?access_token={other}")).bearer(&token),
            Request::get(format!("/?access_token={token}&access_token={other}")),
            Request::get("/").header("cookie", format!("session={token}; session={other}")),
            Request::get("/")
                .bearer(&token)
                .header("cookie", "session=opaque"),
        ] {
            gate.denied(&gate.send(protocol, &request), "ambiguous.credentials");
        }
    }
    gate.finish();
}
