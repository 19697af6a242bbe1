//! How much memory any input can make a configuration take: each part is driven to its bound, all
//! at once, and every byte is counted. Pointers are twice as long here as in the module, so what
//! holds here holds there.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that cannot go on fails"
)]

#[path = "memory/asked.rs"]
mod asked;
#[path = "memory/counted.rs"]
mod counted;
#[path = "memory/holders.rs"]
mod holders;
#[path = "proofs/host.rs"]
mod host;
#[path = "memory/lists.rs"]
mod lists;
#[path = "memory/signed.rs"]
mod signed;
#[path = "memory/sum.rs"]
mod sum;

use core::time::Duration;
use std::{fs, path::Path};

use asked::Asked;
use counted::{live, peak};
use holders::{Asker, Holders};
use lists::Lists;
use passgate_core::{
    Algorithm, Answer, AuditRecord, Config, Counters, Json, JwkSet, Leases, Need, ProviderId,
    Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier, WaitingRoom,
    limits::{self, Limits},
};
use passgate_kit::{SigningKey, TokenBuilder, base64url, jwks};
use serde_json::{Value, json};
use signed::Signed;

const AUDIENCE: &str = "https://api.example.com";
const START: u64 = 1_700_000_000;
const NOW: UnixTime = UnixTime::from_secs(START);
/// Keys of ES256, those of the first provider.
const SIGNERS: usize = 20;
/// A fifth of what there may be: the bounds of keys and names grow with their number alone, and
/// so does the time that this takes.
const PROVIDERS: usize = limits::PROVIDERS / 5;
/// With a provider each, as many counters as there may be.
const RULES: usize = limits::VERDICT_COUNTERS / PROVIDERS;

fn issuer(index: usize) -> String {
    format!("https://id-{index}.example.com")
}

/// So many providers, and as many values of a claim as there is room for.
fn configuration() -> String {
    let provider = |index: usize| {
        let uri = format!("{}/jwks", issuer(index));
        let provider = json!({
            "issuer": issuer(index),
            "audiences": [AUDIENCE],
            "remote_jwks": { "http_uri": { "uri": uri, "cluster": "idp" }, "cache_duration": "1h" },
        });
        (format!("p{index}"), provider)
    };
    let providers: serde_json::Map<String, Value> = (0..PROVIDERS).map(provider).collect();
    let rule =
        |index: usize| json!({ "match": { "prefix": format!("/{index}/") }, "requires": {} });
    let mut rules: Vec<Value> = (0..RULES).map(rule).collect();
    let claims: Vec<String> = (0..80_000).map(|number| format!("{number:05}")).collect();
    let claims = json!([{ "claim_name": "groups", "any_of": claims }]);
    rules.push(json!({ "match": { "prefix": "/" }, "requires": { "claims": claims } }));
    json!({ "providers": providers, "rules": rules }).to_string()
}

/// A set of as many keys as there may be, as long as they may be, with names as long as they may
/// be.
fn rsa_keys() -> String {
    let key = |index: usize| {
        let mut modulus = vec![0xa5; limits::RSA_BITS / 8];
        modulus[1..9].copy_from_slice(&index.to_be_bytes());
        *modulus.last_mut().unwrap() |= 1;
        let kid = format!("{index:0>512}");
        json!({
            "kty": "RSA", "alg": "RS256", "kid": kid, "n": base64url(modulus), "e": "AQAB",
        })
    };
    let keys: Vec<Value> = (0..limits::JWKS_KEYS).map(key).collect();
    json!({ "keys": keys }).to_string()
}

struct World {
    verifier: Verifier,
    keys: Supply,
    counters: Counters,
    providers: Vec<ProviderId>,
    grown: Vec<&'static str>,
}

impl World {
    fn ask(&mut self, path: &str, token: &str) -> (&'static str, AuditRecord) {
        let authorization = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", path.as_bytes()),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        let request = Request::new(&headers);
        match self.verifier.verify(request, &mut self.keys, NOW) {
            Step::Settle(Settlement {
                verdict: Verdict::Allow(permit),
                record,
            }) => (permit.code(), *record),
            Step::Settle(Settlement {
                verdict: Verdict::Deny(rejection),
                record,
            }) => (rejection.code, *record),
            other => panic!("{other:?}"),
        }
    }

    fn passes(&mut self, token: &str) {
        assert_eq!(self.ask("/0/", token).0, "permitted.token");
    }

    fn fetch_all(&mut self, own: &str, others: &str) {
        // Each starts a little later than the other.
        let now = UnixTime::from_secs(START - 60);
        while let Some(fetch) = self
            .keys
            .poll_call(now)
            .or_else(|| self.keys.poll_call(NOW))
        {
            let is_first = fetch.call.endpoint.authority.starts_with("id-0.");
            let body = if is_first { own } else { others };
            let tag = "x".repeat(limits::ETAG_BYTES - 2);
            let tag = format!("\"{tag}\"");
            let headers: [(&[u8], &[u8]); 2] = [(b":status", b"200"), (b"etag", tag.as_bytes())];
            let answer = Answer::from_host(&headers, body.as_bytes());
            assert!(self.keys.on_answer(fetch.id, answer, NOW).is_some());
            self.providers.extend(fetch.need.provider());
        }
        self.providers.sort_unstable();
        assert_eq!(self.providers.len(), PROVIDERS);
    }

    fn grow(&mut self, parts: &[&'static str], work: impl FnOnce(&mut Self)) {
        let before = live();
        work(self);
        within(parts, before);
        self.grown.extend(parts);
    }
}

/// Holds what has come to be in use against the bound of these parts: less, and not much less.
fn within(parts: &[&str], before: usize) {
    let grown = live() - before;
    let bound: usize = parts.iter().map(|part| sum::bound(part, PROVIDERS)).sum();
    eprintln!("{parts:?}: {grown} of {bound}");
    assert!(grown <= bound, "{parts:?}: {grown} > {bound}");
    assert!(grown * 3 > bound, "{parts:?}: {grown} is far below {bound}");
}

fn token<'k>(key: &'k SigningKey, issuer: &str) -> TokenBuilder<'k> {
    TokenBuilder::of(key, issuer, AUDIENCE)
        .claim("iat", START)
        .claim("exp", START + 600)
}

/// One test, because memory is counted for all threads.
#[test]
fn each_part_stays_within_its_bound_and_all_within_the_sum() {
    the_page_tells_the_sum();
    let signers: Vec<SigningKey> = (0..SIGNERS)
        .map(|index| SigningKey::es256(&format!("k{index}")))
        .collect();
    let own = jwks(&signers.iter().collect::<Vec<_>>());
    let (text, rsa) = (configuration(), rsa_keys());
    assert!(text.len() < limits::CONFIG_BYTES && rsa.len() < limits::JWKS_BYTES);
    passing(&text);

    // The longest types, each token with another. Made before, because the kit keeps what it makes.
    let of_long_types: Vec<String> = (0..1_100)
        .map(|number| {
            let typ = format!("application/{number:0>11000}");
            token(&signers[0], &issuer(0)).header("typ", typ).build()
        })
        .collect();

    answers_that_are_remembered();
    let start = live();
    let parse = || Config::parse(text.as_bytes()).unwrap();
    let config = parse();
    let mut world = World {
        keys: Supply::new(&config, 1),
        verifier: Verifier::new(config, 1),
        counters: Counters::default(),
        providers: Vec::new(),
        grown: vec!["configuration"],
    };
    within(&["configuration"], start);
    world.grow(&["keys"], |world| world.fetch_all(&own, &rsa));
    world.grow(&["names of keys that no set holds"], |world| {
        for provider in world.providers.clone() {
            for number in 0..2 * limits::UNKNOWN_KEYS {
                let kid = format!("u{number:0>511}");
                world
                    .keys
                    .lookup(provider, Some(&kid), Algorithm::Rs256, NOW);
            }
        }
    });
    let of_tokens = [
        "tables for ES256",
        "remembered headers",
        "remembered tokens",
    ];
    let before = live();
    world.grow(&of_tokens, |world| {
        for number in 0..2_000 {
            let key = &signers[number % SIGNERS];
            world.passes(&token(key, &issuer(0)).claim("jti", number).build());
        }
        for number in 0..2 * limits::REMEMBERED_HEADERS {
            // Longest header: 768 bytes.
            let typ = format!("application/{number:0>650}");
            let token = token(&signers[0], &issuer(0)).header("typ", typ).build();
            let length = token.find('.').unwrap();
            assert!((900..=limits::REMEMBERED_HEADER_BYTES).contains(&length));
            world.passes(&token);
        }
        for token in &of_long_types {
            world.passes(token);
        }
        within(&of_tokens, before);
        // What they hold is many small values: memory beside the bytes of the token.
        let values: Vec<Value> = (0..900).map(|_| json!([1])).collect();
        for number in 0..400 {
            let token = token(&signers[0], &issuer(0)).claim("jti", number);
            world.passes(&token.claim("x", values.clone()).build());
        }
    });
    let mut lists = Lists::start();
    world.grow(&["revocations"], |_| lists.read_two_documents());
    world.grow(&["status lists"], |_| lists.fetch_status_lists());
    let mut holders = Holders::start();
    world.grow(&["credentials"], |_| holders.read_two_documents());
    let mut asker = Asker::start();
    world.grow(&["credentials by subject"], |_| asker.remember_people());
    let mut asked = Asked::start();
    world.grow(&["introspection"], |_| asked.ask());
    let mut room = WaitingRoom::new(&parse());
    world.grow(&["waiting requests"], |world| {
        // All providers take their share: one alone does not get all of the room.
        let providers = world.providers.iter().cycle();
        for (stream, provider) in (0..).zip(providers).take(2 * limits::WAITING_REQUESTS) {
            let size = limits::WAITING_BYTES / limits::WAITING_REQUESTS;
            let content = (vec![1_u8; size], size);
            room.enter(
                stream,
                Need::Keys(*provider),
                content,
                Duration::from_secs(10),
                NOW,
            );
        }
    });
    let mut streams = Leases::default();
    world.grow(&["open streams"], |_| {
        open_streams(&signers[0], &mut streams)
    });
    let mut signer = Signed::start();
    world.grow(&["identity tokens"], |_| signer.sign());
    world.grow(&["counters of verdicts"], |world| {
        let config = parse();
        for provider in 0..PROVIDERS {
            let expired = token(&signers[0], &issuer(provider)).claim("exp", START - 600);
            let expired = expired.build();
            for rule in 0..=RULES {
                let (code, record) = world.ask(&format!("/{rule}/"), &expired);
                assert_eq!(code, "untrusted.expired");
                let number = Some((provider * RULES + rule) as u32);
                world
                    .counters
                    .number(&record, (config.providers(), config.audit().labels), |_| {
                        number
                    })
                    .unwrap();
            }
        }
    });
    let bounds: usize = sum::PARTS
        .iter()
        .map(|part| sum::bound(part.name, PROVIDERS))
        .sum();
    let all = live() - start;
    assert!(all <= bounds, "{all} > {bounds}");
    assert_eq!(world.grown.len(), sum::PARTS.len());
    eprintln!("all: {all} of {bounds}");
    drop((lists, holders, asker, signer));
}

/// What issuers say of 10,000 tokens that pass stays within the bound of remembered tokens, and
/// thousands are remembered if it is as long as such answers are.
fn answers_that_are_remembered() {
    let plain = json!({
        "active": true, "iss": issuer(0), "aud": AUDIENCE, "exp": START + 3_600, "iat": START - 10,
        "sub": "5f7c8ec7-c33c-6c00-4bba-0242ac120002", "client_id": "shop", "token_type": "Bearer",
        "scope": "openid read write", "acr": "phr", "amr": ["hwk", "user"], "auth_time": START - 60,
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02", "username": "alice",
    });
    let mut long = plain.clone();
    long["x"] = json!(vec![1; 900]);
    for (answer, tokens, least) in [(plain, 10_000, 5_000), (long, 1_000, 200)] {
        let mut asked = Asked::start();
        let before = live();
        assert_eq!(asked.pass(0..tokens, &answer), tokens);
        let grown = live() - before;
        let bound = sum::bound("remembered tokens", 1);
        eprintln!("{tokens} remembered answers: {grown} of {bound}");
        assert!(grown <= bound, "{grown} > {bound}");
        // The newest first, so that none makes room for another one before it is looked for.
        let kept = tokens - asked.pass((0..tokens).rev(), &answer);
        eprintln!("{kept} of them stay");
        assert!(
            (least..=limits::REMEMBERED_TOKENS).contains(&kept),
            "{kept}"
        );
    }
}

/// Opens streams until there is no room.
fn open_streams(signer: &SigningKey, leases: &mut Leases) {
    let config = json!({
        "providers": { "acme": {
            "issuer": issuer(0),
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[signer]) },
        } },
        "streams": { "end_with_authority": true },
        "limits": { "remembered_tokens": 1 },
    });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    verifier.join(leases);
    let token = token(signer, &issuer(0))
        .claim("sub", "s".repeat(64))
        .build();
    let authorization = format!("Bearer {token}");
    let path = format!("/{}", "p".repeat(200));
    let headers: [(&[u8], &[u8]); 6] = [
        (b":method", b"GET"),
        (b":path", path.as_bytes()),
        (b":authority", b"api.example.com"),
        (b"authorization", authorization.as_bytes()),
        (b"x-request-id", b"0d9f9d4c-2ac1-4f51-8a3b-0d6b6f3c2a11"),
        (b"accept", b"text/event-stream"),
    ];
    for stream in 0.. {
        verifier.note_room(leases);
        let step = verifier.verify(Request::new(&headers), &mut supply, NOW);
        let Step::Settle(Settlement { verdict, record }) = step else {
            panic!("it waits");
        };
        let Verdict::Allow(mut permit) = verdict else {
            assert_eq!(record.reason, "unavailable.streams");
            break;
        };
        verifier.hold(leases, stream, b"443", permit.take_lease().unwrap());
    }
    assert!(leases.len() > 10_000, "{}", leases.len());
    eprintln!("{} streams", leases.len());
}

/// What comes and goes.
fn passing(config: &str) {
    let check = |name: &str, peak: usize| {
        let (.., bound) = sum::PASSING
            .iter()
            .find(|(part, ..)| *part == name)
            .unwrap();
        assert!(peak <= *bound, "{name}: {peak} > {bound}");
        eprintln!("{name}: {peak} of {bound}");
    };
    let (_, most) = peak(|| Config::parse(config.as_bytes()).unwrap());
    check("reading a configuration", most);
    let element = |element: &str| {
        let count = (limits::JWKS_BYTES - 20) / (element.len() + 1);
        format!("{{\"keys\":[{}]}}", vec![element; count].join(","))
    };
    for text in [
        "{}",
        "[]",
        "1",
        "{\"\":1,\"\":1}",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    ] {
        let text = element(text);
        let (_, most) = peak(|| JwkSet::parse(text.as_bytes(), &Limits::default()));
        check("reading a key set", most);
    }
    for element in ["[]", "1", "{\"\":1}"] {
        let text = vec![element; limits::TOKEN_JSON_NODES / 3 - 2].join(",");
        let text = format!("{{\"x\":[{text}]}}");
        let (json, most) = peak(|| Json::parse(text.as_bytes(), limits::TOKEN_JSON_NODES));
        json.unwrap();
        check("reading a token", most);
    }
    let list = lists::status_list(&issuer(0), 0);
    let (_, most) = peak(|| passgate_core::inspect_status_list(list.as_bytes(), 1, 0));
    check("reading a status list", most);
}

/// What operators read is what is tested here.
fn the_page_tells_the_sum() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/memory.md");
    let page = fs::read_to_string(page).unwrap();
    let table = sum::table();
    assert!(
        page.contains(&table),
        "docs/memory.md wants this table:\n{table}"
    );
}
