//! Asks Keycloak's admin API for what no event tells: that all sessions of the realm were ended,
//! who is disabled, and, where the realm stores events, which refresh tokens were revoked.
//!
//! - **An answer only takes away.** Nobody is given anything back because of one, or for want of
//!   one: an API that does not answer ends nobody, and whoever has ended stays so.
//! - **Nothing counts before it is on disk.** What could not be written is found again.
//! - **Bounded**: so many answers in one poll. The next one reads on.

mod disabled;
mod revoked;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use passgate_core::Json;

use self::{
    disabled::{Disabled, Told, disabled},
    revoked::{Events, are_stored, revoked},
};
use crate::{
    admin_api::AdminApi,
    client::Failed,
    clock,
    config::{Provider, Watch},
    event::{self, Ending},
    fetch::Failure,
    http::Service,
    list::SESSIONS_OF_A_PERSON,
    log,
    store::Act,
};

/// People, or events, of one page.
const PAGE: usize = 100;
/// Most pages of each in one poll.
const PAGES: usize = 100;
/// So many are written at once: sessions of one person are counted before each time.
const AT_ONCE: usize = SESSIONS_OF_A_PERSON;
/// Most bytes of one answer.
const BYTES: usize = 1 << 20;
/// So much may Keycloak's clock be ahead of ours.
const APART: Duration = Duration::from_secs(60);
/// The outcome when not all was read.
const TOO_MANY: &str = "too_many";
/// After many failures it is tried this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The questions to one realm, and what was found so far.
struct Asking {
    service: Arc<Service>,
    /// The provider's place.
    index: usize,
    api: AdminApi,
    /// The last `notBefore` of the realm that is on disk.
    not_before: u64,
    disabled: Disabled,
    events: Events,
}

/// Asks for each provider that says so, until the runtime ends.
pub(crate) fn start(service: &Arc<Service>) -> Result<(), Box<dyn Error>> {
    for (index, provider) in service.config.providers.iter().enumerate() {
        let Some(watch) = &provider.watch else {
            continue;
        };
        let ca = watch.trusted_ca.as_deref();
        let api = AdminApi::of(&watch.admin_uri, &watch.shows, ca, watch.timeout);
        let api = api.map_err(|error: Failure| format!("{}: {error}", provider.name))?;
        let asking = Asking {
            service: Arc::clone(service),
            index,
            api,
            not_before: 0,
            disabled: Disabled::default(),
            events: Events::default(),
        };
        tokio::spawn(asking.run());
    }
    Ok(())
}

impl Asking {
    async fn run(mut self) {
        let service = Arc::clone(&self.service);
        let Some(provider) = service.config.providers.get(self.index) else {
            return;
        };
        let Some(watch) = &provider.watch else {
            return;
        };
        let mut pause = watch.interval;
        loop {
            // None of these must hide another.
            let (realm, people) = (self.realm(watch).await, self.people().await);
            let events = match watch.has_events {
                true => self.events(provider).await,
                false => Ok(()),
            };
            let outcome = match realm.and(people).and(events) {
                Ok(()) => {
                    pause = watch.interval;
                    "ok"
                }
                Err((outcome, why)) => {
                    // What is left is read on at the same pace.
                    let next = pause.saturating_mul(2).clamp(watch.interval, LONGEST_PAUSE);
                    pause = if outcome == TOO_MANY {
                        watch.interval
                    } else {
                        next
                    };
                    let told = [("provider", &*provider.name), ("error", &*why)];
                    log::warn("the admin API does not tell all", &told);
                    outcome
                }
            };
            let labels = [("provider", &*provider.name), ("outcome", outcome)];
            let name = "passgate_feed_admin_polls_total";
            service.metrics.count(name, &labels);
            tokio::time::sleep(pause).await;
        }
    }

    /// All sessions of the realm ended: Keycloak notes when.
    async fn realm(&mut self, watch: &Watch) -> Result<(), Failed> {
        let realm = self.api.get("", BYTES, "view-realm").await?;
        let found = realm.as_ref().and_then(not_before);
        let odd = "no notBefore of the realm: the account needs view-realm of realm-management";
        let at = found.ok_or_else(|| ("odd", odd.to_owned()))?;
        let now = clock::now().as_secs();
        if at > now.saturating_add(APART.as_secs()) {
            // Nobody could sign in until then.
            return Err(("odd", format!("notBefore of the realm is to come: {at}")));
        }
        if at != self.not_before {
            let clients = watch.clients.iter();
            let endings = clients.map(|client| event::client(client, at, "all sessions ended"));
            self.write(endings).await?;
            self.not_before = at;
        }
        if watch.has_events && !realm.as_ref().is_some_and(are_stored) {
            let why = "the realm does not store revoked refresh tokens: switch on Save events of \
                       the user events, with REVOKE_GRANT among the saved types";
            return Err(("odd", why.to_owned()));
        }
        Ok(())
    }

    /// People who are disabled: what was issued to them ends. They get nothing new.
    async fn people(&mut self) -> Result<(), Failed> {
        self.disabled.begin(Instant::now());
        for _ in 0..PAGES {
            let is_last = match self.some_people().await {
                Ok(is_last) => is_last,
                Err(failed) => {
                    self.disabled.fail();
                    return Err(failed);
                }
            };
            if is_last {
                self.disabled.end(Instant::now());
                return Ok(());
            }
            if self.disabled.is_full() {
                self.disabled.end(Instant::now());
                let most = disabled::MOST;
                let why =
                    format!("more than {most} people are disabled; those after them are not seen");
                return Err((TOO_MANY, why));
            }
        }
        Ok(())
    }

    /// The next page of them. Returns whether it is the last.
    async fn some_people(&mut self) -> Result<bool, Failed> {
        let first = self.disabled.first();
        let query = "/users?enabled=false&briefRepresentation=true";
        let path = format!("{query}&first={first}&max={PAGE}");
        let people = self.api.get(&path, BYTES, "view-users").await?;
        let odd = || ("odd", "not what Keycloak says of people".to_owned());
        let people = people.as_ref().and_then(disabled).ok_or_else(odd)?;
        let seen: Vec<(String, Told)> = self.disabled.told(&people.ids, Instant::now());
        let now = clock::now().as_secs();
        let ends = seen.iter();
        let ends = ends.filter(|(id, told)| !self.disabled.is_held(id, *told));
        let endings = ends.map(|(id, _)| event::person(id, now, "disabled"));
        self.write(endings).await?;
        self.disabled.took(seen);
        Ok(people.all < PAGE)
    }

    /// Refresh tokens that were revoked, the last first: their sessions end.
    async fn events(&mut self, provider: &Provider) -> Result<(), Failed> {
        for _ in 0..PAGES {
            match self.some_events(provider).await {
                Ok(true) => {
                    self.events.end();
                    return Ok(());
                }
                Ok(false) => {}
                Err(failed) => {
                    self.events.fail();
                    return Err(failed);
                }
            }
        }
        let why = "more refresh tokens were revoked than are read at once; the others follow";
        Err((TOO_MANY, why.to_owned()))
    }

    /// The next page of them. Returns whether it is the last.
    async fn some_events(&mut self, provider: &Provider) -> Result<bool, Failed> {
        let now = clock::now();
        let longest = u64::try_from(provider.max_token_lifetime.as_millis()).unwrap_or(u64::MAX);
        let oldest = now.as_millis().saturating_sub(longest);
        let oldest = oldest.max(self.events.oldest());
        let first = self.events.first();
        let path = format!("/events?type=REVOKE_GRANT&first={first}&max={PAGE}");
        let events = self.api.get(&path, BYTES, "view-events").await?;
        let odd = || ("odd", "not what Keycloak says of events".to_owned());
        let events = events.as_ref().and_then(revoked).ok_or_else(odd)?;
        let new = self.events.unwritten(&events, oldest).into_iter();
        let latest = now.as_secs().saturating_add(APART.as_secs());
        let endings = new.map(|event| {
            let told = latest.min(event.at / 1_000);
            event::session(event.session, event.person, told, "refresh token revoked")
        });
        self.write(endings).await?;
        self.events.took(&events, now.as_millis());
        Ok(events.len() < PAGE || events.iter().any(|event| event.at < oldest))
    }

    /// Returns when it is on disk. A name that no entry takes is none of a token that passes.
    async fn write(
        &self,
        endings: impl Iterator<Item = Result<Ending, event::Odd>>,
    ) -> Result<(), Failed> {
        let endings: Vec<Ending> = endings.filter_map(Result::ok).collect();
        for some in endings.chunks(AT_ONCE) {
            let act = Act::Find(some.to_vec());
            let written = self.service.store.write(self.index, act).await;
            written.map_err(|refused| (refused.name(), refused.words().to_owned()))?;
        }
        Ok(())
    }
}

/// `notBefore` of a realm: what was issued before is not good any more, in seconds; zero: never.
/// `None`: the realm is not told.
fn not_before(realm: &Json) -> Option<u64> {
    match realm.get("notBefore")? {
        Json::Number(seconds) => seconds.parse().ok(),
        _ => None,
    }
}
