//! Refreshes: `ETag` and 304, workers that do not ask at one instant, and what can be measured of
//! it.

use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy,
};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[test]
fn a_set_with_a_tag_is_confirmed_by_304_until_another_comes() {
    let issuer = Issuer::start();
    issuer.tag("\"v1\"");
    let gate = Setup::new(fresh_for("1s")).issuer(issuer).start();
    let request = Request::get("/").bearer(&token(&gate));
    gate.passed(&gate.send(Protocol::Http1, &request));
    eventually("confirmations", || {
        gate.passed(&gate.send(Protocol::Http1, &request));
        (gate.stat(&metric("fetches.not_modified")) >= 4).then_some(())
    });
    let threads = 2;
    assert_eq!(
        gate.stat(&metric("fetches.ok")),
        threads,
        "each set came once"
    );

    let next = SigningKey::es256("k2");
    gate.issuer.publish(&[&next]);
    gate.issuer.tag("\"v2\"");
    let of_next = Token::of(&next, ISSUER, AUDIENCE).build();
    eventually("the new set", || {
        (gate.stat(&metric("fetches.ok")) >= 2 * threads).then_some(())
    });
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&of_next)));
    assert_ne!(gate.send(Protocol::Http1, &request).status, 200);
    gate.finish();
}

#[test]
fn workers_do_not_refresh_at_one_instant() {
    let gate = Setup::new(fresh_for("5s")).workers(4).start();
    let threads = 5;
    eventually("refreshes", || {
        (gate.issuer.fetches() >= 2 * threads).then_some(())
    });
    let times = gate.issuer.times();
    let [first, .., last] = &times[threads..2 * threads] else {
        panic!("{times:?}");
    };
    let spread = last.duration_since(*first);
    assert!(spread >= Duration::from_millis(30), "all within {spread:?}");
    gate.finish();
}

#[test]
fn state_age_and_waiting_requests_can_be_measured() {
    let issuer = Issuer::start();
    issuer.hold();
    let mut gate = Setup::new(fresh_for("300s"))
        .issuer(issuer)
        .watched()
        .start();
    let request = Request::get("/").bearer(&token(&gate)).to_http1();
    let mut waiting = [gate.client(), gate.client()];
    for client in &mut waiting {
        client.send(&request);
    }
    eventually("two that wait", || {
        (gate.stat(&metric("waiting")) == 2).then_some(())
    });
    let threads = 2;
    assert_eq!(gate.stat(&metric("state.never_fetched")), threads);
    gate.issuer.release();
    for client in &mut waiting {
        gate.passed(&client.read());
    }
    eventually("fresh keys", || {
        (gate.stat(&metric("state.fresh")) == threads).then_some(())
    });
    assert_eq!(gate.stat(&metric("state.never_fetched")), 0);
    assert_eq!(gate.stat(&metric("waiting")), 0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let confirmed = gate.stat(&metric("confirmed_at_seconds"));
    assert!(
        confirmed <= now && confirmed + 20 > now,
        "{confirmed} at {now}"
    );
    let prometheus = gate.admin("/stats/prometheus");
    let line = prometheus
        .lines()
        .find(|line| line.contains("passgate_keys_state{") && line.contains("state=\"fresh\""));
    let labelled = line.is_some_and(|line| line.contains("provider=\"acme\""));
    assert!(labelled, "no such label:\n{prometheus}");

    // A configuration that goes takes what it had added with it.
    gate.reconfigure(&fresh_for("200s"));
    eventually("only the new one", || {
        let states =
            ["never_fetched", "fresh"].map(|state| gate.stat(&metric(&format!("state.{state}"))));
        (states == [0, threads]).then_some(())
    });
    gate.finish();
}

fn metric(name: &str) -> String {
    format!("wasmcustom.passgate.keys.provider.acme.{name}")
}

fn fresh_for(duration: &str) -> Value {
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["cache_duration"] = json!(duration);
    policy
}

fn token(gate: &Gate) -> String {
    Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build()
}
