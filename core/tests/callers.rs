//! Roles and products: who has them, what rules make of them, what services and operators are told;
//! and rules that refuse.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "callers/conditions.rs"]
mod conditions;
#[path = "peers/world.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod world;

use passgate_core::Config;
use passgate_kit::{SigningKey, TokenBuilder};
use serde_json::{Value, json};

use world::{AUDIENCE, ISSUER, Judged, NOW, World, bearer, policy, with_keys};

const SHOP: &str = "spiffe://mesh/ns/web/sa/shop";
const REPORT: &str = "spiffe://mesh/ns/batch/sa/report";

/// A policy with these roles, products and rules; those without a match are about all requests.
fn of(roles: Value, products: Value, mut rules: Value) -> Value {
    for rule in rules.as_array_mut().unwrap() {
        if rule.get("match").is_none() {
            rule["match"] = json!({ "prefix": "/" });
        }
    }
    let mut policy = policy();
    policy["roles"] = roles;
    policy["products"] = products;
    policy["rules"] = rules;
    let uses_mesh = policy.to_string().contains(r#""requires":{}"#);
    if !uses_mesh {
        // A provider has a rule that is about its tokens.
        let rule = json!({ "match": { "path": "/mesh" }, "requires": { "provider_name": "mesh" } });
        policy["rules"].as_array_mut().unwrap().insert(0, rule);
    }
    policy
}

/// A gate with such a policy.
fn gate(roles: Value, products: Value, rules: Value) -> World {
    World::new(&of(roles, products, rules))
}

/// The problems of such a configuration.
fn problems(roles: Value, products: Value, rules: Value) -> Vec<String> {
    let policy = of(roles, products, rules);
    let keys = [SigningKey::es256("k"), SigningKey::es256("s")];
    let text = with_keys(&policy, &keys[0], &keys[1]);
    match Config::parse(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(all) => all.iter().map(ToString::to_string).collect(),
    }
}

fn finance() -> Value {
    json!({ "provider_name": "acme", "claim": { "path": ["groups"], "contains": "finance" } })
}

fn requires(requires: &Value) -> Value {
    json!([{ "requires": requires }])
}

/// A request to the root with a token of the provider, made by `make` of a good one.
fn with(world: &mut World, make: impl FnOnce(TokenBuilder<'_>) -> TokenBuilder<'_>) -> Judged {
    let token = token(world, make);
    world.judge("/", &bearer(Some(&token)))
}

fn token(world: &World, make: impl FnOnce(TokenBuilder<'_>) -> TokenBuilder<'_>) -> String {
    let token = TokenBuilder::of(&world.key, ISSUER, AUDIENCE)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
        .claim("amr", json!(["pwd"]));
    make(token).build()
}

fn header(judged: &Judged, name: &str) -> Option<String> {
    let written = judged.written().into_iter();
    let mut of_name = written.filter(|(own, _)| own == name);
    let value = of_name.next().map(|(_, value)| value);
    assert_eq!(of_name.next(), None, "written once");
    value
}

#[test]
fn a_rule_wants_all_of_its_roles_and_one_of_its_products() {
    let roles = json!([
        { "role": "payer", "when": finance() },
        { "role": "auditor", "when": { "claim": { "path": ["groups"], "contains": "audit" }, "provider_name": "acme" } },
    ]);
    let product = |name: &str, client: &str| json!({ "product": name, "when": { "provider_name": "acme", "claim": { "path": ["client_id"], "equals": client } } });
    let products = json!([
        product("gold", "p7"),
        product("silver", "p8"),
        product("bronze", "p9")
    ]);
    let wanted = json!({ "provider_name": "acme", "roles": ["payer", "auditor"], "products": ["gold", "silver"] });
    let mut gate = gate(roles, products, requires(&wanted));
    for (groups, client, code) in [
        (json!(["finance", "audit"]), "p7", "permitted.token"),
        (json!(["audit", "x", "finance"]), "p8", "permitted.token"),
        (json!(["finance"]), "p7", "forbidden.role"),
        (json!(["audit"]), "p7", "forbidden.role"),
        (json!("finance audit"), "p7", "forbidden.role"),
        (json!(["finance", "audit", 1]), "p7", "forbidden.role"),
        (json!(["finance", "audit"]), "p9", "forbidden.product"),
        (json!(["finance", "audit"]), "unknown", "forbidden.product"),
        (json!(["finance", "audit"]), "", "forbidden.product"),
    ] {
        let judged = with(&mut gate, |token| {
            token
                .claim("groups", groups.clone())
                .claim("client_id", client)
        });
        assert_eq!(judged.code, code, "{groups} {client}");
        if code == "permitted.token" {
            let roles = header(&judged, "x-passgate-roles");
            assert_eq!(roles.as_deref(), Some("payer,auditor"));
            let record = judged.record();
            assert_eq!(record["roles"], json!(["payer", "auditor"]));
            assert_eq!(
                record["product"],
                header(&judged, "x-passgate-product").unwrap()
            );
        } else {
            assert_eq!(judged.status, Some(403));
            assert_eq!(judged.header("www-authenticate"), None);
            let record = judged.record();
            assert!(record["expected"].is_string(), "{record}");
            assert_eq!(record.get("roles"), None);
        }
    }
    // Nobody is asked for a role before anybody is known.
    assert_eq!(gate.judge("/", &[]).code, "missing.token");
}

#[test]
fn the_first_product_that_holds_is_the_only_one() {
    let products = json!([
        { "product": "gold", "when": { "provider_name": "acme", "claim": { "path": ["tier"], "equals": 1 } } },
        { "product": "staff", "when": finance() },
        { "product": "rest", "when": { "provider_name": "acme" } },
    ]);
    let wanted = json!({ "provider_name": "acme", "products": ["staff", "rest"] });
    let mut gate = gate(json!([]), products, requires(&wanted));
    let mut product = |tier: Value, groups: Value| {
        let judged = with(&mut gate, |token| {
            token.claim("tier", tier).claim("groups", groups)
        });
        (judged.code, header(&judged, "x-passgate-product"))
    };
    let some = |name: &str| Some(name.to_owned());
    // Of the wanted ones it could have had staff, were it not for gold.
    assert_eq!(
        product(json!(1), json!(["finance"])),
        ("forbidden.product", None)
    );
    assert_eq!(
        product(json!("1"), json!(["finance"])),
        ("permitted.token", some("staff"))
    );
    assert_eq!(
        product(json!(2), json!([])),
        ("permitted.token", some("rest"))
    );
}

#[test]
fn a_client_does_not_name_its_own_roles_and_products() {
    let roles = json!([{ "role": "payer", "when": finance() }]);
    let rules = json!([
        { "match": { "path": "/open" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
        { "match": { "path": "/pay" }, "requires": { "provider_name": "acme", "roles": ["payer"] } },
        { "requires": { "provider_name": "acme" } },
    ]);
    let mut gate = gate(roles, json!([]), rules);
    let plain = token(&gate, |token| token.claim("roles", json!(["payer"])));
    let lies = [
        "x-passgate-roles",
        "X_Passgate_Roles",
        "x-passgate-product",
        "x.passgate.product",
    ];
    for (path, code) in [
        ("/open", "permitted.public"),
        ("/", "permitted.token"),
        ("/pay", "forbidden.role"),
    ] {
        let mut headers = bearer(Some(&plain));
        headers.extend(lies.map(|name| (name, "payer".to_owned())));
        let judged = gate.judge(path, &headers);
        assert_eq!(judged.code, code);
        assert_eq!(header(&judged, "x-passgate-roles"), None);
        if code != "forbidden.role" {
            for lie in lies {
                assert!(judged.removed().contains(&lie.to_owned()), "{lie}");
            }
        }
    }
}

#[test]
fn a_claim_of_another_provider_gives_no_role() {
    let roles = json!([
        { "role": "payer", "when": finance() },
        { "role": "anybody", "when": { "provider_name": "mesh" } },
        { "role": "workload", "when": { "kind": "workload" } },
    ]);
    let mut gate = gate(roles, json!([]), requires(&json!({})));
    let svid = TokenBuilder::of(&gate.svids, "", AUDIENCE)
        .without("iss")
        .claim("sub", REPORT)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
        .claim("groups", json!(["finance"]))
        .build();
    let judged = gate.judge("/", &bearer(Some(&svid)));
    assert_eq!(judged.code, "permitted.token");
    let roles = header(&judged, "x-passgate-roles");
    assert_eq!(roles.as_deref(), Some("anybody,workload"));
    let judged = with(&mut gate, |token| token.claim("groups", json!(["finance"])));
    assert_eq!(
        header(&judged, "x-passgate-roles").as_deref(),
        Some("payer")
    );
    // A condition on a token has to say whose.
    let nameless =
        json!([{ "role": "r", "when": { "claim": { "path": ["g"], "contains": "x" } } }]);
    let told = problems(nameless, json!([]), requires(&json!({})));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("there are several providers"), "{told:?}");
}

#[test]
fn facts_of_a_role_are_asked_for_and_never_lent() {
    let strong = json!({ "provider_name": "acme", "facts": ["phishing_resistant"],
        "claim": { "path": ["groups"], "contains": "finance" } });
    let roles = json!([{ "role": "payer", "when": strong }]);
    let rules = json!([
        { "match": { "path": "/pay" }, "requires": { "provider_name": "acme", "roles": ["payer"] } },
        { "requires": { "provider_name": "acme" } },
    ]);
    let mut gate = gate(roles, json!([]), rules);
    let of = |world: &World, amr: &str, groups: &str, act: bool| {
        token(world, |token| {
            let token = token
                .claim("amr", json!([amr]))
                .claim("groups", json!([groups]));
            if act {
                token.claim("act", json!({ "sub": "bot" }))
            } else {
                token
            }
        })
    };
    for (amr, groups, act, path, code, roles) in [
        (
            "hwk",
            "finance",
            false,
            "/pay",
            "permitted.token",
            Some("payer"),
        ),
        (
            "hwk",
            "finance",
            false,
            "/",
            "permitted.token",
            Some("payer"),
        ),
        ("pwd", "finance", false, "/", "permitted.token", None),
        // Who signs in again may have it.
        (
            "pwd",
            "finance",
            false,
            "/pay",
            "insufficient.authentication",
            None,
        ),
        // No sign-in makes a member of this person.
        ("pwd", "sales", false, "/pay", "forbidden.role", None),
        ("hwk", "sales", false, "/pay", "forbidden.role", None),
        // The sign-in was another's.
        ("hwk", "finance", true, "/", "permitted.token", None),
        (
            "hwk",
            "finance",
            true,
            "/pay",
            "insufficient.authentication",
            None,
        ),
    ] {
        let token = of(&gate, amr, groups, act);
        // Remembered, it is the same.
        for _ in 0..2 {
            let judged = gate.judge(path, &bearer(Some(&token)));
            assert_eq!(judged.code, code, "{amr} {groups} {act} {path}");
            assert_eq!(header(&judged, "x-passgate-roles").as_deref(), roles);
            let challenge = judged.header("www-authenticate").unwrap_or_default();
            let asks = code == "insufficient.authentication" && !act;
            assert_eq!(
                challenge.contains(r#"acr_values="phr""#),
                asks,
                "{challenge}"
            );
        }
    }
    // Without a token the client learns what it will need.
    let judged = gate.judge("/pay", &[]);
    assert!(judged.header("www-authenticate").unwrap().contains("phr"));
}

#[test]
fn one_role_may_be_given_by_several_conditions() {
    let roles = json!([
        { "role": "ops", "when": { "provider_name": "acme", "facts": ["phishing_resistant"] } },
        { "role": "ops", "when": finance() },
        { "role": "quiet", "when": { "provider_name": "acme" }, "header": false },
    ]);
    let wanted = json!({ "provider_name": "acme", "roles": ["ops", "quiet"] });
    let mut gate = gate(roles, json!([]), requires(&wanted));
    for (amr, groups, code) in [
        ("hwk", "finance", "permitted.token"),
        ("hwk", "sales", "permitted.token"),
        ("pwd", "finance", "permitted.token"),
        // Neither condition is one that all have to meet, so nobody can say which to ask for.
        ("pwd", "sales", "forbidden.role"),
    ] {
        let judged = with(&mut gate, |token| {
            token
                .claim("amr", json!([amr]))
                .claim("groups", json!([groups]))
        });
        assert_eq!(judged.code, code, "{amr} {groups}");
        if code == "permitted.token" {
            assert_eq!(header(&judged, "x-passgate-roles").as_deref(), Some("ops"));
            assert_eq!(judged.record()["roles"], json!(["ops", "quiet"]));
        }
    }
}

#[test]
fn a_workload_has_names_by_its_certificate_alone_and_beside_a_token() {
    let peer = |name: &str| json!({ "peer": { "spiffe": [name] } });
    let roles = json!([
        { "role": "reporter", "when": peer(REPORT) },
        { "role": "shop", "when": peer("spiffe://mesh/ns/web/**") },
        { "role": "payer", "when": finance() },
    ]);
    let products = json!([{ "product": "batch", "when": { "kind": "workload", "peer": { "spiffe": [REPORT] } } }]);
    let batch = json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/ns/**"] }, "roles": ["reporter"], "products": ["batch"] });
    let rules = json!([
        { "match": { "path": "/batch" }, "requires": batch },
        { "match": { "path": "/shop" }, "requires": { "provider_name": "acme", "roles": ["shop"] } },
        { "requires": { "provider_name": "acme" } },
    ]);
    let mut gate = gate(roles, products, rules);
    gate.show(Some(REPORT));
    let judged = gate.judge("/batch", &[("x-passgate-roles", "payer".to_owned())]);
    assert_eq!(judged.code, "permitted.peer");
    assert_eq!(
        header(&judged, "x-passgate-roles").as_deref(),
        Some("reporter")
    );
    assert_eq!(
        header(&judged, "x-passgate-product").as_deref(),
        Some("batch")
    );
    assert_eq!(judged.record()["product"], "batch");
    gate.show(Some(SHOP));
    assert_eq!(gate.judge("/batch", &[]).code, "forbidden.role");
    // A person's token, through the shop, through another and through nobody.
    let finance = token(&gate, |token| token.claim("groups", json!(["finance"])));
    for (peer, code, roles) in [
        (Some(SHOP), "permitted.token", Some("shop,payer")),
        (Some(REPORT), "forbidden.role", None),
        (None, "forbidden.role", None),
    ] {
        gate.show(peer);
        let judged = gate.judge("/shop", &bearer(Some(&finance)));
        assert_eq!(judged.code, code, "{peer:?}");
        assert_eq!(header(&judged, "x-passgate-roles").as_deref(), roles);
        // The rule has not asked for the workload itself.
        assert_eq!(header(&judged, "x-passgate-peer"), None);
        let judged = gate.judge("/", &bearer(Some(&finance)));
        assert_eq!(judged.code, "permitted.token");
        assert_eq!(judged.record().get("peer").is_some(), peer.is_some());
    }
}

#[test]
fn who_is_not_asked_about_is_not_looked_at() {
    let roles = json!([{ "role": "payer", "when": finance() }]);
    let mut gate = gate(
        roles,
        json!([]),
        requires(&json!({ "provider_name": "acme" })),
    );
    gate.show(Some(SHOP));
    assert_eq!(with(&mut gate, |token| token).code, "permitted.token");
    assert_eq!(gate.asked.get(), 0);
}

#[test]
fn names_that_nobody_gives_refuse_the_configuration() {
    let roles = json!([{ "role": "payer", "when": finance() }]);
    let told = problems(
        roles,
        json!([]),
        requires(&json!({ "roles": ["payr"], "products": ["gold"] })),
    );
    assert_eq!(
        told,
        [
            r#"rules[1].requires.products[0]: "gold" is not a product; write it under products, at the top"#,
            r#"rules[1].requires.roles[0]: "payr" is not a role; did you mean payer?"#,
        ]
    );
}
