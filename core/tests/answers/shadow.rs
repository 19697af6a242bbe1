//! What is only observed: nothing is changed, everything is told, and it ends.

use passgate_core::{Internal, Request, Settlement, Step, Supply, UnixTime, Verdict};
use serde_json::json;

use crate::gate::{Gate, Headers, pairs, request};

/// The last second of the day of [`crate::gate::NOW`].
const LAST: u64 = 1_700_006_399;

fn shadow() -> serde_json::Value {
    json!({ "shadow": { "until": "2023-11-14" } })
}

/// What passes as it came; the decision, reason and shadow of the record.
fn observed(gate: &Gate, headers: &Headers) -> (&'static str, serde_json::Value) {
    let (verdict, record) = gate.judge(headers);
    let Verdict::Allow(permit) = verdict else {
        panic!("{record:?}")
    };
    assert!(
        permit.is_observed() && permit.edits().next().is_none(),
        "{permit:?}"
    );
    assert_eq!((record.decision, permit.code()), ("shadow", record.reason));
    let line: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
    (record.reason, line["shadow"].clone())
}

#[test]
fn a_request_passes_as_it_came_whatever_is_decided() {
    let mut gate = Gate::new();
    gate.config["mode"] = shadow();
    gate.config["rules"] =
        json!([{ "match": { "prefix": "/a" }, "requires": { "scopes": ["read"] } }]);
    gate.config["rules"][0]["match"] = json!({ "path_separated_prefix": "/a" });
    let good = format!("Bearer {}", gate.token().claim("scope", "read").build());
    let weak = format!("Bearer {}", gate.token().build());
    let auth = |value| ("authorization", value);
    let spoofed = ("X-User", "root");
    for (headers, reason, shadow) in [
        (
            request("GET", "/a", &[auth(&*good), spoofed]),
            "permitted.token",
            json!({ "decision": "allow", "removed": ["X-User", "authorization"],
                "written": ["x-user", "x-passgate-principal", "x-passgate-provider", "x-passgate-kind"] }),
        ),
        (
            request("GET", "/a", &[auth(&*weak), spoofed]),
            "insufficient.scope",
            json!({ "decision": "deny", "status": 403 }),
        ),
        (
            request("GET", "/a", &[spoofed]),
            "missing.token",
            json!({ "decision": "deny", "status": 401 }),
        ),
        (
            request("GET", "/a", &[auth("Bearer a.b.c")]),
            "malformed.base64url",
            json!({ "decision": "deny", "status": 401 }),
        ),
        (
            request("GET", "/b", &[]),
            "forbidden.no_rule",
            json!({ "decision": "deny", "status": 403 }),
        ),
        (
            request("GET", "/a//b", &[]),
            "ambiguous.path",
            json!({ "decision": "deny", "status": 400 }),
        ),
        (
            request("TRACE", "/a", &[]),
            "forbidden.method",
            json!({ "decision": "deny", "status": 403 }),
        ),
    ] {
        let (code, told) = observed(&gate, &headers);
        assert_eq!(code, reason);
        if reason == "permitted.token" {
            assert_eq!(told["removed"], shadow["removed"]);
            let written = told["written"].as_array().unwrap();
            for name in shadow["written"].as_array().unwrap() {
                assert!(written.contains(name), "{name} {told}");
            }
        } else {
            assert_eq!(told, shadow, "{reason}");
        }
        assert!(!told.to_string().contains(&*good));
    }
}

#[test]
fn a_browser_is_redirected_nowhere_and_no_document_is_served() {
    let mut gate = Gate::new();
    gate.config["mode"] = shadow();
    let uri = "https://api.example.com/.well-known/oauth-protected-resource";
    gate.config["resource_metadata"] = json!({ "uri": uri, "serve": true });
    let navigation = request("GET", "/", &[("sec-fetch-mode", "navigate")]);
    assert_eq!(observed(&gate, &navigation).0, "missing.token");
    let document = request("GET", "/.well-known/oauth-protected-resource", &[]);
    let (reason, told) = observed(&gate, &document);
    assert_eq!(
        (reason, &told["status"]),
        ("permitted.resource_metadata", &json!(200))
    );
}

#[test]
fn a_rule_may_be_observed_alone_or_enforced_alone() {
    let mut gate = Gate::new();
    let rules = |first: serde_json::Value, second: serde_json::Value| {
        json!([
            { "match": { "path": "/first" }, "requires": {}, "mode": first },
            { "match": { "path": "/second" }, "requires": {}, "mode": second },
            { "match": { "path": "/public" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
        ])
    };
    let decision = |gate: &Gate, path: &str| gate.judge(&request("GET", path, &[])).1.decision;
    let decisions = |gate: &Gate| {
        ["/first", "/second", "/public", "/none", "/a//b"].map(|path| decision(gate, path))
    };
    gate.config["rules"] = rules(shadow(), json!("enforce"));
    assert_eq!(
        decisions(&gate),
        ["shadow", "deny", "allow", "deny", "deny"]
    );
    gate.config["mode"] = json!("enforce");
    assert_eq!(
        decisions(&gate),
        ["shadow", "deny", "allow", "deny", "deny"]
    );
    gate.config["mode"] = shadow();
    gate.config["rules"] = rules(json!("enforce"), shadow());
    assert_eq!(
        decisions(&gate),
        ["deny", "shadow", "shadow", "shadow", "deny"]
    );
}

#[test]
fn it_ends_with_its_last_day_and_is_judged_at_each_request() {
    let mut gate = Gate::new();
    gate.config["mode"] = shadow();
    for (millis, decision) in [
        (LAST * 1_000 + 999, "shadow"),
        (LAST * 1_000 + 1_000, "deny"),
    ] {
        gate.now = UnixTime::from_millis(millis);
        assert_eq!(gate.judge(&request("GET", "/", &[])).1.decision, decision);
    }
}

#[test]
fn it_waits_for_keys_and_lets_pass_when_there_are_none() {
    let mut gate = Gate::new();
    let acme = &mut gate.config["providers"]["acme"];
    acme.as_object_mut().unwrap().remove("local_jwks");
    acme["remote_jwks"] =
        json!({ "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "id" } });
    gate.config["mode"] = shadow();
    let mut verifier = gate.verifier();
    let mut keys = Supply::new(verifier.config(), 1);
    let headers = request(
        "GET",
        "/",
        &[("authorization", &format!("Bearer {}", gate.token().build()))],
    );
    let pairs = pairs(&headers);
    let request = Request::new(&pairs);
    assert!(matches!(
        verifier.verify(request, &mut keys, gate.now),
        Step::Await(_)
    ));
    let mut told = vec![
        verifier.overloaded(request, gate.now),
        verifier.waited_too_long(request, gate.now),
    ];
    // The provider is down.
    let mut now = gate.now;
    let settled = (0..10).find_map(|_| {
        now = now.max(keys.next_wakeup()?);
        if let Some(fetch) = keys.poll_call(now) {
            keys.on_answer(fetch.id, passgate_core::Answer::NoAnswer, now);
        }
        match verifier.verify(request, &mut keys, now) {
            Step::Await(_) => None,
            Step::Settle(settlement) => Some(settlement),
        }
    });
    told.extend(settled);
    let codes = told.into_iter().map(|settlement| match settlement {
        Settlement {
            verdict: Verdict::Allow(permit),
            record,
        } if permit.is_observed() => record.reason,
        other => panic!("{other:?}"),
    });
    let codes: Vec<_> = codes.collect();
    assert_eq!(
        codes,
        [
            "unavailable.waiting_limit",
            "unavailable.waiting_time",
            "unavailable.keys"
        ]
    );
}

#[test]
fn where_nobody_can_tell_that_it_goes_on_it_has_ended() {
    let mut gate = Gate::new();
    gate.config["mode"] = shadow();
    let pairs = [(&b":path"[..], &b"/"[..])];
    let request = Request::new(&pairs);
    let passes = |gate: &Gate, failure: Internal, now: Option<UnixTime>| {
        matches!(
            gate.verifier().failed(request, failure, now),
            Settlement {
                verdict: Verdict::Allow(_),
                ..
            }
        )
    };
    // The host tells nothing of the request: everything passes, so this does. Without a clock it
    // might be over.
    assert!(passes(&gate, Internal::Host, Some(gate.now)));
    assert!(!passes(&gate, Internal::Clock, None));
    // Nor does anybody know then which rule it is about.
    gate.config.as_object_mut().unwrap().remove("mode");
    gate.config["rules"] =
        json!([{ "match": { "prefix": "/" }, "requires": {}, "mode": shadow() }]);
    assert!(!passes(&gate, Internal::Host, Some(gate.now)));
}

#[test]
fn it_is_said_aloud_when_the_configuration_is_read() {
    let mut gate = Gate::new();
    gate.config["rules"] =
        json!([{ "match": { "prefix": "/" }, "requires": {}, "mode": shadow() }]);
    let warnings = |gate: &Gate| {
        let verifier = gate.verifier();
        let warnings = verifier.config().warnings().iter();
        warnings.map(ToString::to_string).collect::<Vec<_>>()
    };
    let [warning] = &warnings(&gate)[..] else {
        panic!()
    };
    assert!(
        warning.starts_with("rules[0].mode: shadow: ") && warning.contains("2023-11-14"),
        "{warning}"
    );
    gate.config["mode"] = shadow();
    assert_eq!(warnings(&gate).len(), 2);
}

#[test]
fn nobody_gets_past_an_enforced_rule_by_a_request_of_which_no_rule_can_be_told() {
    let mut gate = Gate::new();
    gate.config["mode"] = shadow();
    gate.config["bypass_cors_preflight"] = json!(true);
    gate.config["rules"] = json!([
        { "match": { "path_separated_prefix": "/a" }, "requires": {}, "mode": "enforce" },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    for (method, path) in [
        ("GET", "//a"),
        ("GET", "/a;b"),
        ("get", "/a"),
        ("TRACE", "/a"),
    ] {
        let (verdict, record) = gate.judge(&request(method, path, &[("x-user", "root")]));
        assert!(
            matches!(verdict, Verdict::Deny(_)),
            "{method} {path}: {record:?}"
        );
    }
    let asked = [
        ("origin", "https://elsewhere.example.com"),
        ("access-control-request-method", "POST"),
        ("x-user", "root"),
    ];
    let (verdict, _) = gate.judge(&request("OPTIONS", "/a", &asked));
    let Verdict::Allow(permit) = verdict else {
        panic!("a preflight passes")
    };
    assert!(!permit.is_observed() && permit.edits().next().is_some());
    // Where no rule is enforced, nothing is.
    gate.config["rules"][0]["mode"] = shadow();
    assert_eq!(
        observed(&gate, &request("GET", "//a", &[])).0,
        "ambiguous.path"
    );
}
