//! Configurations by chance.

use core::time::Duration;

use passgate_core::{
    config::{
        Audit, Config, Discovery, Endpoint, Evidence, KeySource, Kinds, Location, Mode, PathPolicy,
        Provider, ProviderId, RemoteJwks, TokenSource,
    },
    crypto::Algorithm,
    jwks::JwksCache,
    limits::Limits,
    time::UnixTime,
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

pub(crate) fn config(times: &[Times]) -> Config {
    let provider = |(index, times): (usize, &Times)| Provider {
        login: None,
        name: format!("provider{index}").into(),
        issuer: format!("https://{index}.example"),
        audiences: vec!["api".into()],
        audience_claim: "aud".into(),
        subject_claims: vec!["sub".into()],
        algorithms: Algorithm::ALL.to_vec(),
        token_types: Vec::new(),
        keys: KeySource::Remote(RemoteJwks {
            location: location(times),
            timeout: Duration::from_millis(times.timeout),
            cache_duration: Duration::from_millis(times.cache),
            max_cache_duration: Duration::from_millis(times.max_cache),
            max_stale: Duration::from_millis(times.max_stale),
            refetch_cooldown: Duration::from_millis(times.cooldown),
        }),
        sources: vec![TokenSource::Cookie("token".into())],
        forward: false,
        forward_payload_header: None,
        claim_to_headers: Vec::new(),
        clock_skew: Duration::ZERO,
        max_token_lifetime: None,
        kinds: Kinds::default(),
        evidence: Evidence::default(),
    };
    Config {
        mode: Mode::Enforce,
        resource_metadata: None,
        audit: Audit::default(),
        origins: Vec::new(),
        providers: times.iter().enumerate().map(provider).collect(),
        rules: None,
        bypass_cors_preflight: false,
        host_crypto: true,
        path: PathPolicy::default(),
        kept_override_headers: Vec::new(),
        limits: Limits {
            jwks_bytes: 4_096,
            ..Limits::default()
        },
        warnings: Vec::new(),
        hash: "".into(),
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
    let mut config = Config::parse(
        br#"{"providers":{"acme":{"issuer":"https://id.example/acme","audiences":["api"],
        "discovery":{"cluster":"id","jwks_uri_prefix":"https://id.example/acme/"}}}}"#,
    )
    .unwrap();
    match config.providers.remove(0).keys {
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

/// The names of the providers, in their order. Only the cache gives them out, so a cache is asked for them.
pub(crate) fn ids(config: &Config) -> Vec<ProviderId> {
    let mut cache = JwksCache::new(config, 0);
    let mut ids = Vec::new();
    for millis in [0, 50] {
        let now = UnixTime::from_millis(millis);
        for _ in 0..=config.providers.len() {
            ids.extend(cache.poll_fetch(now).map(|fetch| fetch.provider));
        }
    }
    ids.sort();
    assert_eq!(ids.len(), config.providers.len());
    ids
}
