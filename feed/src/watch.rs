//! Asks Keycloak's admin API for what no event tells: that all sessions of the realm were ended,
//! who is disabled, and, where the realm stores events, which refresh tokens were revoked.
//!
//! - **An answer only takes away.** Nobody is given anything back because of one, or for want of
//!   one: an API that does not answer ends nobody, and whoever has ended stays so.
//! - **Nothing counts before it is on disk.** What could not be written is found again.
//! - **Bounded**: so many disabled people, a page at a time. If there are more, that is said.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use passgate_core::Json;

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

/// People of one page.
const PAGE: usize = 100;
/// Most pages of disabled people.
const PAGES: usize = 100;
/// So many are written at once: sessions of one person are counted before each time.
const AT_ONCE: usize = SESSIONS_OF_A_PERSON;
/// Most bytes of one answer.
const BYTES: usize = 1 << 20;
/// So much may Keycloak's clock be ahead of ours.
const APART: Duration = Duration::from_secs(60);
/// After many failures it is tried this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Nobody knows who was enabled for a while in a longer gap between two answers: whoever is
/// disabled after it ends again.
const LONGEST_GAP: Duration = Duration::from_secs(300);

/// The questions to one realm, and what was found so far.
struct Asking {
    service: Arc<Service>,
    /// The provider's place.
    index: usize,
    api: AdminApi,
    /// The last `notBefore` of the realm that is on disk.
    not_before: u64,
    /// Who is disabled, and what is on disk of it.
    disabled: HashMap<String, Told>,
    /// When all of them were asked about last.
    whole: Instant,
    /// The time of the last event that is on disk, in milliseconds.
    event: u64,
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
            disabled: HashMap::new(),
            whole: Instant::now(),
            event: 0,
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
                    pause = pause.saturating_mul(2).clamp(watch.interval, LONGEST_PAUSE);
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
        if at == self.not_before {
            return Ok(());
        }
        let clients = watch.clients.iter();
        let endings = clients.map(|client| event::client(client, at, "all sessions ended"));
        self.write(endings).await?;
        self.not_before = at;
        Ok(())
    }

    /// People who are disabled: what was issued to them ends. They get nothing new.
    async fn people(&mut self) -> Result<(), Failed> {
        if self.whole.elapsed() > LONGEST_GAP {
            self.disabled.clear();
        }
        let mut all = HashMap::new();
        let mut is_whole = false;
        for page in 0..PAGES {
            let first = page.saturating_mul(PAGE);
            let query = "/users?enabled=false&briefRepresentation=true";
            let path = format!("{query}&first={first}&max={PAGE}");
            let people = self.api.get(&path, BYTES, "view-users").await?;
            let odd = || ("odd", "not what Keycloak says of people".to_owned());
            let people = people.as_ref().and_then(disabled).ok_or_else(odd)?;
            let (at, now) = (Instant::now(), clock::now().as_secs());
            let held = |id: &str| self.disabled.get(id).copied();
            let seen = people.ids.iter();
            let seen = seen.map(|id| ((*id).to_owned(), told(held(id), at)));
            let seen: Vec<(String, Told)> = seen.collect();
            let ends = seen.iter().filter(|(id, told)| held(id) != Some(*told));
            let endings = ends.map(|(id, _)| event::person(id, now, "disabled"));
            self.write(endings).await?;
            self.disabled.extend(seen.iter().cloned());
            all.extend(seen);
            if people.all < PAGE {
                is_whole = true;
                break;
            }
        }
        // Whoever was enabled meanwhile, and is disabled again, ends again.
        self.disabled = all;
        self.whole = Instant::now();
        if !is_whole {
            let most = PAGE.saturating_mul(PAGES);
            let why =
                format!("more than {most} people are disabled; those after them are not seen");
            return Err(("too_many", why));
        }
        Ok(())
    }

    /// Refresh tokens that were revoked, the last first: their sessions end.
    async fn events(&mut self, provider: &Provider) -> Result<(), Failed> {
        let longest = provider.max_token_lifetime.as_millis();
        let longest = u64::try_from(longest).unwrap_or(u64::MAX);
        let now = clock::now().as_millis();
        let oldest = now.saturating_sub(longest);
        // One that another node of Keycloak has noted may come late.
        let late = u64::try_from(APART.as_millis()).unwrap_or(u64::MAX);
        let oldest = oldest.max(self.event.saturating_sub(late));
        let mut last = self.event;
        for page in 0..PAGES {
            let first = page.saturating_mul(PAGE);
            let path = format!("/events?type=REVOKE_GRANT&first={first}&max={PAGE}");
            let events = self.api.get(&path, BYTES, "view-events").await?;
            let odd = || ("odd", "not what Keycloak says of events".to_owned());
            let events = events.as_ref().and_then(revoked).ok_or_else(odd)?;
            let is_all = events.len() < PAGE || events.iter().any(|event| event.at < oldest);
            let new = events.iter().filter(|event| event.at >= oldest);
            let endings = new.map(|event| {
                let told = event.at / 1_000;
                event::session(event.session, event.person, told, "refresh token revoked")
            });
            self.write(endings).await?;
            last = events.iter().map(|event| event.at).fold(last, u64::max);
            if is_all {
                // One from the future must not hide those that follow.
                self.event = last.min(now);
                return Ok(());
            }
        }
        self.event = last.min(now);
        let why = "more refresh tokens were revoked than are read at once".to_owned();
        Err(("too_many", why))
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

/// How often the end of a person who is disabled was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Once, by our clock of then.
    Once(Instant),
    /// Again, when what was issued by a clock that is ahead of ours had ended, too.
    Twice,
}

/// What is to be on disk of a person who is disabled now.
fn told(before: Option<Told>, now: Instant) -> Told {
    match before {
        None => Told::Once(now),
        Some(Told::Once(at)) if now.saturating_duration_since(at) >= APART => Told::Twice,
        Some(told) => told,
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

/// A refresh token that was revoked.
#[derive(Debug, PartialEq, Eq)]
struct Revoked<'j> {
    /// In milliseconds since 1970, by Keycloak's clock.
    at: u64,
    session: &'j str,
    person: Option<&'j str>,
}

/// `None`: it is not what Keycloak answers. An event without a session is about none.
fn revoked(page: &Json) -> Option<Vec<Revoked<'_>>> {
    let Json::Array(events) = page else {
        return None;
    };
    let mut read = Vec::new();
    for event in events.iter() {
        // A Keycloak that does not know the question would tell of all kinds.
        if event.get("type").and_then(Json::as_str) != Some("REVOKE_GRANT") {
            return None;
        }
        let at = match event.get("time")? {
            Json::Number(time) => time.parse().ok()?,
            _ => return None,
        };
        read.push(Revoked {
            at,
            session: event
                .get("sessionId")
                .and_then(Json::as_str)
                .unwrap_or_default(),
            person: event.get("userId").and_then(Json::as_str),
        });
    }
    Some(read)
}

/// A page of people.
#[derive(Debug, PartialEq, Eq)]
struct People<'j> {
    /// How many it names.
    all: usize,
    /// Who of them is disabled.
    ids: Vec<&'j str>,
}

/// `None`: it is not what Keycloak answers. Nobody counts as disabled who is not said to be: a
/// Keycloak that does not know the question names everybody.
fn disabled(page: &Json) -> Option<People<'_>> {
    let Json::Array(people) = page else {
        return None;
    };
    let mut ids = Vec::new();
    for person in people.iter() {
        let id = person.get("id").and_then(Json::as_str)?;
        match person.get("enabled")? {
            Json::Bool(false) => ids.push(id),
            Json::Bool(true) => {}
            _ => return None,
        }
    }
    Some(People {
        all: people.len(),
        ids,
    })
}
