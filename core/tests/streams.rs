//! Open streams, through the face of the library: when each ends, why, and what is told.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

#[path = "streams/histories.rs"]
mod histories;
#[path = "proofs/host.rs"]
mod host;
#[path = "streams/many.rs"]
mod many;
#[path = "streams/names.rs"]
mod names;
#[path = "streams/passkeys.rs"]
mod passkeys;
#[path = "sim/random.rs"]
mod random;
#[path = "streams/world.rs"]
mod world;

use passgate_core::{Request, Settlement, Step, Verdict};
use serde_json::{Value, json};
use world::{DOOR, Judge, World, told};

#[test]
fn time_ends_a_stream_and_no_other() {
    let mut world = World::new();
    let rules = json!([{ "match": { "prefix": "/" }, "requires": { "requires_any": { "requirements": [
        { "max_age": "5s", "scopes": ["read"] }, { "scopes": ["write"] },
    ] } } }]);
    let judge = &mut world.judge(json!({ "rules": rules }));
    let read = world.token(60).claim("scope", "read").build();
    let both = world.token(60).claim("scope", "read write").build();
    let short = world.token(3).claim("scope", "write").build();
    for (stream, token) in [(1, &read), (2, &both), (3, &short)] {
        world.with(judge, stream, token);
    }
    assert!(world.tick(judge).is_empty());
    world.pass(2_999);
    assert!(world.tick(judge).is_empty());
    world.pass(501);
    let cuts = world.tick(judge);
    assert_eq!(told(&cuts), [(3, "cut", "untrusted.expired")]);
    let record: Value = serde_json::from_str(&cuts[0].record.to_json()).unwrap();
    assert_eq!(record["request_id"], "id-1");
    assert_eq!(cuts[0].record.subject.as_deref(), Some("alice"));
    assert_eq!(
        cuts[0].rejection.as_ref().map(|told| told.status),
        Some(401)
    );
    world.pass(2_000);
    // The other way to meet the rule has no age.
    assert_eq!(
        told(&world.tick(judge)),
        [(1, "cut", "insufficient.max_age")]
    );
    world.pass(60_000);
    assert_eq!(told(&world.tick(judge)), [(2, "cut", "untrusted.expired")]);
    assert!(world.leases.is_empty());
}

#[test]
fn a_list_ends_whom_it_names() {
    let mut world = World::new();
    let feed = json!({ "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" } });
    // What is not remembered is revoked all the same.
    for remembered in [json!(0), json!(100)] {
        world.list = json!([]);
        let judge = &mut world.judge(json!({
            "acme": { "revocations": feed }, "limits": { "remembered_tokens": remembered },
        }));
        let alice = world.token(600).claim("sid", "s-1").build();
        let bob = world.token(600).claim("sub", "bob").build();
        world.with(judge, 1, &alice);
        world.with(judge, 2, &bob);
        world.list = json!([{ "sid": "s-1" }]);
        world.sequence += 1;
        let mut cuts = Vec::new();
        for _ in 0..40 {
            world.pass(600);
            cuts.extend(world.tick(judge));
        }
        assert_eq!(told(&cuts), [(1, "cut", "untrusted.revoked")]);
        let expected = cuts[0].record.expected.as_deref();
        assert_eq!(expected, Some("sid: one that is not revoked"));
        world.leases.let_go(2);
    }
}

#[test]
fn an_exemption_ends_its_streams() {
    let mut world = World::new();
    let public = json!({ "reason": "r", "owner": "o", "until": "2026-11-29" });
    let judge = &mut world.judge(
        json!({ "rules": [{ "match": { "path": "/never" }, "requires": {} },
        { "match": { "prefix": "/" }, "public": public }] }),
    );
    let reason = world.open(judge, 1, &[(":path", "/news")]);
    assert_eq!(reason, "permitted.public");
    world.pass(600);
    assert!(world.tick(judge).is_empty());
    world.pass(48 * 3_600_000);
    assert_eq!(
        told(&world.tick(judge)),
        [(1, "cut", "forbidden.exemption_ended")]
    );
}

#[test]
fn the_newest_policy_of_a_door_judges_its_streams() {
    let mut world = World::new();
    let first = &mut world.judge(json!({}));
    let read = world.token(600).claim("scope", "read").build();
    let none = world.token(600).build();
    world.with(first, 1, &read);
    world.with(first, 2, &none);
    let rules = json!([{ "match": { "prefix": "/" }, "requires": { "scopes": ["read"] } }]);
    let second = &mut world.judge(json!({ "rules": rules }));
    world.pass(600);
    // Nobody knows yet that it took the place of the first.
    assert!(world.tick(second).is_empty());
    second.verifier.enter(&mut world.leases, b"another door");
    world.pass(600);
    assert!(world.tick(second).is_empty());
    second.verifier.enter(&mut world.leases, DOOR);
    world.pass(600);
    assert!(world.tick(first).is_empty());
    assert_eq!(
        told(&world.tick(second)),
        [(2, "cut", "insufficient.scope")]
    );
    assert_eq!(world.leases.len(), 1);
    // It was the second one's word: when that goes, its streams have gone.
    second.verifier.leave(&mut world.leases);
    world.leases.let_go(1);
    world.with(first, 3, &none);
    world.pass(600_000);
    assert_eq!(told(&world.tick(first)), [(3, "cut", "untrusted.expired")]);
}

/// A client may keep a connection to an old policy, to which the newest one has not listened.
#[test]
fn a_stream_ends_though_the_newest_policy_of_its_door_sleeps() {
    let mut world = World::new();
    let first = &mut world.judge(json!({}));
    let second = &mut world.judge(json!({}));
    second.verifier.enter(&mut world.leases, DOOR);
    assert_eq!(second.verifier.next_look(&world.leases, world.now), None);
    let token = world.token(5).build();
    world.with(first, 1, &token);
    world.pass(600);
    assert!(world.tick(first).is_empty());
    world.pass(5_000);
    assert_eq!(told(&world.tick(first)), [(1, "cut", "untrusted.expired")]);
}

/// docs/revocation.md, "A new policy".
#[test]
fn a_stream_that_a_policy_lets_go_does_not_come_back() {
    let rules = json!([{ "match": { "prefix": "/" }, "requires": {},
        "streams": { "end_with_authority": false } }]);
    let document = "https://api.example.com/.well-known/oauth-protected-resource";
    let served = json!({ "origins": ["https://api.example.com"],
        "resource_metadata": { "uri": document, "serve": true } });
    for (path, between) in [
        ("/chat", json!({ "rules": rules })),
        ("/.well-known/oauth-protected-resource", served),
    ] {
        let mut world = World::new();
        let token = format!("Bearer {}", world.token(60).build());
        let first = &mut world.judge(json!({}));
        let reason = world.open(first, 1, &[(":path", path), ("authorization", &token)]);
        assert_eq!(reason, "permitted.token");
        assert_eq!(world.leases.len(), 1);
        let second = &mut world.judge(between);
        second.verifier.enter(&mut world.leases, DOOR);
        world.pass(600);
        assert!(world.tick(second).is_empty());
        let third = &mut world.judge(json!({}));
        third.verifier.enter(&mut world.leases, DOOR);
        world.pass(600_000);
        for judge in [first, second, third] {
            assert!(world.tick(judge).is_empty());
        }
        assert!(world.leases.is_empty());
    }
}

#[test]
fn a_token_that_nobody_remembers_does_not_outlive_its_policy() {
    let mut world = World::new();
    let first = &mut world.judge(json!({ "limits": { "remembered_tokens": 0 } }));
    let token = world.token(600).build();
    world.with(first, 1, &token);
    let second = &mut world.judge(json!({}));
    second.verifier.enter(&mut world.leases, DOOR);
    world.pass(600);
    assert_eq!(
        told(&world.tick(second)),
        [(1, "cut", "unavailable.streams")]
    );
}

/// Whoever fills the memory does not free the others.
#[test]
fn a_stream_that_is_judged_anew_keeps_its_lease_where_there_is_no_room() {
    let mut world = World::new();
    let full = json!({ "limits": { "streams": 1 } });
    let first = &mut world.judge(full.clone());
    let token = world.token(600).build();
    world.with(first, 1, &token);
    let second = &mut world.judge(full);
    second.verifier.enter(&mut world.leases, DOOR);
    let bearer = format!("Bearer {token}");
    let headers = [(":path", "/"), ("authorization", &*bearer)];
    let reason = world.open(second, 2, &headers);
    assert_eq!(reason, "unavailable.streams");
    world.pass(600);
    assert!(world.tick(second).is_empty());
    world.pass(600_000);
    assert_eq!(told(&world.tick(second)), [(1, "cut", "untrusted.expired")]);
}

/// Many that have waited are judged in one go.
#[test]
fn the_stream_that_takes_the_last_room_is_noted_at_once() {
    let mut world = World::new();
    let judge = &mut world.judge(json!({ "limits": { "streams": 1 } }));
    let token = world.token(600).build();
    world.with(judge, 1, &token);
    let bearer = format!("Bearer {token}");
    let headers = [
        (":method", "GET"),
        (":authority", "a"),
        (":path", "/"),
        ("accept", "text/event-stream"),
        ("authorization", &*bearer),
    ];
    let headers = headers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let Judge { supply, verifier } = judge;
    let step = verifier.verify(Request::new(&headers), supply, world.now);
    let Step::Settle(settlement) = step else {
        panic!("the keys are part of the configuration");
    };
    assert_eq!(settlement.record.reason, "unavailable.streams");
}

#[test]
fn a_new_policy_in_shadow_tells_once_of_a_token_that_nobody_remembers() {
    let mut world = World::new();
    let first = &mut world.judge(json!({ "limits": { "remembered_tokens": 0 } }));
    let token = world.token(600).build();
    world.with(first, 1, &token);
    let mode = json!({ "shadow": { "until": "2026-11-29" } });
    let second = &mut world.judge(json!({ "mode": mode }));
    second.verifier.enter(&mut world.leases, DOOR);
    world.pass(600);
    let once = [(1, "shadow", "unavailable.streams")];
    assert_eq!(told(&world.tick(second)), once);
    world.pass(600);
    assert!(world.tick(second).is_empty());
    // Then it is enforced.
    world.pass(48 * 3_600_000);
    assert_eq!(told(&world.tick(second)), [(1, "cut", "missing.token")]);
    // A rule that is enforced already cuts.
    let token = world.token(200 * 3_600).build();
    world.with(first, 2, &token);
    let rules = json!([
        { "match": { "path": "/chat" }, "requires": {}, "mode": "enforce" },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let mode = json!({ "shadow": { "until": "2027-01-01" } });
    let third = &mut world.judge(json!({ "mode": mode, "rules": rules }));
    third.verifier.enter(&mut world.leases, DOOR);
    world.pass(600);
    let cut = [(2, "cut", "unavailable.streams")];
    assert_eq!(told(&world.tick(third)), cut);
}

/// A path that belongs to several rules does not get past one that is enforced.
#[test]
fn a_stream_is_only_observed_where_each_of_its_rules_is() {
    let mut world = World::new();
    let feed = json!({ "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" } });
    let rules = json!([
        { "match": { "path_separated_prefix": "/x" }, "requires": {},
          "mode": { "shadow": { "until": "2027-01-01" } } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let judge = &mut world.judge(json!({
        "acme": { "revocations": feed }, "rules": rules, "path": { "allow": ["encoded_slash"] },
    }));
    let bearer = format!("Bearer {}", world.token(600).build());
    for (stream, path) in [(1, "/x%2Fy"), (2, "/x/y"), (3, "/y")] {
        let headers = [(":path", path), ("authorization", &*bearer)];
        let reason = world.open(judge, stream, &headers);
        assert_eq!(reason, "permitted.token", "{path}");
    }
    world.list = json!([{ "sub": "alice" }]);
    world.sequence += 1;
    let mut cuts = Vec::new();
    for _ in 0..40 {
        world.pass(600);
        cuts.extend(world.tick(judge));
    }
    let mut decisions = told(&cuts);
    decisions.sort_unstable();
    assert_eq!(
        decisions,
        [
            (1, "cut", "untrusted.revoked"),
            (2, "shadow", "untrusted.revoked"),
            (3, "cut", "untrusted.revoked"),
        ]
    );
}

#[test]
fn shadow_cuts_nothing_and_tells_it_once() {
    let mut world = World::new();
    let mode = json!({ "shadow": { "until": "2026-11-29" } });
    let judge = &mut world.judge(json!({ "mode": mode }));
    let token = world.token(3).build();
    world.with(judge, 1, &token);
    world.open(judge, 2, &[(":path", "/")]);
    assert_eq!(world.leases.len(), 2, "nobody is refused");
    world.pass(4_000);
    let cuts = world.tick(judge);
    assert_eq!(told(&cuts), [(1, "shadow", "untrusted.expired")]);
    assert!(cuts[0].rejection.is_none());
    let shadow = cuts[0].record.shadow.as_ref().unwrap();
    assert_eq!(shadow.decision, "cut");
    world.pass(4_000);
    assert!(world.tick(judge).is_empty());
    // Then it is enforced.
    world.pass(48 * 3_600_000);
    let mut reasons = told(&world.tick(judge));
    reasons.sort_unstable();
    assert_eq!(
        reasons,
        [(1, "cut", "untrusted.expired"), (2, "cut", "missing.token")]
    );
}

#[test]
fn only_streams_that_last_are_looked_after_and_only_where_the_policy_says_so() {
    let kinds: [&[(&str, &str)]; 5] = [
        &[("upgrade", "websocket"), ("accept", "*/*")],
        &[("content-type", "application/grpc+proto")],
        &[("content-type", "application/grpc-web")],
        &[("accept", "text/html, Text/Event-Stream;q=0.5")],
        &[("accept", "*/*")],
    ];
    let mut world = World::new();
    let judge = &mut world.judge(json!({}));
    let rules = json!([
        { "match": { "prefix": "/off/" }, "requires": {}, "streams": { "end_with_authority": false } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let ruled = &mut world.judge(json!({ "rules": rules }));
    let token = format!("Bearer {}", world.token(600).build());
    let lasts = |judge: &mut Judge, path: &str, headers: &[(&str, &str)], now| {
        let mut all = vec![(":method", "GET"), (":authority", "a"), (":path", path)];
        all.push(("authorization", &token));
        all.extend(headers);
        let pairs = all
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let pairs: Vec<(&[u8], &[u8])> = pairs.collect();
        let request = Request::new(&pairs);
        match judge.verifier.verify(request, &mut judge.supply, now) {
            Step::Settle(Settlement {
                verdict: Verdict::Allow(mut permit),
                ..
            }) => permit.take_lease().is_some(),
            step => panic!("{step:?}"),
        }
    };
    for (index, headers) in kinds.into_iter().enumerate() {
        assert_eq!(
            lasts(judge, "/", headers, world.now),
            index < 4,
            "{headers:?}"
        );
        assert_eq!(lasts(ruled, "/", headers, world.now), index < 4);
        assert!(!lasts(ruled, "/off/", headers, world.now));
    }
}
