//! Open streams that rest on what an issuer says.

use passgate_core::{Cut, Leases, Request, Settlement, Step, Verdict};
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{START, Weather, World, active, provider};

fn world() -> World {
    World::with(&json!({
        "providers": { "acme": provider(&json!({})) },
        "streams": { "end_with_authority": true },
    }))
}

/// Opens a stream with this token.
fn open(world: &mut World, leases: &mut Leases, stream: u32, token: &str) {
    let authorization = format!("Bearer {token}");
    let headers: [(&[u8], &[u8]); 5] = [
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"api.example.com"),
        (b"accept", b"text/event-stream"),
        (b"authorization", authorization.as_bytes()),
    ];
    for _ in 0..5 {
        let request = Request::new(&headers);
        let step = world.verifier.verify(request, &mut world.supply, world.now);
        let Step::Settle(Settlement { verdict, record }) = step else {
            world.tick();
            continue;
        };
        let Verdict::Allow(mut permit) = verdict else {
            panic!("{record:?}");
        };
        let lease = permit.take_lease().unwrap();
        world.verifier.hold(leases, stream, b"", lease);
        return;
    }
    panic!("the request waits for ever");
}

/// A stream with the token `t`, for which its issuer vouches.
fn opened(mut world: World) -> (World, Leases) {
    let mut leases = Leases::default();
    world.says("t", active(&json!({})));
    open(&mut world, &mut leases, 1, "t");
    (world, leases)
}

/// Streams with a token each.
fn a_thousand() -> (World, Leases) {
    let (mut world, mut leases) = (world(), Leases::default());
    for stream in 0..1_000 {
        let token = format!("token-{stream}");
        world.says(&token, active(&json!({})));
        open(&mut world, &mut leases, stream, &token);
    }
    (world, leases)
}

/// So many half seconds: who is cut, and why.
fn live(world: &mut World, leases: &mut Leases, halves: usize) -> Vec<(u32, &'static str)> {
    let mut cut = Vec::new();
    for _ in 0..halves {
        world.pass(500);
        for _ in 0..50 {
            let cuts = world
                .verifier
                .look_after(leases, 32, &mut world.supply, world.now);
            cut.extend(
                cuts.iter()
                    .map(|Cut { stream, record, .. }| (*stream, record.reason)),
            );
        }
        world.tick();
    }
    cut
}

#[test]
fn a_stream_ends_when_its_issuer_does_not_vouch_for_it_any_more() {
    let (mut world, mut leases) = opened(world());
    assert_eq!(live(&mut world, &mut leases, 400), []);
    world.said.clear();
    assert_eq!(live(&mut world, &mut leases, 70), [(1, INACTIVE)]);
}

/// Requests with the same token bring answers, too.
#[test]
fn a_stream_goes_on_by_whoever_asked() {
    let (mut world, mut leases) = opened(world());
    for _ in 0..200 {
        assert_eq!(live(&mut world, &mut leases, 1), []);
        assert_eq!(world.reason("t"), PASSES);
    }
}

#[test]
fn in_an_outage_a_stream_ends_with_its_answer() {
    let (mut world, mut leases) = opened(world());
    world.weather = Weather::Down;
    assert_eq!(live(&mut world, &mut leases, 58), []);
    assert_eq!(live(&mut world, &mut leases, 10), [(1, OUT)]);
}

/// All answers end at once, and there are more of them than places.
#[test]
fn a_thousand_streams_wait_for_their_turn() {
    let (mut world, mut leases) = a_thousand();
    assert_eq!(live(&mut world, &mut leases, 200), []);
    assert_eq!(leases.len(), 1_000);
}

/// Answers about made-up tokens take no place from the one that ends a stream.
#[test]
fn a_flood_keeps_no_stream_open() {
    let mut providers = json!({ "acme": provider(&json!({})) });
    let mut rules = Vec::new();
    // They share the room for answers.
    for number in 0..15 {
        let name = format!("other-{number}");
        let issuer = format!("https://{name}.example.com");
        providers[&name] = provider(&json!({ "issuer": issuer }));
        rules.push(json!({ "match": { "path": format!("/{name}") }, "requires": { "provider_name": name } }));
    }
    rules.push(json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } }));
    let world = World::with(&json!({
        "providers": providers,
        "rules": rules,
        "streams": { "end_with_authority": true },
    }));
    let (mut world, mut leases) = opened(world);
    world.said.clear();
    let mut cut = Vec::new();
    for half in 0..64 {
        // Later than the answer about the stream.
        world.pass(1);
        for number in 0..20 {
            world.reason(&format!("made-up-{half}-{number}"));
        }
        cut.extend(live(&mut world, &mut leases, 1));
    }
    assert_eq!(cut, [(1, INACTIVE)]);
}

/// An endpoint that is slower than what is asked of it.
#[test]
fn a_stream_does_not_wait_for_ever_for_its_turn() {
    let (mut world, mut leases) = a_thousand();
    world.weather = Weather::Slow;
    let mut cut = Vec::new();
    // Their answers end after 30 seconds, and nobody waits for more than 40 from then on.
    for _ in 0..140 {
        cut.extend(live(&mut world, &mut leases, 1));
        for _ in 0..6 {
            world.answer();
        }
    }
    assert!((100..900).contains(&cut.len()), "{}", cut.len());
    assert!(
        cut.iter()
            .all(|(_, reason)| *reason == "unavailable.streams")
    );
}

#[test]
fn a_stream_that_waits_ends_with_its_token() {
    let acme = provider(&json!({ "clock_skew": "0s" }));
    let mut world = World::with(&json!({
        "providers": { "acme": acme }, "streams": { "end_with_authority": true },
    }));
    let mut leases = Leases::default();
    world.says("t", active(&json!({ "exp": START + 32 })));
    open(&mut world, &mut leases, 1, "t");
    world.weather = Weather::Slow;
    assert_eq!(live(&mut world, &mut leases, 63), []);
    let ended = live(&mut world, &mut leases, 2);
    assert_eq!(ended, [(1, "untrusted.expired")]);
}

/// Providers have other names in a new policy, and rules ask for other ones.
#[test]
fn a_new_policy_shows_a_token_to_its_own_issuer_alone() {
    let acme = provider(&json!({}));
    let globex = provider(&json!({ "issuer": "https://globex.example.com" }));
    let policy = |[acme_name, globex_name]: [&str; 2], rest: &str, other: &str| {
        let mut providers = json!({});
        providers[acme_name] = acme.clone();
        providers[globex_name] = globex.clone();
        World::with(&json!({
            "providers": providers,
            "rules": [
                { "match": { "path": "/other" }, "requires": { "provider_name": other } },
                { "match": { "prefix": "/" }, "requires": { "provider_name": rest } },
            ],
            "streams": { "end_with_authority": true },
        }))
    };
    for (names, rest, other, asked, cut) in [
        (["acme", "globex"], "acme", "globex", 1, &[][..]),
        (["z", "a"], "z", "a", 1, &[]),
        (
            ["acme", "globex"],
            "globex",
            "acme",
            0,
            &[(1, "untrusted.issuer")],
        ),
        (["z", "a"], "a", "z", 0, &[(1, "untrusted.issuer")]),
    ] {
        let mut leases = Leases::default();
        let mut old = policy(["acme", "globex"], "acme", "globex");
        old.verifier.join(&mut leases);
        old.says("t", active(&json!({})));
        open(&mut old, &mut leases, 1, "t");
        let mut new = policy(names, rest, other);
        new.says("t", active(&json!({})));
        new.verifier.join(&mut leases);
        new.verifier.enter(&mut leases, b"");
        assert_eq!(live(&mut new, &mut leases, 10), cut, "{names:?} {rest}");
        assert_eq!(new.asked(), asked, "{names:?} {rest}");
    }
}

/// The gate cannot ask again about a token that it does not have.
#[test]
fn a_stream_ends_with_its_answer_where_no_token_is_remembered() {
    let world = World::with(&json!({
        "providers": { "acme": provider(&json!({})) },
        "streams": { "end_with_authority": true },
        "limits": { "remembered_tokens": 0 },
    }));
    let (mut world, mut leases) = opened(world);
    assert_eq!(live(&mut world, &mut leases, 59), []);
    let ended = live(&mut world, &mut leases, 2);
    assert_eq!(ended, [(1, "unavailable.streams")]);
}
