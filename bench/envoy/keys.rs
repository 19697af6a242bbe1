//! The histories of keys that `bench/keys` tells to passgate and to Envoy's own `jwt_authn`, and
//! the table of what each of them did.

use passgate_harness::{AUDIENCE, Gate, ISSUER, Issuer, Protocol, Request, Setup, policy};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Clone, Copy)]
enum Filter {
    Passgate,
    JwtAuthn,
    Async,
    AsyncAndCache,
}

const FILTERS: [(&str, Filter); 4] = [
    ("passgate", Filter::Passgate),
    ("`jwt_authn`", Filter::JwtAuthn),
    ("with `async_fetch`", Filter::Async),
    ("and `jwt_cache_config`", Filter::AsyncAndCache),
];

type History = fn(Filter) -> String;

const HISTORIES: [(&str, History); 8] = [
    ("200 requests before the keys come: passed, fetches", crowd),
    ("a new key, used at once: status", new_key),
    ("200 made-up kids: fetches", made_up),
    (
        "no keys yet, provider down: status; fetches in 5 s, 10 requests a second",
        never,
    ),
    (
        "provider down for 8 s, keys fresh for 1 s: refused, fetches",
        outage,
    ),
    (
        "provider answers junk for 4 s, keys fresh for 1 s: refused",
        junk,
    ),
    (
        "provider back after 5 s without keys: passes again after",
        back,
    ),
    (
        "key withdrawn, keys fresh for 2 s: refused after",
        withdrawn,
    ),
];

fn main() {
    let names = FILTERS.map(|(name, _)| name);
    println!("| | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(FILTERS.len()));
    for (what, history) in HISTORIES {
        let cells = FILTERS.map(|(_, filter)| history(filter));
        println!("| {what} | {} |", cells.join(" | "));
    }
}

fn crowd(filter: Filter) -> String {
    let issuer = Issuer::start();
    issuer.hold();
    let gate = start(filter, issuer, "300s");
    let request = Request::get("/")
        .bearer(&token(&gate.issuer.key))
        .to_http1();
    let mut clients: Vec<_> = (0..200).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send(&request);
    }
    sleep(Duration::from_millis(1_000));
    gate.issuer.release();
    let answers = clients.iter_mut().map(|client| client.read().status);
    let passed = answers.filter(|status| *status == 200).count();
    end(gate, |fetches| format!("{passed}, {fetches}"))
}

fn new_key(filter: Filter) -> String {
    let gate = start_good(filter, "300s");
    let new = SigningKey::es256("k2");
    gate.issuer.publish(&[&gate.issuer.key, &new]);
    let status = send(&gate, &token(&new));
    end(gate, |_| status.to_string())
}

fn made_up(filter: Filter) -> String {
    let gate = start_good(filter, "300s");
    for number in 0..200 {
        let kid = format!("made-up-{number}");
        send(
            &gate,
            &Token::of(&gate.issuer.key, ISSUER, AUDIENCE)
                .header("kid", kid)
                .build(),
        );
    }
    end(gate, |fetches| fetches.to_string())
}

fn never(filter: Filter) -> String {
    let issuer = Issuer::start();
    issuer.status(503);
    let gate = start(filter, issuer, "300s");
    let (mut statuses, _) = load(&gate, Duration::from_secs(5));
    statuses.dedup();
    let status = statuses[0];
    end(gate, |fetches| format!("{status}; {fetches}"))
}

fn outage(filter: Filter) -> String {
    let gate = start_good(filter, "1s");
    gate.issuer.drop_connections();
    let before = gate.issuer.fetches();
    let (statuses, refused) = load(&gate, Duration::from_secs(8));
    let all = statuses.len();
    end(gate, |fetches| {
        format!("{refused} of {all}, {}", fetches - before)
    })
}

fn junk(filter: Filter) -> String {
    let gate = start_good(filter, "1s");
    gate.issuer.publish_text("<html>sign in</html>");
    let (statuses, refused) = load(&gate, Duration::from_secs(4));
    let all = statuses.len();
    end(gate, |_| format!("{refused} of {all}"))
}

fn back(filter: Filter) -> String {
    let issuer = Issuer::start();
    issuer.status(503);
    let gate = start(filter, issuer, "300s");
    load(&gate, Duration::from_secs(5));
    gate.issuer.recover();
    let seconds = until(&gate, 200);
    end(gate, |_| seconds)
}

fn withdrawn(filter: Filter) -> String {
    let gate = start_good(filter, "2s");
    gate.issuer.publish(&[&SigningKey::es256("k2")]);
    let seconds = until(&gate, 401);
    end(gate, |_| seconds)
}

/// Ten requests a second for so long: their statuses, and how many did not pass.
fn load(gate: &Gate, time: Duration) -> (Vec<u16>, usize) {
    let (start, good) = (Instant::now(), token(&gate.issuer.key));
    let mut statuses = Vec::new();
    while start.elapsed() < time {
        statuses.push(send(gate, &good));
        sleep(Duration::from_millis(100));
    }
    let refused = statuses.iter().filter(|status| **status != 200).count();
    (statuses, refused)
}

/// How long until the good token has this status, at most 10 s.
fn until(gate: &Gate, status: u16) -> String {
    let (start, good) = (Instant::now(), token(&gate.issuer.key));
    while start.elapsed() < Duration::from_secs(10) {
        if send(gate, &good) == status {
            return format!("{:.1} s", start.elapsed().as_secs_f64());
        }
        sleep(Duration::from_millis(100));
    }
    "more than 10 s".to_owned()
}

fn send(gate: &Gate, token: &str) -> u16 {
    gate.send(Protocol::Http1, &Request::get("/").bearer(token))
        .status
}

fn token(key: &SigningKey) -> String {
    Token::of(key, ISSUER, AUDIENCE).build()
}

fn end(mut gate: Gate, show: impl FnOnce(usize) -> String) -> String {
    gate.end();
    show(gate.issuer.fetches())
}

/// A gate whose keys have come.
fn start_good(filter: Filter, fresh: &str) -> Gate {
    let gate = start(filter, Issuer::start(), fresh);
    assert_eq!(send(&gate, &token(&gate.issuer.key)), 200);
    gate
}

fn start(filter: Filter, issuer: Issuer, fresh: &str) -> Gate {
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["cache_duration"] = json!(fresh);
    let setup = Setup::new(policy).issuer(issuer);
    let setup = match jwt_authn(filter, fresh) {
        None => setup,
        Some(instead) => setup.edit(|bootstrap| *bootstrap.passgate() = instead),
    };
    setup.start()
}

/// Envoy's own filter for the same issuer.
fn jwt_authn(filter: Filter, fresh: &str) -> Option<Value> {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "remote_jwks": {
            "http_uri": { "uri": format!("{ISSUER}/jwks"), "cluster": "idp", "timeout": "5s" },
            "cache_duration": fresh,
        },
    });
    match filter {
        Filter::Passgate => return None,
        Filter::JwtAuthn => {}
        Filter::Async => provider["remote_jwks"]["async_fetch"] = json!({ "fast_listener": true }),
        Filter::AsyncAndCache => {
            provider["remote_jwks"]["async_fetch"] = json!({ "fast_listener": true });
            provider["jwt_cache_config"] = json!({ "jwt_cache_size": 100 });
        }
    }
    Some(json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "acme": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } }],
        },
    }))
}
