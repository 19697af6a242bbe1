//! Who is sent to sign in, and where to.

use serde_json::{Value, json};
use url::Url;

use crate::gate::{Gate, Headers, header, request};

const NAVIGATION: [(&str, &str); 3] = [
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
];

pub(crate) fn navigation(path: &str, more: &[(&str, &str)]) -> Headers {
    request("GET", path, &[&NAVIGATION[..], more].concat())
}

/// The address that a browser is sent to, as a maintained parser reads it, and the cookie that it
/// gets.
pub(crate) fn redirect(gate: &Gate, headers: &Headers) -> (Url, String) {
    let rejection = gate.refused(headers);
    let headers = rejection.headers();
    assert_eq!(
        (rejection.status, rejection.body(Some("id"))),
        (302, String::new())
    );
    assert_eq!(header(&headers, "cache-control"), Some("no-store"));
    assert_eq!(header(&headers, "www-authenticate"), None);
    for (_, value) in &headers {
        assert!(
            value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{value:?}"
        );
    }
    let location = Url::parse(header(&headers, "location").unwrap()).unwrap();
    let cookie = header(&headers, "set-cookie").unwrap().to_owned();
    (location, cookie)
}

pub(crate) fn param(url: &Url, name: &str) -> Option<String> {
    let mut values = url.query_pairs().filter(|(other, _)| other == name);
    let value = values.next().map(|(_, value)| value.into_owned());
    assert!(values.next().is_none(), "{name} twice in {url}");
    value
}

fn return_to(gate: &Gate, headers: &Headers) -> Option<Url> {
    let value = param(&redirect(gate, headers).0, "return_to")?;
    Some(Url::parse(&value).unwrap())
}

#[test]
fn a_navigation_is_sent_to_the_login_page_and_told_the_way_back() {
    let gate = Gate::new();
    let (url, cookie) = redirect(&gate, &navigation("/reports/7?year=2026&q=a%20b", &[]));
    assert_eq!(
        url.as_str(),
        "https://app.example.com/login?app=1&return_to=https%3A%2F%2Fapi.example.com%2Freports%2F7%3Fyear%3D2026%26q%3Da%2520b"
    );
    let back = param(&url, "return_to");
    assert_eq!(
        back.as_deref(),
        Some("https://api.example.com/reports/7?year=2026&q=a%20b")
    );
    let attributes = "; Max-Age=30; Path=/; Secure; HttpOnly; SameSite=Lax";
    assert!(
        cookie.starts_with("__Host-passgate-login=") && cookie.ends_with(attributes),
        "{cookie}"
    );
    let (_, record) = gate.judge(&navigation("/", &[]));
    assert_eq!(
        (record.decision, record.reason, record.login),
        ("deny", "missing.token", Some("redirect"))
    );
}

#[test]
fn only_a_persons_own_navigation_is_redirected() {
    let gate = Gate::new();
    let html = ("accept", "text/html");
    let mode = |mode| ("sec-fetch-mode", mode);
    let dest = |dest| ("sec-fetch-dest", dest);
    let redirected: [(&str, &[(&str, &str)]); 9] = [
        ("GET", &[mode("navigate")]),
        ("GET", &[mode("navigate"), dest("document")]),
        ("HEAD", &[mode("navigate"), dest("document")]),
        ("GET", &[html]),
        (
            "GET",
            &[("accept", "application/xhtml+xml, TEXT/HTML;q=0.9")],
        ),
        ("GET", &[("accept", "image/png"), html]),
        ("GET", &[html, ("authorization", "Bearer junk")]),
        // A package's name, as Android's web views send it.
        ("GET", &[html, ("x-requested-with", "com.example.app")]),
        ("GET", &[mode("navigate"), ("accept", "*/*")]),
    ];
    for (method, headers) in redirected {
        let rejection = gate.refused(&request(method, "/", headers));
        assert_eq!(rejection.status, 302, "{method} {headers:?}");
    }
    let told: [(&str, &[(&str, &str)]); 23] = [
        ("GET", &[]),
        ("GET", &[("accept", "*/*")]),
        ("GET", &[("accept", "text/*")]),
        ("GET", &[("accept", "text/html;q=0")]),
        ("GET", &[("accept", "text/htmlx, application/json")]),
        ("GET", &[mode("cors"), dest("empty"), html]),
        ("GET", &[mode("no-cors"), dest("image"), html]),
        ("GET", &[mode("same-origin"), html]),
        ("GET", &[mode("websocket"), html]),
        ("GET", &[mode("navigate"), dest("iframe"), html]),
        ("GET", &[mode("navigate"), dest("empty"), html]),
        ("GET", &[mode("Navigate"), html]),
        ("GET", &[mode("navigate"), mode("cors"), html]),
        ("GET", &[dest("document"), html]),
        ("GET", &[html, ("origin", "https://api.example.com")]),
        ("GET", &[html, ("x-requested-with", "XMLHttpRequest")]),
        ("GET", &[html, ("upgrade", "websocket")]),
        (
            "GET",
            &[mode("navigate"), ("sec-purpose", "prefetch;prerender")],
        ),
        ("HEAD", &[html]),
        ("POST", &[mode("navigate"), dest("document"), html]),
        ("PUT", &[mode("navigate"), html]),
        ("OPTIONS", &[mode("navigate"), html]),
        ("DELETE", &[html]),
    ];
    for (method, headers) in told {
        let rejection = gate.refused(&request(method, "/", headers));
        assert_eq!(rejection.status, 401, "{method} {headers:?}");
        let headers = rejection.headers();
        assert!(header(&headers, "www-authenticate").is_some());
        assert_eq!(
            (header(&headers, "location"), header(&headers, "set-cookie")),
            (None, None)
        );
    }
}

#[test]
fn only_a_401_is_a_reason_to_sign_in() {
    let mut gate = Gate::new();
    gate.config["rules"] = json!([
        { "match": { "path": "/scope" }, "requires": { "scopes": ["write"] } },
        { "match": { "path": "/claim" }, "requires": { "claims": [{ "claim_name": "g", "equals": "x" }] } },
        { "match": { "path": "/ended" }, "public": { "reason": "r", "owner": "o", "until": "2020-01-01" } },
        { "match": { "path": "/fact" }, "requires": { "facts": ["phishing_resistant"] } },
        { "match": { "path": "/any" }, "requires": {} },
    ]);
    let bearer = format!("Bearer {}", gate.token().build());
    let expired = format!(
        "Bearer {}",
        gate.token().claim("exp", 1_600_000_000).build()
    );
    let forged = format!("{bearer}x");
    for (path, token, status) in [
        ("/any", None, 302),
        ("/any", Some(&expired), 302),
        ("/any", Some(&forged), 302),
        ("/fact", Some(&bearer), 302),
        ("/scope", Some(&bearer), 403),
        ("/claim", Some(&bearer), 403),
        ("/ended", None, 403),
        ("/none", None, 403),
        ("/a//b", None, 400),
    ] {
        let token = token.map(|token| ("authorization", &**token));
        let rejection = gate.refused(&navigation(path, token.as_slice()));
        assert_eq!(rejection.status, status, "{path} {}", rejection.code);
    }
}

#[test]
fn the_way_back_is_on_our_origin_whatever_the_request_says() {
    let gate = Gate::new();
    for authority in ["api.example.com", "API.example.com:443", "api.example.com."] {
        let headers = [
            (":authority", authority),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "host=evil.example"),
            ("referer", "https://evil.example/"),
            ("host", "evil.example"),
        ];
        let back = return_to(&gate, &navigation("/", &headers)).unwrap();
        assert_eq!(
            back.origin().ascii_serialization(),
            "https://api.example.com"
        );
    }
    for authority in [
        "evil.example",
        "api.example.com.evil.example",
        "api.example.com:8443",
        "localhost:80",
    ] {
        let rejection = gate.refused(&navigation("/", &[(":authority", authority)]));
        assert_eq!(rejection.status, 401, "{authority}");
    }
    let odd = [
        "/@evil.example/",
        "/?https://evil.example",
        "/?return_to=https://evil.example",
        "/?x=%0d%0aset-cookie:%20a=b",
        "/?next=%2F%2Fevil.example&amp;return_to=x",
        "/?a=\\evil.example",
        "/?a=\u{e9}\u{2028}",
        "/?q=<script>\"'`{}|^",
        "/?a#b",
        "/%E2%80%AE",
        "/:evil.example",
        "/?",
        "/?&&=&",
    ];
    for path in odd {
        let (url, _) = redirect(&gate, &navigation(path, &[]));
        assert_eq!(
            url.origin().ascii_serialization(),
            "https://app.example.com",
            "{path}"
        );
        assert_eq!((url.path(), url.fragment()), ("/login", None));
        let names: Vec<_> = url
            .query_pairs()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["app", "return_to"], "{path}");
        let back = Url::parse(&param(&url, "return_to").unwrap()).unwrap();
        assert_eq!(
            back.origin().ascii_serialization(),
            "https://api.example.com",
            "{path}"
        );
        assert_eq!((back.username(), back.fragment()), ("", None), "{path}");
    }
    // Two slashes at the start would be another host to a browser, without our origin before them.
    let mut gate = Gate::new();
    gate.config["path"] = json!({ "allow": ["double_slash"] });
    let back = return_to(&gate, &navigation("//evil.example/x", &[])).unwrap();
    assert_eq!(back.as_str(), "https://api.example.com//evil.example/x");
}

#[test]
fn tokens_in_the_query_do_not_travel_along() {
    let mut gate = Gate::new();
    gate.config["rules"] =
        json!([{ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } }]);
    let token = gate.token().claim("exp", 1_600_000_000).build();
    for (path, expected) in [
        (format!("/a?x=1&access_token={token}&y=2"), "/a?x=1&y=2"),
        (format!("/a?access_token={token}"), "/a"),
        (
            format!("/a?%61ccess_token={token}&access_token={token}&b"),
            "/a?b",
        ),
        ("/a?access_token=&b".to_owned(), "/a?b"),
        ("/a?not_access_token=1".to_owned(), "/a?not_access_token=1"),
    ] {
        let (url, _) = redirect(&gate, &navigation(&path, &[]));
        assert!(!url.as_str().contains(&*token));
        let back = param(&url, "return_to").unwrap();
        assert_eq!(back, format!("https://api.example.com{expected}"));
    }
}

#[test]
fn what_a_rule_wants_is_asked_for_and_what_it_does_not_want_is_left_out() {
    let mut gate = Gate::new();
    gate.config["rules"] = json!([
        { "match": { "path": "/both" }, "requires": { "facts": ["phishing_resistant"], "max_age": "5m" } },
        { "match": { "path": "/fact" }, "requires": { "facts": ["phishing_resistant"] } },
        { "match": { "path": "/age" }, "requires": { "max_age": "5m" } },
        { "match": { "path": "/any" }, "requires": {} },
    ]);
    let weak = format!("Bearer {}", gate.token().build());
    let expired = format!(
        "Bearer {}",
        gate.token().claim("exp", 1_600_000_000).build()
    );
    let tokens = [None, Some(&weak), Some(&expired)];
    for (path, acr_values, max_age) in [
        ("/both", Some("phr"), Some("300")),
        ("/fact", Some("phr"), None),
        ("/age", None, Some("300")),
        ("/any", None, None),
    ] {
        for token in tokens {
            if (path, token) == ("/any", Some(&weak)) {
                continue;
            }
            let token = token.map(|token| ("authorization", &**token));
            let (url, _) = redirect(&gate, &navigation(path, token.as_slice()));
            assert_eq!(param(&url, "acr_values").as_deref(), acr_values, "{url}");
            assert_eq!(param(&url, "max_age").as_deref(), max_age, "{url}");
        }
    }
}

#[test]
fn a_way_back_that_is_too_long_is_left_out() {
    let gate = Gate::new();
    let (url, _) = redirect(&gate, &navigation(&format!("/{}", "a".repeat(3_000)), &[]));
    assert_eq!(url.as_str(), "https://app.example.com/login?app=1");
    let (url, _) = redirect(
        &gate,
        &navigation(
            &format!("/{}", "\u{e9}".len().to_string().repeat(2_000)),
            &[],
        ),
    );
    assert!(param(&url, "return_to").is_some() && url.as_str().len() < 8_192);
}

#[test]
fn the_page_is_that_of_the_tokens_provider_or_of_the_first_that_the_rule_accepts() {
    let mut gate = Gate::new();
    let page = |name: &str| json!({ "uri": format!("https://{name}.example.com/login") });
    let mut second: Value = gate.config["providers"]["acme"].clone();
    second["issuer"] = json!("https://second.example.com");
    second["login"] = page("second");
    second["claim_to_headers"] = json!([]);
    let mut silent = second.clone();
    silent["issuer"] = json!("https://silent.example.com");
    silent.as_object_mut().unwrap().remove("login");
    gate.config["providers"]["acme"]["login"] = page("acme");
    gate.config["providers"]["second"] = second;
    gate.config["providers"]["silent"] = silent;
    let one = |name: &str| json!({ "provider_name": name });
    let any = |names: [&str; 2]| json!({ "requires_any": { "requirements": names.map(one) } });
    gate.config["rules"] = json!([
        { "match": { "path": "/all" }, "requires": {} },
        { "match": { "path": "/second" }, "requires": one("second") },
        { "match": { "path": "/second-first" }, "requires": any(["second", "acme"]) },
        { "match": { "path": "/silent-first" }, "requires": any(["silent", "second"]) },
        { "match": { "path": "/silent" }, "requires": one("silent") },
    ]);
    let of_second = passgate_kit::Token::of(
        &gate.key,
        "https://second.example.com",
        "https://api.example.com",
    );
    let of_second = format!(
        "Bearer {}",
        of_second.claim("iat", 1).claim("exp", 2).build()
    );
    for (path, token, host) in [
        ("/all", None, "acme.example.com"),
        ("/all", Some(&of_second), "second.example.com"),
        ("/second", None, "second.example.com"),
        ("/second-first", None, "second.example.com"),
        ("/silent-first", None, "second.example.com"),
    ] {
        let token = token.map(|token| ("authorization", &**token));
        let (url, _) = redirect(&gate, &navigation(path, token.as_slice()));
        assert_eq!((url.host_str(), url.query()), (Some(host), None), "{path}");
    }
    assert_eq!(gate.refused(&navigation("/silent", &[])).status, 401);
}

#[test]
fn a_public_page_asks_for_no_sign_in_and_a_bad_token_there_does() {
    let mut gate = Gate::new();
    gate.config["rules"] = json!([
        { "match": { "prefix": "/" }, "public": { "reason": "r", "owner": "o", "until": "never", "identity_from": "acme" } },
    ]);
    let verdict = gate.judge(&navigation("/", &[])).1;
    assert_eq!(verdict.reason, "permitted.public");
    let bad = navigation("/", &[("authorization", "Bearer a.b.c")]);
    assert_eq!(gate.refused(&bad).status, 302);
}
