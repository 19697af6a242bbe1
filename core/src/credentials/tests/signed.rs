//! Credentials of one person that are signed: what counts, and by whose keys.

use passgate_kit::{SigningKey, Token, base64url, jwks};
use serde_json::{Value, json};

use super::world::{ISSUER, ok, secs, word};
use crate::{
    config::Config,
    crypto::Backend,
    fetch::{Answer, Number},
    limits,
    supply::{Fetch, Need, Supply},
    time::UnixTime,
};

const NOW: i64 = 1_795_900_000;

struct World {
    supply: Supply,
    crypto: Backend,
    wall: UnixTime,
}

/// What a signer says of a person who has one passkey.
fn answer<'k>(key: &'k SigningKey, subject: &str) -> Token<'k> {
    let passkey = SigningKey::es256("k");
    let entry = json!({ "id": base64url([1]), "cose_key": base64url(passkey.cose_key()) });
    Token::of(key, ISSUER, "nobody")
        .without("aud")
        .header("typ", "credentials+jwt")
        .claim("sub", subject)
        .claim("iat", NOW)
        .claim("exp", NOW + 60)
        .claim("credentials", json!([entry]))
}

impl World {
    fn new(signed_by: Value) -> Self {
        let uri = json!({ "uri": "https://id.example.com/{sub}", "cluster": "id" });
        let provider = json!({
            "issuer": ISSUER,
            "audiences": ["https://api.example.com"],
            "local_jwks": { "inline_string": jwks(&[&SigningKey::es256("issuer")]) },
            "clock_skew": "30s",
            "credentials": { "by_subject": { "http_uri": uri }, "signed_by": signed_by },
        });
        let other = json!({
            "issuer": "https://other.example.com",
            "audiences": ["https://api.example.com"],
            "local_jwks": { "inline_string": jwks(&[&SigningKey::es256("other")]) },
        });
        let text = json!({ "providers": { "acme": provider, "other": other } }).to_string();
        let config = Config::parse(text.as_bytes()).unwrap();
        Self {
            supply: Supply::new(&config, 7),
            crypto: Backend::default(),
            wall: UnixTime::from_secs(NOW.unsigned_abs()),
        }
    }

    fn local(key: &SigningKey) -> Self {
        Self::new(json!({ "local_jwks": { "inline_string": jwks(&[key]) } }))
    }

    fn find(&mut self, subject: &str) -> &'static str {
        let provider = crate::ProviderId(0);
        let asked = (&mut self.crypto, self.wall);
        word(
            &self
                .supply
                .credential(provider, (ISSUER, subject), &[1], asked),
        )
    }

    /// The next fetch, which may have to wait for its turn.
    fn fetch(&mut self) -> Fetch {
        for _ in 0..10_000 {
            if let Some(fetch) = self.supply.poll_call(self.wall) {
                return fetch;
            }
            self.wall = self
                .wall
                .saturating_add(core::time::Duration::from_millis(10));
        }
        panic!("no fetch for a minute");
    }

    /// The fetch that starts now brings this.
    fn comes(&mut self, answer: &Answer<'_>) -> Need {
        let id = self.fetch().id;
        self.supply.on_answer(id, *answer, self.wall).unwrap()
    }

    /// What is said of alice once this has come.
    fn says(&mut self, answer: &Answer<'_>) -> &'static str {
        assert_eq!(self.find("alice"), "pending");
        self.comes(answer);
        self.find("alice")
    }

    fn number(&mut self, name: &str) -> u64 {
        let reports = self.supply.ending_reports();
        let measures = reports.flat_map(|report| report.measures);
        let counts = measures.filter(|measure| measure.name == name);
        let counts = counts.map(|measure| match measure.value {
            Number::Count(count) => count,
            _ => 0,
        });
        counts.sum()
    }

    fn log(&mut self) -> Vec<String> {
        let events = self.supply.ending_events();
        events.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn an_answer_counts_only_if_it_is_signed_of_this_person_and_of_this_time() {
    let (key, thief) = (SigningKey::es256("s"), SigningKey::es256("s"));
    let unknown = SigningKey::es256("t");
    let good = || answer(&key, "alice");
    let text = good().build();
    let (head, signature) = text.rsplit_once('.').unwrap();
    let claims = text.split('.').nth(1).unwrap();
    let changed = good().claim("more", 1).build();
    let changed = changed.rsplit_once('.').unwrap().0;
    let said = answer(&key, "alice").header("alg", "none").build();
    let nobody = said.rsplit_once('.').unwrap().0;
    let long = "x".repeat(limits::CREDENTIAL_ANSWER_BYTES);
    let wrong = "its signature is wrong";
    let dates = "its iat or exp is not a number of seconds";
    let rows = [
        (good().build(), None),
        // Within the clocks' tolerance.
        (good().claim("iat", NOW + 30).build(), None),
        (good().claim("exp", NOW - 29).build(), None),
        (good().without_header("kid").build(), None),
        (
            good().header("typ", "application/credentials+jwt").build(),
            None,
        ),
        (format!("{text}\n"), None),
        // Who signed it.
        (answer(&thief, "alice").build(), Some(wrong)),
        (answer(&unknown, "alice").build(), Some("no key is for it")),
        (
            good().header("alg", "ES384").build(),
            Some("no key is for it"),
        ),
        (format!("{changed}.{signature}"), Some(wrong)),
        (good().signature(&[0; 64]).build(), Some(wrong)),
        (good().signature(&[7; 63]).build(), Some(wrong)),
        (good().hs256(b"secret").build(), Some("its algorithm")),
        (format!("{nobody}."), Some("not three parts")),
        (format!("{nobody}.AA"), Some("its algorithm")),
        // What it is.
        (good().header("typ", "at+jwt").build(), Some("its typ")),
        (good().without_header("typ").build(), Some("its typ")),
        (
            good().header("crit", json!(["x"])).build(),
            Some("its header has crit or b64"),
        ),
        (head.to_owned(), Some("not three parts")),
        (good().claim("pad", long).build(), Some("too large")),
        (String::new(), Some("not three parts")),
        // Unsigned, as it would be read without `signed_by`.
        (
            json!({ "iss": ISSUER, "sub": "alice", "credentials": [] }).to_string(),
            Some(""),
        ),
        (claims.to_owned(), Some("not three parts")),
        // Whose it is.
        (
            answer(&key, "bob").build(),
            Some("its sub is another person's"),
        ),
        (good().without("sub").build(), Some("its sub is missing")),
        (
            good().claim("iss", "https://other.example.com").build(),
            Some("its iss is not"),
        ),
        (
            good().without("credentials").build(),
            Some("its credentials are missing"),
        ),
        // Of which time.
        (good().without("iat").build(), Some(dates)),
        (good().without("exp").build(), Some(dates)),
        (good().claim("exp", "soon").build(), Some(dates)),
        (
            good().claim("iat", NOW + 31).build(),
            Some("its iat is to come"),
        ),
        (good().claim("exp", NOW - 30).build(), Some("expired")),
    ];
    for (body, why) in rows {
        let mut world = World::local(&key);
        let found = world.says(&ok(&body));
        let log = world.log();
        let Some(why) = why else {
            assert_eq!((found, log.len()), ("known", 0), "{body} {log:?}");
            assert_eq!(world.number("fetches.ok"), 1);
            continue;
        };
        assert_eq!(found, "unavailable", "{body}");
        assert!(log.len() == 1 && log[0].contains(why), "{log:?}: {why}");
        assert_eq!(world.number("fetches.unusable"), 1, "{why}");
        assert_eq!(world.number("fetches.ok"), 0, "{why}");
        // It puts off nobody else, and alice for a second.
        assert_eq!(world.find("bob"), "pending");
        world.wall = world.wall.saturating_add(secs(1));
        assert_eq!(world.find("alice"), "pending");
    }
}

#[test]
fn a_status_is_not_signed_so_it_does_not_say_that_a_person_has_none() {
    for status in [404, 500, 503, 204] {
        let mut world = World::local(&SigningKey::es256("s"));
        let headers = &[];
        let answer = Answer::Http {
            status,
            headers,
            body: b"",
        };
        assert_eq!(world.says(&answer), "unavailable", "{status}");
        assert_eq!(world.number("fetches.failed"), 1);
    }
}

#[test]
fn a_signed_answer_is_remembered_until_its_end_and_not_longer() {
    let key = SigningKey::es256("s");
    let mut world = World::local(&key);
    let body = answer(&key, "alice").claim("exp", NOW + 10).build();
    assert_eq!(world.says(&ok(&body)), "known");
    world.wall = world.wall.saturating_add(secs(9));
    assert_eq!(world.find("alice"), "known");
    world.wall = world.wall.saturating_add(secs(1));
    assert_eq!(world.find("alice"), "pending");
    // And never longer than the gate says.
    let body = answer(&key, "alice").claim("exp", NOW + 10_000).build();
    world.comes(&ok(&body));
    world.wall = world.wall.saturating_add(secs(59));
    assert_eq!(world.find("alice"), "known");
    world.wall = world.wall.saturating_add(secs(1));
    assert_eq!(world.find("alice"), "pending");
}

#[test]
fn the_keys_of_the_provider_and_of_others_sign_nothing() {
    let (key, issuer) = (SigningKey::es256("s"), SigningKey::es256("issuer"));
    let mut world = World::local(&key);
    assert_eq!(
        world.says(&ok(&answer(&issuer, "alice").build())),
        "unavailable"
    );
}

#[test]
fn keys_that_are_fetched_are_waited_for_and_rotate() {
    let (key, next) = (SigningKey::es256("one"), SigningKey::es256("two"));
    let uri = json!({ "uri": "https://feed.example.com/keys", "cluster": "feed" });
    let mut world = World::new(json!({ "remote_jwks": { "http_uri": uri } }));
    assert_eq!(world.find("alice"), "pending");
    // Keys are fetched before anybody asks, and come later than the answer here.
    let mut fetches = [world.fetch(), world.fetch()];
    fetches.sort_by_key(|fetch| fetch.call.endpoint.path.clone());
    let [answers, keys] = fetches;
    assert_eq!(keys.call.endpoint.path, "/keys");
    let signers = keys.need;
    assert_eq!(
        signers,
        Need::Keys(crate::ProviderId(2)),
        "behind all providers"
    );
    let body = answer(&key, "alice").build();
    world.supply.on_answer(answers.id, ok(&body), world.wall);
    assert_eq!(world.find("alice"), "keyless");
    assert!(world.supply.holds(signers));
    let set = jwks(&[&key]);
    let came = world.supply.on_answer(keys.id, ok(&set), world.wall);
    assert_eq!(came, Some(signers));
    assert_eq!(world.find("alice"), "known");
    // An answer by a key that is not known yet has the keys fetched again.
    assert_eq!(world.find("bob"), "pending");
    world.comes(&ok(&answer(&next, "bob").build()));
    assert_eq!(world.find("bob"), "keyless");
    assert_eq!(world.comes(&ok(&jwks(&[&key, &next]))), signers);
    assert_eq!(world.find("bob"), "known");
}
