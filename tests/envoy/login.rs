//! Browsers are sent to sign in and come back; programs are told. Side by side, on the real gate.

use passgate_harness::{
    BOTH, Gate, Protocol, Request, Response, Setup, policy_with, public, ruled, the_rest, with,
};
use serde_json::{Value, json};
use url::Url;

fn browser_policy() -> Value {
    let policy = policy_with(json!({
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
        "from_cookies": ["session"],
        "from_params": ["access_token"],
        "evidence": { "lines": [{ "when": { "acr_any_of": ["phr"] }, "proves": ["phishing_resistant"] }] },
        "login": { "uri": "https://app.example.com/login?return_to={return_to}&acr_values={acr_values}&max_age={max_age}" },
    }));
    let rules = json!([
        public("/open/"),
        { "match": { "path_separated_prefix": "/pay" }, "requires": {
            "provider_name": "acme", "facts": ["phishing_resistant"], "max_age": "5m" } },
        { "match": { "path_separated_prefix": "/admin" }, "requires": { "provider_name": "acme", "scopes": ["admin"] } },
        the_rest(),
    ]);
    with(
        ruled(policy, rules),
        "origins",
        json!(["https://api.example.com", "https://app.example.com"]),
    )
}

fn navigation(path: &str) -> Request {
    let request = Request::get(path).header("sec-fetch-mode", "navigate");
    request
        .header("sec-fetch-dest", "document")
        .header("accept", "text/html,*/*;q=0.8")
}

fn fetch(path: &str) -> Request {
    let request = Request::get(path)
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-dest", "empty");
    request
        .header("origin", "https://app.example.com")
        .header("accept", "*/*")
}

/// Where the answer leads, and the cookie that comes with it.
#[track_caller]
fn redirected(gate: &Gate, answer: &Response, code: &str) -> (Url, String) {
    assert_eq!(answer.status, 302, "{answer:?}");
    assert_eq!(answer.headers.text("cache-control"), Some("no-store"));
    assert_eq!(
        (answer.headers.text("www-authenticate"), &*answer.body),
        (None, &b""[..])
    );
    told(gate, code);
    let cookie = answer.headers.text("set-cookie").unwrap();
    let location = answer.headers.text("location").unwrap();
    (
        Url::parse(location).unwrap(),
        cookie.split(';').next().unwrap().to_owned(),
    )
}

/// The operator's word for the latest answer.
#[track_caller]
fn told(gate: &Gate, code: &str) {
    let details = json!(format!("passgate.{code}"));
    passgate_harness::eventually("the access log", || {
        let log = gate.access_log();
        (log.last()?["details"] == details).then_some(())
    });
}

fn param(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

#[test]
fn a_browser_is_sent_to_sign_in_and_a_program_is_told() {
    let gate = Gate::start(browser_policy());
    for protocol in BOTH {
        let (url, _) = redirected(
            &gate,
            &gate.send(protocol, &navigation("/reports?year=2026&q=%20")),
            "missing.token",
        );
        assert_eq!(
            url.as_str().split('?').next(),
            Some("https://app.example.com/login")
        );
        let back = param(&url, "return_to");
        assert_eq!(
            back.as_deref(),
            Some("https://api.example.com/reports?year=2026&q=%20")
        );
        assert_eq!(
            (param(&url, "acr_values"), param(&url, "max_age")),
            (None, None)
        );

        let answer = gate.send(protocol, &fetch("/reports"));
        gate.denied(&answer, "missing.token");
        let allowed = answer.headers.text("access-control-allow-origin");
        assert_eq!(
            (allowed, answer.headers.text("location")),
            (Some("https://app.example.com"), None)
        );
        gate.denied(
            &gate.send(protocol, &Request::get("/reports")),
            "missing.token",
        );
        let mut form = navigation("/reports");
        form.method = "POST".to_owned();
        gate.denied(&gate.send(protocol, &form), "missing.token");
        // Without those headers, what a browser asks for.
        let old = Request::get("/reports").header("accept", "text/html");
        redirected(&gate, &gate.send(protocol, &old), "missing.token");
    }
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn whoever_signs_in_comes_back_and_passes() {
    let gate = Gate::start(browser_policy());
    for protocol in BOTH {
        let (url, cookie) = redirected(
            &gate,
            &gate.send(protocol, &navigation("/reports")),
            "missing.token",
        );
        let back = Url::parse(&param(&url, "return_to").unwrap()).unwrap();
        let session = format!("{cookie}; session={}", gate.good());
        let received = gate.passed(&gate.send(
            protocol,
            &navigation(back.path()).header("cookie", &session),
        ));
        assert_eq!(
            received.headers.text("cookie"),
            Some(&*cookie),
            "the session is gone, nothing else"
        );
        assert_eq!(received.headers.text("x-user"), Some("alice"));
    }
    gate.finish();
}

#[test]
fn a_sign_in_that_is_too_weak_or_too_old_is_asked_for_anew() {
    let gate = Gate::start(browser_policy());
    let weak = gate.token().build();
    let old = gate
        .token()
        .claim("acr", "phr")
        .claim("auth_time", passgate_kit::now() - 600)
        .build();
    let fresh = gate
        .token()
        .claim("acr", "phr")
        .claim("auth_time", passgate_kit::now())
        .build();
    for protocol in BOTH {
        for (token, code) in [
            (&weak, "insufficient.authentication"),
            (&old, "insufficient.max_age"),
        ] {
            let (url, _) = redirected(
                &gate,
                &gate.send(protocol, &navigation("/pay").bearer(token)),
                code,
            );
            assert_eq!(
                (
                    param(&url, "acr_values").as_deref(),
                    param(&url, "max_age").as_deref()
                ),
                (Some("phr"), Some("300"))
            );
            let program = gate.send(protocol, &fetch("/pay").bearer(token));
            assert_eq!(program.status, 401);
            let challenge = program.headers.text("www-authenticate").unwrap();
            assert!(
                challenge.contains("insufficient_user_authentication"),
                "{challenge}"
            );
        }
        let (url, _) = redirected(
            &gate,
            &gate.send(protocol, &navigation("/pay")),
            "missing.token",
        );
        assert_eq!(param(&url, "acr_values").as_deref(), Some("phr"));
        gate.passed(&gate.send(protocol, &navigation("/pay").bearer(&fresh)));
        // No sign-in would help here.
        let scope = gate.send(protocol, &navigation("/admin").bearer(&fresh));
        gate.denied(&scope, "insufficient.scope");
    }
    gate.finish();
}

#[test]
fn a_sign_in_that_does_not_help_is_no_loop() {
    let gate = Gate::start(browser_policy());
    for protocol in BOTH {
        let expired = gate.token().claim("iat", 1).expires_in(-3600).build();
        let navigation = |cookie: &str| {
            let cookie = format!("{cookie}; session={expired}");
            navigation("/reports").header("cookie", cookie)
        };
        let (_, cookie) = redirected(
            &gate,
            &gate.send(protocol, &navigation("")),
            "untrusted.expired",
        );
        assert!(cookie.starts_with("__Host-passgate-login="), "{cookie}");
        let page = gate.send(protocol, &navigation(&cookie));
        assert_eq!(page.status, 403, "{page:?}");
        assert_eq!(
            page.headers.text("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            (
                page.headers.text("location"),
                page.headers.text("cache-control")
            ),
            (None, Some("no-store"))
        );
        assert!(
            page.text().contains("Reload to try once more"),
            "{}",
            page.text()
        );
        told(&gate, "untrusted.expired");
        // The page has made the browser forget, so reloading it works.
        assert!(
            page.headers
                .text("set-cookie")
                .unwrap()
                .contains("Max-Age=0")
        );
        redirected(
            &gate,
            &gate.send(protocol, &navigation("")),
            "untrusted.expired",
        );
    }
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}

#[test]
fn nobody_can_be_sent_elsewhere() {
    // Otherwise Envoy takes the port away, and the host is one of ours.
    let setup = Setup::new(browser_policy());
    let setup = setup.edit(|bootstrap| bootstrap.manager()["strip_any_host_port"] = json!(false));
    let gate = setup.start();
    for protocol in BOTH {
        for authority in [
            "evil.example",
            "api.example.com:8443",
            "api.example.com.evil.example",
        ] {
            let answer = gate.send(protocol, &navigation("/").authority(authority));
            gate.denied(&answer, "missing.token");
            assert_eq!(answer.headers.text("location"), None);
        }
        for path in [
            "/?return_to=https://evil.example",
            "/@evil.example",
            "/?x=%0d%0aset-cookie:a=b",
            "/?x=%22%3E%3Cscript%3E",
            "/?%5Cevil.example",
        ] {
            let request = navigation(path)
                .header("x-forwarded-host", "evil.example")
                .header("referer", "https://evil.example");
            let (url, _) = redirected(&gate, &gate.send(protocol, &request), "missing.token");
            assert_eq!(
                (url.host_str(), url.fragment()),
                (Some("app.example.com"), None),
                "{path}"
            );
            assert_eq!(url.query_pairs().count(), 1, "{path} {url}");
            let back = Url::parse(&param(&url, "return_to").unwrap()).unwrap();
            assert_eq!(
                (back.host_str(), back.username()),
                (Some("api.example.com"), ""),
                "{path}"
            );
        }
    }
    gate.finish();
}

#[test]
fn a_token_in_the_query_is_not_handed_to_the_login_page() {
    let gate = Gate::start(browser_policy());
    let expired = gate.token().claim("iat", 1).expires_in(-3600).build();
    for protocol in BOTH {
        let path = format!("/reports?year=2026&access_token={expired}&%61ccess_token={expired}");
        let (url, _) = redirected(
            &gate,
            &gate.send(protocol, &navigation(&path)),
            "untrusted.expired",
        );
        let back = param(&url, "return_to");
        assert_eq!(
            back.as_deref(),
            Some("https://api.example.com/reports?year=2026")
        );
        assert!(!url.as_str().contains(&expired[..20]));
    }
    gate.finish();
}

#[test]
fn a_browser_whose_request_waited_for_keys_is_sent_to_sign_in() {
    let issuer = passgate_harness::Issuer::start();
    issuer.hold();
    let gate = Setup::new(browser_policy()).issuer(issuer).start();
    let forged = passgate_kit::tampered(&gate.good());
    std::thread::scope(|scope| {
        let answer =
            scope.spawn(|| gate.send(Protocol::Http1, &navigation("/reports").bearer(&forged)));
        passgate_harness::eventually("a fetch of keys", || {
            (gate.issuer.fetches() > 0).then_some(())
        });
        gate.issuer.release();
        redirected(&gate, &answer.join().unwrap(), "untrusted.signature");
    });
    gate.finish();
}
