//! How often a list is fetched, and how long it counts.

use core::time::Duration;
use std::rc::Rc;

use passgate_kit::{SigningKey, jwks};
use serde_json::{Value, json};

use super::{ISSUER, NOW, claims, now, signed, uri};
use crate::{
    crypto::Backend,
    fetch::{Answer, Asked, FetchId, clock::Moment},
    jose::JwkSet,
    jwks::UriPrefix,
    limits::{self, Limits},
    status_list::{Bits, Held, ListError, Lists, StatusListSource, UnverifiedList},
    time::UnixTime,
};

fn at(millis: u64) -> Moment {
    Moment::default().plus(Duration::from_millis(millis))
}

struct World {
    lists: Lists,
    key: SigningKey,
    keys: JwkSet,
    crypto: Backend,
    millis: u64,
    /// So many seconds has the wall clock jumped.
    jump: u64,
    ids: u64,
}

/// What a look at a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Status(Option<u8>),
    Pending,
    Later,
    Nowhere,
    Bad(ListError),
}

impl World {
    fn new() -> Self {
        let source = StatusListSource {
            uri_prefix: UriPrefix::parse("https://id.example.com/status/").unwrap(),
            cluster: "id".into(),
            timeout: Duration::from_secs(2),
            cache_duration: Duration::from_secs(300),
            max_cache_duration: Duration::from_secs(3_600),
            required: false,
        };
        let key = SigningKey::es256("key-1");
        let keys = JwkSet::parse(jwks(&[&key]).as_bytes(), &Limits::default()).unwrap();
        Self {
            lists: Lists::new(&source, (ISSUER, Duration::ZERO), 1, 7),
            key,
            keys,
            crypto: Backend::default(),
            millis: 0,
            jump: 0,
            ids: 0,
        }
    }

    fn wall(&self) -> UnixTime {
        now().saturating_add(Duration::from_millis(self.millis + self.jump * 1_000))
    }

    /// As a request asks whose token was verified.
    fn ask(&mut self, uri: &str, index: usize) -> Said {
        let moment = at(self.millis);
        let wall = self.wall();
        let held = match self.lists.ask(uri, moment) {
            None => return Said::Nowhere,
            Some(Asked::Pending) => return Said::Pending,
            Some(Asked::Unavailable(_)) => return Said::Later,
            Some(Asked::Said(held)) => held.clone(),
        };
        let opened = match held {
            Held::Open(_, Some(expires)) if expires <= wall => Err(ListError::Expired),
            Held::Open(bits, _) => Ok(bits),
            Held::Unverified(list) => self.open(&list, uri, wall),
        };
        match opened {
            Ok(bits) => Said::Status(bits.get(index)),
            Err(error) => {
                self.lists.spoil(uri, error, moment);
                Said::Bad(error)
            }
        }
    }

    fn open(
        &mut self,
        list: &UnverifiedList,
        uri: &str,
        wall: UnixTime,
    ) -> Result<Rc<Bits>, ListError> {
        list.check_end(wall)?;
        let (kid, algorithm) = (list.signed.kid.as_deref(), list.signed.algorithm);
        let key = self.keys.select(kid, algorithm);
        let key = key.map_err(|_| ListError::Key)?;
        let bits = Rc::new(list.open(&key.key, &mut self.crypto)?);
        self.lists.opened(uri, list, Rc::clone(&bits));
        Ok(bits)
    }

    fn fetches(&mut self) -> Vec<(FetchId, String)> {
        let mut fetches = Vec::new();
        loop {
            self.ids += 1;
            let id = FetchId(self.ids);
            let Some(call) = self.lists.poll(id, at(self.millis)) else {
                return fetches;
            };
            assert_eq!(call.header("accept"), Some("application/statuslist+jwt"));
            fetches.push((id, call.endpoint.to_string()));
        }
    }

    fn comes(&mut self, body: &str) {
        let fetches = self.fetches();
        assert_eq!(fetches.len(), 1, "{fetches:?}");
        self.arrives(fetches[0].0, body);
    }

    fn arrives(&mut self, id: FetchId, body: &str) {
        let answer = Answer::Http {
            status: 200,
            headers: &[],
            body: body.as_bytes(),
        };
        let (moment, wall) = (at(self.millis), self.wall());
        assert!(self.lists.on_answer(id, &answer, moment, wall));
    }

    fn signed(&self, claims: &Value) -> String {
        signed(&self.key, claims)
    }

    fn pass(&mut self, secs: u64) {
        self.millis += secs * 1_000;
    }
}

#[test]
fn many_tokens_of_one_list_cause_one_fetch() {
    let mut world = World::new();
    for index in 0..50 {
        assert_eq!(world.ask(&uri(1), index), Said::Pending);
    }
    assert!(world.lists.holds_waiters());
    let list = world.signed(&claims(&uri(1), 2, &[0b1110_0100]));
    world.comes(&list);
    for index in 0..4 {
        let status = u8::try_from(index).unwrap();
        assert_eq!(world.ask(&uri(1), index), Said::Status(Some(status)));
    }
    assert_eq!(world.ask(&uri(1), 4), Said::Status(None));
    assert_eq!(world.fetches(), []);
}

/// Whoever has tokens of more lists than are remembered has each list drive out another one.
#[test]
fn lists_that_drive_each_other_out_are_fetched_at_a_pace() {
    let mut world = World::new();
    let count = limits::STATUS_LISTS + 1;
    let uris: Vec<String> = (0..).take(count).map(uri).collect();
    let texts = uris.iter().map(|uri| world.signed(&claims(uri, 1, &[0])));
    let texts: Vec<String> = texts.collect();
    let (mut calls, mut served) = (0, 0);
    for (millis, uri) in (0..2_000).zip(uris.iter().cycle()) {
        world.millis = millis;
        served += usize::from(world.ask(uri, 0) == Said::Status(Some(0)));
        for (id, address) in world.fetches() {
            calls += 1;
            let list = uris.iter().position(|uri| *uri == address).unwrap();
            world.arrives(id, &texts[list]);
        }
        if world.lists.holds_waiters() {
            let next = world.lists.next_change().unwrap();
            assert!(next > at(millis), "polled, and still to be polled now");
        }
    }
    // All that are remembered at once, then ten in a second.
    assert!((count..=count + 20).contains(&calls), "{calls}");
    assert!(served > 1_000, "{served}");
}

#[test]
fn lists_of_several_sizes_stand_beside_each_other() {
    let mut world = World::new();
    for (list, bits) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
        assert_eq!(world.ask(&uri(list), 0), Said::Pending);
        let bytes = vec![0xff; 1 << (list * 3)];
        let text = world.signed(&claims(&uri(list), bits, &bytes));
        world.comes(&text);
    }
    for (list, all) in [(1, 1), (2, 3), (3, 15), (4, 255)] {
        assert_eq!(world.ask(&uri(list), 3), Said::Status(Some(all)));
    }
}

#[test]
fn an_address_outside_the_prefix_is_never_asked() {
    let mut world = World::new();
    for odd in [
        "https://id.example.com/other/1",
        "https://evil.example/status/1",
        "http://id.example.com/status/1",
        "https://id.example.com/status/../other",
        "https://id.example.com/status/%2e%2e/other",
        "https://id.example.com/status/1?x",
        "https://id.example.com/status/1#x",
        "https://u@id.example.com/status/1",
        "",
    ] {
        assert_eq!(world.ask(odd, 0), Said::Nowhere, "{odd}");
    }
    assert_eq!(world.fetches(), []);
}

#[test]
fn ttl_and_exp_say_how_long_a_list_counts() {
    for (ttl, exp, serves) in [
        (None, None, 300),
        (Some(30), None, 30),
        (Some(9_999), None, 3_600),
        (Some(30), Some(20), 20),
        (None, Some(20), 20),
    ] {
        let mut world = World::new();
        let mut list = claims(&uri(1), 1, &[0]);
        if let Some(ttl) = ttl {
            list["ttl"] = json!(ttl);
        }
        if let Some(exp) = exp {
            list["exp"] = json!(NOW + exp);
        }
        world.ask(&uri(1), 0);
        let list = world.signed(&list);
        world.comes(&list);
        assert_eq!(world.ask(&uri(1), 0), Said::Status(Some(0)));
        world.pass(serves - 1);
        assert_eq!(
            world.ask(&uri(1), 0),
            Said::Status(Some(0)),
            "{ttl:?} {exp:?}"
        );
        world.pass(1);
        assert_eq!(world.ask(&uri(1), 0), Said::Pending, "{ttl:?} {exp:?}");
    }
}

#[test]
fn a_list_that_is_not_the_providers_does_not_count() {
    let mut world = World::new();
    let other = SigningKey::es256("key-1");
    let unknown = SigningKey::es256("key-2");
    let good = claims(&uri(1), 1, &[0]);
    let mut lst = good.clone();
    lst["status_list"]["lst"] = json!("AAAA");
    let lists = [
        (signed(&other, &good), ListError::Signature),
        (signed(&unknown, &good), ListError::Key),
        (world.signed(&lst), ListError::Inflate),
    ];
    for (text, error) in lists {
        assert_eq!(world.ask(&uri(1), 0), Said::Pending);
        world.comes(&text);
        assert_eq!(world.ask(&uri(1), 0), Said::Bad(error));
        // Not at once again.
        assert_eq!(world.ask(&uri(1), 0), Said::Later);
        assert_eq!(world.fetches(), []);
        world.pass(2);
    }
    // What cannot even be taken apart is put off where it comes.
    assert_eq!(world.ask(&uri(1), 0), Said::Pending);
    world.comes("<html>");
    assert_eq!(world.ask(&uri(1), 0), Said::Later);
    let events = world.lists.events();
    assert_eq!(events.len(), 1, "{events:?}");
    world.pass(2);
    assert_eq!(world.ask(&uri(1), 0), Said::Pending);
    let text = world.signed(&good);
    world.comes(&text);
    assert_eq!(world.ask(&uri(1), 0), Said::Status(Some(0)));
    let events = world.lists.events();
    assert_eq!(events, [("lists can be had again".to_owned(), false)]);
}

#[test]
fn a_list_never_goes_back() {
    let mut world = World::new();
    let mut bring = |iat: u64, expected: Said| {
        let mut list = claims(&uri(1), 1, &[0]);
        list["iat"] = json!(iat);
        list["ttl"] = json!(1);
        assert_eq!(world.ask(&uri(1), 0), Said::Pending);
        let list = world.signed(&list);
        world.comes(&list);
        assert_eq!(world.ask(&uri(1), 0), expected, "{iat}");
        world.pass(3);
    };
    bring(NOW - 10, Said::Status(Some(0)));
    bring(NOW - 11, Said::Later);
    bring(NOW - 10, Said::Status(Some(0)));
    bring(NOW, Said::Status(Some(0)));
    bring(NOW - 5, Said::Later);
}

#[test]
fn a_list_that_expires_in_hand_does_not_count() {
    let mut world = World::new();
    let mut list = claims(&uri(1), 1, &[0]);
    list["exp"] = json!(NOW + 10);
    world.ask(&uri(1), 0);
    let list = world.signed(&list);
    world.comes(&list);
    // What is counted stands still, and the wall clock jumps.
    world.jump = 10;
    assert_eq!(world.ask(&uri(1), 0), Said::Bad(ListError::Expired));
    world.jump = 0;
    world.pass(2);
    assert_eq!(world.ask(&uri(1), 0), Said::Pending);
    world.comes(&list);
    assert_eq!(world.ask(&uri(1), 0), Said::Status(Some(0)));
    world.jump = 10;
    assert_eq!(world.ask(&uri(1), 0), Said::Bad(ListError::Expired));
}
