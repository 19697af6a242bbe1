//! `*` in a rule's path is one whole segment, a final `**` the rest, in the one reading that paths
//! have.

use passgate_harness::{BOTH, Gate, Request, Setup, policy, public, ruled, the_rest, with};
use serde_json::{Value, json};

/// A rule for this match that nobody's token meets.
fn closed(matches: Value) -> Value {
    json!({ "match": matches, "requires": { "scopes": ["never:given"] } })
}

#[test]
fn a_star_is_one_segment_and_two_are_the_rest() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            closed(json!({ "path": "/orders/*/items" })),
            closed(json!({ "path": "/files/**" })),
            closed(json!({ "path_separated_prefix": "/users/*/keys" })),
            closed(json!({ "prefix": "/teams/*/" })),
            public("/"),
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for path in [
            "/orders/7/items",
            "/orders/a%20b/items?x",
            "/orders/%2A/items",
            "/%6frders/7/item%73",
            // Envoy resolves dots before us.
            "/orders/7/./items",
            "/orders/7/8/../items",
            "/files",
            "/files/",
            "/files/a",
            "/files/a/b/",
            "/users/7/keys",
            "/users/7/keys/",
            "/users/7/keys/8/9",
            "/teams/7/",
            "/teams/7/x/y",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "insufficient.scope");
        }
        for path in [
            "/orders/items",
            "/orders/7/items/",
            "/orders/7/8/items",
            "/orders/7/itemsx",
            "/Orders/7/items",
            "/filesystem",
            "/users/keys",
            "/users/7",
            "/teams/7",
            "/teams/",
        ] {
            gate.passed(&gate.send(protocol, &Request::get(path)));
        }
    }
    gate.finish();
}

#[test]
fn a_public_pattern_lets_no_more_pass_than_one_segment() {
    let mut rule = public("/");
    rule["match"] = json!({ "path": "/pages/*" });
    let policy = ruled(policy(), json!([rule, the_rest()]));
    // As shipped, and where Envoy leaves dots and slashes as they are.
    let setup = Setup::new(with(
        policy.clone(),
        "path",
        json!({ "allow": ["double_slash"] }),
    ));
    let raw = setup.edit(|bootstrap| bootstrap.manager()["normalize_path"] = json!(false));
    for gate in [Gate::start(policy), raw.start()] {
        for protocol in BOTH {
            for path in ["/pages/a", "/pages/..a", "/pages/a%3Ab", "/pages/%2a"] {
                gate.passed(&gate.send(protocol, &Request::get(path)));
            }
            for path in ["/pages", "/pages/", "/pages/a/", "/pages/a/b", "/page/a"] {
                gate.denied(&gate.send(protocol, &Request::get(path)), "missing.token");
            }
            // Empty segments, dots and what could be a slash to somebody behind us.
            for path in [
                "/pages//",
                "/pages//a",
                "//pages/a",
                "/pages/..",
                "/pages/%2e%2e",
                "/pages/../admin",
                "/pages/..%2fadmin",
                "/pages/a%2fadmin",
                "/pages/a;b",
                "/pages/a%5cadmin",
                "/pages/.",
            ] {
                let answer = gate.send(protocol, &Request::get(path));
                assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
            }
        }
        gate.finish();
    }
}

#[test]
fn a_character_and_its_encoding_fall_under_one_rule() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            closed(json!({ "path": "/v1/things:cancel" })),
            closed(json!({ "path": "/%3Aid/%7Bid%7D" })),
            closed(json!({ "path": "/Products(5)/$count" })),
            public("/"),
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for path in [
            "/v1/things:cancel",
            "/v1/things%3Acancel",
            "/v1/things%3acancel",
            "/:id/%7bid%7d",
            "/%3Aid/{id}",
            "/Products(5)/$count",
            "/Products%285%29/%24count",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "insufficient.scope");
        }
        gate.passed(&gate.send(protocol, &Request::get("/v1/things")));
    }
    gate.finish();
}
