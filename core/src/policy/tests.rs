use super::{Index, must_be_named};
use crate::{
    json::Json,
    policy::{ClaimCondition, ClaimTest, HostMatch, Matcher, PathMatch},
    request::Request,
    request::path::PathPolicy,
};

fn any() -> Matcher {
    Matcher {
        path: PathMatch::Any,
        ignore_case: false,
        hosts: Vec::new(),
        methods: Vec::new(),
        all_methods: false,
        mcp: None,
    }
}

/// Whether a rule with this matcher is about the request.
fn fits(matcher: Matcher, method: &str, path: &str, authority: &str) -> bool {
    let headers: [(&[u8], &[u8]); 3] = [
        (b":method", method.as_bytes()),
        (b":path", path.as_bytes()),
        (b":authority", authority.as_bytes()),
    ];
    Request::new(&headers)
        .target(PathPolicy::default())
        .is_ok_and(|target| {
            let fits = |_| matcher.fits_all_but_path(&target);
            Index::new([&matcher].into_iter())
                .first(&target, fits)
                .is_some()
        })
}

fn path_fits(path: PathMatch, seen: &str) -> bool {
    fits(Matcher { path, ..any() }, "GET", seen, "a")
}

#[test]
fn a_prefix_ends_at_a_slash_and_segments_end_at_a_boundary() {
    let prefix = || PathMatch::Prefix("/api/".to_owned());
    assert!(
        path_fits(prefix(), "/api/")
            && path_fits(prefix(), "/api/x")
            && path_fits(prefix(), "/api/x?q")
    );
    assert!(
        !path_fits(prefix(), "/api")
            && !path_fits(prefix(), "/apiary")
            && !path_fits(prefix(), "/API/")
    );
    let segments = || PathMatch::Segments("/api".to_owned());
    assert!(
        path_fits(segments(), "/api")
            && path_fits(segments(), "/api/x")
            && path_fits(segments(), "/api?x")
    );
    assert!(!path_fits(segments(), "/apiary") && !path_fits(segments(), "/x/api"));
    let exact = || PathMatch::Exact("/api".to_owned());
    assert!(path_fits(exact(), "/api") && path_fits(exact(), "/api?x"));
    assert!(!path_fits(exact(), "/api/") && !path_fits(exact(), "/ap"));
}

#[test]
fn a_star_is_one_whole_segment_that_is_not_empty() {
    let exact = || PathMatch::Exact("/orders/*/items".to_owned());
    for path in [
        "/orders/7/items",
        "/orders/a%3Ab/items?q",
        "/orders/*/items",
        "/orders/%2a/items",
    ] {
        assert!(path_fits(exact(), path), "{path}");
    }
    for path in [
        "/orders/items",
        "/orders/7/8/items",
        "/orders/7/items/",
        "/orders/7/itemsx",
        "/orders/7",
    ] {
        assert!(!path_fits(exact(), path), "{path}");
    }
    let below = || PathMatch::Segments("/orders/*".to_owned());
    assert!(path_fits(below(), "/orders/7") && path_fits(below(), "/orders/7/"));
    assert!(path_fits(below(), "/orders/7/items/8"));
    assert!(!path_fits(below(), "/orders") && !path_fits(below(), "/orders/"));
}

#[test]
fn a_character_and_its_encoding_are_one() {
    for (text, paths) in [
        (
            "/v1/things:cancel",
            ["/v1/things:cancel", "/v1/things%3Acancel"],
        ),
        ("/%7Bid%7D", ["/{id}", "/%7bid%7d"]),
        ("/a@b+(c)", ["/a@b+(c)", "/a%40b%2b%28c%29"]),
        ("/%2A", ["/*", "/%2A"]),
    ] {
        for path in paths {
            assert!(path_fits(PathMatch::Exact(text.to_owned()), path), "{path}");
        }
    }
}

#[test]
fn case_is_ignored_only_where_the_rule_says_so() {
    let ignoring = Matcher {
        path: PathMatch::Exact("/Api".to_owned()),
        ignore_case: true,
        ..any()
    };
    assert!(fits(ignoring, "GET", "/aPI", "a"));
    assert!(!path_fits(PathMatch::Exact("/Api".to_owned()), "/api"));
}

#[test]
fn hosts_are_exact_or_below_a_wildcard() {
    let exact = || Matcher {
        hosts: vec![HostMatch::Exact("api.example.com".to_owned())],
        ..any()
    };
    assert!(fits(exact(), "GET", "/", "API.example.com.:8443"));
    assert!(!fits(exact(), "GET", "/", "xapi.example.com"));
    let below = || Matcher {
        hosts: vec![HostMatch::Suffix(".example.com".to_owned())],
        ..any()
    };
    assert!(fits(below(), "GET", "/", "a.b.example.com"));
    assert!(
        !fits(below(), "GET", "/", "example.com") && !fits(below(), "GET", "/", "badexample.com")
    );
}

#[test]
fn connect_and_trace_must_be_named() {
    assert!(must_be_named("TRACE") && must_be_named("CONNECT") && !must_be_named("GET"));
    assert!(!fits(any(), "TRACE", "/", "a"));
    assert!(fits(
        Matcher {
            methods: vec!["TRACE".to_owned()],
            ..any()
        },
        "TRACE",
        "/",
        "a"
    ));
    assert!(!fits(
        Matcher {
            methods: vec!["GET".to_owned()],
            ..any()
        },
        "POST",
        "/",
        "a"
    ));
}

fn holds(test: ClaimTest, split: bool, claims: &str) -> bool {
    let condition = ClaimCondition {
        path: vec!["g".to_owned(), "h".to_owned()],
        test,
        split,
    };
    Json::parse(claims.as_bytes(), 100).is_ok_and(|claims| condition.holds(&claims))
}

#[test]
fn a_start_is_compared_with_strings_and_a_member_with_names() {
    let starts = || ClaimTest::StartsWith(vec!["acme/ci/".to_owned()]);
    for claims in [
        r#"{"g":{"h":"acme/ci/"}}"#,
        r#"{"g":{"h":"acme/ci/a.yml@v1"}}"#,
        r#"{"g":{"h":["x","acme/ci/a"]}}"#,
    ] {
        assert!(holds(starts(), false, claims), "{claims}");
    }
    for claims in [
        r#"{"g":{"h":"acme/ci"}}"#,
        r#"{"g":{"h":"Acme/ci/a"}}"#,
        r#"{"g":{"h":"x acme/ci/a"}}"#,
        r#"{"g":{"h":{"acme/ci/":1}}}"#,
        r#"{"g":{"h":7}}"#,
        "{}",
    ] {
        assert!(!holds(starts(), false, claims), "{claims}");
    }
    assert!(holds(starts(), true, r#"{"g":{"h":"x acme/ci/a"}}"#));
    let member = || ClaimTest::HasMember(vec!["root".to_owned(), "admin".to_owned()]);
    for claims in [
        r#"{"g":{"h":{"admin":{"1":"acme"}}}}"#,
        r#"{"g":{"h":{"user":{},"root":true}}}"#,
    ] {
        assert!(holds(member(), false, claims), "{claims}");
    }
    for claims in [
        r#"{"g":{"h":{"Admin":{}}}}"#,
        r#"{"g":{"h":{"admin":null,"root":false}}}"#,
        r#"{"g":{"h":{"x":{"admin":1}}}}"#,
        r#"{"g":{"h":["admin"]}}"#,
        r#"{"g":{"h":"admin"}}"#,
        "{}",
    ] {
        assert!(!holds(member(), false, claims), "{claims}");
    }
}

#[test]
fn claims_are_compared_with_their_type_and_not_split() {
    let text = |text: &str| Json::String(text.into());
    let any_of = |value: Json| ClaimTest::AnyOf(vec![text("other"), value]);
    assert!(holds(any_of(text("a")), false, r#"{"g":{"h":"a"}}"#));
    assert!(holds(any_of(text("a")), false, r#"{"g":{"h":["b","a"]}}"#));
    assert!(holds(
        any_of(Json::Number("5".into())),
        false,
        r#"{"g":{"h":5}}"#
    ));
    assert!(holds(
        any_of(Json::Bool(true)),
        false,
        r#"{"g":{"h":true}}"#
    ));
    for claims in [
        r#"{"g":{"h":"a b"}}"#,
        r#"{"g":{"h":"A"}}"#,
        r#"{"g":{}}"#,
        r#"{"g":"h"}"#,
        "{}",
        r#"{"g.h":"a"}"#,
        r#"{"g":{"h":[["a"]]}}"#,
    ] {
        assert!(!holds(any_of(text("a")), false, claims), "{claims}");
    }
    assert!(!holds(any_of(text("5")), false, r#"{"g":{"h":5}}"#));
    assert!(!holds(any_of(text("true")), false, r#"{"g":{"h":true}}"#));
    assert!(holds(any_of(text("a")), true, r#"{"g":{"h":"b a"}}"#));
    assert!(holds(
        ClaimTest::AllOf(vec![text("a"), text("b")]),
        true,
        r#"{"g":{"h":"b a c"}}"#
    ));
    assert!(!holds(
        ClaimTest::AllOf(vec![text("a"), text("d")]),
        true,
        r#"{"g":{"h":"b a c"}}"#
    ));
}
