//! One cache, its clock, and short words for what happens to it.

use core::time::Duration;
use std::rc::Rc;

use crate::{
    config::Config,
    crypto::Algorithm,
    fetch::{Answer, Endpoint},
    jose::{JwkSet, KeyUse, to_base64url},
    jwks::{KeySource, Location, Lookup, RemoteJwks, SourceOf, Sources},
    limits::Limits,
    provider_id::ProviderId,
    supply::{Fetch, Need, Supply},
    time::UnixTime,
};

pub(super) const ACME: ProviderId = ProviderId(0);
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const COOLDOWN: Duration = Duration::from_secs(30);

/// The start of all these tests; nothing depends on it.
const START_MILLIS: u64 = 1_700_000_000_000;

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// 300 s fresh, 600 s at most, an hour stale.
pub(super) fn source() -> RemoteJwks {
    RemoteJwks {
        location: Location::Fixed(Endpoint {
            authority: "id.example".into(),
            path: "/certs".into(),
            scheme: "https".into(),
            cluster: "id".into(),
        }),
        timeout: TIMEOUT,
        cache_duration: secs(300),
        max_cache_duration: secs(600),
        max_stale: secs(3_600),
        refetch_cooldown: COOLDOWN,
    }
}

pub(super) fn cache(sources: &[KeySource], seed: u64) -> Supply {
    let names: Vec<Rc<str>> = (0..sources.len())
        .map(|index| format!("provider{index}").into())
        .collect();
    let source = |(keys, name)| SourceOf {
        name,
        keys,
        rsa: Algorithm::ALL.into_iter().find(|alg| alg.is_rsa()),
        usage: KeyUse::default(),
    };
    let sources = Sources {
        limits: Limits::default(),
        providers: sources.iter().zip(&names).map(source).collect(),
    };
    Supply::new(sources, seed)
}

/// The document is fresh for 1000 s, the keys for 300 s, both stale for an hour.
pub(super) fn discovered() -> RemoteJwks {
    let config = Config::parse(
        br#"{"providers":{"acme":{"issuer":"https://id.example/acme","audiences":["api"],"discovery":{
        "cluster":"id","jwks_cluster":"keys","jwks_uri_prefix":"https://keys.example/acme/","refresh":"1000s"}}}}"#,
    )
    .unwrap();
    match config.into_providers().remove(0).keys {
        KeySource::Remote(remote) => remote,
        KeySource::Local(_) => panic!("local"),
    }
}

/// The same with a document that is fresh for so long.
pub(super) fn discovered_for(refresh: Duration) -> RemoteJwks {
    let mut remote = discovered();
    if let Location::Discovered(discovery) = &mut remote.location {
        discovery.refresh = refresh;
    }
    remote
}

/// A set with one P-256 key for each `kid`; the same `kid` is always the same key.
pub(super) fn set_of(kids: &[&str]) -> String {
    let keys: Vec<String> = kids.iter().map(|kid| es256_jwk(kid)).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn es256_jwk(kid: &str) -> String {
    let mut scalar = [1; 32];
    for (byte, letter) in scalar.iter_mut().rev().zip(kid.bytes()) {
        *byte = letter;
    }
    let point = p256::ecdsa::SigningKey::from_slice(&scalar)
        .unwrap()
        .verifying_key()
        .to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    let (x, y) = (to_base64url(x), to_base64url(y));
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}"#)
}

/// What a lookup said, without the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Found,
    Pending,
    Unknown,
    Misfit,
    Ambiguous,
    Unavailable(Duration),
}

pub(super) struct World {
    pub(super) cache: Supply,
    pub(super) now: UnixTime,
}

impl World {
    pub(super) fn new(source: RemoteJwks) -> Self {
        Self::of(vec![KeySource::Remote(source)])
    }

    pub(super) fn of(sources: Vec<KeySource>) -> Self {
        Self {
            cache: cache(&sources, 42),
            now: UnixTime::from_millis(START_MILLIS),
        }
    }

    /// A world whose first fetch brought these keys just now.
    pub(super) fn with_keys(source: RemoteJwks, kids: &[&str]) -> Self {
        let mut world = Self::new(source);
        let fetch = world.next_fetch();
        world.answer(fetch, &set_of(kids));
        world.cache.events();
        world
    }

    pub(super) fn local(kids: &[&str]) -> Self {
        let set = JwkSet::parse(set_of(kids).as_bytes(), &Limits::default()).unwrap();
        Self::of(vec![KeySource::Local(set)])
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
    }

    pub(super) fn poll(&mut self) -> Option<Fetch> {
        self.cache.poll_call(self.now)
    }

    /// How long until something is to be done.
    pub(super) fn until_wakeup(&self) -> Duration {
        self.cache.next_wakeup().unwrap().since(self.now)
    }

    /// Lets time pass until a fetch starts; a few wake-ups may be about something else.
    pub(super) fn next_fetch(&mut self) -> Fetch {
        for _ in 0..4 {
            if let Some(fetch) = self.poll() {
                return fetch;
            }
            self.pass(self.until_wakeup());
        }
        panic!("no fetch starts");
    }

    pub(super) fn answer(&mut self, fetch: Fetch, body: &str) -> Option<ProviderId> {
        self.answer_with(fetch, 200, &[], body.as_bytes())
    }

    pub(super) fn answer_with(
        &mut self,
        fetch: Fetch,
        status: u16,
        headers: &[(&[u8], &[u8])],
        body: &[u8],
    ) -> Option<ProviderId> {
        let answer = Answer::Http {
            status,
            headers,
            body,
        };
        let need = self.cache.on_answer(fetch.id, answer, self.now);
        need.and_then(Need::provider)
    }

    pub(super) fn fail(&mut self, fetch: Fetch) {
        let answer = self.cache.on_answer(fetch.id, Answer::NoAnswer, self.now);
        assert_eq!(answer, Some(fetch.need));
    }

    pub(super) fn ask(&mut self, kid: &str) -> Said {
        self.ask_for(Some(kid), Algorithm::Es256)
    }

    pub(super) fn ask_for(&mut self, kid: Option<&str>, algorithm: Algorithm) -> Said {
        match self.cache.lookup(ACME, kid, algorithm, self.now) {
            Lookup::Found(jwk) => {
                assert!(kid.is_none_or(|kid| jwk.kid.as_deref() == Some(kid)));
                Said::Found
            }
            Lookup::Pending => Said::Pending,
            Lookup::Unknown => Said::Unknown,
            Lookup::Misfit => Said::Misfit,
            Lookup::Ambiguous => Said::Ambiguous,
            Lookup::Unavailable { retry_after, .. } => {
                assert!(retry_after >= secs(1));
                Said::Unavailable(retry_after)
            }
        }
    }

    pub(super) fn events(&mut self) -> Vec<String> {
        self.cache
            .events()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    pub(super) fn assert_unavailable(&mut self, kid: &str) {
        let said = self.ask(kid);
        assert!(matches!(said, Said::Unavailable(_)), "{said:?}");
    }
}
