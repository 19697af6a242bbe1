//! A path is read in one way only.

use passgate_harness::{BOTH, Gate, Request, Setup, policy, public, ruled, the_rest, with};
use serde_json::{Value, json};

#[test]
fn a_path_that_can_be_read_in_two_ways_is_refused() {
    // As shipped: Envoy resolves dots and turns backslashes, all else arrives as it was sent.
    let gate = Gate::start(policy());
    let good = gate.good();
    for protocol in BOTH {
        for path in [
            "//a",
            "/a//b",
            "/a//",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a%25b",
            "/a;b",
            "/a;v=1/b",
            "/admin%2f..%2fpublic",
            "/a%252fb",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "ambiguous.path");
        }
        // The query is not a part of the path.
        gate.passed(&gate.send(protocol, &Request::get("/a?b=//;%2f%5c%25..").bearer(&good)));
        let answer = gate.send(protocol, &Request::get("/a%00b").bearer(&good));
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn without_envoys_normalisation_the_filter_refuses_dots_and_backslashes_itself() {
    let gate = without_normalisation(policy());
    let good = gate.good();
    for protocol in BOTH {
        for path in [
            "/a/../b",
            "/..",
            "/a/.",
            "/./a",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/%2e/a",
            "/a\\b",
            "/a/..\\b",
            "/a%00b",
            "/a%2fb",
            "//a",
            "/a;b",
            "/a%25",
            // Envoy's normalisation would decode these.
            "/%70ing",
            "/a%2eb",
            "/a%7eb",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "ambiguous.path");
        }
        for path in ["/a.b", "/.well-known/x", "/..a", "/a..", "/a?b=../c\\"] {
            gate.passed(&gate.send(protocol, &Request::get(path).bearer(&good)));
        }
    }
    gate.finish();
}

#[test]
fn dots_cannot_smuggle_a_path_into_a_public_rule() {
    let gate = Gate::start(ruled(policy(), json!([public("/public/"), the_rest()])));
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/public/a")));
        for path in [
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/a/../../admin",
        ] {
            gate.denied(&gate.send(protocol, &Request::get(path)), "missing.token");
        }
        for path in [
            "/public/..%2fadmin",
            "/public/%2e%2e%2fadmin",
            "/public//../../admin",
        ] {
            let answer = gate.send(protocol, &Request::get(path));
            assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
        }
    }
    assert_eq!(gate.upstream.hits(), BOTH.len());
    gate.finish();
}

#[test]
fn each_form_can_be_permitted_by_its_name() {
    for (word, path, other) in [
        ("encoded_slash", "/a%2fb", "/a//b"),
        ("double_slash", "/a//b", "/a;b"),
        ("semicolon", "/a;b", "/a%25b"),
        ("encoded_percent", "/a%25b", "/a%2fb"),
        ("backslash", "/a%5cb", "/a%2fb"),
    ] {
        let gate = without_normalisation(with(policy(), "path", json!({ "allow": [word] })));
        let good = gate.good();
        for protocol in BOTH {
            let received = gate.passed(&gate.send(protocol, &Request::get(path).bearer(&good)));
            assert_eq!(received.path, path.as_bytes());
            for refused in [other, "/a/../b", "/a%00b"] {
                let answer = gate.send(protocol, &Request::get(refused).bearer(&good));
                gate.denied(&answer, "ambiguous.path");
            }
        }
        gate.finish();
    }
}

#[test]
fn encoded_letters_are_decoded_for_matching_and_case_counts() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "path": "/admin" }, "requires": { "scopes": ["admin"] } },
            { "match": { "path": "/Any", "ignore_case": true }, "requires": { "scopes": ["any"] } },
            public("/"),
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for path in ["/admin", "/%61dmin", "/adm%69n", "/any", "/ANY", "/a%4ey"] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "insufficient.scope");
        }
        for path in ["/Admin", "/ADMIN", "/admin/", "/anything"] {
            gate.passed(&gate.send(protocol, &Request::get(path)));
        }
    }
    gate.finish();
}

#[test]
fn an_allowed_word_opens_no_stricter_rule_to_the_service_that_needs_it() {
    for (word, closed, open) in [
        ("semicolon", ["/;/admin/secret", "/admin;x"], "/shop;v=1"),
        ("double_slash", ["//admin", "//x/admin"], "/shop//x"),
        (
            "encoded_slash",
            ["/%2fadmin", "/admin%2fsecret"],
            "/shop%2fx",
        ),
        ("backslash", ["/%5cadmin", "/admin%5csecret"], "/shop%5cx"),
        (
            "encoded_percent",
            ["/public/%252e%252e/admin", "/%2561dmin"],
            "/100%25",
        ),
    ] {
        let rules = json!([
            { "match": { "path_separated_prefix": "/admin" }, "requires": { "provider_name": "acme" } },
            public("/"),
        ]);
        let policy = with(ruled(policy(), rules), "path", json!({ "allow": [word] }));
        let gate = Gate::start(policy);
        for protocol in BOTH {
            for path in closed {
                let answer = gate.send(protocol, &Request::get(path));
                assert!(matches!(answer.status, 400 | 401), "{path}: {answer:?}");
            }
            let received = gate.passed(&gate.send(protocol, &Request::get(open)));
            assert_eq!(received.path, open.as_bytes());
        }
        assert_eq!(gate.upstream.hits(), BOTH.len());
        gate.finish();
    }
}

#[test]
fn overlong_and_compatible_characters_are_refused() {
    let gate = Gate::start(policy());
    let good = gate.good();
    for protocol in BOTH {
        for path in [
            "/a%c0%afb",
            "/a%e0%80%afb",
            "/a%ff",
            "/%e2%80%a4%e2%80%a4/b",
            "/a%ef%bc%8fb",
            "/a%ef%bc%bcb",
        ] {
            let answer = gate.send(protocol, &Request::get(path).bearer(&good));
            gate.denied(&answer, "ambiguous.path");
        }
        gate.passed(&gate.send(protocol, &Request::get("/caf%c3%a9").bearer(&good)));
    }
    gate.finish();
}

fn without_normalisation(policy: Value) -> Gate {
    let setup = Setup::new(policy);
    setup
        .edit(|bootstrap| bootstrap.manager()["normalize_path"] = json!(false))
        .start()
}
