//! What a token says, and how long it counts.

use serde_json::json;

use crate::world::{AUDIENCE, GATE, ISSUER, NOW, Sent, World, policy};

#[test]
fn the_service_gets_a_token_about_who_was_let_in() {
    let mut world = World::new();
    let token = world
        .token()
        .claim("acr", "phr")
        .claim("amr", json!(["hwk", "mfa"]))
        .claim("auth_time", NOW - 100)
        .claim("client_id", "shop")
        .claim("scope", "orders:read orders:write")
        .claim("email", "alice@example.com")
        .claim("https://example.com/team", json!({ "name": "a\"b" }))
        .claim("phone", "never asked for")
        .build();
    let judged = world.judge(&Sent::get("/orders").bearer(&token));
    let (header, claims) = world.key.read(&judged.token().unwrap());
    assert_eq!(
        header,
        json!({ "alg": "ES256", "typ": "identity+jwt", "kid": world.key.kid() })
    );
    assert_eq!(
        claims,
        json!({
            "iss": GATE,
            "aud": "orders.internal",
            "iat": NOW,
            "exp": NOW + 60,
            "sub": "https://id.example.com/alice",
            "orig_iss": ISSUER,
            "orig_sub": "alice",
            "acr": "phr",
            "amr": ["hwk", "mfa"],
            "auth_time": NOW - 100,
            "facts": ["multi_factor", "phishing_resistant"],
            "kind": "human",
            "client_id": "shop",
            "scope": "orders:read orders:write",
            "gate": "edge-1",
            "email": "alice@example.com",
            "https://example.com/team": { "name": "a\"b" },
        })
    );
    assert_eq!(judged.written("x-passgate-gate").as_deref(), Some("edge-1"));
    assert!(judged.record().contains("\"gate\":\"edge-1\""));
    assert!(!judged.record().contains(&judged.token().unwrap()));
}

#[test]
fn claims_of_a_wrong_type_are_left_out() {
    let mut world = World::new();
    let token = world
        .token()
        .claim("acr", 7)
        .claim("amr", json!(["hwk", 1]))
        .claim("auth_time", "yesterday")
        .claim("client_id", json!(["shop"]))
        .claim("scope", json!(["read", "a b", 7, "write"]))
        .claim("email", json!(null))
        .build();
    let claims = world.claims(&token);
    for gone in [
        "acr",
        "amr",
        "auth_time",
        "client_id",
        "email",
        "facts",
        "act",
    ] {
        assert_eq!(claims.get(gone), None, "{gone}: {claims}");
    }
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["kind"], "unknown");
}

#[test]
fn a_token_ends_with_the_access_token_at_the_latest() {
    let mut world = World::saying("lifetime", json!("5m"));
    for (left, lasts) in [(3_600, 300), (301, 300), (300, 300), (299, 299), (1, 1)] {
        let token = world.token().claim("exp", NOW + left).build();
        assert_eq!(world.claims(&token)["exp"], NOW + lasts, "{left}");
    }
    // Within the skew of clocks the access token passes, and its successor has ended.
    let ended = world.token().claim("exp", NOW - 5).build();
    assert_eq!(world.claims(&ended)["exp"], NOW - 5);
    // Fractions of a second are not rounded up.
    let token = world.token().claim("exp", 1_700_000_100.9).build();
    assert_eq!(world.claims(&token)["exp"], NOW + 100);
}

#[test]
fn a_token_serves_as_long_as_all_that_it_says_is_the_same_and_half_its_lifetime() {
    let mut world = World::new();
    let token = world.token().build();
    let mut at = |now, token: &str| {
        world.now = now;
        let judged = world.judge(&Sent::get("/").bearer(token));
        judged.token().unwrap()
    };
    let first = at(NOW, &token);
    assert_eq!(at(NOW, &token), first);
    assert_eq!(at(NOW + 29, &token), first);
    let second = at(NOW + 30, &token);
    assert_ne!(second, first);
    assert_eq!(at(NOW + 31, &token), second);
    // The clock was set back: a token of the future is none.
    assert_ne!(at(NOW + 10, &token), second);

    // Another access token of the same person says the same; one that says more does not.
    let mut world = World::new();
    let [same, other, later] = [
        world.token().claim("jti", "2").build(),
        world.token().claim("email", "alice@example.com").build(),
        world.token().claim("exp", NOW + 7_200).build(),
    ];
    let mut of = |token: &str| world.judge(&Sent::get("/").bearer(token)).token().unwrap();
    let first = of(&same);
    assert_eq!(of(&later), first);
    assert_ne!(of(&other), first);
}

#[test]
fn near_its_end_an_access_token_costs_one_signature_and_lends_it_to_nobody() {
    let mut world = World::new();
    let long = world.token().build();
    let short = world.token().claim("exp", NOW + 20).build();
    let shorter = world.token().claim("exp", NOW + 10).build();
    let mut at = |now, token: &str| {
        world.now = now;
        let judged = world.judge(&Sent::get("/").bearer(token));
        judged.token().unwrap()
    };
    let [of_long, of_short, of_shorter] = [&long, &short, &shorter].map(|token| at(NOW, token));
    assert!(of_long != of_short && of_short != of_shorter && of_long != of_shorter);
    // In turn, to its very end and through the skew, each keeps its own.
    for now in NOW..NOW + 29 {
        assert_eq!(at(now, &long), of_long);
        assert_eq!(at(now, &short), of_short);
        assert_eq!(at(now, &shorter), of_shorter);
    }
}

#[test]
fn facts_are_dated_by_the_sign_in_that_proves_them() {
    let mut policy = policy();
    policy["providers"]["acme"]["evidence"] = json!({ "lines": [
        { "when": { "acr_any_of": ["phr"] }, "proves": ["phishing_resistant"], "dated_by": "key_time" },
        { "when": { "acr_any_of": ["old"] }, "proves": ["multi_factor"], "dated_by": "none" },
    ] });
    let mut world = World::with(policy);
    let token = |acr: &str| {
        world
            .token()
            .claim("acr", acr)
            .claim("auth_time", NOW - 15)
            .claim("key_time", NOW - 5_000)
            .build()
    };
    let [dated, undated, none] = ["phr", "old", "x"].map(token);
    // The password of a moment ago does not make the passkey's sign-in young.
    assert_eq!(world.claims(&dated)["auth_time"], NOW - 5_000);
    assert_eq!(world.claims(&undated)["facts"], json!(["multi_factor"]));
    assert_eq!(world.claims(&undated).get("auth_time"), None);
    assert_eq!(world.claims(&none)["auth_time"], NOW - 15);
}

#[test]
fn the_audience_is_the_host_that_was_asked_for_where_the_configuration_names_it() {
    let mut world = World::saying("audience", json!({ "of_host": true }));
    world.policy["rules"] = json!([
        { "match": { "prefix": "/", "hosts": ["orders.internal", "*.shop.internal"] },
          "requires": { "provider_name": "acme" } },
        { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
    ]);
    let token = world.token().build();
    let mut audience = |host: &str| {
        let judged = world.judge(&Sent::get("/").bearer(&token).host(host));
        assert_eq!(judged.code(), "permitted.token", "{host}");
        let token = judged.token()?;
        let (_, claims) = world.key.read(&token);
        Some(claims["aud"].as_str().unwrap().to_owned())
    };
    for (host, expected) in [
        ("api.example.com", Some("api.example.com")),
        ("API.example.com", Some("api.example.com")),
        ("api.example.com:443", None),
        // Envoy may take the port away.
        ("other.example.com", Some("other.example.com:8443")),
        ("other.example.com:8443", Some("other.example.com:8443")),
        ("orders.internal", Some("orders.internal")),
        ("a.shop.internal", Some("a.shop.internal")),
        ("shop.internal", None),
        ("payments.internal", None),
        ("127.0.0.1", None),
        ("api.example.com.evil.example", None),
    ] {
        assert_eq!(audience(host).as_deref(), expected, "{host}");
    }
}

#[test]
fn a_host_that_envoy_tells_from_an_origin_is_not_that_origin() {
    let mut world = World::saying("audience", json!({ "of_host": true }));
    let token = world.token().build();
    for (host, is_told) in [
        ("api.example.com", true),
        ("other.example.com:8443", true),
        ("api.example.com.", false),
        ("api.example.com:443", false),
        ("api.example.com.:443", false),
        ("other.example.com.", false),
        ("other.example.com.:8443", false),
        ("other.example.com:08443", false),
    ] {
        let judged = world.judge(&Sent::get("/").bearer(&token).host(host));
        assert_eq!(judged.code(), "permitted.token", "{host}");
        assert_eq!(judged.token().is_some(), is_told, "{host}");
    }
}

#[test]
fn with_transaction_each_request_gets_a_token_of_its_own() {
    let mut world = World::saying("transaction", json!(true));
    let token = world.token().claim("scope", "pay").build();
    let sent = Sent::get("/").bearer(&token);
    let first = world.judge(&sent).token().unwrap();
    let (header, claims) = world.key.read(&first);
    assert_eq!(header["typ"], "txntoken+jwt");
    assert_eq!(
        claims,
        json!({
            "iss": GATE, "aud": "orders.internal", "iat": NOW, "exp": NOW + 60,
            "sub": "https://id.example.com/alice", "orig_iss": ISSUER, "orig_sub": "alice",
            "kind": "unknown", "gate": "edge-1", "scope": "pay",
            "txn": "0d9f-1", "req_wl": "edge-1",
        })
    );
    let other = world.judge(&sent.clone().header("x-request-id", "\"},{"));
    let (_, claims) = world.key.read(&other.token().unwrap());
    assert_eq!(claims["txn"], "\"},{");
    // Without an id there is no transaction.
    let nameless = world.judge(&sent.header("x-request-id", "odd id"));
    assert_eq!(nameless.token(), None);
    assert_eq!(nameless.code(), "permitted.token");

    world.policy["gate"] = json!(null);
    world.policy.as_object_mut().unwrap().remove("gate");
    let mut world = World::with(world.policy);
    let token = world.token().build();
    assert_eq!(world.claims(&token)["req_wl"], GATE);
    assert_eq!(world.claims(&token).get("gate"), None);
}

#[test]
fn nobody_who_is_not_known_gets_a_token() {
    let mut policy = policy();
    policy["rules"] = json!([
        { "match": { "path_separated_prefix": "/public" },
          "public": { "reason": "r", "owner": "o", "until": "never" } },
        { "match": { "path_separated_prefix": "/known" },
          "public": { "reason": "r", "owner": "o", "until": "never", "identity_from": "acme" } },
        { "match": { "path_separated_prefix": "/shadow" }, "mode": { "shadow": { "until": "2023-12-31" } },
          "requires": { "provider_name": "acme" } },
        { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
    ]);
    let mut world = World::with(policy);
    let token = world.token().build();
    let spoofed = |path| Sent::get(path).header("x-passgate-identity", "a client's");
    for path in ["/public", "/known"] {
        let judged = world.judge(&spoofed(path));
        assert_eq!((judged.token(), judged.code()), (None, "permitted.public"));
        assert!(judged.removes("x-passgate-identity"), "{path}");
        assert_eq!(judged.written("x-passgate-gate").as_deref(), Some("edge-1"));
    }
    assert!(
        world
            .judge(&spoofed("/known").bearer(&token))
            .token()
            .is_some()
    );
    // What is only observed passes as it came.
    let observed = world.judge(&Sent::get("/shadow").bearer(&token));
    assert_eq!(observed.edits(), []);
    let refused = world.judge(&spoofed("/"));
    assert_eq!(refused.code(), "missing.token");
}

#[test]
fn a_header_of_another_name_is_removed_from_requests_in_every_spelling() {
    let mut world = World::saying("header", json!("X-Goog-IAP-JWT-Assertion"));
    let token = world.token().build();
    let sent = Sent::get("/").bearer(&token);
    let sent = sent.header("x-goog-iap-jwt-assertion", "a client's");
    let sent = sent.header("x_goog_iap_jwt.assertion", "a client's");
    let judged = world.judge(&sent);
    for name in ["x-goog-iap-jwt-assertion", "x_goog_iap_jwt.assertion"] {
        assert!(judged.removes(name), "{name}");
    }
    let token = judged.written("x-goog-iap-jwt-assertion").unwrap();
    world.key.read(&token);
    assert_eq!(judged.token(), None);
}

/// What Google's Security Token Service wants of a token of a workload identity pool's provider:
/// <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>, `subjectToken`, and
/// <https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers>.
#[test]
fn a_token_has_the_shape_that_googles_token_service_wants() {
    let audience = "//iam.googleapis.com/projects/1234567890123/locations/global/workloadIdentityPools/gates/providers/edge";
    let mut world = World::saying("audience", json!(audience));
    let token = world.token().claim("aud", AUDIENCE).build();
    let judged = world.judge(&Sent::get("/").bearer(&token));
    let (header, claims) = world.key.read(&judged.token().unwrap());
    assert!(["RS256", "ES256"].contains(&header["alg"].as_str().unwrap()));
    assert!(!header["kid"].as_str().unwrap().is_empty());
    assert!(claims["iss"].as_str().unwrap().starts_with("https://"));
    assert_eq!(claims["aud"], audience);
    let date = |name: &str| claims[name].as_u64().expect("whole seconds");
    assert!(date("iat") <= NOW && date("exp") > NOW);
    assert!(date("exp") - date("iat") < 24 * 3_600);
    // google.subject has at most 127 bytes.
    assert!(claims["sub"].as_str().unwrap().len() <= 127);
}
