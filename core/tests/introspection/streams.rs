//! Open streams that rest on what an issuer says.

use passgate_core::{Cut, Leases, Request, Settlement, Step, Verdict};
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{Weather, World, active, provider};

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
    let mut world = world();
    let mut leases = Leases::default();
    world.says("t", active(&json!({})));
    open(&mut world, &mut leases, 1, "t");
    assert_eq!(live(&mut world, &mut leases, 400), []);
    world.said.clear();
    assert_eq!(live(&mut world, &mut leases, 70), [(1, INACTIVE)]);
}

/// Requests with the same token bring answers, too.
#[test]
fn a_stream_goes_on_by_whoever_asked() {
    let mut world = world();
    let mut leases = Leases::default();
    world.says("t", active(&json!({})));
    open(&mut world, &mut leases, 1, "t");
    for _ in 0..200 {
        assert_eq!(live(&mut world, &mut leases, 1), []);
        assert_eq!(world.reason("t"), PASSES);
    }
}

#[test]
fn in_an_outage_a_stream_ends_with_its_answer() {
    let mut world = world();
    let mut leases = Leases::default();
    world.says("t", active(&json!({})));
    open(&mut world, &mut leases, 1, "t");
    world.weather = Weather::Down;
    assert_eq!(live(&mut world, &mut leases, 58), []);
    assert_eq!(live(&mut world, &mut leases, 10), [(1, OUT)]);
}

/// All answers end at once, and there are more of them than places.
#[test]
fn a_thousand_streams_wait_for_their_turn() {
    let mut world = world();
    let mut leases = Leases::default();
    for stream in 0..1_000 {
        let token = format!("token-{stream}");
        world.says(&token, active(&json!({})));
        open(&mut world, &mut leases, stream, &token);
    }
    assert_eq!(live(&mut world, &mut leases, 200), []);
    assert_eq!(leases.len(), 1_000);
}
