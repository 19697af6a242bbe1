//! Tokens that name an actor (RFC 8693 section 4.1): who may act, through how many, and when a
//! person's sign-in counts through an agent.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use passgate_core::{Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com/realms/acme";
const AUDIENCE: &str = "https://api.example.com";
const AGENT: &str = "https://id.example.com/realms/acme/agent-7";
const NOW: i64 = 1_700_000_000;

fn policy(key: &SigningKey) -> Value {
    let rule =
        |path: &str, requires: Value| json!({ "match": { "path": path }, "requires": requires });
    let strong = |mut more: Value| {
        more["facts"] = json!(["phishing_resistant"]);
        more["max_age"] = json!("60s");
        more
    };
    let two = json!({ "actors": [AGENT, "https://other.example.com/bot"] });
    json!({
        "providers": { "acme": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[key]) },
            "kinds": { "human": { "amr_any_of": ["hwk", "pwd"] } },
            "evidence": { "lines": [{
                "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"],
            }] },
        } },
        "rules": [
            rule("/any", json!({})),
            rule("/person", json!({ "kind": "human" })),
            rule("/agent", json!({ "kind": "agent", "actors": [AGENT] })),
            rule("/actors", two),
            rule("/one", json!({ "max_act_depth": 1 })),
            rule("/two", json!({ "max_act_depth": 2 })),
            rule("/both", json!({ "actors": [AGENT], "max_act_depth": 1 })),
            rule("/own", strong(json!({}))),
            rule("/lent", strong(json!({ "delegated": "allow" }))),
            rule("/lent-to", strong(json!({ "delegated": "allow", "actors": [AGENT], "max_act_depth": 1 }))),
            rule("/either", json!({ "requires_any": { "requirements": [
                { "actors": [AGENT] }, { "scopes": ["anybody"] },
            ] } })),
        ],
    })
}

/// The code for a token of alice's, who signed in by passkey so many seconds ago, with this `act`,
/// and the record's `expected` and `actor`.
fn judge(path: &str, act: Option<Value>, age: i64) -> (&'static str, Value) {
    let key = SigningKey::es256("k");
    let claims = act.map_or(json!({}), |act| json!({ "act": act }));
    judge_by(&key, &policy(&key), path, ("JWT", claims), age)
}

/// The same by this policy, for a token of this type that has these claims besides.
fn judge_by(
    key: &SigningKey,
    policy: &Value,
    path: &str,
    (typ, claims): (&str, Value),
    age: i64,
) -> (&'static str, Value) {
    let config = Config::parse(policy.to_string().as_bytes());
    let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
    let mut token = TokenBuilder::of(key, ISSUER, AUDIENCE)
        .header("typ", typ)
        .claim("iat", NOW)
        .claim("exp", NOW.saturating_add(300))
        .claim("amr", json!(["hwk"]))
        .claim("auth_time", NOW.saturating_sub(age));
    for (name, value) in claims.as_object().unwrap() {
        token = token.claim(name, value.clone());
    }
    let bearer = format!("Bearer {}", token.build());
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":authority", b"api.example.com"),
        (b":path", path.as_bytes()),
        (b"authorization", bearer.as_bytes()),
    ];
    let mut supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    let now = UnixTime::from_secs(NOW.unsigned_abs());
    let step = verifier.verify(Request::new(&headers), &mut supply, now);
    let Step::Settle(Settlement { verdict, record }) = step else {
        panic!("the keys are there");
    };
    let record = serde_json::from_str(&record.to_json()).unwrap();
    match verdict {
        Verdict::Allow(permit) => (permit.code(), record),
        Verdict::Deny(rejection) => {
            let is_of_sign_in = ["insufficient.authentication", "insufficient.max_age"];
            let is_unbelieved = rejection.code.starts_with("untrusted.");
            let status = if is_unbelieved || is_of_sign_in.contains(&rejection.code) {
                401
            } else {
                403
            };
            assert_eq!(rejection.status, status, "{}", rejection.code);
            (rejection.code, record)
        }
        Verdict::Serve(_) => panic!("nothing is served"),
    }
}

fn act(subject: &str) -> Value {
    json!({ "sub": subject })
}

const PASSED: &str = "permitted.token";
const ACTOR: &str = "forbidden.actor";

#[test]
fn a_persons_own_token_is_refused_by_nothing_that_speaks_of_actors() {
    for path in [
        "/any", "/person", "/actors", "/one", "/both", "/own", "/lent", "/lent-to",
    ] {
        assert_eq!(judge(path, None, 10).0, PASSED, "{path}");
    }
    // `kind` does that.
    assert_eq!(judge("/agent", None, 10).0, "forbidden.kind");
}

#[test]
fn only_the_outermost_actor_is_the_actor() {
    let within = |outer: &str, inner: &str| json!({ "sub": outer, "act": act(inner) });
    for (path, act, code) in [
        ("/any", act("agent-8"), PASSED),
        ("/person", act("agent-7"), "forbidden.kind"),
        ("/agent", act("agent-7"), PASSED),
        ("/agent", act("agent-8"), ACTOR),
        ("/actors", act("agent-7"), PASSED),
        ("/actors", act("agent-8"), ACTOR),
        ("/actors", act("Agent-7"), ACTOR),
        ("/actors", act("realms/acme/agent-7"), ACTOR),
        ("/actors", act(AGENT), ACTOR),
        ("/actors", within("agent-7", "agent-8"), PASSED),
        ("/actors", within("agent-8", "agent-7"), ACTOR),
        // Of another issuer, as the token says.
        (
            "/actors",
            json!({ "iss": "https://other.example.com", "sub": "bot" }),
            PASSED,
        ),
        (
            "/actors",
            json!({ "iss": "https://other.example.com/", "sub": "bot" }),
            ACTOR,
        ),
        (
            "/actors",
            json!({ "iss": "https://other.example.com", "sub": "agent-7" }),
            ACTOR,
        ),
        (
            "/actors",
            json!({ "iss": ISSUER, "sub": "agent-7" }),
            PASSED,
        ),
        ("/actors", act("bot"), ACTOR),
        ("/either", act("agent-7"), PASSED),
        ("/either", act("agent-8"), "insufficient.scope"),
    ] {
        assert_eq!(judge(path, Some(act.clone()), 10).0, code, "{path} {act}");
    }
}

#[test]
fn actors_within_actors_are_counted() {
    let chain = |depth: usize| {
        let mut chain = act("agent-7");
        for _ in 1..depth {
            chain = json!({ "sub": "agent-7", "act": chain });
        }
        chain
    };
    for (path, most) in [
        ("/one", 1),
        ("/two", 2),
        ("/both", 1),
        ("/lent-to", 1),
        ("/actors", 9),
    ] {
        for depth in 1..=9 {
            let code = if depth <= most { PASSED } else { ACTOR };
            assert_eq!(
                judge(path, Some(chain(depth)), 10).0,
                code,
                "{path} {depth}"
            );
        }
    }
    let (_, record) = judge("/one", Some(chain(2)), 10);
    assert_eq!(record["expected"], "max_act_depth 1");
    assert_eq!(
        (&record["actor"], &record["kind"]),
        (&json!(AGENT), &json!("agent"))
    );
    let (_, record) = judge("/one", None, 10);
    assert_eq!(record["actor"], json!(null));
}

#[test]
fn an_actor_that_is_not_named_as_it_should_be_refuses() {
    for odd in [
        json!(null),
        json!(true),
        json!("agent-7"),
        json!([]),
        json!(["agent-7"]),
        json!([act("agent-7")]),
        json!({}),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": ["agent-7"] }),
        json!({ "client_id": "agent-7" }),
        json!({ "iss": null, "sub": "agent-7" }),
        json!({ "iss": "", "sub": "agent-7" }),
        json!({ "iss": [ISSUER], "sub": "agent-7" }),
    ] {
        let inner = json!({ "sub": "agent-7", "act": odd });
        let innermost = json!({ "sub": "agent-7", "act": { "sub": "agent-7", "act": odd } });
        for act in [odd, inner, innermost] {
            for path in ["/agent", "/actors", "/two", "/both", "/lent", "/lent-to"] {
                assert_eq!(judge(path, Some(act.clone()), 10).0, ACTOR, "{path} {act}");
            }
            assert_eq!(judge("/any", Some(act), 10).0, PASSED);
        }
    }
}

/// What an agent shows is as old as the person's sign-in, whenever the agent got its token.
#[test]
fn a_sign_in_counts_through_an_agent_where_the_rule_says_so_and_never_longer() {
    let agent = || Some(act("agent-7"));
    assert_eq!(judge("/own", agent(), 10).0, "insufficient.authentication");
    assert_eq!(judge("/lent", agent(), 60).0, PASSED);
    assert_eq!(judge("/lent", agent(), 61).0, "insufficient.max_age");
    assert_eq!(judge("/lent-to", agent(), 60).0, PASSED);
    assert_eq!(judge("/lent-to", agent(), 61).0, "insufficient.max_age");
    assert_eq!(judge("/lent-to", Some(act("agent-8")), 10).0, ACTOR);
    assert_eq!(judge("/lent", None, 61).0, "insufficient.max_age");
}

/// What RFC 8693, section 1.1, calls impersonation: the person's subject and sign-in, no `act`, and
/// the client that asked in `azp`. It cannot be told from the person's own but by that.
#[test]
fn an_exchange_that_names_no_actor_is_told_by_its_client_alone() {
    let key = SigningKey::es256("k");
    let mut policy = policy(&key);
    let client = |name: &str| json!({ "claim": { "path": ["azp"], "equals": name } });
    policy["providers"]["acme"]["kinds"] =
        json!({ "human": client("app"), "agent": client("bot") });
    let of = |client: &str, path: &str| {
        let claims = json!({ "azp": client });
        let (code, record) = judge_by(&key, &policy, path, ("JWT", claims), 10);
        (code, record["kind"].as_str().unwrap().to_owned())
    };
    let told = |code: &'static str, kind: &str| (code, kind.to_owned());
    assert_eq!(of("app", "/person"), told(PASSED, "human"));
    assert_eq!(of("bot", "/person"), told("forbidden.kind", "agent"));
    assert_eq!(of("other", "/person"), told("forbidden.kind", "unknown"));
    // No word about actors sees it, and nothing keeps the person's sign-in from it.
    for path in ["/actors", "/one", "/own", "/lent-to"] {
        assert_eq!(of("bot", path), told(PASSED, "agent"), "{path}");
    }
}

/// draft-ietf-oauth-identity-assertion-authz-grant: an ID-JAG is for the authorization server of
/// another domain, and what that gives for it is an access token like others.
#[test]
fn an_id_jag_is_not_a_token_and_the_token_for_it_is_judged_as_any() {
    const SERVER: &str = "https://auth.example.com";
    let key = SigningKey::es256("k");
    let plain = policy(&key);
    let id_jag = |typ, more: Value| {
        let mut claims = json!({
            "aud": SERVER, "client_id": "agent-7", "resource": AUDIENCE, "scope": "anybody",
            "jti": "9e43f81b64a33f20116179",
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        (typ, claims)
    };
    for path in ["/any", "/person", "/agent", "/lent", "/either"] {
        let of = |typ, more| judge_by(&key, &plain, path, id_jag(typ, more), 10).0;
        // Neither an audience that fits nor an actor makes it one.
        for more in [
            json!({}),
            json!({ "aud": [SERVER, AUDIENCE] }),
            json!({ "aud": AUDIENCE, "act": act("agent-7") }),
        ] {
            assert_eq!(
                of("oauth-id-jag+jwt", more),
                "untrusted.token_type",
                "{path}"
            );
        }
        // `resource` is not an audience, where an issuer leaves the type out.
        assert_eq!(of("JWT", json!({})), "untrusted.audience", "{path}");
    }
    let mut policy = plain.clone();
    policy["providers"]["acme"]["token_types"] = json!(["oauth-id-jag+jwt"]);
    let refused = Config::parse(policy.to_string().as_bytes()).unwrap_err();
    assert!(
        format!("{refused:?}").contains("token_types"),
        "{refused:?}"
    );

    // The token for it says who acts, or for which client it is.
    let token = |path, age, claims| judge_by(&key, &plain, path, ("at+jwt", claims), age).0;
    for (path, age, code) in [
        ("/person", 10, "forbidden.kind"),
        ("/agent", 10, PASSED),
        ("/own", 10, "insufficient.authentication"),
        ("/lent-to", 60, PASSED),
        ("/lent-to", 61, "insufficient.max_age"),
    ] {
        let claims = json!({ "act": act("agent-7") });
        assert_eq!(token(path, age, claims), code, "{path} {age}");
    }
    assert_eq!(
        token("/lent-to", 10, json!({ "act": act("agent-8") })),
        ACTOR
    );
    // By its client alone it is a person's, unless `kinds` knows the client.
    assert_eq!(
        token("/person", 10, json!({ "client_id": "agent-7" })),
        PASSED
    );
    let client = |name: &str| json!({ "claim": { "path": ["client_id"], "equals": name } });
    let mut policy = plain;
    policy["providers"]["acme"]["kinds"] =
        json!({ "human": client("app"), "agent": client("agent-7") });
    let of_client = |path, name: &str| {
        let claims = json!({ "client_id": name });
        judge_by(&key, &policy, path, ("at+jwt", claims), 10).0
    };
    assert_eq!(of_client("/person", "app"), PASSED);
    assert_eq!(of_client("/person", "agent-7"), "forbidden.kind");
    assert_eq!(of_client("/agent", "agent-7"), PASSED);
}
