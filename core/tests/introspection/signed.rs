//! Answers that are signed (RFC 9701).

use passgate_core::Need;
use passgate_kit::{SigningKey, TokenBuilder, jwks, tampered};
use serde_json::{Value, json};

use super::{INACTIVE, OUT, PASSES};
use crate::world::{ISSUER, START, Weather, World, active, provider, with};

const TYP: &str = "token-introspection+jwt";

/// A policy that wants answers signed for `gate`, with these words beside it.
fn config(keys: &Value, more: &Value) -> Value {
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let acme = json!({
        "introspection": { "http_uri": uri, "cache_duration": "30s", "signed_for": "gate" },
    });
    let acme = with(with(provider(&acme), keys), more);
    json!({ "providers": { "acme": acme } })
}

fn local(keys: &[&SigningKey]) -> Value {
    json!({ "local_jwks": { "inline_string": jwks(keys) } })
}

fn world(key: &SigningKey) -> World {
    World::with(&config(&local(&[key]), &json!({ "clock_skew": "0s" })))
}

/// What is signed around an answer.
fn around(answer: &Value) -> Value {
    json!({ "iss": ISSUER, "aud": "gate", "iat": START, "token_introspection": answer })
}

fn signed<'k>(key: &'k SigningKey, claims: &Value) -> TokenBuilder<'k> {
    let builder = TokenBuilder::of(key, ISSUER, "gate").header("typ", TYP);
    builder.raw_claims(&claims.to_string())
}

/// The answer about an active token, signed.
fn good(key: &SigningKey) -> Value {
    signed(key, &around(&active(&json!({})))).build().into()
}

#[test]
fn a_signed_answer_is_asked_for_checked_once_and_judged_like_another() {
    let key = SigningKey::es256("key-1");
    let mut world = world(&key);
    world.says("t", good(&key));
    assert_eq!(world.reason("t"), PASSES);
    let accept = world.calls[0].header("accept");
    assert_eq!(accept, Some("application/token-introspection+jwt"));
    let (_, record) = world.judge("t");
    assert_eq!((record.reason, record.remembered), (PASSES, true));
    assert_eq!(record.subject.as_deref(), Some("alice"));
    for (answer, reason) in [
        (json!({ "active": false }), INACTIVE),
        (active(&json!({ "aud": "another" })), "untrusted.audience"),
        (
            active(&json!({ "iss": "https://other.example.com" })),
            "untrusted.issuer",
        ),
        (active(&json!({ "exp": START - 60 })), "untrusted.expired"),
        (active(&json!({ "typ": "Refresh" })), "untrusted.token_type"),
    ] {
        world.says("u", signed(&key, &around(&answer)).build().into());
        assert_eq!(world.reason("u"), reason, "{answer}");
        world.pass(5_000);
        world.said.clear();
        world.now = passgate_core::UnixTime::from_secs(START);
        world = self::world(&key);
    }
}

#[test]
fn nothing_else_counts_where_answers_are_signed() {
    let key = SigningKey::es256("key-1");
    let other = SigningKey::es256("key-1");
    let unknown = SigningKey::es256("key-2");
    let rsa = SigningKey::rs256("key-3");
    let answer = active(&json!({}));
    let claims = |more: &Value| with(around(&answer), more);
    let changed = |more: &Value| signed(&key, &claims(more)).build();
    let without = |name: &str| {
        let mut claims = around(&answer);
        claims.as_object_mut().unwrap().remove(name);
        signed(&key, &claims).build()
    };
    let typed = |typ: &str| signed(&key, &around(&answer)).header("typ", typ).build();
    let text = good(&key).as_str().unwrap().to_owned();
    let its_typ = "its typ";
    for (body, why) in [
        (answer.clone(), "not three parts"),
        (json!({ "active": false }), "not three parts"),
        (typed("at+jwt").into(), its_typ),
        (typed("JWT").into(), its_typ),
        (typed("token-introspection").into(), its_typ),
        (
            signed(&key, &around(&answer))
                .without_header("typ")
                .build()
                .into(),
            its_typ,
        ),
        (
            changed(&json!({ "iss": "https://other.example.com" })).into(),
            "its iss is another issuer",
        ),
        (without("iss").into(), "its iss is another issuer"),
        (
            changed(&json!({ "aud": "another" })).into(),
            "its aud is another client",
        ),
        (
            changed(&json!({ "aud": "gate2" })).into(),
            "its aud is another client",
        ),
        (
            changed(&json!({ "aud": [] })).into(),
            "its aud is another client",
        ),
        (
            changed(&json!({ "aud": ["api", "Gate"] })).into(),
            "its aud is another client",
        ),
        (without("aud").into(), "its aud is another client"),
        (without("iat").into(), "its iat is not of now"),
        (
            changed(&json!({ "iat": "now" })).into(),
            "its iat is not of now",
        ),
        (
            changed(&json!({ "iat": START - 2 })).into(),
            "its iat is not of now",
        ),
        (
            changed(&json!({ "iat": START + 1 })).into(),
            "its iat is not of now",
        ),
        (changed(&json!({ "exp": START })).into(), "its exp is over"),
        (changed(&json!({ "exp": null })).into(), "its exp is over"),
        (
            without("token_introspection").into(),
            "it has no token_introspection",
        ),
        (
            changed(&json!({ "token_introspection": [] })).into(),
            "active: true or false",
        ),
        (
            changed(&json!({ "token_introspection": { "active": "true" } })).into(),
            "active: true or false",
        ),
        (
            signed(&other, &around(&answer)).build().into(),
            "its signature is wrong",
        ),
        (tampered(&text).into(), "its signature is wrong"),
        (
            signed(&unknown, &around(&answer)).build().into(),
            "no key is for it",
        ),
        (
            signed(&rsa, &around(&answer)).build().into(),
            "not one of algorithms",
        ),
        (
            signed(&key, &around(&answer))
                .hs256(b"secret")
                .build()
                .into(),
            "its algorithm",
        ),
        (
            signed(&key, &around(&answer))
                .header("crit", json!(["x"]))
                .build()
                .into(),
            "crit",
        ),
        ([&text, "."].concat().into(), ""),
        (format!("{text}x").into(), ""),
        (json!(text).to_string().into(), ""),
        // A token of the same provider, and an answer in it that nobody gave.
        (
            TokenBuilder::of(&key, ISSUER, "gate")
                .claim("iat", START)
                .claim("token_introspection", answer.clone())
                .build()
                .into(),
            its_typ,
        ),
    ] {
        let keys = local(&[&key, &rsa]);
        let more = json!({ "clock_skew": "0s", "algorithms": ["ES256"] });
        let mut world = World::with(&config(&keys, &more));
        world.says("t", body.clone());
        assert_eq!(world.reason("t"), OUT, "{body}");
        let events = world.supply.ending_events();
        let event = events[0].to_string();
        assert!(
            event.contains(why) && events.len() == 1,
            "{event} of {body}"
        );
        // It is put off for a second, and the next answer counts.
        assert_eq!(world.reason("t"), OUT, "{body}");
        assert_eq!(world.asked(), 1, "{body}");
        world.pass(1_000);
        let next = claims(&json!({ "iat": START + 1 }));
        world.says("t", signed(&key, &next).build().into());
        assert_eq!(world.reason("t"), PASSES, "{body}");
        let event = world.supply.ending_events()[0].to_string();
        assert_eq!(event, "introspection of acme: answers can be had again");
    }
    for more in [
        json!({ "aud": ["other", "gate"] }),
        json!({ "iat": START - 1 }),
        json!({ "exp": START + 1 }),
    ] {
        let mut world = world(&key);
        world.says("t", changed(&more).into());
        assert_eq!(world.reason("t"), PASSES, "{more}");
    }
}

/// The answer's own end counts as that of its token does.
#[test]
fn an_answer_is_not_remembered_beyond_its_own_end() {
    let key = SigningKey::es256("key-1");
    let mut world = world(&key);
    let body = signed(
        &key,
        &with(around(&active(&json!({}))), &json!({ "exp": START + 2 })),
    );
    world.says("t", body.build().into());
    assert_eq!(world.reason("t"), PASSES);
    world.pass(1_000);
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
    world.pass(2_000);
    let next = with(around(&active(&json!({}))), &json!({ "iat": START + 3 }));
    world.says("t", signed(&key, &next).build().into());
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
}

/// Somebody else's "no" does not end a token, nor does somebody else's "yes" let it live.
#[test]
fn a_wrong_signature_says_nothing_either_way() {
    let key = SigningKey::es256("key-1");
    let other = SigningKey::es256("key-1");
    let mut world = World::with(&config(&local(&[&key]), &json!({})));
    world.says("t", good(&key));
    assert_eq!(world.reason("t"), PASSES);
    let no = json!({ "iat": START + 30, "token_introspection": { "active": false } });
    world.says(
        "t",
        signed(&other, &with(around(&json!({})), &no))
            .build()
            .into(),
    );
    world.pass(30_000);
    assert_eq!(world.reason("t"), OUT);
    let counts: Vec<_> = world.supply.ending_reports().collect();
    let names: Vec<_> = counts[0].measures.iter().map(|own| &*own.name).collect();
    assert_eq!(names, ["fetches.ok", "fetches.unusable", "answers.active"]);
}

/// An answer may be as old as its question, and no older.
#[test]
fn an_answer_from_before_the_question_does_not_count() {
    let key = SigningKey::es256("key-1");
    for (iat, reason) in [
        (START - 1, PASSES),
        (START - 2, OUT),
        (START + 4, PASSES),
        (START + 5, OUT),
    ] {
        let mut world = world(&key);
        world.weather = Weather::Slow;
        let claims = with(around(&active(&json!({}))), &json!({ "iat": iat }));
        world.says("t", signed(&key, &claims).build().into());
        world.waits("t");
        world.tick();
        world.pass(4_000);
        world.answer();
        assert_eq!(world.reason("t"), reason, "{}", iat.abs_diff(START));
    }
}

#[test]
fn a_request_waits_for_the_keys_too() {
    let key = SigningKey::es256("key-1");
    let uri = json!({ "uri": "https://id.example.com/jwks", "cluster": "id" });
    let remote = json!({ "remote_jwks": { "http_uri": uri } });
    let mut world = World::with(&config(&remote, &json!({})));
    world.says("t", good(&key));
    assert!(matches!(world.waits("t"), Need::Introspection(..)));
    world.keys = Some(jwks(&[&key]));
    assert_eq!(world.reason("t"), PASSES);
    // Without keys nobody knows, and the answer that came is still good when they come.
    let mut world = World::with(&config(&remote, &json!({})));
    world.says("t", good(&key));
    assert_eq!(world.reason("t"), OUT);
    world.keys = Some(jwks(&[&key]));
    world.pass(10_000);
    assert_eq!(world.reason("t"), PASSES);
    assert_eq!(world.asked(), 1);
}

#[test]
fn jwts_are_asked_about_with_signed_answers_too() {
    let key = SigningKey::es256("key-1");
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let words = json!({ "http_uri": uri, "for": "all", "signed_for": "gate" });
    let mut world = World::with(&config(&local(&[&key]), &json!({ "introspection": words })));
    let jwt = TokenBuilder::of(&key, ISSUER, "api").claim("iat", START - 10);
    let jwt = jwt.claim("exp", START + 100).build();
    world.says(&jwt, good(&key));
    assert_eq!(world.reason(&jwt), PASSES);
    // The answer itself is not a token.
    let answer = good(&key);
    assert_eq!(
        world.reason(answer.as_str().unwrap()),
        "untrusted.token_type"
    );
}
