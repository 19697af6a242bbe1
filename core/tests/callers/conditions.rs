//! Rules that refuse everybody, claims that lack a word, and how long tokens live.

use serde_json::{Value, json};

use crate::{
    gate, of, problems, requires, token, with,
    world::{NOW, World, bearer},
};

#[test]
fn a_rule_that_denies_refuses_everybody() {
    let rules = json!([
        { "match": { "path": "/admin" }, "name": "frozen",
          "deny": { "reason": "nobody until the audit is over", "owner": "platform" } },
        { "requires": { "provider_name": "acme" } },
    ]);
    let mut policy = of(json!([]), json!([]), rules);
    policy["bypass_cors_preflight"] = json!(true);
    let mut gate = World::new(&policy);
    let person = token(&gate, |token| token);
    let preflight = [
        ("origin", "https://app.example.com".to_owned()),
        ("access-control-request-method", "GET".to_owned()),
    ];
    for headers in [&bearer(Some(&person))[..], &[], &preflight] {
        let judged = gate.judge("/admin", headers);
        assert_eq!(
            (judged.code, judged.status),
            ("forbidden.denied", Some(403))
        );
        assert_eq!(judged.header("www-authenticate"), None);
        let record = judged.record();
        assert_eq!(record["expected"], "nobody until the audit is over");
        assert_eq!(
            (&record["rule"], &record["rule_name"]),
            (&json!(1), &json!("frozen"))
        );
    }
    assert_eq!(
        gate.judge("/", &bearer(Some(&person))).code,
        "permitted.token"
    );
}

#[test]
fn a_claim_that_is_missing_or_odd_does_not_lack_a_word() {
    let condition = |split: bool| {
        let mut condition = json!({ "claim_name": "groups", "none_of": ["suspended", "locked"] });
        if split {
            condition["split"] = json!("space");
        }
        requires(&json!({ "provider_name": "acme", "claims": [condition] }))
    };
    let mut gates = [false, true].map(|split| gate(json!([]), json!([]), condition(split)));
    let mut code = |split: bool, claim: Option<Value>| {
        with(&mut gates[usize::from(split)], |token| match claim {
            Some(claim) => token.claim("groups", claim),
            None => token,
        })
        .code
    };
    for good in [
        json!("finance"),
        json!(["finance", "audit"]),
        json!(["Suspended"]),
        json!("x locked"),
    ] {
        assert_eq!(code(false, Some(good.clone())), "permitted.token", "{good}");
    }
    for bad in [
        json!("suspended"),
        json!(["finance", "locked"]),
        json!(""),
        json!([]),
        json!([""]),
        json!(["finance", 1]),
        json!(["finance", null]),
        json!([["finance"]]),
        json!({ "finance": true }),
        json!(null),
        json!(true),
        json!(7),
    ] {
        assert_eq!(code(false, Some(bad.clone())), "forbidden.claim", "{bad}");
        assert_eq!(
            code(true, Some(bad.clone())),
            "forbidden.claim",
            "{bad} split"
        );
    }
    for split in [false, true] {
        assert_eq!(code(split, None), "forbidden.claim");
    }
    assert_eq!(code(true, Some(json!("a b"))), "permitted.token");
    for bad in ["a locked", "suspended", "  ", " locked"] {
        assert_eq!(code(true, Some(json!(bad))), "forbidden.claim", "{bad}");
    }
    // An element of a list is not split, so one with a blank may be several words.
    for bad in [json!(["read suspended"]), json!(["read", "a b"])] {
        assert_eq!(code(true, Some(bad.clone())), "forbidden.claim", "{bad}");
        assert_eq!(code(false, Some(bad.clone())), "permitted.token", "{bad}");
    }
}

#[test]
fn a_rule_bounds_how_long_its_tokens_live() {
    let ways = json!({ "max_token_lifetime": "10m", "requires_any": { "requirements": [
        { "provider_name": "acme", "max_token_lifetime": "5m" },
        { "provider_name": "acme", "scopes": ["slow"] },
    ] } });
    let mut gate = gate(json!([]), json!([]), requires(&ways));
    for (lifetime, scope, code) in [
        (300, "", "permitted.token"),
        (301, "", "insufficient.scope"),
        (301, "slow", "permitted.token"),
        (600, "slow", "permitted.token"),
        (601, "slow", "untrusted.lifetime"),
    ] {
        let judged = with(&mut gate, |token| {
            token.claim("exp", NOW + lifetime).claim("scope", scope)
        });
        assert_eq!(judged.code, code, "{lifetime} {scope}");
    }
    let judged = with(&mut gate, |token| token.without("iat"));
    assert_eq!(
        (judged.code, judged.status),
        ("untrusted.lifetime", Some(401))
    );
}

#[test]
fn a_rule_that_denies_is_about_every_method() {
    let denied = json!({ "reason": "r", "owner": "o" });
    let public = json!({ "reason": "r", "owner": "o", "until": "never" });
    let rules = json!([
        { "match": { "path_separated_prefix": "/admin" }, "deny": denied },
        { "match": { "path": "/some", "methods": ["GET"] }, "deny": denied },
        { "match": { "prefix": "/", "methods": ["GET", "TRACE", "CONNECT"] }, "public": public },
        { "requires": { "provider_name": "acme" } },
    ]);
    let mut gate = gate(json!([]), json!([]), rules);
    for method in ["GET", "POST", "TRACE", "CONNECT"] {
        let judged = gate.judge_as(method, "/admin/x", &[]);
        assert_eq!(judged.code, "forbidden.denied", "{method}");
    }
    for method in ["TRACE", "CONNECT"] {
        assert_eq!(gate.judge_as(method, "/", &[]).code, "permitted.public");
        assert_eq!(gate.judge_as(method, "/some", &[]).code, "permitted.public");
    }
    // A rule behind it, about the same path, is reached by nobody.
    let deny = json!({ "match": { "path": "/x" }, "deny": denied });
    let trace = json!({ "match": { "path": "/x", "methods": ["TRACE"] }, "public": public });
    let open = json!({ "match": { "path": "/x" }, "public": public });
    for (rules, count) in [
        (json!([deny, trace]), 1),
        (json!([open, deny]), 1),
        (json!([open, trace]), 0),
    ] {
        let told = problems(json!([]), json!([]), rules.clone());
        let is_lost = |told: &&String| told.contains("no request gets here");
        assert_eq!(
            told.iter().filter(is_lost).count(),
            count,
            "{rules} {told:?}"
        );
    }
}

#[test]
fn the_facts_of_a_wanted_name_are_as_young_as_the_rule_wants() {
    let facts = json!({ "provider_name": "acme", "facts": ["user_verified"] });
    let boss = json!({ "path": ["boss"], "equals": true });
    let boss = json!({ "provider_name": "acme", "claim": boss });
    let roles = json!([
        { "role": "approver", "when": facts },
        { "role": "approver", "when": boss },
    ]);
    let products = json!([
        { "product": "gold", "when": facts },
        { "product": "silver", "when": boss },
        { "product": "silver", "when": { "provider_name": "acme", "facts": ["multi_factor"] } },
    ]);
    let rule = |path: &str, wants: Value| {
        let mut requires = json!({ "provider_name": "acme", "max_age": "5m" });
        for (name, value) in wants.as_object().unwrap() {
            requires[name] = value.clone();
        }
        json!({ "match": { "path": path }, "requires": requires })
    };
    let rules = json!([
        rule("/role", json!({ "roles": ["approver"] })),
        rule("/product", json!({ "products": ["gold", "silver"] })),
        rule("/silver", json!({ "products": ["silver"] })),
        rule("/", json!({})),
    ]);
    let mut policy = of(roles, products, rules);
    let pk = json!({ "path": ["pk"], "equals": true });
    policy["providers"]["acme"]["evidence"] = json!({ "lines": [
        { "when": { "claim": pk }, "proves": ["user_verified"], "dated_by": "pk_time" },
    ] });
    let mut gate = World::new(&policy);
    for (age, boss, codes, product) in [
        (
            86_400,
            false,
            ["forbidden.role", "forbidden.product", "forbidden.product"],
            "",
        ),
        (
            60,
            false,
            ["permitted.token", "permitted.token", "forbidden.product"],
            "gold",
        ),
        (
            60,
            true,
            ["permitted.token", "permitted.token", "forbidden.product"],
            "gold",
        ),
        (
            86_400,
            true,
            ["permitted.token", "permitted.token", "forbidden.product"],
            "silver",
        ),
    ] {
        let token = token(&gate, |token| {
            token
                .claim("pk", true)
                .claim("pk_time", NOW - age)
                .claim("auth_time", NOW)
                .claim("boss", boss)
        });
        for (path, code) in ["/role", "/product", "/silver"].into_iter().zip(codes) {
            let judged = gate.judge(path, &bearer(Some(&token)));
            assert_eq!(judged.code, code, "{path} {age} {boss}");
            if path == "/product" && !product.is_empty() {
                assert_eq!(judged.record()["product"], product);
            }
        }
        // Who wants no name is told of those that anything proves.
        let judged = gate.judge("/", &bearer(Some(&token)));
        assert_eq!(judged.record()["product"], "gold");
    }
}

#[test]
fn a_refusal_gives_nobody_a_role_or_a_product() {
    let anybody = json!({ "provider_name": "acme" });
    let roles = json!([{ "role": "payer", "when": anybody }]);
    let products = json!([{ "product": "gold", "when": anybody }]);
    let once = json!({ "provider_name": "acme", "single_use": true });
    let mut gate = gate(roles, products, requires(&once));
    // All else is well, but nobody remembers which tokens were spent.
    let judged = with(&mut gate, |token| token.claim("jti", "1"));
    assert_eq!(judged.code, "unavailable.replay_memory");
    let record = judged.record();
    assert_eq!(record["provider"], "acme");
    assert_eq!((record.get("roles"), record.get("product")), (None, None));
}
