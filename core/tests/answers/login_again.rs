//! How often somebody is sent to sign in: the cookie that ends loops, and what it forgets.

use crate::{
    gate::{Gate, header, request},
    login::{navigation, param, redirect},
};

/// What a browser sends back of a cookie.
fn sent(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

#[test]
fn the_second_try_is_a_plain_page_and_a_person_may_try_again() {
    let gate = Gate::new();
    let (_, cookie) = redirect(&gate, &navigation("/a?n=1", &[]));
    let again = |path: &str, cookie: &str| gate.refused(&navigation(path, &[("cookie", cookie)]));
    let tokens = [
        ("", "missing.token"),
        ("&access_token=x.y.z", "malformed.base64url"),
    ];
    for (token, code) in tokens {
        let page = again(&format!("/a?n=1{token}"), sent(&cookie));
        let headers = page.headers();
        assert_eq!((page.status, page.code), (403, code));
        assert_eq!(
            header(&headers, "content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(header(&headers, "cache-control"), Some("no-store"));
        assert_eq!(header(&headers, "location"), None);
        let forgotten = "__Host-passgate-login=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(header(&headers, "set-cookie"), Some(forgotten));
        let body = page.body(Some("<b>id</b>"));
        assert!(
            body.contains("Reload") && body.ends_with("<b>id</b>.\n"),
            "{body}"
        );
    }
    // Another page, and a rule that wants more, are another reason to sign in.
    let other = again("/b", sent(&cookie));
    assert_eq!(other.status, 302);
    // A script that brings the cookie is told what scripts are told.
    let script = request(
        "GET",
        "/a",
        &[("sec-fetch-mode", "cors"), ("cookie", sent(&cookie))],
    );
    assert_eq!(gate.refused(&script).status, 401);
    let (_, record) = gate.judge(&navigation("/a?n=1", &[("cookie", sent(&cookie))]));
    assert_eq!(record.login, Some("page"));
}

#[test]
fn tabs_of_one_path_with_other_queries_are_on_their_way_at_once() {
    let gate = Gate::new();
    let (_, cookie) = redirect(&gate, &navigation("/a?n=1", &[]));
    let (_, cookie) = redirect(&gate, &navigation("/a?n=2", &[("cookie", sent(&cookie))]));
    let status = |path: &str| {
        let cookie = ("cookie", sent(&cookie));
        gate.refused(&navigation(path, &[cookie])).status
    };
    assert_eq!(
        ["/a?n=1", "/a?n=2", "/a", "/b?n=1"].map(status),
        [403, 403, 302, 302]
    );
}

/// A page that signs people in may add to the query with each turn.
#[test]
fn a_loop_ends_whatever_is_added_to_the_query_with_each_turn() {
    let gate = Gate::new();
    let (mut cookie, mut turns) = (String::new(), 0);
    loop {
        let path = format!("/a?session={turns}");
        let rejection = gate.refused(&navigation(&path, &[("cookie", sent(&cookie))]));
        if rejection.status == 403 {
            break;
        }
        let headers = rejection.headers();
        cookie = header(&headers, "set-cookie").unwrap().to_owned();
        turns += 1;
        assert!(turns < 10);
    }
    assert_eq!(turns, 3);
}

/// Tabs that a browser reopens all at once take turns.
#[test]
fn loops_of_several_tabs_end_whatever_is_added_to_their_queries() {
    let gate = Gate::new();
    let mut cookie = String::new();
    let mut ended = 0;
    for turn in 0..=24 {
        let path = format!("/{}?session={turn}", turn % 8);
        let rejection = gate.refused(&navigation(&path, &[("cookie", sent(&cookie))]));
        if rejection.status == 403 {
            ended += 1;
            continue;
        }
        let headers = rejection.headers();
        cookie = header(&headers, "set-cookie").unwrap().to_owned();
    }
    assert_eq!(ended, 1);
}

#[test]
fn tabs_on_their_way_at_once_do_not_forget_each_other_and_the_cookie_stays_small() {
    let gate = Gate::new();
    let mut cookie = String::new();
    for index in 0..40 {
        let path = format!("/{index}");
        let (_, next) = redirect(&gate, &navigation(&path, &[("cookie", sent(&cookie))]));
        cookie = next;
    }
    assert!(cookie.len() < 400, "{cookie}");
    let status = |path: &str| {
        let cookie = format!("a=b; {}; c=d", sent(&cookie));
        gate.refused(&navigation(path, &[("cookie", &cookie)]))
            .status
    };
    assert_eq!(
        (status("/39"), status("/16"), status("/15")),
        (403, 403, 302)
    );
}

#[test]
fn nothing_that_a_client_puts_into_the_cookie_comes_back() {
    let gate = Gate::new();
    for value in [
        "",
        "x",
        "\"",
        "a=b",
        "........",
        "<<<<<<<<<<<<",
        "1234567890\u{e9}",
        "a,b",
        "%0d%0aXXX",
    ] {
        let cookie = format!("__Host-passgate-login={value}");
        let (_, next) = redirect(&gate, &navigation("/", &[("cookie", &cookie)]));
        assert_eq!(
            sent(&next).len(),
            "__Host-passgate-login=".len() + 12,
            "{value} {next}"
        );
    }
    let flood = vec!["AAAAAAAAAAAA"; 5_000].join(".");
    let cookie = format!("__Host-passgate-login={flood}");
    let (_, next) = redirect(&gate, &navigation("/", &[("cookie", &cookie)]));
    assert!(next.len() < 400);
}

#[test]
fn on_loopback_the_cookie_does_without_tls() {
    let gate = Gate::new();
    let headers = navigation("/", &[(":authority", "localhost:8080")]);
    let (url, cookie) = redirect(&gate, &headers);
    assert_eq!(
        param(&url, "return_to").as_deref(),
        Some("http://localhost:8080/")
    );
    assert!(
        cookie.starts_with("passgate-login=") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let cookie = sent(&cookie);
    let again = navigation("/", &[(":authority", "localhost:8080"), ("cookie", cookie)]);
    assert_eq!(gate.refused(&again).status, 403);
}
