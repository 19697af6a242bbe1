//! What clients notice of a flood of forged tokens, on a real Envoy with one worker: `bench/flood`.
//!
//! For some rates of forged ES256 tokens, sent at a steady pace: how many were looked at, who
//! passed at the first try (new tokens that come at irregular times, and one that is known), and
//! the processor time of the whole Envoy.

use passgate_harness::{AUDIENCE, Gate, ISSUER, Protocol, Request, Setup, policy};
use passgate_kit::Token;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Forged tokens a second.
const RATES: [u64; 7] = [0, 150, 300, 1_000, 3_000, 5_000, 10_000];
/// The attacker's connections.
const CONNECTIONS: u64 = 16;
/// How long a rate is kept up, after a quarter of that to settle.
const LENGTH: Duration = Duration::from_secs(8);
/// The mean time between two new tokens, and between two requests with the known one.
const NEW_EVERY: Duration = Duration::from_millis(8);
const KNOWN_EVERY: Duration = Duration::from_millis(20);

/// How many requests there were, and how many of them were looked at, or passed.
#[derive(Default)]
struct Seen {
    all: AtomicU64,
    good: AtomicU64,
}

impl Seen {
    fn count(&self, is_good: bool) {
        self.all.fetch_add(1, Ordering::Relaxed);
        self.good.fetch_add(u64::from(is_good), Ordering::Relaxed);
    }

    fn take(&self) -> (u64, u64) {
        let [all, good] = [&self.all, &self.good].map(|count| count.swap(0, Ordering::Relaxed));
        (all, good)
    }

    fn percent((all, good): (u64, u64)) -> f64 {
        good as f64 * 100.0 / all.max(1) as f64
    }
}

fn main() {
    println!(
        "| forged a second, wanted | sent | looked at | new tokens that pass at the first try | known ones | processor |"
    );
    println!("|---|---|---|---|---|---|");
    for rate in RATES {
        let mut gate = Setup::new(policy())
            .edit(|bootstrap| {
                let manager = bootstrap.manager();
                manager["access_log"] = json!([]);
                manager["route_config"]["virtual_hosts"][0]["routes"] = json!([
                    { "match": { "prefix": "/" }, "direct_response": { "status": 200 } }
                ]);
            })
            .start();
        println!("{}", measure(&gate, rate));
        gate.end();
    }
}

fn measure(gate: &Gate, rate: u64) -> String {
    let of = |subject: &str| Token::of(&gate.issuer.key, ISSUER, AUDIENCE).claim("sub", subject);
    let known = of("known").build();
    for token in [&known, &of("second").build()] {
        let request = Request::get("/").bearer(token);
        assert_eq!(gate.send(Protocol::Http1, &request).status, 200);
    }
    let known = Request::get("/").bearer(&known).to_http1();
    // One signature is as wrong as another, but no two requests are the same.
    let forged: Vec<Vec<u8>> = (0..1_000_u64)
        .map(|number| {
            let signature = [[1; 56].as_slice(), &number.to_be_bytes()].concat();
            let token = of("mallory").signature(&signature).build();
            Request::get("/").bearer(&token).to_http1()
        })
        .collect();
    let fresh: Vec<Vec<u8>> = (0..LENGTH.as_millis() * 2 / NEW_EVERY.as_millis())
        .map(|number| {
            Request::get("/")
                .bearer(&of(&number.to_string()).build())
                .to_http1()
        })
        .collect();

    let ended = AtomicBool::new(false);
    let [attacker, newcomer, regular] = [(); 3].map(|()| Seen::default());
    scope(|scope| {
        for connection in 0..if rate == 0 { 0 } else { CONNECTIONS } {
            let (forged, ended, attacker) = (&forged, &ended, &attacker);
            scope.spawn(move || {
                let pause = Duration::from_secs(CONNECTIONS).div_f64(rate as f64);
                let mut client = gate.client();
                let mut next =
                    Instant::now() + pause.mul_f64(connection as f64 / CONNECTIONS as f64);
                for request in forged.iter().cycle().skip(connection as usize * 61) {
                    if ended.load(Ordering::Relaxed) {
                        return;
                    }
                    sleep(next.saturating_duration_since(Instant::now()));
                    // What the machine is too slow to send is not sent later.
                    next = (next + pause).max(Instant::now() - pause * 20);
                    client.send(request);
                    attacker.count(client.read().status == 401);
                }
            });
        }
        scope.spawn(|| {
            let mut client = gate.client();
            let mut random = 88_172_645_463_325_252_u64;
            for request in &fresh {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Exponentially distributed.
                let chance = (random >> 11) as f64 / (1_u64 << 53) as f64;
                sleep(NEW_EVERY.mul_f64((-(1.0 - chance).ln()).min(5.0)));
                client.send(request);
                newcomer.count(client.read().status == 200);
            }
        });
        scope.spawn(|| {
            let mut client = gate.client();
            while !ended.load(Ordering::Relaxed) {
                sleep(KNOWN_EVERY);
                client.send(&known);
                regular.count(client.read().status == 200);
            }
        });
        sleep(LENGTH / 4);
        for seen in [&attacker, &newcomer, &regular] {
            seen.take();
        }
        let (start, before) = (Instant::now(), gate.processor_time());
        sleep(LENGTH);
        let seen = [&attacker, &newcomer, &regular].map(Seen::take);
        let seconds = start.elapsed().as_secs_f64();
        let processor = (gate.processor_time() - before).as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        let [sent, looked_at] = [seen[0].0, seen[0].1].map(|count| count as f64 / seconds);
        format!(
            "| {rate} | {sent:.0} | {looked_at:.0} | {:.1} % of {} | {:.1} % of {} | {:.0} % |",
            Seen::percent(seen[1]),
            seen[1].0,
            Seen::percent(seen[2]),
            seen[2].0,
            processor * 100.0 / seconds,
        )
    })
}
