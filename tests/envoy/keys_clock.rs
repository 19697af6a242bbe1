//! A machine whose clock is wrong: far in the past, far in the future, jumping.
//!
//! Envoy runs with a wall clock of its own (harness/clock.c), its timers as always.

use passgate_harness::{Gate, Protocol, Request, Setup, WallClock, eventually, policy};

const HOUR: i64 = 3_600;
const FIFTY_YEARS: i64 = 50 * 365 * 24 * HOUR;

#[test]
fn a_clock_far_in_the_past_refuses_tokens_and_still_fetches_keys() {
    let gate = gate(-FIFTY_YEARS);
    let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good()));
    gate.denied(&answer, "untrusted.issued_in_future");
    // What says nothing about its birth is judged by its end alone.
    let unborn = gate.token().without("iat").build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&unborn)));
    gate.fetched_once();
    gate.finish();
}

#[test]
fn a_clock_far_in_the_future_refuses_tokens_and_still_fetches_keys() {
    let gate = gate(FIFTY_YEARS);
    let answer = gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good()));
    gate.denied(&answer, "untrusted.expired");
    let long = gate.token().expires_in(2 * FIFTY_YEARS).build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&long)));
    gate.fetched_once();
    gate.finish();
}

#[test]
fn a_clock_that_jumps_costs_a_fetch_and_refuses_only_what_it_says_is_over_or_to_come() {
    let gate = gate(0);
    let good = Request::get("/").bearer(&gate.good());
    let lasting = gate.token().without("iat").expires_in(3 * FIFTY_YEARS);
    let lasting = Request::get("/").bearer(&lasting.build());
    gate.passed(&gate.send(Protocol::Http1, &good));
    let jumps = [
        (10 * 60, Some("untrusted.expired")),
        (0, None),
        (-HOUR, Some("untrusted.issued_in_future")),
        (0, None),
        // Beyond max_stale, too: then keys serve again only after the fetch that is due.
        (FIFTY_YEARS, Some("untrusted.expired")),
        (-FIFTY_YEARS, Some("untrusted.issued_in_future")),
        (0, None),
    ];
    for (ahead, code) in jumps {
        gate.set_clock(ahead);
        // A fetch that was under way counts as lost after a jump, which costs a try again.
        eventually("the keys", || {
            (gate.send(Protocol::Http1, &lasting).status == 200).then_some(())
        });
        let answer = gate.send(Protocol::Http1, &good);
        match code {
            Some(code) => gate.denied(&answer, code),
            None => drop(gate.passed(&answer)),
        }
    }
    // Each thread has asked at its start, and at most twice for each jump forward.
    let forward = 5;
    let (fetches, threads) = (gate.issuer.fetches(), 2);
    let most = threads * (1 + 2 * forward);
    assert!(fetches <= most, "{fetches} fetches");
    gate.finish();
}

fn gate(ahead: i64) -> Gate {
    Setup::new(policy())
        .clock(WallClock::ahead_by(ahead))
        .start()
}
