//! Tokens about which their issuer is asked, through the face of the library.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

#[path = "introspection/all.rs"]
mod all;
#[path = "introspection/flood.rs"]
mod flood;
#[path = "introspection/histories.rs"]
mod histories;
#[path = "introspection/signed.rs"]
mod signed;
#[path = "introspection/streams.rs"]
mod streams;
#[path = "introspection/time.rs"]
mod time;
#[path = "introspection/ways.rs"]
mod ways;
#[path = "introspection/world.rs"]
mod world;

use passgate_core::{Number, Step, Verdict};
use passgate_kit::{SigningKey, TokenBuilder, thumbprint};
use serde_json::json;

use world::{ISSUER, START, Weather, World, active, provider, with};

const PASSES: &str = "permitted.token";
const INACTIVE: &str = "untrusted.inactive";
const OUT: &str = "unavailable.introspection";

#[test]
fn a_question_is_a_form_that_names_the_token_and_nothing_else() {
    let mut world = World::new();
    world.says("a%2Fb~c%3D%3D", active(&json!({})));
    assert_eq!(world.reason("a/b~c=="), PASSES);
    let call = &world.calls[0];
    assert_eq!(
        std::str::from_utf8(&call.body).unwrap(),
        "token_type_hint=access_token&token=a%2Fb~c%3D%3D"
    );
    let head = call.head();
    for header in [
        (":method", "POST"),
        (":path", "/introspect"),
        (":authority", "id.example.com"),
        ("accept", "application/json"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        assert!(head.contains(&header), "{header:?} in {head:?}");
    }
    assert_eq!(head.iter().find(|(name, _)| *name == "authorization"), None);
}

#[test]
fn what_is_said_is_judged_and_passed_on_like_claims() {
    let acme = provider(&json!({
        "forward_payload_header": "x-payload",
        "claim_to_headers": [{ "claim_name": "email", "header_name": "x-email" }],
        "evidence": { "lines": [{ "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"] }] },
        "kinds": { "human": { "claim": { "path": ["client_type"], "equals": "person" } } },
    }));
    let rule = json!({
        "match": { "prefix": "/" },
        "requires": {
            "provider_name": "acme", "scopes": ["write"], "kind": "human",
            "facts": ["phishing_resistant"], "max_age": "15m",
            "claims": [{ "claim_name": "groups", "any_of": ["finance"] }],
        },
    });
    let config = json!({ "providers": { "acme": acme }, "rules": [rule] });
    let good = json!({
        "scope": "read write", "client_type": "person", "amr": ["hwk"], "groups": ["finance"],
        "auth_time": START - 100, "email": "a@example.com",
    });
    let mut world = World::with(&config);
    world.says("t", active(&good));
    let (_, record) = world.judge("t");
    assert_eq!(record.reason, PASSES, "{record:?}");
    assert_eq!(record.provider.as_deref(), Some("acme"));
    assert_eq!(record.issuer.as_deref(), Some(ISSUER));
    assert_eq!(record.subject.as_deref(), Some("alice"));
    for (name, value) in [
        ("x-passgate-principal", "https://id.example.com/alice"),
        ("x-passgate-provider", "acme"),
        ("x-passgate-kind", "human"),
        ("x-passgate-authentication-age", "100"),
        ("x-email", "a@example.com"),
    ] {
        assert_eq!(world.header("t", name).as_deref(), Some(value), "{name}");
    }
    // There is no payload, so what was said stands for it.
    let mut said = active(&good);
    said.as_object_mut().unwrap().remove("active");
    let said = said
        .to_string()
        .replace("}", &format!(",\"iss\":\"{ISSUER}\"}}"));
    let payload = world.header("t", "x-payload");
    assert_eq!(payload, Some(passgate_kit::base64url(said)));
    for (change, reason) in [
        (json!({ "scope": "read" }), "insufficient.scope"),
        (json!({ "amr": ["pwd"] }), "insufficient.authentication"),
        (json!({ "auth_time": START - 901 }), "insufficient.max_age"),
        (json!({ "groups": ["sales"] }), "forbidden.claim"),
        (json!({ "client_type": "robot" }), "forbidden.kind"),
        (json!({ "exp": START - 60 }), "untrusted.expired"),
        (json!({ "nbf": START + 61 }), "untrusted.not_yet_valid"),
        (json!({ "iat": START + 61 }), "untrusted.issued_in_future"),
        (json!({ "aud": "another" }), "untrusted.audience"),
        (json!({ "aud": null }), "malformed.claims"),
        (json!({ "sub": 7 }), "malformed.claims"),
        (json!({ "exp": "tomorrow" }), "malformed.claims"),
        (
            json!({ "iss": "https://other.example.com" }),
            "untrusted.issuer",
        ),
        (
            json!({ "token_type": "refresh_token" }),
            "untrusted.token_type",
        ),
        (json!({ "token_type": "mac" }), "untrusted.token_type"),
        (json!({ "token_type": ["Bearer"] }), "untrusted.token_type"),
        (json!({ "typ": "Refresh" }), "untrusted.token_type"),
        (json!({ "typ": "ID" }), "untrusted.token_type"),
        (json!({ "typ": "Offline" }), "untrusted.token_type"),
        (
            json!({ "token_use": "refresh_token" }),
            "untrusted.token_type",
        ),
        (
            json!({ "token_type": "urn:ietf:params:oauth:token-type:id_token" }),
            "untrusted.token_type",
        ),
        (json!({ "cnf": { "kid": "k" } }), "untrusted.key_bound"),
        // Who says that it is bound must say to which key.
        (json!({ "token_type": "DPoP" }), "untrusted.key_bound"),
        (json!({ "token_type": "dpop" }), "untrusted.key_bound"),
        (
            json!({ "token_type": "urn:ietf:params:oauth:token-type:dPoP" }),
            "untrusted.key_bound",
        ),
        (json!({ "active": false }), INACTIVE),
    ] {
        let mut world = World::with(&config);
        world.says("t", active(&with(good.clone(), &change)));
        let (_, record) = world.judge("t");
        assert_eq!(record.reason, reason, "{change}: {record:?}");
        // The second time it is judged by what is remembered.
        assert_eq!(world.reason("t"), reason, "{change}");
    }
    for kept in [
        json!({ "token_type": "bearer", "typ": "Bearer" }),
        json!({ "token_type": null, "iss": ISSUER }),
        json!({ "typ": "at+jwt", "token_use": "access_token" }),
    ] {
        let mut world = World::with(&config);
        world.says("t", active(&with(good.clone(), &kept)));
        assert_eq!(world.reason("t"), PASSES, "{kept}");
    }
}

#[test]
fn an_answer_without_audience_needs_another_claim_for_it() {
    let mut world = World::new();
    let mut answer = active(&json!({ "client_id": "api" }));
    answer.as_object_mut().unwrap().remove("aud");
    world.says("t", answer.clone());
    assert_eq!(world.reason("t"), "untrusted.audience");
    let acme = provider(&json!({ "audience_claim": "client_id" }));
    let mut world = World::with(&json!({ "providers": { "acme": acme } }));
    world.says("t", answer);
    assert_eq!(world.reason("t"), PASSES);
}

#[test]
fn a_token_that_is_bound_passes_with_its_proof_alone() {
    let key = SigningKey::es256("proof");
    let mut world = World::new();
    let bound = active(&json!({ "cnf": { "jkt": thumbprint(&key) }, "token_type": "DPoP" }));
    world.says("t", bound);
    assert_eq!(world.reason("t"), "untrusted.key_bound");
    let Step::Settle(settlement) = world.verify("/", "DPoP", "t") else {
        panic!("the answer is there");
    };
    assert_eq!(settlement.record.reason, "missing.proof");
}

#[test]
fn one_question_serves_all_who_wait_and_who_come_later() {
    let mut world = World::vouching();
    world.weather = Weather::Slow;
    let need = world.waits("t");
    world.tick();
    for _ in 0..100 {
        let other = world.waits("t");
        assert_eq!(other, need);
        assert!(world.supply.holds(need));
        world.tick();
    }
    assert_eq!(world.asked(), 1);
    assert_eq!(world.answer(), Some(need));
    assert!(!world.supply.holds(need));
    for second in 0..29 {
        let (_, record) = world.judge("t");
        assert_eq!(record.reason, PASSES);
        assert_eq!(record.remembered, second > 0, "{second}");
        world.pass(1_000);
    }
    assert_eq!(world.asked(), 0);
    world.pass(1_000);
    world.weather = Weather::Good;
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
}

#[test]
fn a_revoked_token_is_refused_within_the_cache_duration_and_counts_no_more() {
    let mut world = World::vouching();
    assert_eq!(world.reason("t"), PASSES);
    world.said.clear();
    world.pass(29_999);
    assert_eq!(world.reason("t"), PASSES);
    world.pass(1);
    assert_eq!(world.reason("t"), INACTIVE);
    world.weather = Weather::Down;
    assert_eq!(world.reason("t"), INACTIVE, "remembered");
    world.pass(5_000);
    assert_eq!(world.reason("t"), OUT);
}

/// Slow answers are as old as their questions.
#[test]
fn an_answer_is_as_old_as_its_question() {
    let mut world = World::vouching();
    world.weather = Weather::Slow;
    world.waits("t");
    world.tick();
    world.pass(3_000);
    world.answer();
    assert_eq!(world.reason("t"), PASSES);
    world.pass(27_000);
    world.waits("t");
}

#[test]
fn an_answer_does_not_outlive_the_token() {
    let mut world = World::new();
    world.says("t", active(&json!({ "exp": START + 10 })));
    assert_eq!(world.reason("t"), PASSES);
    world.pass(9_999);
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
    world.pass(1);
    world.said.clear();
    assert_eq!(world.reason("t"), INACTIVE);
    assert_eq!(world.asked(), 1);
}

#[test]
fn what_is_not_active_is_asked_about_again_within_five_seconds() {
    let mut world = World::new();
    assert_eq!(world.reason("t"), INACTIVE);
    world.says("t", active(&json!({})));
    world.pass(4_999);
    assert_eq!(world.reason("t"), INACTIVE);
    assert_eq!(world.asked(), 1);
    world.pass(1);
    assert_eq!(world.reason("t"), PASSES);
}

#[test]
fn an_outage_is_503_and_known_tokens_go_on_until_their_answer_ends() {
    let mut world = World::new();
    world.says("known", active(&json!({})));
    assert_eq!(world.reason("known"), PASSES);
    world.weather = Weather::Down;
    world.pass(1_000);
    let (verdict, record) = world.judge("new");
    assert_eq!(record.reason, OUT);
    let Verdict::Deny(rejection) = verdict else {
        panic!("it passed");
    };
    assert_eq!(rejection.status, 503);
    world.pass(28_000);
    assert_eq!(world.reason("known"), PASSES);
    world.pass(1_000);
    assert_eq!(world.reason("known"), OUT);
    world.weather = Weather::Good;
    world.pass(60_000);
    assert_eq!(world.reason("known"), PASSES);
}

#[test]
fn an_answer_that_cannot_be_read_is_not_one() {
    for body in [
        json!({}),
        json!([]),
        json!({ "active": "true" }),
        json!({ "active": 1 }),
        json!({ "active": null }),
        json!({ "active": true, "x": "x".repeat(16 << 10) }),
    ] {
        let mut world = World::new();
        world.says("t", body.clone());
        assert_eq!(world.reason("t"), OUT, "{body}");
        let events: Vec<_> = world.supply.ending_events();
        assert!(events[0].wants_attention());
        assert!(
            events[0]
                .to_string()
                .starts_with("introspection of acme: an answer cannot be had: "),
            "{events:?}"
        );
    }
    for status in [400, 401, 403, 404, 500, 302, 429, 503] {
        let mut world = World::vouching();
        world.weather = Weather::Status(status);
        assert_eq!(world.reason("t"), OUT, "{status}");
        let event = world.supply.ending_events()[0].to_string();
        let names_the_secret = event.contains("does the cluster add the client's secret?");
        assert_eq!(
            names_the_secret,
            [400, 401, 403].contains(&status),
            "{event}"
        );
        world.weather = Weather::Good;
        world.pass(60_000);
        assert_eq!(world.reason("t"), PASSES, "{status}");
        let event = world.supply.ending_events()[0].to_string();
        assert_eq!(event, "introspection of acme: answers can be had again");
    }
}

#[test]
fn text_with_the_form_of_a_jwt_is_shown_to_nobody() {
    let mut world = World::new();
    let other = SigningKey::es256("other");
    let jwt = TokenBuilder::of(&other, "https://other.example.com", "api").build();
    let own = TokenBuilder::of(&other, ISSUER, "api")
        .claim("iat", START)
        .claim("exp", START + 100)
        .build();
    let blank = passgate_kit::base64url(b" {\"alg\" :\"ES256\"}");
    for (token, reason) in [
        (&*jwt, "untrusted.issuer"),
        (&own, "untrusted.key"),
        ("eyJ.x", "malformed.token_shape"),
        ("eyJ!.x.y", "malformed.base64url"),
        (&format!("{blank}.e30.x"), "malformed.base64url"),
        (&format!("{blank}.e30.AAAA"), "untrusted.issuer"),
        (&format!("{blank}.a.b.c.d"), "malformed.token_shape"),
    ] {
        assert_eq!(world.reason(token), reason, "{token}");
    }
    assert_eq!(world.asked(), 0);
    for token in ["eyJx", "e.y.J", "ya29.a0-x", "ory_at_x.y", "Zm9v.e30.x"] {
        assert_eq!(world.reason(token), INACTIVE, "{token}");
        assert_eq!(world.asked(), 1, "{token}");
    }
}

#[test]
fn a_token_of_one_issuer_is_not_shown_to_another() {
    let globex = json!({ "issuer": "https://globex.example.com" });
    let rule = |path: &str, provider: &str| json!({ "match": { "path_separated_prefix": path }, "requires": { "provider_name": provider } });
    let mut world = World::with(&json!({
        "providers": { "acme": provider(&json!({})), "globex": provider(&globex) },
        "rules": [rule("/a", "acme"), rule("/g", "globex")],
    }));
    world.says("t", active(&json!({})));
    assert_eq!(world.judge_on("/a", "t").1.reason, PASSES);
    assert_eq!(world.asked(), 1);
    for _ in 0..2 {
        assert_eq!(world.judge_on("/g", "t").1.reason, "untrusted.issuer");
        world.pass(40_000);
    }
    assert_eq!(world.asked(), 0);
    assert_eq!(world.judge_on("/a", "t").1.reason, PASSES);
}

/// A rule whose providers are not asked, or read their tokens elsewhere.
#[test]
fn where_nobody_is_asked_a_token_without_dots_is_not_a_jwt() {
    let place = json!({ "from_headers": [{ "name": "x-token" }] });
    let key = passgate_kit::jwks(&[&SigningKey::es256("k")]);
    let plain = json!({
        "issuer": "https://plain.example.com", "audiences": ["api"],
        "local_jwks": { "inline_string": key },
    });
    let mut world = World::with(&json!({
        "providers": { "acme": provider(&place), "plain": plain },
        "rules": [
            { "match": { "path_separated_prefix": "/p" }, "requires": { "provider_name": "plain" } },
            { "match": { "prefix": "/" }, "requires": {} },
        ],
    }));
    assert_eq!(world.judge_on("/p", "t").1.reason, "malformed.token_shape");
    assert_eq!(world.judge_on("/", "t").1.reason, "untrusted.issuer");
    assert_eq!(world.asked(), 0);
}

#[test]
fn what_happens_is_counted() {
    let mut world = World::vouching();
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.reason("u"), INACTIVE);
    let reports: Vec<_> = world.supply.ending_reports().collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(
        (reports[0].name, reports[0].provider),
        ("introspection", "acme")
    );
    let measures: Vec<_> = reports[0]
        .measures
        .iter()
        .map(|measure| (&*measure.name, measure.value))
        .collect();
    let once = Number::Count(1);
    assert_eq!(
        measures,
        [
            ("fetches.ok", Number::Count(2)),
            ("answers.active", once),
            ("answers.inactive", once)
        ]
    );
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.verifier.take_tally().hits, 1);
}

/// What the command line gives is not asked for elsewhere, and a policy without words of
/// introspection asks nobody.
#[test]
fn each_request_asks_where_nothing_may_be_remembered() {
    let mut world = World::with(&json!({
        "providers": { "acme": provider(&json!({})) },
        "limits": { "remembered_tokens": 0 },
    }));
    world.says("t", active(&json!({})));
    for _ in 0..3 {
        assert_eq!(world.reason("t"), PASSES);
    }
    // The answer itself is kept where it came.
    assert_eq!(world.asked(), 1);
    world.pass(30_000);
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
}
