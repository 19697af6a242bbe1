//! Signing keys that change while tokens are in use.

use super::passkeys::Refused;
use hyper::StatusCode;
use passgate_kit::SigningKey;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The keys of an issuer: those that signed once and whose tokens may still be in use, the one that
/// signs, and the one that will sign next. All are published, the next one before its first token,
/// so that a rotation costs no verifier a fetch.
pub(super) struct KeyRing {
    keys: Mutex<Keys>,
    /// How long a token of a retired key may be in use.
    lifetime: Duration,
}

struct Keys {
    retired: VecDeque<(Instant, Arc<SigningKey>)>,
    signing: Arc<SigningKey>,
    next: Arc<SigningKey>,
    made: u32,
}

impl KeyRing {
    pub(super) fn new(lifetime: Duration) -> Self {
        let keys = Keys {
            retired: VecDeque::new(),
            signing: new_key(1),
            next: new_key(2),
            made: 2,
        };
        Self {
            keys: Mutex::new(keys),
            lifetime,
        }
    }

    pub(super) fn signing(&self) -> Arc<SigningKey> {
        self.keys().signing.clone()
    }

    /// Signs with the next key from now on and returns its `kid`. Refused when the set would grow
    /// beyond [`MOST_KEYS`].
    pub(super) fn rotate(&self) -> Result<String, Refused> {
        let mut keys = self.keys();
        if keys.published().count() >= MOST_KEYS {
            let message = "that is enough for now: all these keys may have tokens in use";
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, message));
        }
        keys.made = keys.made.saturating_add(1);
        let next = new_key(keys.made);
        let signing = std::mem::replace(&mut keys.next, next);
        let kid = signing.kid().to_owned();
        let retired = std::mem::replace(&mut keys.signing, signing);
        keys.retired.push_back((Instant::now(), retired));
        Ok(kid)
    }

    /// The JWK Set (RFC 7517 section 5).
    pub(super) fn published(&self) -> Value {
        let keys = self.keys();
        let keys: Vec<_> = keys.published().map(|key| key.public_jwk()).collect();
        json!({ "keys": keys })
    }

    /// How many keys are published.
    pub(super) fn len(&self) -> usize {
        self.keys().published().count()
    }

    /// Without the keys whose last token has run out.
    fn keys(&self) -> MutexGuard<'_, Keys> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |(since, _): &(Instant, _)| since.elapsed() > self.lifetime;
        while keys.retired.front().is_some_and(gone) {
            keys.retired.pop_front();
        }
        keys
    }
}

impl Keys {
    fn published(&self) -> impl Iterator<Item = &SigningKey> {
        let retired = self.retired.iter().map(|(_, key)| &**key);
        retired.chain([&*self.signing, &*self.next])
    }
}

fn new_key(number: u32) -> Arc<SigningKey> {
    Arc::new(SigningKey::es256(&format!("demo-{number}")))
}

/// Far below the 100 keys that the filter reads of a set.
const MOST_KEYS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(ring: &KeyRing) -> Vec<String> {
        let set = ring.published();
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_key_is_published_before_its_first_token_and_as_long_as_its_last() {
        let ring = KeyRing::new(Duration::from_secs(60));
        assert_eq!(ring.signing().kid(), "demo-1");
        assert_eq!(kids(&ring), ["demo-1", "demo-2"]);
        assert_eq!(ring.rotate().unwrap_or_default(), "demo-2");
        assert_eq!(ring.signing().kid(), "demo-2");
        assert_eq!(kids(&ring), ["demo-1", "demo-2", "demo-3"]);
    }

    #[test]
    fn a_key_goes_when_its_last_token_has_run_out() {
        let ring = KeyRing::new(Duration::ZERO);
        assert!(ring.rotate().is_ok());
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(kids(&ring), ["demo-2", "demo-3"]);
    }

    #[test]
    fn the_set_does_not_grow_for_ever() {
        let ring = KeyRing::new(Duration::from_secs(60));
        let rotations = (0..100).filter(|_| ring.rotate().is_ok()).count();
        assert_eq!((rotations, ring.len()), (18, MOST_KEYS));
    }
}
