use std::borrow::Cow;

use super::{
    Authority, Request,
    path::{normalise, one_spelling},
};
use crate::{reason::Ambiguous, request::Origin, request::path::PathPolicy};

const STRICT: PathPolicy = PathPolicy {
    encoded_slash: false,
    double_slash: false,
    semicolon: false,
    encoded_percent: false,
    backslash: false,
};
const LAX: PathPolicy = PathPolicy {
    encoded_slash: true,
    double_slash: true,
    semicolon: true,
    encoded_percent: true,
    backslash: true,
};

fn strict(path: &str) -> Option<String> {
    let normal = one_spelling(path.as_bytes(), STRICT);
    normal.ok().map(Cow::into_owned)
}

#[test]
fn a_path_that_reads_in_one_way_is_brought_to_one_form() {
    for (raw, normal) in [
        ("/", "/"),
        ("/a/b.c/~d-_", "/a/b.c/~d-_"),
        // What a segment may hold stands for itself, ...
        ("/a%3ab%3Ac", "/a:b:c"),
        ("/!$&'()+,=:@", "/!$&'()+,=:@"),
        ("/%21%24%26%27%28%29%2b%2C%3d%3A%40", "/!$&'()+,=:@"),
        ("/a%20b", "/a%20b"),
        ("/a/...", "/a/..."),
        // ... and all else is encoded.
        ("/{id}|^`\"<>[]", "/%7Bid%7D%7C%5E%60%22%3C%3E%5B%5D"),
        ("/*/%2a", "/%2A/%2A"),
    ] {
        assert_eq!(strict(raw).as_deref(), Some(normal), "{raw}");
    }
}

#[test]
fn a_path_that_reads_in_two_ways_is_none() {
    for raw in [
        "",
        "a",
        "*",
        "/a/./b",
        "/a/../b",
        "/..",
        "/.",
        "/%2e",
        "/%2e%2E/x",
        "/.%2e",
        "//",
        "/a//b",
        "/a\\b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a%00",
        "/a%25b",
        "/a%252eb",
        "/a;b",
        "/a%3bb",
        "/%61",
        "/a%2eb",
        "/a%2Db",
        "/a%7e",
        "/a%c0%af",
        "/a%ef%bc%8f",
        "/a%0a",
        "/a#b",
        "/a%",
        "/a%2",
        "/a%zz",
        "/a%+1",
        "/a b",
        "/a\tb",
    ] {
        assert_eq!(strict(raw), None, "{raw}");
    }
    assert!(normalise(b"/\x80", STRICT).is_err());
    assert!(normalise(b"/\xc3\xa9", STRICT).is_err());
    assert!(normalise(b"/\x00", STRICT).is_err());
    assert!(normalise(b"/\x7f", STRICT).is_err());
}

#[test]
fn each_word_of_path_allow_lets_its_spelling_through_and_no_other() {
    let spellings: [(PathPolicy, &[&str]); 5] = [
        (
            PathPolicy {
                encoded_slash: true,
                ..STRICT
            },
            &["/a%2fb"],
        ),
        (
            PathPolicy {
                double_slash: true,
                ..STRICT
            },
            &["/a//b"],
        ),
        (
            PathPolicy {
                semicolon: true,
                ..STRICT
            },
            &["/a;b", "/a%3bb"],
        ),
        (
            PathPolicy {
                encoded_percent: true,
                ..STRICT
            },
            &["/a%25b"],
        ),
        (
            PathPolicy {
                backslash: true,
                ..STRICT
            },
            &["/a\\b", "/a%5cb"],
        ),
    ];
    for (index, (policy, own)) in spellings.iter().enumerate() {
        for (other, (_, paths)) in spellings.iter().enumerate() {
            for path in *paths {
                assert_eq!(
                    normalise(path.as_bytes(), *policy).is_ok(),
                    index == other,
                    "{policy:?} {path}"
                );
            }
        }
        assert!(own.iter().all(|path| strict(path).is_none()));
    }
}

#[test]
fn dot_segments_are_refused_whatever_is_allowed() {
    for raw in [
        "/a/..",
        "/a%2f..%2fb",
        "/a/..%2fb",
        "/a\\..\\b",
        "/a%5c..",
        "/a/..;x/b",
        "/a/..%3bx",
        "/./a",
        "/a/.;/b",
        "/a//../b",
        "/a%00",
    ] {
        assert!(normalise(raw.as_bytes(), LAX).is_err(), "{raw}");
    }
}

fn authority(text: &str) -> Option<(String, Option<u16>)> {
    Authority::parse(text.as_bytes()).map(|authority| (authority.host.into_owned(), authority.port))
}

#[test]
fn an_authority_is_compared_in_lower_case_without_trailing_dot_and_port() {
    for (raw, host, port) in [
        ("api.example.com", "api.example.com", None),
        ("API.Example.com:8443", "api.example.com", Some(8443)),
        ("api.example.com.", "api.example.com", None),
        ("api.example.com.:80", "api.example.com", Some(80)),
        ("127.0.0.1:8080", "127.0.0.1", Some(8080)),
        ("[::1]:8080", "[::1]", Some(8080)),
        ("[2001:DB8::1]", "[2001:db8::1]", None),
    ] {
        assert_eq!(authority(raw), Some((host.to_owned(), port)), "{raw}");
    }
}

#[test]
fn an_authority_that_reads_in_two_ways_is_none() {
    for raw in [
        "",
        ".",
        "a..b",
        "a.example.com,b.example.com",
        "user@a.example.com",
        "a.example.com:",
        "a.example.com:x",
        "a:1:2",
        "a.example.com:99999",
        "a b",
        "a/b",
        "[::1",
        "[::1]x",
        "[x]",
        "::1",
        "a..",
        "ä.example.com",
        "a:+1",
        "%61",
    ] {
        assert_eq!(authority(raw), None, "{raw}");
    }
    assert_eq!(Authority::parse(b"a\x80"), None);
}

type Headers<'a> = Vec<(&'a [u8], &'a [u8])>;

fn request<'a>(headers: &[(&'a str, &'a str)]) -> Headers<'a> {
    headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

fn target_error(headers: &[(&str, &str)]) -> Option<Ambiguous> {
    let headers = request(headers);
    Request::new(&headers).target(STRICT).err()
}

#[test]
fn method_path_and_authority_must_each_be_there_once() {
    let (method, path, authority) = ((":method", "GET"), (":path", "/"), (":authority", "a"));
    assert_eq!(target_error(&[method, path, authority]), None);
    assert_eq!(target_error(&[path, authority]), Some(Ambiguous::Method));
    assert_eq!(
        target_error(&[method, method, path, authority]),
        Some(Ambiguous::Method)
    );
    assert_eq!(target_error(&[method, authority]), Some(Ambiguous::Path));
    assert_eq!(
        target_error(&[method, path, path, authority]),
        Some(Ambiguous::Path)
    );
    assert_eq!(target_error(&[method, path]), Some(Ambiguous::Authority));
    assert_eq!(
        target_error(&[method, path, authority, authority]),
        Some(Ambiguous::Authority)
    );
    for odd in ["get", "Get", "", "G T", "M-SEARCH1", "GET,POST"] {
        assert_eq!(
            target_error(&[(":method", odd), path, authority]),
            Some(Ambiguous::Method),
            "{odd}"
        );
    }
    assert_eq!(
        target_error(&[(":method", "M-SEARCH"), path, authority]),
        None
    );
    assert_eq!(target_error(&[(":method", "CONNECT"), authority]), None);
    assert_eq!(
        target_error(&[(":method", "OPTIONS"), (":path", "*"), authority]),
        None
    );
    assert_eq!(
        target_error(&[method, (":path", "*"), authority]),
        Some(Ambiguous::Path)
    );
}

#[test]
fn the_query_is_no_part_of_the_path() {
    let headers = request(&[
        (":method", "GET"),
        (":path", "/a?b=/../c"),
        (":authority", "a"),
    ]);
    let target = Request::new(&headers).target(STRICT).ok();
    let parts = target.map(|target| (target.path, target.query.map(<[u8]>::to_vec)));
    assert_eq!(parts, Some((Some("/a".into()), Some(b"b=/../c".to_vec()))));
}

#[test]
fn an_origin_is_found_by_host_and_port_alone() {
    let origins = [
        Origin {
            text: "https://api.example.com".to_owned(),
            host: "api.example.com".to_owned(),
            port: 443,
        },
        Origin {
            text: "https://api.example.com:8443".to_owned(),
            host: "api.example.com".to_owned(),
            port: 8443,
        },
        Origin {
            text: "http://localhost:8080".to_owned(),
            host: "localhost".to_owned(),
            port: 8080,
        },
    ];
    let found = |authority: &str| {
        let headers = request(&[
            (":method", "GET"),
            (":path", "/"),
            (":authority", authority),
            (":scheme", "http"),
            ("x-forwarded-proto", "http"),
        ]);
        let target = Request::new(&headers).target(STRICT).ok()?;
        target.origin(&origins).map(|origin| origin.text.clone())
    };
    assert_eq!(
        found("API.example.com").as_deref(),
        Some("https://api.example.com")
    );
    assert_eq!(
        found("api.example.com:443").as_deref(),
        Some("https://api.example.com")
    );
    assert_eq!(
        found("api.example.com:8443").as_deref(),
        Some("https://api.example.com:8443")
    );
    assert_eq!(found("api.example.com:80"), None);
    assert_eq!(
        found("localhost:8080").as_deref(),
        Some("http://localhost:8080")
    );
    // Envoy has taken the port away.
    assert_eq!(found("localhost").as_deref(), Some("http://localhost:8080"));
    assert_eq!(found("localhost:80"), None);
}

#[test]
fn a_cookie_speaks_only_for_requests_that_no_other_site_can_cause() {
    let origins = [Origin {
        text: "https://app.example.com".to_owned(),
        host: "app.example.com".to_owned(),
        port: 443,
    }];
    let speaks = |method: &str, more: &[(&str, &str)]| {
        let mut all = vec![
            (":method", method),
            (":path", "/"),
            (":authority", "app.example.com"),
        ];
        all.extend_from_slice(more);
        let headers = request(&all);
        let request = Request::new(&headers);
        request
            .target(STRICT)
            .is_ok_and(|target| request.cookie_may_speak(&target, &origins))
    };
    assert!(speaks("GET", &[]));
    assert!(speaks("HEAD", &[("origin", "https://evil.example")]));
    for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        assert!(!speaks(method, &[]), "{method}");
        assert!(!speaks(method, &[("origin", "https://evil.example")]));
        assert!(!speaks(method, &[("origin", "null")]));
        assert!(!speaks(
            method,
            &[("origin", "https://app.example.com.evil.example")]
        ));
        assert!(!speaks(method, &[("sec-fetch-site", "same-site")]));
        assert!(speaks(method, &[("origin", "https://app.example.com")]));
        assert!(speaks(method, &[("sec-fetch-site", "same-origin")]));
    }
    assert!(!speaks("GET", &[("upgrade", "websocket")]));
    assert!(speaks(
        "GET",
        &[
            ("upgrade", "websocket"),
            ("origin", "https://app.example.com")
        ]
    ));
}

proptest::proptest! {
    #[test]
    fn a_normal_path_is_its_own_normal_form(path in "/[ -~]{0,12}|/([a-c./;\\\\]|%2[ef5]|%5c|%41){0,8}") {
        for policy in [STRICT, LAX] {
            if let Ok(normal) = normalise(path.as_bytes(), policy) {
                proptest::prop_assert_eq!(normalise(normal.as_bytes(), policy), Ok(normal.clone()));
            }
        }
    }

    #[test]
    fn what_is_refused_strictly_for_dots_is_refused_whatever_is_allowed(path in "/([a./;\\\\]|%2[ef5]|%5c){0,8}") {
        if let Ok(normal) = normalise(path.as_bytes(), LAX) {
            let reread = normal.replace("%2F", "/").replace("%5C", "/").replace('\\', "/");
            proptest::prop_assert!(!reread.split('/').any(|segment| segment == "." || segment == ".."));
        }
    }

    #[test]
    fn no_bytes_panic_the_reading_of_a_request(method: Vec<u8>, path: Vec<u8>, authority: Vec<u8>) {
        let headers: [(&[u8], &[u8]); 3] = [(b":method", &method), (b":path", &path), (b":authority", &authority)];
        let _ = Request::new(&headers).target(LAX);
    }
}
