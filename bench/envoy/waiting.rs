//! What thousands of requests that wait for the keys of a hundred providers cost, on a real Envoy
//! with one worker, and what others notice of them: `bench/waiting`.

use passgate_harness::{
    AUDIENCE, Gate, Http1, Issuer, Protocol, Request, SECOND, Setup, eventually, provider,
    second_provider,
};
use passgate_kit::{SigningKey, Token};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Providers whose keys do not come; there is one more, whose do.
const STALLED: usize = 99;
const WAITING: usize = STALLED * 40;

fn main() {
    let of = |number: usize| format!("https://{number}.example.com");
    let mut providers = serde_json::Map::new();
    for number in 0..STALLED {
        let provider = provider(
            json!({ "issuer": of(number), "claim_to_headers": null, "remote_jwks": {
            "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "idp", "timeout": "60s" } } }),
        );
        providers.insert(format!("p{number}"), provider);
    }
    providers.insert("partners".into(), second_provider());
    let (issuer, second) = (Issuer::start(), Issuer::start());
    issuer.hold();
    let policy = json!({ "providers": providers, "audit": { "log": "none" } });
    let setup = Setup::new(policy).issuer(issuer).edit(|bootstrap| {
        let manager = bootstrap.manager();
        manager["access_log"] = json!([]);
        manager["route_config"]["virtual_hosts"][0]["routes"] =
            json!([{ "match": { "prefix": "/" }, "direct_response": { "status": 200 } }]);
    });
    let mut gate = setup.cluster("idp2", second.address()).start();
    let of_partners = Token::of(&second.key, SECOND, AUDIENCE).build();
    let of_partners = Request::get("/").bearer(&of_partners);
    assert_eq!(gate.send(Protocol::Http1, &of_partners).status, 200);
    let mut crowd: Vec<(Http1, Vec<u8>)> = (0..WAITING)
        .map(|index| {
            let token = Token::of(&gate.issuer.key, &of(index % STALLED), AUDIENCE).build();
            (gate.client(), Request::get("/").bearer(&token).to_http1())
        })
        .collect();
    // What was done at start is over.
    sleep(Duration::from_secs(1));

    let ended = AtomicBool::new(false);
    let (before, start) = (gate.processor_time(), Instant::now());
    scope(|scope| {
        let passer_by = scope.spawn(|| slowest_refusal(&gate, &ended));
        let rotation = scope.spawn(|| {
            sleep(Duration::from_millis(100));
            rotate(&gate, &second)
        });
        for (client, request) in &mut crowd {
            client.send(request);
        }
        eventually("all wait", || {
            (gate.stat("http.gate.downstream_rq_active") >= WAITING as u64).then_some(())
        });
        let (all_wait, processor) = (start.elapsed(), gate.processor_time() - before);
        let (asked, answered) = rotation.join().unwrap();
        ended.store(true, Ordering::Relaxed);
        let slowest = passer_by.join().unwrap();
        println!("{WAITING} requests wait after {all_wait:.2?}, {processor:.2?} of a processor");
        println!(
            "another provider's new key: asked for after {asked:.1?}, answered after {answered:.1?}"
        );
        println!("slowest refusal of a request without a token: {slowest:.1?}");
    });
    let (before, start) = (gate.processor_time(), Instant::now());
    gate.issuer.release();
    for (client, _) in &mut crowd {
        assert_eq!(client.read().status, 200);
    }
    let processor = gate.processor_time() - before;
    println!(
        "keys come: all have passed after {:.2?}, {processor:.2?} of a processor",
        start.elapsed()
    );
    gate.end();
}

fn slowest_refusal(gate: &Gate, ended: &AtomicBool) -> Duration {
    let mut client = gate.client();
    let mut slowest = Duration::ZERO;
    while !ended.load(Ordering::Relaxed) {
        let sent = Instant::now();
        client.send(Request::get("/").to_http1());
        assert_eq!(client.read().status, 401);
        slowest = slowest.max(sent.elapsed());
        sleep(Duration::from_millis(1));
    }
    slowest
}

/// When a token of a new key made the gate ask for it, and when it was answered.
fn rotate(gate: &Gate, issuer: &Issuer) -> (Duration, Duration) {
    let next = SigningKey::es256("next");
    issuer.publish(&[&issuer.key, &next]);
    let token = Token::of(&next, SECOND, AUDIENCE).build();
    let fetches = issuer.fetches();
    let sent = Instant::now();
    let mut client = gate.client();
    client.send(Request::get("/").bearer(&token).to_http1());
    while issuer.fetches() == fetches {
        assert!(sent.elapsed() < Duration::from_secs(60), "never asked for");
        sleep(Duration::from_micros(200));
    }
    let asked = sent.elapsed();
    assert_eq!(client.read().status, 200);
    (asked, sent.elapsed())
}
