//! Rules that ask for the workload at the other end of the connection: alone, beside a person, as
//! one of several ways; and tokens that name workloads.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "peers/streams.rs"]
mod streams;
#[path = "peers/svids.rs"]
mod svids;
#[path = "peers/world.rs"]
mod world;

use passgate_kit::{SigningKey, TokenBuilder};
use serde_json::json;

use world::{ISSUER, World, policy};

const REPORT: &str = "spiffe://mesh/ns/batch/sa/report";
const SHOP: &str = "spiffe://mesh/ns/web/sa/shop";

#[test]
fn a_workload_passes_alone_where_the_rule_names_it() {
    let mut world = World::new(&policy());
    for (peer, code, status) in [
        (Some(REPORT), "permitted.peer", None),
        (
            Some("spiffe://mesh/ns/batch/sa/other"),
            "forbidden.peer",
            Some(403),
        ),
        (
            Some("spiffe://mesh/ns/batch/sa/report/x"),
            "forbidden.peer",
            Some(403),
        ),
        (
            Some("spiffe://mesh.evil/ns/batch/sa/report"),
            "forbidden.peer",
            Some(403),
        ),
        (
            Some("spiffe://mesh/ns/batch/sa/Report"),
            "forbidden.peer",
            Some(403),
        ),
        (
            Some("spiffe://mesh/ns/batch/sa/report/"),
            "missing.peer",
            Some(403),
        ),
        (
            Some("https://mesh/ns/batch/sa/report"),
            "missing.peer",
            Some(403),
        ),
        (None, "missing.peer", Some(403)),
    ] {
        world.show(peer);
        let judged = world.judge("/batch", &[]);
        assert_eq!((judged.code, judged.status), (code, status), "{peer:?}");
        // It would not help to sign in.
        assert_eq!(judged.header("www-authenticate"), None);
        assert_eq!(judged.header("location"), None);
    }
}

#[test]
fn the_service_is_told_which_workload_it_is() {
    let mut world = World::new(&policy());
    world.show(Some(REPORT));
    let forged = [
        ("x-passgate-peer", "spiffe://mesh/ns/evil".to_owned()),
        ("X_Passgate_Peer", "spiffe://mesh/ns/evil".to_owned()),
        (
            "x-passgate-principal",
            "https://id.example.com/root".to_owned(),
        ),
        ("x-passgate-provider", "acme".to_owned()),
        ("authorization", "Bearer junk".to_owned()),
    ];
    let judged = world.judge("/batch", &forged);
    assert_eq!(judged.code, "permitted.peer");
    let written = judged.written();
    assert_eq!(
        written,
        [
            ("x-passgate-principal", REPORT),
            ("x-passgate-kind", "workload"),
            ("x-passgate-peer", REPORT),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let removed = judged.removed();
    for (name, _) in forged {
        assert!(removed.contains(&name.to_owned()), "{name}: {removed:?}");
    }
    let record = judged.record();
    assert_eq!(record["peer"], REPORT);
    assert_eq!(record["kind"], "workload");
    assert_eq!(record.get("subject"), None);
    assert_eq!(record.get("provider"), None);
}

#[test]
fn a_header_says_nothing_about_the_connection() {
    let mut world = World::new(&policy());
    for peer in [None, Some(SHOP)] {
        world.show(peer);
        let forged = format!("By=spiffe://mesh/ns/a/sa/gate;Hash=00;URI={REPORT}");
        let headers = [
            ("x-forwarded-client-cert", forged),
            ("x-passgate-peer", REPORT.to_owned()),
        ];
        let code = world.judge("/batch", &headers).code;
        assert!(["missing.peer", "forbidden.peer"].contains(&code), "{code}");
    }
}

#[test]
fn a_person_passes_through_the_workload_that_the_rule_names() {
    let mut world = World::new(&policy());
    let person = world.person(&["hwk"]);
    let weak = world.person(&["pwd"]);
    for (peer, token, code) in [
        (Some(SHOP), Some(&person), "permitted.token"),
        (Some(SHOP), Some(&weak), "insufficient.authentication"),
        (Some(SHOP), None, "missing.token"),
        (Some(REPORT), Some(&person), "forbidden.peer"),
        (Some(REPORT), None, "forbidden.peer"),
        (None, Some(&person), "missing.peer"),
        (None, None, "missing.peer"),
    ] {
        world.show(peer);
        let judged = world.judge("/pay", &world::bearer(token));
        assert_eq!(judged.code, code, "{peer:?} {token:?}");
        let is_told = judged
            .written()
            .iter()
            .any(|(name, _)| name == "x-passgate-peer");
        assert_eq!(is_told, code == "permitted.token");
    }
    world.show(Some(SHOP));
    let judged = world.judge("/pay", &world::bearer(Some(&person)));
    let written = judged.written();
    let value = |name: &str| {
        let found = written.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.clone())
    };
    assert_eq!(value("x-passgate-peer").as_deref(), Some(SHOP));
    assert_eq!(
        value("x-passgate-principal"),
        Some(format!("{ISSUER}/alice"))
    );
    assert_eq!(value("x-passgate-kind").as_deref(), Some("human"));
    assert_eq!(
        value("x-passgate-phishing-resistant").as_deref(),
        Some("true")
    );
    let record = judged.record();
    assert_eq!(
        (&record["peer"], &record["subject"]),
        (&json!(SHOP), &json!("alice"))
    );
}

#[test]
fn one_of_several_ways_is_enough() {
    let mut world = World::new(&policy());
    let person = world.person(&["hwk"]);
    let weak = world.person(&["pwd"]);
    for (peer, token, code, status) in [
        (None, Some(&person), "permitted.token", None),
        (Some(SHOP), Some(&person), "permitted.token", None),
        (Some(REPORT), None, "permitted.peer", None),
        // Who shows a token is judged by it, so that a workload that hands on the requests of
        // people lends none of them its own name.
        (Some(REPORT), Some(&person), "permitted.token", None),
        (
            Some(REPORT),
            Some(&weak),
            "insufficient.authentication",
            Some(401),
        ),
        (
            Some(REPORT),
            Some(&"junk".to_owned()),
            "malformed.token_shape",
            Some(401),
        ),
        // Who has nothing is told the way that can be had by asking.
        (None, None, "missing.token", Some(401)),
        (Some(SHOP), None, "missing.token", Some(401)),
    ] {
        world.show(peer);
        for path in ["/either", "/either-workload-first"] {
            let judged = world.judge(path, &world::bearer(token));
            assert_eq!(
                (judged.code, judged.status),
                (code, status),
                "{peer:?} {token:?}"
            );
            if code == "missing.token" {
                let challenge = judged.header("www-authenticate").unwrap();
                assert!(
                    challenge.starts_with("Bearer ") && challenge.contains("acr_values=\"phr\""),
                    "{challenge}"
                );
            }
            // The workload is not told where it was not asked for.
            let is_told = judged
                .written()
                .iter()
                .any(|(name, _)| name == "x-passgate-peer");
            assert_eq!(is_told, code == "permitted.peer");
        }
    }
}

/// The ways with a token are of other workloads, so this one has none for it.
#[test]
fn a_workload_lends_its_name_to_no_token_that_nobody_looks_at() {
    let mut policy = policy();
    policy["providers"]["globex"] = json!({
        "issuer": "https://globex.example.com",
        "audiences": [world::AUDIENCE],
        "from_headers": [{ "name": "x-globex" }],
        "local_jwks": { "inline_string": passgate_kit::jwks(&[&SigningKey::es256("g")]) },
    });
    let report = json!({ "token": "none", "peer": { "spiffe": [REPORT] } });
    let shop = json!({ "provider_name": "acme", "peer": { "spiffe": [SHOP] } });
    let globex = json!({ "provider_name": "globex" });
    let rule = |path: &str, ways: &[&serde_json::Value]| json!({ "match": { "path": path }, "requires": { "requires_any": { "requirements": ways } } });
    policy["rules"] = json!([
        rule("/two", &[&shop, &report]),
        rule("/three", &[&report, &shop, &globex]),
        { "match": { "path": "/mesh" }, "requires": { "provider_name": "mesh" } },
    ]);
    let mut world = World::new(&policy);
    let person = world.person(&["hwk"]);
    world.show(Some(REPORT));
    for path in ["/two", "/three"] {
        for token in [&person, &"junk".to_owned()] {
            let judged = world.judge(path, &world::bearer(Some(token)));
            let refused = ("forbidden.peer", Some(403));
            assert_eq!((judged.code, judged.status), refused, "{path}");
            assert_eq!(judged.record()["expected"], SHOP);
        }
        // Several are no better than one.
        let mut twice = world::bearer(Some(&person));
        twice.extend(world::bearer(Some(&"junk".to_owned())));
        assert!(world.judge(path, &twice).status.is_some(), "{path}");
        assert_eq!(world.judge(path, &[]).code, "permitted.peer", "{path}");
        // It stands where nobody looks for one.
        let elsewhere = [("x-other", person.clone())];
        assert_eq!(world.judge(path, &elsewhere).code, "permitted.peer");
    }
    world.show(Some(SHOP));
    let judged = world.judge("/two", &world::bearer(Some(&person)));
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn what_a_connection_is_asked_costs_only_where_a_rule_asks() {
    let mut world = World::new(&policy());
    world.show(Some(SHOP));
    let person = world.person(&["hwk"]);
    for path in ["/plain", "/public", "/nowhere"] {
        world.judge(path, &world::bearer(Some(&person)));
        world.judge(path, &[]);
    }
    assert_eq!(world.asked.get(), 0);
    world.judge("/pay", &world::bearer(Some(&person)));
    assert_eq!(world.asked.get(), 1);
}

#[test]
fn shadow_says_what_would_have_been_done() {
    let mut world = World::new(&policy());
    for (peer, decision, reason) in [
        (Some(REPORT), "allow", "permitted.peer"),
        (Some(SHOP), "deny", "forbidden.peer"),
        (None, "deny", "missing.peer"),
    ] {
        world.show(peer);
        let judged = world.judge("/shadow", &[("x-passgate-peer", "forged".to_owned())]);
        assert_eq!((judged.code, judged.status), (reason, None));
        assert!(judged.is_observed && judged.written().is_empty() && judged.removed().is_empty());
        let record = judged.record();
        assert_eq!(record["decision"], "shadow");
        assert_eq!(record["shadow"]["decision"], decision);
        assert_eq!(record.get("peer"), peer.map(|peer| json!(peer)).as_ref());
        if decision == "deny" {
            assert_eq!(record["shadow"]["status"], 403);
        } else {
            let written = record["shadow"]["written"].to_string();
            assert!(written.contains("x-passgate-peer"), "{written}");
        }
    }
}

/// What was expected says to the operator what was wrong with the certificate.
#[test]
fn the_record_says_what_was_wanted_instead() {
    let mut world = World::new(&policy());
    world.show(None);
    let told = |world: &mut World| world.judge("/batch", &[]).record()["expected"].clone();
    assert!(told(&mut world).as_str().unwrap().contains("Envoy 1.38"));
    world.show(Some(SHOP));
    assert_eq!(told(&mut world), REPORT);
    world.show_names(&[REPORT, REPORT]);
    assert_eq!(
        told(&mut world),
        "a client certificate with exactly one URI"
    );
}

/// Two readings of a path: who is a workload by one of them and a person by the other is nobody.
#[test]
fn a_path_with_two_readings_is_of_one_caller() {
    let mut policy = policy();
    policy["path"] = json!({ "allow": ["encoded_slash"] });
    let rest = json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } });
    policy["rules"].as_array_mut().unwrap().push(rest);
    let mut world = World::new(&policy);
    world.show(Some(REPORT));
    let person = world.person(&["hwk"]);
    let judged = world.judge("/batch%2fx", &world::bearer(Some(&person)));
    assert_eq!(
        judged.code,
        "ambiguous.credentials",
        "{:?}",
        judged.record()
    );
}

#[test]
fn a_token_of_another_key_is_refused_beside_a_good_workload() {
    let mut world = World::new(&policy());
    world.show(Some(SHOP));
    let other = SigningKey::es256("k");
    let forged = TokenBuilder::of(&other, ISSUER, world::AUDIENCE)
        .claim("iat", world::NOW)
        .claim("exp", world::NOW + 300)
        .build();
    let judged = world.judge("/pay", &world::bearer(Some(&forged)));
    assert_eq!(judged.code, "untrusted.signature");
}

/// Whether a client that names another host than the first rule's falls to one that asks for less.
#[test]
fn a_rule_that_takes_more_workloads_asks_for_less() {
    let one = json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/a/b"] } });
    let some = json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/a/*"] } });
    let all =
        json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/a/b", "spiffe://mesh/**"] } });
    let with_token =
        json!({ "provider_name": "acme", "peer": { "spiffe": ["spiffe://mesh/a/b"] } });
    let token = json!({ "provider_name": "acme" });
    for (strict, weak, is_less) in [
        (&one, &one, false),
        (&one, &some, true),
        (&one, &all, true),
        (&some, &one, false),
        (&some, &all, true),
        (&all, &some, false),
        (&with_token, &one, true),
        (&one, &with_token, false),
        (&with_token, &token, true),
        (&token, &with_token, false),
        (&token, &one, true),
        (&one, &token, true),
    ] {
        let mut policy = policy();
        policy["rules"] = json!([
            { "match": { "path": "/mesh" }, "requires": {} },
            { "match": { "prefix": "/", "hosts": ["a.test"] }, "requires": strict },
            { "match": { "prefix": "/" }, "requires": weak },
        ]);
        let key = SigningKey::es256("k");
        let text = world::with_keys(&policy, &key, &key);
        let config = passgate_core::Config::parse(text.as_bytes()).unwrap();
        let mut warnings = config.warnings().iter().map(ToString::to_string);
        let warned = warnings.any(|warning| warning.contains("gets to rules[2]"));
        assert_eq!(warned, is_less, "{strict} {weak}");
    }
}
