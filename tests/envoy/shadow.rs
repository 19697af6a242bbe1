//! Introducing the gate without refusing anybody: requests pass as they came, and all is told.

use passgate_harness::{
    BOTH, Gate, Headers, Issuer, Protocol, Received, Request, Setup, eventually, policy,
    policy_with, public, ruled, the_rest, with,
};
use passgate_kit::tampered;
use serde_json::{Value, json};

/// Long after anybody runs this.
fn open() -> Value {
    json!({ "shadow": { "until": "2999-12-31" } })
}

/// What the filter could have changed, as it reached the upstream.
fn own(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = headers
        .0
        .iter()
        .map(|(name, value)| (text(name).to_lowercase(), text(value)));
    let envoys = |name: &str| {
        name.starts_with("x-envoy")
            || name.starts_with("x-forwarded")
            || name == "x-request-id"
            || name == "transfer-encoding"
            || name == "content-length"
    };
    let mut own: Vec<_> = pairs.filter(|(name, _)| !envoys(name)).collect();
    own.sort();
    own
}

fn awkward(token: &str) -> Request {
    let request = Request::post("/a?access_token=x.y.z&b=1", b"body").bearer(token);
    let request = request
        .header("x-user", "root")
        .header("X_User", "root")
        .header("x-passgate-principal", "root");
    let request = request
        .header("cookie", "session=a.b.c; theme=dark")
        .header("x-http-method-override", "DELETE");
    request
        .trailer("x-user", "root")
        .trailer("authorization", "Bearer x")
}

fn guarded() -> Value {
    policy_with(json!({
        "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
        "from_cookies": ["session"],
        "from_params": ["access_token"],
    }))
}

#[test]
fn nothing_of_a_request_is_changed_for_good_ones_and_bad() {
    let gate = Setup::new(with(guarded(), "mode", open()))
        .with_trailers()
        .start();
    let good = gate.good();
    let tokens = [good.clone(), tampered(&good), "junk".to_owned()];
    for token in &tokens {
        let received: Received = gate.passed(&gate.send(Protocol::Http1, &awkward(token)));
        assert_eq!(received.path, b"/a?access_token=x.y.z&b=1");
        let bearer = format!("Bearer {token}");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut expected = vec![
            pair("authorization", &bearer),
            pair("cookie", "session=a.b.c; theme=dark"),
            pair("host", "api.example.com"),
            pair("x-http-method-override", "DELETE"),
            pair("x-passgate-principal", "root"),
            pair("x-user", "root"),
            pair("x_user", "root"),
        ];
        expected.sort();
        assert_eq!(own(&received.headers), expected);
        assert_eq!(received.body, b"body");
        assert_eq!(received.trailers.text("x-user"), Some("root"));
        assert_eq!(received.trailers.text("authorization"), Some("Bearer x"));
    }
    for protocol in BOTH {
        for request in [
            Request::get("/a//b"),
            Request::get("/"),
            Request::get("/").header("sec-fetch-mode", "navigate"),
            Request::get("/").bearer(&good),
            Request::new("OPTIONS", "/")
                .header("origin", "https://x.example")
                .header("access-control-request-method", "GET"),
        ] {
            let received = gate.passed(&gate.send(protocol, &request));
            assert_eq!(received.path, request.path);
            assert_eq!(received.headers.bytes("x-passgate-principal"), None);
            assert_eq!(received.headers.bytes("x-user"), None);
        }
    }
    gate.finish();
}

#[test]
fn what_would_have_been_done_is_told_and_counted() {
    let lines = with(policy(), "audit", json!({ "log": "verifications" }));
    let gate = Gate::start(with(lines, "mode", open()));
    let good = gate.good();
    let forged = Request::get("/").bearer(&tampered(&good));
    gate.passed(&gate.send(Protocol::Http1, &forged));
    gate.passed(&gate.send(
        Protocol::Http1,
        &Request::get("/").bearer(&good).header("x-user", "root"),
    ));
    let line = |reason: &str| {
        let found = |line: &str| -> Option<Value> {
            let record = line.split_once("passgate {")?.1;
            let record: Value = serde_json::from_str(&format!("{{{record}")).ok()?;
            (record["reason"] == reason).then_some(record)
        };
        eventually("a log line", || gate.log().lines().find_map(found))
    };
    let record = line("untrusted.signature");
    assert_eq!(record["decision"], "shadow");
    assert_eq!(
        record["shadow"],
        json!({ "decision": "deny", "status": 401 })
    );
    let record = line("permitted.token");
    assert_eq!(record["shadow"]["decision"], "allow");
    assert_eq!(
        record["shadow"]["removed"],
        json!(["x-user", "authorization"])
    );
    let written = record["shadow"]["written"].as_array().unwrap();
    assert!(written.contains(&json!("x-passgate-principal")), "{record}");
    // At the level that stands out, and aloud when the configuration is read.
    let log = gate.log();
    let denial = log
        .lines()
        .find(|line| line.contains("untrusted.signature"))
        .unwrap();
    assert!(denial.contains("[warning]"), "{denial}");
    let said = log
        .lines()
        .find(|line| line.contains("mode: shadow: these requests pass unchanged"))
        .unwrap();
    assert!(
        said.contains("[warning]") && said.contains("2999-12-31"),
        "{said}"
    );
    let counted = |reason: &str| {
        let stats = gate.stats().into_iter();
        let is = |name: &str| {
            name.starts_with("wasmcustom.passgate.verdicts.shadow.") && name.ends_with(reason)
        };
        stats
            .filter(|(name, _)| is(name))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    assert_eq!(
        (counted("untrusted.signature"), counted("permitted.token")),
        (1, 1)
    );
    gate.finish();
}

#[test]
fn a_rule_is_observed_alone() {
    let rules = json!([
        public("/open/"),
        { "match": { "path_separated_prefix": "/new" }, "requires": { "provider_name": "acme", "scopes": ["new"] }, "mode": open() },
        the_rest(),
    ]);
    let gate = Gate::start(ruled(policy(), rules));
    let good = gate.good();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &Request::get("/new").bearer(&good)));
        assert!(received.headers.bytes("authorization").is_some());
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        assert_eq!(received.headers.bytes("authorization"), None);
        gate.denied(
            &gate.send(protocol, &Request::get("/new//x").bearer(&good)),
            "ambiguous.path",
        );
    }
    gate.finish();
}

#[test]
fn after_its_last_day_rules_are_enforced() {
    let over = json!({ "shadow": { "until": "2026-01-31" } });
    let gate = Gate::start(with(policy(), "mode", over));
    for protocol in BOTH {
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&gate.good())));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
    }
    gate.finish();
}

#[test]
fn requests_wait_for_keys_and_pass_without_them() {
    let issuer = Issuer::start();
    issuer.hold();
    let setup = Setup::new(with(guarded(), "mode", open())).issuer(issuer);
    let gate = setup.with_trailers().start();
    let waiting = Request::post("/", b"body")
        .bearer(&gate.good())
        .header("x-user", "root");
    let waiting = waiting.trailer("x-user", "root");
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| gate.send(Protocol::Http1, &waiting));
        eventually("a fetch of keys", || {
            (gate.issuer.fetches() > 0).then_some(())
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!answer.is_finished() && gate.upstream.hits() == 0);
        gate.issuer.status(500);
        gate.issuer.release();
        let received = gate.passed(&answer.join().unwrap());
        assert_eq!(received.headers.text("x-user"), Some("root"));
        assert_eq!(received.trailers.text("x-user"), Some("root"));
    });
    eventually("a record", || {
        gate.log()
            .contains("\"reason\":\"unavailable.keys\"")
            .then_some(())
    });
    gate.finish();
}
