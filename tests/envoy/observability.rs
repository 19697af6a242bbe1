//! What the operator sees: counters, a log line, the access log; and what nobody sees.

use crate::harness::{
    AUDIENCE, BOTH, Gate, Request, eventually, policy, public, ruled, the_rest, with,
};
use passgate_kit::{Token, tampered};
use serde_json::{Value, json};

#[test]
fn every_verdict_is_counted_once() {
    let policy = ruled(policy(), json!([public("/open/"), the_rest()]));
    let gate = Gate::start(with(policy, "bypass_cors_preflight", json!(true)));
    let good = gate.good();
    let preflight = Request::new("OPTIONS", "/")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET");
    let requests = [
        ("allow.permitted.token", 3, Request::get("/").bearer(&good)),
        ("allow.permitted.public", 2, Request::get("/open/a")),
        ("allow.permitted.preflight", 1, preflight),
        ("deny.missing.token", 2, Request::get("/")),
        (
            "deny.untrusted.signature",
            2,
            Request::get("/").bearer(&tampered(&good)),
        ),
        (
            "deny.ambiguous.path",
            1,
            Request::get("/a//b").bearer(&good),
        ),
    ];
    for (_, times, request) in &requests {
        for _ in 0..*times {
            for protocol in BOTH {
                gate.send(protocol, request);
            }
        }
    }
    let verdicts = || -> Vec<(String, u64)> {
        let prefix = "wasmcustom.passgate.verdicts.";
        let stats = gate.stats().into_iter();
        let named =
            stats.filter_map(|(name, count)| Some((name.strip_prefix(prefix)?.to_owned(), count)));
        named.filter(|(_, count)| *count > 0).collect()
    };
    let mut expected: Vec<(String, u64)> = requests
        .iter()
        .map(|(name, times, _)| ((*name).to_owned(), 2 * times))
        .collect();
    expected.sort();
    let sorted = || {
        let mut verdicts = verdicts();
        verdicts.sort();
        verdicts
    };
    assert_eq!(sorted(), expected);

    // The tag rules of the shipped bootstrap make one metric with labels of it.
    let prometheus = gate.admin("/stats/prometheus");
    let line = prometheus
        .lines()
        .find(|line| line.contains("reason=\"untrusted.signature\""));
    let line = line.unwrap_or_else(|| panic!("no such label:\n{prometheus}"));
    assert!(line.contains("decision=\"deny\""), "{line}");
    gate.finish();
}

#[test]
fn a_refusal_is_one_line_of_the_log() {
    let gate = Gate::start(policy());
    let expired = gate.token().claim("iat", 1).expires_in(-3600).build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&expired));
        gate.denied(&answer, "untrusted.expired");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let record = eventually("a line of the log", || {
            records(&gate)
                .into_iter()
                .find(|record| record["request_id"] == body["request_id"])
        });
        assert_eq!(record["decision"], "deny");
        assert_eq!(record["reason"], "untrusted.expired");
        assert_eq!(record["provider"], "acme");
    }
    gate.finish();
}

#[test]
fn what_a_client_writes_cannot_forge_a_line_of_the_log() {
    let gate = Gate::start(policy());
    let forged_line = "x\n[info] passgate {\"decision\":\"allow\",\"reason\":\"forged\"}";
    let long = "i".repeat(4000);
    for issuer in [forged_line, long.as_str()] {
        let token = Token::of(&gate.issuer.key, issuer, AUDIENCE).build();
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/").bearer(&token));
            gate.denied(&answer, "untrusted.issuer");
        }
    }
    eventually("four lines", || (records(&gate).len() >= 4).then_some(()));
    let log = gate.log();
    assert!(
        records(&gate)
            .iter()
            .all(|record| record["reason"] == "untrusted.issuer"),
        "{log}"
    );
    assert!(
        !log.contains(&"i".repeat(200)),
        "a value of a token is not cut: {log}"
    );
    gate.finish();
}

#[test]
fn no_secret_is_logged_wherever_it_was() {
    // `finish` looks for every token of the process in both logs.
    let mut policy = policy();
    policy["providers"]["acme"]["from_headers"] =
        json!([{ "name": "authorization", "value_prefix": "Bearer " }]);
    policy["providers"]["acme"]["from_cookies"] = json!(["session"]);
    policy["providers"]["acme"]["from_params"] = json!(["access_token"]);
    let gate = Gate::start(policy);
    let good = gate.good();
    for token in [
        good.clone(),
        tampered(&good),
        gate.token().header("kid", "unknown").build(),
    ] {
        for protocol in BOTH {
            for request in [
                Request::get("/").bearer(&token),
                Request::get("/").header("authorization", format!("Bearer {token} {token}")),
                Request::get("/")
                    .header("cookie", format!("session={token}; cookie-secret=c00k1e")),
                Request::get(format!("/p?access_token={token}")),
                Request::get(format!("/a//b?access_token={token}")),
            ] {
                gate.send(protocol, &request);
            }
        }
    }
    let logs = gate.log() + &format!("{:?}", gate.access_log());
    assert!(!logs.contains("c00k1e"), "{logs}");
    gate.finish();
}

/// The filter's records in Envoy's log.
fn records(gate: &Gate) -> Vec<Value> {
    let log = gate.log();
    let json = log.lines().filter_map(|line| line.split_once("passgate {"));
    json.filter_map(|(_, rest)| {
        let text = format!("{{{rest}");
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        values.next()?.ok()
    })
    .collect()
}
