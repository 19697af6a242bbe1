//! Configurations by chance.

use core::time::Duration;
use std::rc::Rc;

use passgate_core::{
    Algorithm, Config, Discovery, Endpoint, KeySource, KeyUse, Location, ProviderId, RemoteJwks,
    SourceOf, Sources, Supply, UnixTime, limits::Limits,
};

use crate::{model::Times, random::Random};

pub(crate) fn any_times(random: &mut Random) -> Times {
    let cache = random.one_of(&[1_000, 5_000, 60_000, 300_000]);
    Times {
        timeout: random.one_of(&[500, 1_000, 5_000]),
        cache,
        max_cache: cache * random.between(1, 3),
        max_stale: random.one_of(&[0, 2_000, 60_000, 3_600_000]),
        cooldown: random.one_of(&[0, 1_000, 10_000, 30_000]),
        refresh: random
            .percent(40)
            .then(|| random.one_of(&[1_000, 5_000, 20_000, 60_000])),
    }
}

/// Where the keys of some providers come from.
pub(crate) struct Providers {
    names: Vec<Rc<str>>,
    keys: Vec<KeySource>,
}

impl Providers {
    pub(crate) fn new(times: &[Times]) -> Self {
        let keys = |times: &Times| {
            KeySource::Remote(RemoteJwks {
                location: location(times),
                timeout: Duration::from_millis(times.timeout),
                cache_duration: Duration::from_millis(times.cache),
                max_cache_duration: Duration::from_millis(times.max_cache),
                max_stale: Duration::from_millis(times.max_stale),
                refetch_cooldown: Duration::from_millis(times.cooldown),
            })
        };
        Self {
            names: (0..times.len())
                .map(|index| format!("provider{index}").into())
                .collect(),
            keys: times.iter().map(keys).collect(),
        }
    }

    pub(crate) fn sources(&self) -> Sources<'_> {
        let source = |(name, keys)| SourceOf {
            name,
            keys,
            rsa: Algorithm::ALL.into_iter().find(|alg| alg.is_rsa()),
            usage: KeyUse::default(),
        };
        Sources {
            limits: Limits {
                jwks_bytes: 4_096,
                ..Limits::default()
            },
            providers: self.names.iter().zip(&self.keys).map(source).collect(),
        }
    }

    /// The same providers as a configuration: of its keys nothing is used.
    pub(crate) fn config(&self) -> Config {
        let provider = |(index, name): (usize, &Rc<str>)| {
            format!(
                r#""{name}":{{"issuer":"https://{index}.example","audiences":["api"],
                "from_cookies":["token"],"clock_skew":"0s",
                "remote_jwks":{{"http_uri":{{"uri":"https://id.example/certs","cluster":"id"}}}}}}"#
            )
        };
        let providers: Vec<String> = self.names.iter().enumerate().map(provider).collect();
        let text = format!(r#"{{"providers":{{{}}}}}"#, providers.join(","));
        Config::parse(text.as_bytes()).unwrap()
    }
}

fn location(times: &Times) -> Location {
    match times.refresh {
        None => Location::Fixed(Endpoint {
            authority: "id.example".into(),
            path: "/certs".into(),
            scheme: "https".into(),
            cluster: "id".into(),
        }),
        Some(refresh) => discovered(Duration::from_millis(refresh)),
    }
}

/// Only the configuration makes what a document is held against.
fn discovered(refresh: Duration) -> Location {
    let config = Config::parse(
        br#"{"providers":{"acme":{"issuer":"https://id.example/acme","audiences":["api"],
        "discovery":{"cluster":"id","jwks_uri_prefix":"https://id.example/acme/"}}}}"#,
    )
    .unwrap();
    match config.into_providers().remove(0).keys {
        KeySource::Remote(RemoteJwks {
            location: Location::Discovered(discovery),
            ..
        }) => Location::Discovered(Box::new(Discovery {
            refresh,
            ..*discovery
        })),
        other => panic!("{other:?}"),
    }
}

/// The names of the providers, in their order. Only the cache gives them out, so a cache is asked
/// for them.
pub(crate) fn ids(providers: &Providers) -> Vec<ProviderId> {
    let mut cache = Supply::new(providers.sources(), 0);
    let mut ids = Vec::new();
    for millis in [0, 50] {
        let now = UnixTime::from_millis(millis);
        for _ in 0..=providers.names.len() {
            ids.extend(cache.poll_call(now).and_then(|fetch| fetch.need.provider()));
        }
    }
    ids.sort();
    assert_eq!(ids.len(), providers.names.len());
    ids
}
