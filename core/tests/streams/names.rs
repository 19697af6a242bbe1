//! Streams whose rule wants a role or a product that rests on facts.

use serde_json::{Value, json};

use crate::world::{Judge, START, World, told};

/// A gate whose rule wants a key of hardware ten seconds ago at most, and this. A PIN gives a role
/// and a product, which others have without one.
fn gate(world: &mut World, wanted: &Value) -> Judge {
    let pin = json!({ "facts": ["user_verified"] });
    let group = json!({ "provider_name": "acme",
                        "claim": { "path": ["groups"], "contains": "finance" } });
    let anybody = json!({ "provider_name": "acme" });
    let mut requires = json!({ "facts": ["phishing_resistant"], "max_age": "10s" });
    let members = wanted.as_object().unwrap().clone();
    requires.as_object_mut().unwrap().extend(members);
    world.judge(json!({
        "acme": { "evidence": { "lines": [
            { "when": { "amr_any_of": ["hwk"] }, "proves": ["phishing_resistant"] },
            { "when": { "acr_any_of": ["pin"] }, "proves": ["user_verified"],
              "dated_by": "pin_time" },
        ] } },
        "roles": [{ "role": "payer", "when": pin }, { "role": "payer", "when": group },
                  { "role": "clerk", "when": pin }, { "role": "clerk", "when": anybody }],
        "products": [{ "product": "gold", "when": pin }, { "product": "silver", "when": group },
                     { "product": "plain", "when": anybody }],
        "rules": [{ "match": { "prefix": "/" }, "requires": requires }],
    }))
}

#[test]
fn a_stream_ends_when_the_fact_of_its_role_or_product_is_too_old() {
    let both = json!({ "roles": ["clerk"], "products": ["gold", "plain"] });
    for (wanted, seconds, reason) in [
        (json!({}), 10, "insufficient.max_age"),
        (json!({ "roles": ["clerk"] }), 10, "insufficient.max_age"),
        (json!({ "roles": ["clerk", "payer"] }), 6, "forbidden.role"),
        (
            json!({ "products": ["gold", "silver"] }),
            6,
            "forbidden.product",
        ),
        // It has the other product then.
        (both, 10, "insufficient.max_age"),
    ] {
        let mut world = World::new();
        let mut judge = gate(&mut world, &wanted);
        let token = world.token(600).claim("amr", json!(["hwk"]));
        let token = token.claim("acr", "pin").claim("pin_time", START - 4);
        world.with(&mut judge, 1, &token.build());
        let mut cuts = Vec::new();
        let mut passed = 0;
        while cuts.is_empty() && passed < 20_000 {
            world.pass(100);
            passed += 100;
            cuts = world.tick(&mut judge);
        }
        assert_eq!(told(&cuts), [(1, "cut", reason)], "{wanted}");
        assert!((passed - seconds * 1_000) < 700, "{wanted}: {passed} ms");
    }
}
