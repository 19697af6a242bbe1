//! What is refused of such a token, and when its signature counts.

use core::time::Duration;

use passgate_kit::{SigningKey, Token, jwks, tampered};

use super::{EventFault, EventStanding, ExpectedEvent, UnverifiedEvent};
use crate::{
    fetch::{Answer, Endpoint},
    jwks::{KeySource, Location, RemoteJwks, SourceOf, Sources},
    limits::Limits,
    supply::Supply,
    time::UnixTime,
};

const ISSUER: &str = "https://id.example.com";
const NOW: u64 = 1_800_000_000;

fn token(key: &SigningKey) -> Token<'_> {
    let token = Token::of(key, ISSUER, "feed").header("typ", "logout+jwt");
    token.claim("iat", NOW).claim("exp", NOW + 120)
}

fn judged(text: &str) -> Result<(), EventFault> {
    judged_at(text, NOW, false)
}

fn judged_at(text: &str, now: u64, must_expire: bool) -> Result<(), EventFault> {
    let audiences = ["feed".to_owned(), "other".to_owned()];
    let expected = ExpectedEvent {
        typ: "logout+jwt",
        issuer: ISSUER,
        audiences: &audiences,
        must_expire,
        max_age: Duration::from_secs(600),
        skew: Duration::from_secs(60),
        grace: Duration::from_secs(60),
    };
    let event = UnverifiedEvent::parse(text, &expected, UnixTime::from_secs(now))?;
    event.times.fault.map_or(Ok(()), Err)
}

#[test]
fn only_a_token_of_this_type_issuer_audience_and_time_counts() {
    let key = SigningKey::es256("k1");
    assert_eq!(judged(&token(&key).build()), Ok(()));
    let typed = |typ: &str| judged(&token(&key).header("typ", typ).build());
    for typ in ["LOGOUT+jwt", "application/logout+jwt"] {
        assert_eq!(typed(typ), Ok(()), "{typ}");
    }
    for typ in ["JWT", "at+jwt", "secevent+jwt", ""] {
        let wanted = EventFault::Malformed("typ: that of such a token");
        assert_eq!(typed(typ), Err(wanted), "{typ}");
    }
    let untyped = token(&key).without_header("typ").build();
    assert!(matches!(judged(&untyped), Err(EventFault::Malformed(_))));
    let with =
        |name: &str, value: serde_json::Value| judged(&token(&key).claim(name, value).build());
    let is = |name, value, fault| assert_eq!(with(name, value), Err(fault), "{name}");
    is("iss", "https://id.example.com/".into(), EventFault::Issuer);
    is("iss", serde_json::json!([ISSUER]), EventFault::Issuer);
    is("aud", "fee".into(), EventFault::Audience);
    is("aud", serde_json::json!(["feed", 1]), EventFault::Audience);
    assert_eq!(with("aud", serde_json::json!(["x", "other"])), Ok(()));
    is("iat", (NOW + 61).into(), EventFault::Early);
    is("nbf", (NOW + 61).into(), EventFault::Early);
    for (name, value) in [("iat", NOW - 661), ("exp", NOW - 60)] {
        let judged = with(name, value.into());
        assert!(
            matches!(judged, Err(EventFault::Time(_))),
            "{name} {judged:?}"
        );
    }
    for (name, value) in [("iat", NOW + 60), ("iat", NOW - 660), ("exp", NOW - 59)] {
        assert_eq!(with(name, value.into()), Ok(()), "{name}");
    }
    for name in ["iat", "exp", "nbf"] {
        let judged = with(name, "1".into());
        assert!(matches!(judged, Err(EventFault::Malformed(_))), "{name}");
    }
    let eternal = token(&key).without("exp").build();
    assert_eq!(judged_at(&eternal, NOW, false), Ok(()));
    assert!(judged_at(&eternal, NOW, true).is_err());
    let issued_never = token(&key).without("iat").build();
    assert!(judged_at(&issued_never, NOW, false).is_err());
    for text in ["", "a.b", "a.b.c.d", "e30.e30.AQ"] {
        let judged = judged(text);
        assert!(matches!(judged, Err(EventFault::Malformed(_))), "{text}");
    }
    let by_secret = token(&key).hs256(b"secret").build();
    assert!(matches!(judged(&by_secret), Err(EventFault::Malformed(_))));
    let of_list = token(&key).raw_claims("[]").build();
    assert!(matches!(judged(&of_list), Err(EventFault::Malformed(_))));
}

#[test]
fn a_token_counts_until_it_expires_or_is_too_old() {
    let key = SigningKey::es256("k1");
    let until = |token: Token<'_>| {
        let expected = ExpectedEvent {
            typ: "logout+jwt",
            issuer: ISSUER,
            audiences: &["feed".to_owned()],
            must_expire: false,
            max_age: Duration::from_secs(600),
            skew: Duration::from_secs(60),
            grace: Duration::from_secs(60),
        };
        let text = token.build();
        let event = UnverifiedEvent::parse(&text, &expected, UnixTime::from_secs(NOW));
        event.unwrap().until().as_secs()
    };
    assert_eq!(until(token(&key)), NOW + 240);
    assert_eq!(until(token(&key).without("exp")), NOW + 720);
    assert_eq!(until(token(&key).claim("exp", NOW + 9_000)), NOW + 720);
}

/// One provider whose keys are fetched.
struct World {
    supply: Supply,
    now: UnixTime,
}

impl World {
    fn new() -> Self {
        let endpoint = Endpoint {
            scheme: "https".into(),
            authority: "id.example.com".into(),
            path: "/keys".into(),
            cluster: String::new(),
        };
        let second = Duration::from_secs(1);
        let keys = KeySource::Remote(RemoteJwks {
            location: Location::Fixed(endpoint),
            timeout: second,
            cache_duration: second.saturating_mul(300),
            max_cache_duration: second.saturating_mul(300),
            max_stale: second.saturating_mul(300),
            refetch_cooldown: second.saturating_mul(30),
        });
        let name = "acme".into();
        let of = SourceOf {
            name: &name,
            keys: &keys,
            rsa: None,
            usage: crate::jose::KeyUse::Signature,
        };
        let sources = Sources {
            limits: Limits::default(),
            providers: vec![of],
        };
        Self {
            supply: Supply::new(sources, 1),
            now: UnixTime::from_secs(NOW),
        }
    }

    fn standing(&mut self, text: &str) -> Result<EventStanding, EventFault> {
        let expected = ExpectedEvent {
            typ: "logout+jwt",
            issuer: ISSUER,
            audiences: &["feed".to_owned()],
            must_expire: true,
            max_age: Duration::from_secs(600),
            skew: Duration::from_secs(60),
            grace: Duration::from_secs(60),
        };
        let event = UnverifiedEvent::parse(text, &expected, self.now)?;
        event.verify(&mut self.supply, 0, self.now)
    }

    /// Answers what is fetched now, or soon.
    fn fetched(&mut self, keys: &[&SigningKey]) {
        for _ in 0..100 {
            if let Some(fetch) = self.supply.poll_call(self.now) {
                let body = jwks(keys);
                let answer = Answer::Http {
                    status: 200,
                    headers: &[],
                    body: body.as_bytes(),
                };
                self.supply.on_answer(fetch.id, answer, self.now);
                return;
            }
            self.now = self.now.saturating_add(Duration::from_millis(100));
        }
        panic!("nothing is fetched");
    }
}

#[test]
fn a_signature_counts_by_the_keys_that_are_published_now() {
    let (first, second, stranger) = (
        SigningKey::es256("k1"),
        SigningKey::rs256("k2"),
        SigningKey::es256("k1"),
    );
    let mut world = World::new();
    let good = token(&first).build();
    let pending = world.standing(&good);
    assert!(matches!(pending, Ok(EventStanding::Pending)), "{pending:?}");
    world.fetched(&[&first]);
    let verified = world.standing(&good);
    assert!(
        matches!(verified, Ok(EventStanding::Verified)),
        "{verified:?}"
    );
    for forged in [tampered(&good), token(&stranger).build()] {
        assert_eq!(world.standing(&forged).err(), Some(EventFault::Signature));
    }
    // Its time is told of to nobody but the issuer.
    let early = |key| token(key).claim("iat", NOW + 90).build();
    assert_eq!(
        world.standing(&early(&first)).err(),
        Some(EventFault::Early)
    );
    let forged = world.standing(&early(&stranger)).err();
    assert_eq!(forged, Some(EventFault::Signature));
    // The provider goes on with another key: the set is fetched again.
    let next = token(&second).build();
    let pending = world.standing(&next);
    assert!(matches!(pending, Ok(EventStanding::Pending)), "{pending:?}");
    world.fetched(&[&second]);
    let verified = world.standing(&next);
    assert!(
        matches!(verified, Ok(EventStanding::Verified)),
        "{verified:?}"
    );
    let made_up = token(&SigningKey::es256("k3")).build();
    world.standing(&made_up).unwrap();
    world.now = world.now.saturating_add(Duration::from_secs(30));
    world.fetched(&[&second]);
    assert_eq!(world.standing(&made_up).err(), Some(EventFault::Key));
}
