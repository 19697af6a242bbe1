//! A flood of forged tokens on a real Envoy: what it may cost is bounded, and who is signed in
//! notices nothing.

use passgate_harness::{AUDIENCE, Gate, ISSUER, Load, Protocol, Request, policy, with};
use passgate_kit::Token;
use serde_json::json;
use std::time::Instant;

/// What a wrong signature of a key without a table is counted for (`core/src/crypto/cost.rs`), in
/// microseconds.
const COST: f64 = 520.0;
/// Full buckets, and what fills in in a second, where one percent of a processor may be spent.
const FULL: f64 = 20_000.0;
const PER_SECOND: f64 = 10_000.0;
const CLIENTS: usize = 4;
const EACH: usize = 250;

#[test]
fn a_flood_of_forged_tokens_is_answered_within_its_budget_and_known_tokens_go_on_passing() {
    let limits = json!({ "forged_tokens_cpu_percent": 1 });
    let gate = Gate::start(with(policy(), "limits", limits));
    let known = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&known)));
    let load = Load::start(gate.address, &known);

    let start = Instant::now();
    let gate_of_all = &gate;
    let flood = move |client: usize| {
        let gate = gate_of_all;
        let mut connection = gate.client();
        let mut seen = [0, 0];
        for number in 0..EACH {
            let signature = [[1; 56].as_slice(), &(client * EACH + number).to_be_bytes()].concat();
            let forged = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).signature(&signature);
            connection.send(Request::get("/").bearer(&forged.build()).to_http1());
            let answer = connection.read();
            let retry = answer.headers.text("retry-after");
            match (answer.status, retry) {
                (401, None) => seen[0] += 1,
                (503, Some("1")) => seen[1] += 1,
                other => panic!("{other:?}"),
            }
        }
        seen
    };
    let seen: Vec<[usize; 2]> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| scope.spawn(move || flood(n)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let [refused, put_off] = [0, 1].map(|kind| seen.iter().map(|seen| seen[kind]).sum::<usize>());
    assert_eq!(refused + put_off, CLIENTS * EACH);
    // The full half of the buckets at least; and all of them and what has filled in since at most.
    let most = ((FULL + seconds * PER_SECOND) / COST).ceil() as usize + 2;
    let least = (FULL / 2.0 / COST) as usize;
    assert!(
        (least..=most).contains(&refused),
        "{refused} answered 401 in {seconds:.1} s"
    );
    // Unless the machine was so slow that there was always something left.
    assert!(put_off > 0 || most >= CLIENTS * EACH, "{put_off}");
    load.finish_without_a_refusal();

    let stats = gate.stats();
    let denied = |code: &str| -> u64 {
        let of_code = stats.iter().filter(|(name, _)| {
            name.starts_with("wasmcustom.passgate.verdicts.deny.") && name.contains(code)
        });
        of_code.map(|(_, count)| count).sum()
    };
    assert_eq!(denied("untrusted.signature"), refused as u64);
    assert_eq!(denied("unavailable.budget"), put_off as u64);
    gate.finish();
}

/// A thousand forged tokens, as fast as they go, are well within what is there at start.
#[test]
fn a_thousand_forged_tokens_put_nobody_off() {
    let gate = Gate::start(policy());
    let new = |number: usize| {
        let token = Token::of(&gate.issuer.key, ISSUER, AUDIENCE).claim("jti", number);
        Request::get("/").bearer(&token.build())
    };
    // From its second good token on the key has a table.
    for number in 0..2 {
        gate.passed(&gate.send(Protocol::Http1, &new(number)));
    }
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let gate = &gate;
            scope.spawn(move || {
                let mut connection = gate.client();
                for number in 0..EACH {
                    let number = (client * EACH + number).to_be_bytes();
                    let signature = [[1; 56].as_slice(), &number].concat();
                    let forged = Token::of(&gate.issuer.key, ISSUER, AUDIENCE);
                    let forged = forged.signature(&signature).build();
                    connection.send(Request::get("/").bearer(&forged).to_http1());
                    assert_eq!(connection.read().status, 401);
                }
            });
        }
        for number in 2..50 {
            gate.passed(&gate.send(Protocol::Http1, &new(number)));
        }
    });
    gate.finish();
}
