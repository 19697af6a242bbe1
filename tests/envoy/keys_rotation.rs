//! Keys that come, go, and never were.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Load, Protocol, Request, Setup, eventually, policy,
};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn keys_rotate_under_load_and_no_request_fails() {
    let gate = Setup::new(fresh_for("2s", "1s")).workers(2).start();
    let token = |key: &SigningKey| Token::of(key, ISSUER, AUDIENCE).build();
    let load = Load::start(gate.address, &token(&gate.issuer.key));
    let mut old: Option<SigningKey> = None;
    for number in 2..5 {
        std::thread::sleep(Duration::from_millis(2_000));
        // As identity providers do it: the next key is published, used at once, and the one before
        // it goes later.
        let new = SigningKey::es256(&format!("k{number}"));
        match &old {
            None => gate.issuer.publish(&[&gate.issuer.key, &new]),
            Some(old) => gate.issuer.publish(&[old, &new]),
        }
        load.use_token(token(&new));
        old = Some(new);
    }
    std::thread::sleep(Duration::from_millis(500));
    load.finish_without_a_refusal();
    gate.finish();
}

#[test]
fn a_withdrawn_key_stops_within_freshness() {
    let gate = Gate::start(fresh_for("2s", "1s"));
    let of_old = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build();
    let request = Request::get("/").bearer(&of_old);
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.issuer.publish(&[&SigningKey::es256("k2")]);
    let withdrawn = Instant::now();
    eventually("the end of the key", || {
        (gate.send(Protocol::Http1, &request).status != 200).then_some(())
    });
    let lived = withdrawn.elapsed();
    assert!(lived < Duration::from_secs(3), "{lived:?}");
    for protocol in BOTH {
        let hits = gate.upstream.hits();
        let answer = eventually("the verdict", || {
            let answer = gate.send(protocol, &request);
            (answer.status != 503).then_some(answer)
        });
        gate.denied(&answer, "untrusted.key");
        assert_eq!(gate.upstream.hits(), hits);
    }
    gate.finish();
}

/// Whoever uses it before is told that nobody has published it; whoever uses it after that is told
/// to come back.
#[test]
fn a_key_that_was_used_before_it_was_published_is_never_refused_afterwards() {
    let gate = Gate::start(fresh_for("5m", "3s"));
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good())));
    let new = SigningKey::es256("k2");
    let request = Request::get("/").bearer(&Token::of(&new, ISSUER, AUDIENCE).build());
    gate.denied(&gate.send(Protocol::Http1, &request), "untrusted.key");
    // No fetch is answered between now and the publication.
    gate.issuer.hold();
    let put_off = eventually("the end of that word", || {
        let answer = gate.send(Protocol::Http1, &request);
        (answer.status != 401).then_some(answer)
    });
    gate.denied(&put_off, "unavailable.unknown_key");
    assert!(put_off.headers.text("retry-after").is_some());
    gate.issuer.publish(&[&gate.issuer.key, &new]);
    gate.issuer.release();
    let passed = eventually("the next fetch", || {
        let answer = gate.send(Protocol::Http1, &request);
        if answer.status == 503 {
            gate.denied(&answer, "unavailable.unknown_key");
            return None;
        }
        Some(answer)
    });
    gate.passed(&passed);
    gate.finish();
}

#[test]
fn ten_thousand_made_up_keys_on_a_real_envoy_cause_paced_fetches_and_hold_nobody_up() {
    let gate = Gate::start(policy());
    let honest = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&honest)));
    let load = Load::start(gate.address, &honest);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..4 {
            let gate = &gate;
            scope.spawn(move || {
                let mut connection = gate.client();
                for number in 0..2_500 {
                    let made_up = Token::of(&gate.issuer.key, ISSUER, AUDIENCE)
                        .header("kid", format!("made-up-{client}-{number}"))
                        .build();
                    connection.send(Request::get("/").bearer(&made_up).to_http1());
                    let status = connection.read().status;
                    assert!(matches!(status, 401 | 503), "{status}");
                }
            });
        }
    });
    load.finish_without_a_refusal();
    // One for each thread at the start, the burst of two of the worker, and one for each cooldown
    // of 30 s; the keys are fresh for longer.
    let (fetches, cooldowns) = (gate.issuer.fetches(), start.elapsed().as_secs() / 30);
    assert!(fetches <= 4 + cooldowns as usize, "{fetches} fetches");
    gate.finish();
}

/// Nothing tells the new key from the made-up ones, so it waits for its turn; known keys notice
/// nothing.
#[test]
fn a_rotation_under_a_flood_of_made_up_keys_is_over_within_one_cooldown() {
    let gate = Gate::start(fresh_for("5m", "3s"));
    let honest = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&honest)));
    let load = Load::start(gate.address, &honest);
    let new = SigningKey::es256("k2");
    let of_new = Token::of(&new, ISSUER, AUDIENCE).build();
    let over = AtomicBool::new(false);
    let missed = std::thread::scope(|scope| {
        let (gate, over) = (&gate, &over);
        for client in 0..2 {
            scope.spawn(move || {
                let mut connection = gate.client();
                for number in 0.. {
                    let made_up = gate.token().header("kid", format!("{client}-{number}"));
                    connection.send(Request::get("/").bearer(&made_up.build()).to_http1());
                    assert!(matches!(connection.read().status, 401 | 503));
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        // The burst is spent by now.
        std::thread::sleep(Duration::from_millis(1_000));
        gate.issuer.publish(&[&gate.issuer.key, &new]);
        let published = Instant::now();
        let passes = || {
            let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&of_new));
            assert!(matches!(answer.status, 200 | 503), "{answer:?}");
            (answer.status == 200).then_some(())
        };
        eventually("the new key", passes);
        over.store(true, Ordering::Relaxed);
        published.elapsed()
    });
    load.finish_without_a_refusal();
    assert!(missed < Duration::from_secs(4), "{missed:?}");
    gate.finish();
}

/// A policy whose keys are fresh for so long, and whose unknown keys are asked for at this pace.
fn fresh_for(duration: &str, cooldown: &str) -> Value {
    let mut policy = policy();
    let jwks = &mut policy["providers"]["acme"]["remote_jwks"];
    jwks["cache_duration"] = json!(duration);
    jwks["refetch_cooldown"] = json!(cooldown);
    policy
}
