//! The questions to one Keycloak, and what it said, for seconds.
//!
//! - **Once**: whoever asks about a person while Keycloak is asked waits for that answer.
//! - **Never older**: an answer counts from the time at which Keycloak was asked. A second after it
//!   came is left all the same, for those who have waited for it.
//! - **Bounded**: ten thousand answers, sixteen questions at once.
//! - **An outage is told as one**: nothing that is over is served.

use std::{
    fmt::Write as _,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;
use passgate_core::{Json, limits};
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    key::SigningKey,
    keycloak::{self, Passkeys},
};
use crate::{
    admin_api::AdminApi, client::Failed, clock, config::Realm, fetch::Failure, log,
    metrics::Metrics,
};

/// The questions to one Keycloak.
pub(super) struct Desk {
    api: AdminApi,
    calls: Semaphore,
    people: Mutex<LruCache<String, Slot>>,
}

/// A person: what was said, and until when it is served. Who asks holds it.
type Slot = Arc<tokio::sync::Mutex<Option<(Said, Instant)>>>;

/// What is said of a person.
#[derive(Clone)]
pub(super) enum Said {
    /// A JWS.
    Signed(Arc<str>),
    /// What Keycloak said cannot be read.
    Odd,
    /// It cannot be known now.
    Unavailable,
}

/// Most people whose answers are remembered.
const PEOPLE: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
/// Most questions at once.
const CALLS: usize = 16;
/// Most bytes of an answer of Keycloak's.
const BYTES: usize = 256 << 10;
/// What the account needs.
const ROLE: &str = "view-users";
/// So long what came is remembered at least, and a failure.
const SHORTEST: Duration = Duration::from_secs(1);

impl Desk {
    pub(super) fn of(realm: &Realm) -> Result<Self, Failure> {
        let trusted_ca = realm.trusted_ca.as_deref();
        Ok(Self {
            api: AdminApi::of(&realm.admin_uri, &realm.shows, trusted_ca, realm.timeout)?,
            calls: Semaphore::new(CALLS),
            people: Mutex::new(LruCache::new(PEOPLE)),
        })
    }

    /// What this realm says of a person.
    pub(super) async fn ask(
        &self,
        realm: &Realm,
        subject: &str,
        key: &SigningKey,
        metrics: &Metrics,
    ) -> Said {
        let slot = {
            let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(people.get_or_insert_ref(subject, Slot::default))
        };
        let count = |outcome| {
            let labels = [("provider", &*realm.name), ("outcome", outcome)];
            let name = "passgate_feed_credential_answers_total";
            metrics.count(name, &labels);
        };
        let asked = async {
            let mut held = slot.lock().await;
            if let Some((said, until)) = &*held
                && Instant::now() < *until
            {
                count("remembered");
                return said.clone();
            }
            let began = Instant::now();
            let said = self.signed(realm, subject, key, metrics).await;
            let (said, outcome, until) = match said {
                Ok(text) => {
                    let until = began.checked_add(realm.cache_duration);
                    (Said::Signed(text.into()), "ok", until)
                }
                Err((outcome, why)) => {
                    let told = [("provider", &*realm.name), ("error", &why)];
                    log::warn("passkeys cannot be read", &told);
                    let is_odd = matches!(outcome, "odd" | "unreadable");
                    let said = if is_odd { Said::Odd } else { Said::Unavailable };
                    (said, outcome, None)
                }
            };
            count(outcome);
            let until = until.max(Instant::now().checked_add(SHORTEST));
            *held = until.map(|until| (said.clone(), until));
            said
        };
        let said = tokio::time::timeout(realm.timeout, asked).await;
        said.unwrap_or_else(|_| {
            count("late");
            Said::Unavailable
        })
    }

    /// Asks Keycloak, and signs what it says.
    async fn signed(
        &self,
        realm: &Realm,
        subject: &str,
        key: &SigningKey,
        metrics: &Metrics,
    ) -> Result<String, Failed> {
        let closed = |_| ("closed", "the service stops".to_owned());
        let _place = self.calls.acquire().await.map_err(closed)?;
        let began = clock::now().as_secs();
        let passkeys = self.passkeys(subject).await?;
        if passkeys.skipped > 0 {
            let name = "passgate_feed_credentials_skipped_total";
            let skipped = u64::try_from(passkeys.skipped).unwrap_or(u64::MAX);
            metrics.add(name, &[("provider", &realm.name)], skipped);
        }
        let claims = json!({
            "iss": realm.issuer,
            "sub": subject,
            "iat": began,
            "exp": began.saturating_add(realm.lifetime.as_secs()),
            "credentials": passkeys.entries,
        });
        let signed = key.sign(&claims);
        let signed = signed.ok_or_else(|| ("unsigned", "there is no randomness".to_owned()))?;
        if signed.len() > limits::CREDENTIAL_ANSWER_BYTES {
            return Err(("odd", "more bytes than gates read".to_owned()));
        }
        Ok(signed)
    }

    async fn passkeys(&self, subject: &str) -> Result<Passkeys, Failed> {
        let path = ["/users/", &segment(subject)].concat();
        let none = Passkeys {
            entries: Vec::new(),
            skipped: 0,
        };
        let Some(user) = self.api.get(&path, BYTES, ROLE).await? else {
            return Ok(none);
        };
        // A database may find another person by a name that only looks like theirs.
        if user.get("id").and_then(Json::as_str) != Some(subject) {
            return Ok(none);
        }
        let path = [&*path, "/credentials"].concat();
        let Some(credentials) = self.api.get(&path, BYTES, ROLE).await? else {
            return Ok(none);
        };
        let odd = || ("odd", "not what Keycloak says of a person".to_owned());
        keycloak::read(subject, &user, &credentials).ok_or_else(odd)
    }
}

/// A name as one segment of a path (RFC 3986 section 2.3).
fn segment(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
