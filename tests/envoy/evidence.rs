//! What a sign-in proves decides, at each request anew, and the upstream is told.

use passgate_harness::{
    BOTH, Gate, Protocol, Request, Setup, eventually, policy_with, public, ruled, the_rest, with,
};
use passgate_kit::{TokenBuilder, now};
use serde_json::{Value, json};

/// Passkeys of minutes ago for payments, any token for the rest.
fn payments(requires: Value) -> Value {
    let mut requires = requires;
    requires["provider_name"] = json!("acme");
    let policy = policy_with(json!({
        "evidence": { "lines": [
            { "when": { "amr_exactly": ["hwk"] }, "proves": ["phishing_resistant", "user_present"], "request_acr": "phr" },
            { "when": { "amr_all_of": ["pin"] }, "proves": ["user_verified"] },
            { "when": { "acr_any_of": ["silver"] }, "proves": ["multi_factor"] },
        ] },
        "kinds": { "human": { "amr_any_of": ["hwk", "pwd"] }, "workload": { "claim": { "path": ["client_type"], "equals": "service" } } },
    }));
    let pay = json!({ "match": { "path_separated_prefix": "/pay" }, "requires": requires });
    ruled(policy, json!([pay, the_rest()]))
}

/// A token of somebody who used a passkey this many seconds ago.
fn passkey(gate: &Gate, age: i64) -> TokenBuilder<'_> {
    let issued = now() - age;
    gate.token()
        .claim("amr", json!(["hwk"]))
        .claim("iat", issued)
        .claim("auth_time", issued)
}

#[test]
fn a_rule_lets_pass_who_used_a_passkey_and_nobody_else() {
    let gate = Gate::start(payments(json!({ "facts": ["phishing_resistant"] })));
    let good = passkey(&gate, 100).build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::post("/pay", b"1").bearer(&good));
        assert_eq!(gate.passed(&answer).headers.text("x-user"), Some("alice"));
        for amr in [
            json!(["pwd"]),
            json!(["pwd", "hwk"]),
            json!(["HWK"]),
            json!("hwk"),
            json!([["hwk"]]),
            json!({ "0": "hwk" }),
            json!([]),
            Value::Null,
        ] {
            let token = gate.token().claim("amr", amr).build();
            let request = Request::get("/pay/1").bearer(&token);
            gate.denied(
                &gate.send(protocol, &request),
                "insufficient.authentication",
            );
            // The same token suffices where nothing is asked of the sign-in.
            gate.passed(&gate.send(protocol, &Request::get("/").bearer(&token)));
        }
        let absent = gate.good();
        let request = Request::get("/pay").bearer(&absent);
        gate.denied(
            &gate.send(protocol, &request),
            "insufficient.authentication",
        );
    }
    gate.finish();
}

#[test]
fn facts_and_age_become_headers_that_no_client_can_write() {
    let gate = Gate::start(payments(json!({ "facts": ["phishing_resistant"] })));
    let spoofed = |path: &str| {
        Request::get(path)
            .header("x-passgate-user-verified", "true")
            .header("X_Passgate_Hardware_Bound", "true")
            .header("x-passgate-authentication-age", "1")
            .header("x-passgate-actor", "somebody")
    };
    let told = |protocol: Protocol, path: &str, token: &str| {
        let answer = gate.send(protocol, &spoofed(path).bearer(token));
        let headers = gate.passed(&answer).headers;
        assert_eq!(headers.bytes("x-passgate-user-verified"), None);
        assert_eq!(headers.bytes("x_passgate_hardware_bound"), None);
        assert_eq!(headers.bytes("x-passgate-hardware-bound"), None);
        assert_eq!(headers.bytes("x-passgate-actor"), None);
        let text = |name: &str| headers.text(name).map(str::to_owned);
        (
            text("x-passgate-phishing-resistant"),
            text("x-passgate-user-present"),
            text("x-passgate-authentication-age").map(|age| age.parse::<u64>().unwrap()),
        )
    };
    let yes = || Some("true".to_owned());
    for protocol in BOTH {
        for path in ["/pay", "/"] {
            let (phr, present, age) = told(protocol, path, &passkey(&gate, 100).build());
            assert_eq!((phr, present), (yes(), yes()));
            assert!(age.is_some_and(|age| (100..200).contains(&age)), "{age:?}");
        }
        assert_eq!(told(protocol, "/", &gate.good()), (None, None, None));
        let dateless = gate.token().claim("amr", json!(["hwk"])).build();
        assert_eq!(told(protocol, "/pay", &dateless), (yes(), yes(), None));
    }
    gate.finish();
}

#[test]
fn a_client_without_a_token_writes_no_fact_on_a_public_path() {
    let policy = ruled(
        policy_with(json!({})),
        json!([public("/open/"), the_rest()]),
    );
    let gate = Gate::start(policy);
    for protocol in BOTH {
        let request = Request::get("/open/x")
            .header("x-passgate-phishing-resistant", "true")
            .header("x.passgate.authentication.age", "1");
        let headers = gate.passed(&gate.send(protocol, &request)).headers;
        let ours = headers.0.iter().filter(|(name, _)| {
            let name = String::from_utf8_lossy(name).replace(['_', '.'], "-");
            name.starts_with("x-passgate-")
        });
        assert_eq!(ours.count(), 0, "{headers:?}");
    }
    gate.finish();
}

#[test]
fn a_sign_in_grows_too_old_on_an_open_connection() {
    let gate = Gate::start(payments(
        json!({ "facts": ["phishing_resistant"], "max_age": "60s" }),
    ));
    let token = passkey(&gate, 52).build();
    let mut client = gate.client();
    let mut send = |token: &str| {
        client.send(Request::get("/pay").bearer(token).to_http1());
        client.read()
    };
    // The same token, on the same connection, remembered or not.
    for _ in 0..3 {
        gate.passed(&send(&token));
    }
    let refusal = eventually("the sign-in to be too old", || {
        let answer = send(&token);
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&refusal, "insufficient.max_age");
    gate.denied(&send(&token), "insufficient.max_age");
    // A new sign-in suffices at once, and the old token still does where no age is asked for.
    gate.passed(&send(&passkey(&gate, 0).build()));
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&token)));
    gate.finish();
}

#[test]
fn an_age_needs_a_date_that_can_be_right() {
    let gate = Gate::start(payments(json!({ "max_age": "60s" })));
    let judged = |token: TokenBuilder<'_>, code: Option<&str>| {
        let token = token.build();
        for protocol in BOTH {
            let answer = gate.send(protocol, &Request::get("/pay").bearer(&token));
            match code {
                Some(code) => gate.denied(&answer, code),
                None => drop(gate.passed(&answer)),
            }
        }
    };
    let now = now();
    let dated = |date: Value| gate.token().claim("auth_time", date);
    judged(dated(json!(now)), None);
    judged(dated(json!(now + 55)), None);
    let too_old = Some("insufficient.max_age");
    judged(dated(json!(now - 61)), too_old);
    judged(dated(json!(now + 1_000)), too_old);
    judged(dated(json!(now.to_string())), too_old);
    judged(dated(Value::Null), too_old);
    judged(gate.token(), too_old);
    judged(dated(json!(now)).without("iat"), too_old);
    gate.finish();
}

#[test]
fn facts_of_different_claims_do_not_add_up() {
    let gate = Gate::start(payments(
        json!({ "facts": ["user_verified", "multi_factor"] }),
    ));
    let token = gate
        .token()
        .claim("amr", json!(["pin"]))
        .claim("acr", "silver")
        .build();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/pay").bearer(&token));
        gate.denied(&answer, "insufficient.authentication");
        // Neither are they told together.
        let answer = gate.send(protocol, &Request::get("/").bearer(&token));
        let headers = gate.passed(&answer).headers;
        assert_eq!(headers.text("x-passgate-user-verified"), Some("true"));
        assert_eq!(headers.bytes("x-passgate-multi-factor"), None);
    }
    gate.finish();
}

#[test]
fn an_agent_carries_a_persons_sign_in_only_where_a_rule_allows_it() {
    let act = json!({ "sub": "bot", "iss": "https://agents.example" });
    let wants = |delegated: &str| {
        payments(
            json!({ "facts": ["phishing_resistant"], "max_age": "1h", "delegated": delegated }),
        )
    };
    let gate = Gate::start(wants("allow"));
    let token = |gate: &Gate, age| passkey(gate, age).claim("act", act.clone()).build();
    for protocol in BOTH {
        let fresh = Request::get("/pay").bearer(&token(&gate, 10));
        let headers = gate.passed(&gate.send(protocol, &fresh)).headers;
        assert_eq!(headers.text("x-passgate-kind"), Some("agent"));
        let actor = headers.text("x-passgate-actor");
        assert_eq!(actor, Some("https://agents.example/bot"));
        assert_eq!(headers.text("x-passgate-phishing-resistant"), Some("true"));
        // An agent does not make the person's sign-in younger.
        let stale = Request::get("/pay").bearer(&token(&gate, 3_700));
        gate.denied(&gate.send(protocol, &stale), "insufficient.max_age");
    }
    gate.finish();

    let gate = Gate::start(wants("deny"));
    let token = token(&gate, 10);
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/pay").bearer(&token));
        gate.denied(&answer, "insufficient.authentication");
        let answer = gate.send(protocol, &Request::get("/").bearer(&token));
        let headers = gate.passed(&answer).headers;
        assert_eq!(headers.bytes("x-passgate-phishing-resistant"), None);
        assert_eq!(headers.bytes("x-passgate-authentication-age"), None);
    }
    gate.finish();
}

#[test]
fn a_rule_for_people_is_closed_to_programs() {
    let gate = Gate::start(payments(json!({ "kind": "human" })));
    let person = gate.token().claim("amr", json!(["pwd"]));
    for protocol in BOTH {
        let send = |token: &TokenBuilder<'_>| {
            gate.send(
                protocol,
                &Request::get("/pay").bearer(&token.clone().build()),
            )
        };
        gate.passed(&send(&person));
        gate.denied(&send(&gate.token()), "forbidden.kind");
        let robot = gate.token().claim("client_type", "service");
        gate.denied(&send(&robot), "forbidden.kind");
        let agent = person.clone().claim("act", json!({ "sub": "bot" }));
        gate.denied(&send(&agent), "forbidden.kind");
    }
    gate.finish();
}

#[test]
fn presets_prove_on_a_real_gate_what_they_promise() {
    let policy = ruled(
        policy_with(json!({ "evidence": { "preset": "keycloak" } })),
        json!([{ "match": { "prefix": "/" }, "requires": { "facts": ["phishing_resistant"], "max_age": "15m" } }]),
    );
    let gate = Gate::start(policy);
    for protocol in BOTH {
        let judge = |amr: Value| {
            let token = gate
                .token()
                .claim("amr", amr)
                .claim("acr", "phr")
                .claim("auth_time", now());
            gate.send(protocol, &Request::get("/").bearer(&token.build()))
        };
        gate.passed(&judge(json!(["hwk"])));
        // A password in the session of a passkey, and a refreshed token: still `phr`, still young.
        gate.denied(&judge(json!(["pwd"])), "insufficient.authentication");
        // Whether the passkey or the password was just now, no claim tells.
        gate.denied(&judge(json!(["pwd", "hwk"])), "insufficient.max_age");
    }
    gate.finish();
}

#[test]
fn the_record_says_what_was_proved_and_how_long_ago() {
    let gate = Gate::start(payments(json!({ "facts": ["phishing_resistant"] })));
    let answer = gate.send(
        Protocol::Http1,
        &Request::get("/pay").bearer(&passkey(&gate, 100).build()),
    );
    gate.passed(&answer);
    let record = eventually("the record", || gate.logged_records().pop());
    assert_eq!(record["reason"], "permitted.token");
    assert_eq!(
        record["facts"],
        json!(["user_present", "phishing_resistant"])
    );
    let age = record["authentication_age"].as_u64();
    assert!(age.is_some_and(|age| (100..160).contains(&age)), "{record}");
    gate.finish();
}

#[test]
fn a_rule_that_no_sign_in_can_meet_is_warned_of_and_stays_closed() {
    let gate = Gate::start(payments(json!({ "facts": ["device_bound"] })));
    let warning =
        "passgate warning: rules[0].requires.facts: no evidence of acme proves device_bound";
    assert!(gate.log().contains(warning), "{}", gate.log());
    for protocol in BOTH {
        let request = Request::get("/pay").bearer(&passkey(&gate, 1).build());
        gate.denied(
            &gate.send(protocol, &request),
            "insufficient.authentication",
        );
    }
    gate.finish();
}

#[test]
fn a_rule_may_gain_a_demand_while_connections_are_open() {
    let mut gate = Setup::new(payments(json!({}))).watched().start();
    let token = gate.good();
    gate.passed(&gate.send(Protocol::Http2, &Request::get("/pay").bearer(&token)));
    gate.reconfigure(&with(
        payments(json!({ "facts": ["phishing_resistant"] })),
        "origins",
        json!([]),
    ));
    let refusal = eventually("the new rule", || {
        let answer = gate.send(Protocol::Http2, &Request::get("/pay").bearer(&token));
        (answer.status != 200).then_some(answer)
    });
    gate.denied(&refusal, "insufficient.authentication");
    gate.finish();
}
