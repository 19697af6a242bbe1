//! What is true at a moment: which keys are published, and which configuration is in force.

use passgate_harness::{
    AUDIENCE, Gate, ISSUER, Issuer, SECOND, eventually, provider, second_provider,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, tampered};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// How long keys are fresh: a withdrawn one stops within this time, and a fetch.
const FRESH: Duration = Duration::from_secs(1);
/// What a fetch may take on a busy machine.
const FETCH: Duration = Duration::from_secs(2);

const ALGORITHMS: [&str; 6] = ["ES256", "RS256", "EdDSA", "ES384", "ES512", "PS256"];

/// The keys that were published at one time, and tokens that they signed.
pub struct Generation {
    keys: Vec<SigningKey>,
    pub repeated: Vec<String>,
    pub expired: Vec<String>,
}

impl Generation {
    fn new(number: usize) -> Self {
        let key = |alg: &str| SigningKey::of(alg, &format!("{alg}-{number}"));
        let keys: Vec<SigningKey> = ALGORITHMS.into_iter().map(key).collect();
        let tokens = |key| (0..3).map(move |number| token(key, number));
        Self {
            repeated: keys
                .iter()
                .flat_map(tokens)
                .map(TokenBuilder::build)
                .collect(),
            expired: keys
                .iter()
                .flat_map(tokens)
                .map(|token| token.expires_in(-600).build())
                .collect(),
            keys,
        }
    }

    /// A token that nobody has seen, of an algorithm that is signed fast.
    pub fn fresh(&self, number: usize) -> String {
        token(&self.keys[number % 2 * 2], number).build()
    }

    /// A token whose signature is wrong.
    pub fn forged(&self, number: usize) -> String {
        tampered(&self.repeated[number % self.repeated.len()])
    }
}

fn token(key: &SigningKey, number: usize) -> TokenBuilder<'_> {
    Token::of(key, ISSUER, AUDIENCE)
        .claim("scope", "read")
        .claim("jti", number)
        .expires_in(3_600)
}

/// What clients know.
pub struct Shared {
    /// Each with the time at which it was published.
    generations: RwLock<Vec<(Arc<Generation>, Instant)>>,
    configuration: RwLock<Configuration>,
    /// Wrong signatures of a provider that nobody else uses.
    pub attack: Vec<String>,
    ended: AtomicBool,
}

/// Which configuration is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// `/reports/` wants a scope that the tokens have.
    Reads,
    /// It wants one that they do not have.
    Writes,
    /// One of both, and connections may be closed.
    Changing,
}

impl Shared {
    /// The keys of the moment. A provider publishes keys before it signs with them; those that are
    /// signed with at once get 503 for a moment where somebody makes up names of keys, as the
    /// tokens of withdrawn keys do to a new worker.
    pub fn in_use(&self) -> Arc<Generation> {
        let generations = self.generations.read().unwrap();
        let mut known = generations.iter().rev();
        let known = known.find(|(_, published)| published.elapsed() > FRESH + FETCH);
        let (keys, _) = known.or(generations.first()).expect("published");
        Arc::clone(keys)
    }

    /// Keys that were withdrawn long enough ago.
    pub fn withdrawn(&self) -> Option<Arc<Generation>> {
        let generations = self.generations.read().unwrap();
        // With each, the one before the last goes.
        let gone = generations.iter().zip(generations.iter().skip(2));
        let mut gone = gone.filter(|(_, (_, withdrawn))| withdrawn.elapsed() > FRESH + FETCH);
        gone.next_back().map(|((keys, _), _)| Arc::clone(keys))
    }

    pub fn configuration(&self) -> Configuration {
        *self.configuration.read().unwrap()
    }

    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

pub struct World(Arc<Shared>);

impl World {
    pub fn new(partners: &SigningKey) -> Self {
        let attack = |number: usize| {
            let token = Token::of(partners, SECOND, AUDIENCE).claim("jti", number);
            tampered(&token.build())
        };
        Self(Arc::new(Shared {
            generations: RwLock::default(),
            configuration: RwLock::new(Configuration::Reads),
            attack: (0..100).map(attack).collect(),
            ended: AtomicBool::new(false),
        }))
    }

    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }

    /// Publishes the next keys beside the ones before; those before them are withdrawn.
    pub fn publish(&mut self, issuer: &Issuer) {
        let mut generations = self.0.generations.write().unwrap();
        let next = Arc::new(Generation::new(generations.len()));
        let last = generations.last().map(|(keys, _)| Arc::clone(keys));
        let published = last.iter().chain([&next]).flat_map(|keys| &keys.keys);
        issuer.publish(&published.collect::<Vec<_>>());
        generations.push((next, Instant::now()));
    }

    /// Replaces the configuration, and waits until nobody is judged by the one before.
    pub fn replace(&self, gate: &mut Gate, reads: bool) {
        let set = |configuration| *self.0.configuration.write().unwrap() = configuration;
        set(Configuration::Changing);
        gate.reconfigure(&policy(reads));
        eventually("the end of the configuration before", || {
            let draining = gate.stat("listener_manager.total_filter_chains_draining")
                + gate.stat("listener_manager.total_listeners_draining")
                + gate.stat("listener_manager.total_listeners_warming");
            (draining == 0).then_some(())
        });
        set(if reads {
            Configuration::Reads
        } else {
            Configuration::Writes
        });
    }
}

/// The configuration in which `/reports/` wants a scope that the tokens have, or have not.
pub fn policy(reads: bool) -> Value {
    let fresh = format!("{}s", FRESH.as_secs());
    let mut acme = provider(json!({}));
    acme["remote_jwks"]["cache_duration"] = json!(fresh);
    acme["remote_jwks"]["refetch_cooldown"] = json!("1s");
    let scope = if reads { "read" } else { "write" };
    json!({
        "providers": { "acme": acme, "partners": second_provider() },
        "rules": [
            { "match": { "prefix": "/reports/" }, "requires": { "provider_name": "acme", "scopes": [scope] } },
            { "match": { "prefix": "/partners/" }, "requires": { "provider_name": "partners" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
        ],
        "audit": { "log": "none" },
        // So few that memory is full in a moment.
        "limits": { "remembered_tokens": 500 },
    })
}
