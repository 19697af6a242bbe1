//! What rules ask of a sign-in, through the whole verifier; what service and record are told.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "evidence/challenge.rs"]
mod challenge;

use std::sync::LazyLock;

use passgate_core::{
    AuditRecord, Config, Edit, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const NOW: i64 = 1_700_000_000;
/// What is left of the challenge's words where no value of `acr` is named.
const NO_VALUE: &str = ", and no acr value asks for one that does\"";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("key-1"));

fn provider(issuer: &str, evidence: Value) -> Value {
    json!({
        "issuer": issuer,
        "audiences": ["api"],
        "local_jwks": { "inline_string": jwks(&[&KEY]) },
        "kinds": {
            "human": { "claim": { "path": ["who"], "equals": "person" } },
            "workload": { "claim": { "path": ["who"], "equals": "robot" } },
        },
        "evidence": evidence,
    })
}

fn lines() -> Value {
    json!({ "lines": [
        { "when": { "acr_any_of": ["phr"] }, "proves": ["phishing_resistant"] },
        { "when": { "amr_all_of": ["hwk", "pin"] }, "proves": ["phishing_resistant", "user_verified"], "request_acr": "gold" },
        { "when": { "amr_any_of": ["mfa"] }, "proves": ["multi_factor"] },
    ] })
}

fn ruled(requires: Value) -> Value {
    json!({
        "providers": { "acme": provider(ISSUER, lines()) },
        "rules": [{ "match": { "prefix": "/" }, "requires": requires }],
    })
}

/// A token of now, whose sign-in was 100 seconds ago.
fn token() -> TokenBuilder<'static> {
    TokenBuilder::of(&KEY, ISSUER, "api")
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
        .claim("auth_time", NOW - 100)
}

fn judge(config: &Value, token: Option<TokenBuilder<'_>>) -> (Verdict, Box<AuditRecord>) {
    let config = Config::parse(config.to_string().as_bytes());
    let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut keys = Supply::new(&config, 1);
    let bearer = token.map(|token| format!("Bearer {}", token.build()));
    let mut headers: Vec<(&[u8], &[u8])> = vec![
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"api"),
        (b"x-passgate-phishing-resistant", b"true"),
        (b"x_passgate_authentication_age", b"1"),
    ];
    headers.extend(
        bearer
            .iter()
            .map(|value| (&b"authorization"[..], value.as_bytes())),
    );
    let now = UnixTime::from_secs(NOW.unsigned_abs());
    match Verifier::new(config, 1).verify(Request::new(&headers), &mut keys, now) {
        Step::Settle(Settlement { verdict, record }) => (verdict, record),
        Step::Await(_) => unreachable!("the keys are part of the configuration"),
    }
}

/// The reason's code, and what stands in the challenge behind the realm and the error's words.
fn refusal(config: &Value, token: Option<TokenBuilder<'_>>) -> (&'static str, String) {
    let (verdict, _) = judge(config, token);
    let Verdict::Deny(rejection) = verdict else {
        panic!("passed");
    };
    let headers = rejection.headers();
    let challenge = headers
        .iter()
        .find(|(name, _)| *name == "www-authenticate")
        .map_or("", |(_, value)| value);
    let rest = challenge
        .split_once("realm=\"passgate\"")
        .unwrap_or(("", ""));
    let rest = rest
        .1
        .split_once("does not suffice")
        .map_or(rest.1, |(_, rest)| rest.trim_start_matches('"'));
    (rejection.code, rest.to_owned())
}

/// The headers `x-passgate-…` that say something of the sign-in; and the record agrees.
fn told(config: &Value, token: TokenBuilder<'_>) -> Vec<String> {
    let (verdict, record) = judge(config, Some(token));
    let Verdict::Allow(permit) = verdict else {
        panic!("refused: {record:?}");
    };
    let removes = |name: &[u8]| {
        permit
            .edits()
            .any(|edit| *edit == Edit::Remove(name.to_vec()))
    };
    assert!(removes(b"x-passgate-phishing-resistant") && removes(b"x_passgate_authentication_age"));
    let known = [
        "x-passgate-principal",
        "x-passgate-provider",
        "x-passgate-kind",
    ];
    let set: Vec<(&str, &str)> = permit
        .edits()
        .filter_map(|edit| match edit {
            Edit::Set(name, value) => Some((&**name, std::str::from_utf8(value).unwrap())),
            Edit::Remove(_) => None,
        })
        .filter(|(name, _)| !known.contains(name))
        .collect();
    let facts: Vec<String> = set
        .iter()
        .filter(|(_, value)| *value == "true")
        .map(|(name, _)| name.replace("x-passgate-", "").replace('-', "_"))
        .collect();
    assert_eq!(facts, record.facts);
    let age = set
        .iter()
        .find(|(name, _)| *name == "x-passgate-authentication-age")
        .map(|(_, value)| value.parse().unwrap());
    assert_eq!(age, record.authentication_age);
    set.iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

#[test]
fn facts_and_age_pass_or_step_up() {
    let config =
        ruled(json!({ "facts": ["phishing_resistant", "user_verified"], "max_age": "15m" }));
    let good = || token().claim("amr", json!(["hwk", "pin"]));
    assert_eq!(
        told(&config, good()),
        [
            "x-passgate-user-verified: true",
            "x-passgate-phishing-resistant: true",
            "x-passgate-authentication-age: 100"
        ]
    );
    let how = r#", acr_values="gold", max_age="900""#.to_owned();
    for (token, code) in [
        (token(), "insufficient.authentication"),
        (
            token().claim("amr", json!(["hwk"])),
            "insufficient.authentication",
        ),
        // One fact by `acr`, the other nowhere.
        (token().claim("acr", "phr"), "insufficient.authentication"),
        (good().claim("auth_time", NOW - 901), "insufficient.max_age"),
        (good().without("auth_time"), "insufficient.max_age"),
    ] {
        assert_eq!(refusal(&config, Some(token)), (code, how.clone()));
    }
    assert_eq!(refusal(&config, None), ("missing.token", how));
}

#[test]
fn the_record_of_a_refusal_says_what_was_proved_all_the_same() {
    let recorded = |token: TokenBuilder<'_>| {
        let config = ruled(json!({ "facts": ["phishing_resistant"], "max_age": "10s" }));
        let (_, record) = judge(&config, Some(token));
        (record.reason, record.facts, record.authentication_age)
    };
    let mfa = token().claim("amr", json!(["mfa"]));
    let code = "insufficient.authentication";
    assert_eq!(recorded(mfa), (code, vec!["multi_factor"], Some(100)));
    assert_eq!(recorded(token()), (code, vec![], Some(100)));
    let old = token().claim("acr", "phr");
    let code = "insufficient.max_age";
    assert_eq!(recorded(old), (code, vec!["phishing_resistant"], Some(100)));
    let expired = token().claim("acr", "phr").claim("exp", NOW - 61);
    assert_eq!(recorded(expired), ("untrusted.expired", vec![], None));
}

#[test]
fn an_unreadable_or_unbelieved_token_is_told_nothing_of_the_rule() {
    let config = ruled(json!({ "facts": ["phishing_resistant"], "max_age": "15m" }));
    let expired = token().claim("exp", NOW - 61);
    let (code, challenge) = refusal(&config, Some(expired));
    assert_eq!(code, "untrusted.expired");
    assert!(!challenge.contains("acr_values") && !challenge.contains("max_age"));
}

#[test]
fn what_no_better_sign_in_would_mend_comes_first() {
    let config = ruled(json!({
        "facts": ["phishing_resistant"],
        "max_age": "15m",
        "kind": "human",
        "claims": [{ "claim_name": "groups", "any_of": ["finance"] }],
        "scopes": ["write"],
    }));
    let mut token = token().claim("auth_time", NOW - 901);
    let code = |token: &TokenBuilder<'_>| refusal(&config, Some(token.clone())).0;
    assert_eq!(code(&token), "forbidden.kind");
    token = token.claim("who", "person");
    assert_eq!(code(&token), "forbidden.claim");
    token = token.claim("groups", "finance");
    assert_eq!(code(&token), "insufficient.scope");
    token = token.claim("scope", "write");
    assert_eq!(code(&token), "insufficient.authentication");
    token = token.claim("acr", "phr");
    assert_eq!(code(&token), "insufficient.max_age");
    token = token.claim("auth_time", NOW - 900);
    assert_eq!(told(&config, token).len(), 2);
}

#[test]
fn of_several_alternatives_the_one_that_got_furthest_is_reported() {
    let config = ruled(json!({ "requires_any": { "requirements": [
        { "scopes": ["admin"] },
        { "facts": ["phishing_resistant"] },
        { "facts": ["multi_factor"], "max_age": "10s" },
    ] } }));
    let mfa = token().claim("amr", json!(["mfa"]));
    assert_eq!(
        refusal(&config, Some(mfa.clone())),
        ("insufficient.max_age", r#", max_age="10""#.to_owned())
    );
    assert_eq!(
        refusal(&config, Some(token())),
        (
            "insufficient.authentication",
            r#", acr_values="phr gold""#.to_owned()
        )
    );
    // The first that is met says what the upstream is told.
    assert_eq!(
        told(&config, mfa.clone().claim("auth_time", NOW - 10)),
        [
            "x-passgate-multi-factor: true",
            "x-passgate-authentication-age: 10"
        ]
    );
    assert!(
        told(&config, token().claim("scope", "admin"))
            .contains(&"x-passgate-authentication-age: 100".to_owned())
    );
}

#[test]
fn a_sign_in_does_not_mend_that_another_acts() {
    let delegated = || token().claim("act", json!({ "sub": "bot" }));
    for (requires, reason) in [
        (
            json!({ "facts": ["phishing_resistant"] }),
            "insufficient.authentication",
        ),
        (
            json!({ "facts": ["phishing_resistant"], "max_age": "10m" }),
            "insufficient.authentication",
        ),
        (json!({ "max_age": "10m" }), "insufficient.max_age"),
    ] {
        let refused = refusal(&ruled(requires), Some(delegated()));
        assert_eq!(refused, (reason, NO_VALUE.to_owned()));
    }
    let (_, record) = judge(&ruled(json!({ "max_age": "10m" })), Some(delegated()));
    let expected = record.expected.as_deref();
    assert_eq!(expected, Some("max_age 600s, and no act"));
    // Where it may carry the age of the person's sign-in, a new one mends it.
    let old = || delegated().claim("auth_time", NOW - 601);
    let allowed = ruled(json!({ "max_age": "10m", "delegated": "allow" }));
    let (_, challenge) = refusal(&allowed, Some(old()));
    assert!(challenge.ends_with(r#", max_age="600""#), "{challenge}");
    // Of two alternatives the one that a sign-in mends is reported.
    let either = ruled(json!({ "requires_any": { "requirements": [
        { "max_age": "5m" },
        { "max_age": "10m", "delegated": "allow" },
    ] } }));
    let (_, challenge) = refusal(&either, Some(old()));
    assert!(challenge.ends_with(r#", max_age="600""#), "{challenge}");
}

#[test]
fn of_two_alternatives_that_fall_short_the_one_that_a_value_mends_is_reported() {
    let config = ruled(json!({ "requires_any": { "requirements": [
        { "facts": ["multi_factor"] },
        { "facts": ["phishing_resistant"] },
    ] } }));
    assert_eq!(
        refusal(&config, Some(token())).1,
        r#", acr_values="phr gold""#
    );
    let both = ruled(json!({ "facts": ["multi_factor"] }));
    assert_eq!(refusal(&both, Some(token())).1, NO_VALUE);
}

#[test]
fn what_stands_beside_the_alternatives_holds_in_each() {
    let config = ruled(json!({
        "facts": ["multi_factor"],
        "max_age": "10m",
        "delegated": "deny",
        "requires_any": { "requirements": [
            { "facts": ["user_verified"], "max_age": "1m", "delegated": "allow" },
            { "max_age": "1h", "delegated": "allow" },
        ] },
    }));
    let mfa = |age: i64| {
        token()
            .claim("amr", json!(["mfa"]))
            .claim("auth_time", NOW - age)
    };
    assert_eq!(refusal(&config, Some(mfa(601))).0, "insufficient.max_age");
    assert_eq!(told(&config, mfa(600)).len(), 2);
    let delegated = mfa(1).claim("act", json!({ "sub": "bot" }));
    assert_eq!(
        refusal(&config, Some(delegated)).0,
        "insufficient.authentication"
    );
    let both = token().claim("amr", json!(["mfa", "hwk", "pin"]));
    assert_eq!(told(&config, both).len(), 4, "by the second alternative");
}

#[test]
fn somebody_elses_sign_in_counts_only_where_the_rule_says_so() {
    let act = json!({ "sub": "bot/1", "iss": "https://agents.example" });
    let token = || token().claim("acr", "phr").claim("act", act.clone());
    let actor = "x-passgate-actor: https://agents.example/bot%2F1";
    let config = ruled(json!({ "facts": ["phishing_resistant"], "max_age": "15m" }));
    assert_eq!(
        refusal(&config, Some(token())).0,
        "insufficient.authentication"
    );
    let config = ruled(json!({ "facts": ["phishing_resistant"], "delegated": "allow" }));
    assert_eq!(
        told(&config, token()),
        [
            "x-passgate-phishing-resistant: true",
            "x-passgate-authentication-age: 100",
            actor
        ]
    );
    // The agent does not make the sign-in younger.
    let config =
        ruled(json!({ "facts": ["phishing_resistant"], "max_age": "99s", "delegated": "allow" }));
    assert_eq!(refusal(&config, Some(token())).0, "insufficient.max_age");
    // A rule that asks for nothing lets the agent pass and tells nothing of the person's sign-in.
    assert_eq!(told(&ruled(json!({})), token()), [actor]);
    assert_eq!(told(&ruled(json!({ "kind": "agent" })), token()), [actor]);
    let human = ruled(json!({ "kind": "human" }));
    let person = token().claim("who", "person");
    assert_eq!(refusal(&human, Some(person)).0, "forbidden.kind");
}

#[test]
fn an_actor_is_named_only_where_it_can_be_named_without_doubt() {
    let actor = |act: Value| told(&ruled(json!({})), token().claim("act", act));
    assert_eq!(
        actor(json!({ "sub": "bot" })),
        [format!("x-passgate-actor: {ISSUER}/bot")]
    );
    // The outermost is the one who acts now (RFC 8693 section 4.1).
    assert_eq!(
        actor(json!({ "sub": "b", "act": { "sub": "a" } })),
        [format!("x-passgate-actor: {ISSUER}/b")]
    );
    for odd in [
        json!(null),
        json!("bot"),
        json!(["bot"]),
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "bot", "iss": 7 }),
        json!({ "sub": "bot", "iss": "" }),
        json!({ "sub": "bot", "iss": "https://a.example/\r\nx-user: root" }),
    ] {
        assert!(actor(odd.clone()).is_empty(), "{odd}");
    }
}

#[test]
fn kinds_need_positive_evidence() {
    let code = |kind: &str, token: TokenBuilder<'_>| {
        judge(&ruled(json!({ "kind": kind })), Some(token)).1.reason
    };
    for (kind, who) in [("human", "person"), ("workload", "robot")] {
        assert_eq!(code(kind, token().claim("who", who)), "permitted.token");
        for odd in [
            json!(null),
            json!([who]),
            json!(who.to_uppercase()),
            json!(true),
        ] {
            assert_eq!(code(kind, token().claim("who", odd)), "forbidden.kind");
        }
        assert_eq!(code(kind, token()), "forbidden.kind");
    }
    assert_eq!(
        code("agent", token().claim("who", "person")),
        "forbidden.kind"
    );
}

#[test]
fn an_exemption_with_identity_tells_the_facts_of_who_is_signed_in() {
    let config = json!({
        "providers": { "acme": provider(ISSUER, lines()) },
        "rules": [{ "match": { "prefix": "/" }, "public": {
            "reason": "r", "owner": "o", "until": "never", "identity_from": "acme",
        } }],
    });
    assert_eq!(
        told(&config, token().claim("acr", "phr")),
        [
            "x-passgate-phishing-resistant: true",
            "x-passgate-authentication-age: 100"
        ]
    );
}

#[test]
fn rules_that_no_sign_in_can_meet_are_warned_of() {
    let warnings = |config: &Value| -> Vec<String> {
        let config = Config::parse(config.to_string().as_bytes());
        let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
        config.warnings().iter().map(ToString::to_string).collect()
    };
    for fine in [
        json!({}),
        json!({ "facts": ["phishing_resistant", "user_verified"], "max_age": "1m", "kind": "human" }),
        json!({ "kind": "agent" }),
        json!({ "max_age": "1m" }),
    ] {
        assert!(warnings(&ruled(fine.clone())).is_empty(), "{fine}");
    }
    let remedy = ", so no sign-in will ever do; write a line that does, under evidence";
    for (requires, place, why) in [
        (
            json!({ "facts": ["device_bound", "phishing_resistant"] }),
            "facts",
            format!("no evidence of acme proves device_bound{remedy}"),
        ),
        (
            json!({ "facts": ["multi_factor", "user_present"] }),
            "facts",
            format!("no evidence of acme proves user_present{remedy}"),
        ),
        (
            json!({ "requires_any": { "requirements": [{ "scopes": ["a"] }, { "facts": ["hardware_bound"] }] } }),
            "requires_any.requirements[1].facts",
            format!("no evidence of acme proves hardware_bound{remedy}"),
        ),
    ] {
        let expected = format!("rules[0].requires.{place}: {why}");
        assert_eq!(warnings(&ruled(requires)), [expected]);
    }
    let mut config = ruled(json!({ "facts": ["phishing_resistant", "user_verified"] }));
    config["providers"]["acme"]["evidence"] = json!({ "lines": [
        { "when": { "acr_any_of": ["phr"] }, "proves": ["phishing_resistant"] },
        { "when": { "amr_any_of": ["pin"] }, "proves": ["user_verified"], "dated_by": "none" },
    ] });
    assert_eq!(
        warnings(&config),
        [format!(
            "rules[0].requires.facts: no evidence of acme proves all of them together{remedy}"
        )]
    );
    config["rules"][0]["requires"] = json!({ "facts": ["user_verified"], "max_age": "1m" });
    assert_eq!(
        warnings(&config),
        [format!(
            "rules[0].requires.facts: no evidence of acme proves all of them with a date{remedy}"
        )]
    );
    config["providers"]["acme"]
        .as_object_mut()
        .unwrap()
        .remove("kinds");
    config["rules"][0]["requires"] = json!({ "kind": "workload" });
    assert_eq!(
        warnings(&config),
        [
            "rules[0].requires.kind: no kinds of acme tell workload, so no token will ever do; write kinds: { workload: { … } } in the provider"
        ]
    );
}
