//! Ten thousand streams that end at once.

use passgate_harness::{
    AUDIENCE, Crowd, Endless, ISSUER, Request, Setup, eventually, eventually_within, policy_with,
    with,
};
use passgate_kit::{SigningKey, Token, jwks, now};
use serde_json::{Value, json};
use std::time::Duration;

const STREAMS: usize = 10_000;

#[test]
fn ten_thousand_streams_end_at_once_and_each_is_told() {
    let key = SigningKey::es256("k1");
    let keys = json!({
        "remote_jwks": null, "local_jwks": { "inline_string": jwks(&[&key]) }, "clock_skew": "0s",
    });
    let policy = with(
        policy_with(keys),
        "streams",
        json!({ "end_with_authority": true }),
    );
    let service = Endless::start();
    let setup = Setup::new(policy).cluster("service", service.address);
    let gate = setup
        .edit(|bootstrap| bootstrap.endless("service", "/stream"))
        .start();
    let of = |seconds: i64| {
        let token = Token::of(&key, ISSUER, AUDIENCE).claim("exp", now() + seconds);
        let request = Request::get("/stream").bearer(&token.build());
        move |_| request.clone().header("accept", "text/event-stream")
    };
    let others = Crowd::start(gate.address, 10, of(600));
    let crowd = Crowd::start(gate.address, STREAMS, of(30));
    eventually_within(Duration::from_secs(28), "all of them", || {
        (crowd.begun() == STREAMS && others.begun() == 10).then_some(())
    });
    assert_eq!(crowd.over(), 0, "the token is good");
    eventually_within(Duration::from_secs(60), "the end of all of them", || {
        (crowd.over() == STREAMS && service.open() == 10).then_some(())
    });
    assert_eq!(
        (others.over(), others.refused(), crowd.refused()),
        (0, 0, 0)
    );
    let counter = "wasmcustom.passgate.verdicts.cut.provider.acme.untrusted.expired";
    eventually("the counter", || {
        (gate.stat(counter) == STREAMS as u64).then_some(())
    });
    eventually("the access log has the cut of each", || {
        let records = gate.logged_records();
        let is_cut = |record: &&Value| record["decision"] == "cut";
        (records.iter().filter(is_cut).count() == STREAMS).then_some(())
    });
    gate.finish();
}
