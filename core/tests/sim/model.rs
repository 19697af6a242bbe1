//! What must be true of one provider, kept beside the cache with other means: times of the
//! *counted* clock, in milliseconds, which adds up the forward steps of the clock that the cache is
//! shown; and numbers of operations, which order what happens in one millisecond.

use std::collections::{HashMap, HashSet};

use passgate_core::{Fetch, FetchId, Purpose};

use crate::origin::{self, CacheControl, Key, Reply, Says, etag};

/// The configuration of a provider, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) timeout: u64,
    pub(crate) cache: u64,
    pub(crate) max_cache: u64,
    pub(crate) max_stale: u64,
    pub(crate) cooldown: u64,
    /// How long the issuer's document is fresh, where it says where the keys are.
    pub(crate) refresh: Option<u64>,
}

/// Now, on both scales.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) counted: u64,
    /// The time that both passes and counts: no jumps.
    pub(crate) sound: u64,
    pub(crate) operation: u64,
}

#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: FetchId,
    target: Purpose,
    started: Now,
    timeout: u64,
    conditional: bool,
}

/// Where the keys are, as the issuer's document said.
#[derive(Debug)]
struct Location {
    path: u64,
    until: u64,
}

#[derive(Debug)]
struct InForce {
    keys: Vec<Key>,
    /// From where the keys are fetched now.
    from_here: bool,
    fetched: Now,
    /// Longest that a 304 without a word of its own may prolong it.
    fresh: u64,
    until: u64,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) times: Times,
    in_force: Option<InForce>,
    location: Option<Location>,
    /// Of the document: before this the schedule has no fetch.
    document_from: u64,
    document_failures: u32,
    document_last_start: Option<u64>,
    /// The keys are at a new address: the backoff of the old one is over.
    moved: bool,
    /// The first of the empty answers that nothing has contradicted since.
    empty_since: Option<u64>,
    flight: Option<Flight>,
    last_start: Option<u64>,
    /// The same in time without jumps.
    last_start_sound: u64,
    /// When the first of the fetches failed that have failed in a row.
    failing_since: u64,
    /// Before this the schedule has no fetch: what starts all the same is for an unknown key.
    scheduled_from: u64,
    /// Fetches that failed in a row.
    failures: u32,
    /// How long the last good answer took.
    took: u64,
    /// A published key that is asked for and not in force; since when, in time without jumps.
    missed: Option<(String, u64)>,
    /// When the bucket of fetches for unknown keys is full again.
    pace_full_at: u64,
    /// A key was asked for, since the last fetch started, that nobody knew.
    wanted: bool,
    /// When a `kid` was asked for first.
    asked: HashMap<String, Now>,
    /// When a `kid` was published.
    published: HashMap<String, u64>,
    /// Each `kid` that was ever in force.
    served: HashSet<String>,
}

const SLACK: u64 = 1_000;
const LEAST_APART: u64 = 200;

impl Model {
    pub(crate) fn new(times: Times) -> Self {
        Self {
            times,
            in_force: None,
            location: None,
            document_from: 0,
            document_failures: 0,
            document_last_start: None,
            moved: false,
            empty_since: None,
            flight: None,
            last_start: None,
            last_start_sound: 0,
            failing_since: 0,
            scheduled_from: 0,
            failures: 0,
            took: 0,
            missed: None,
            pace_full_at: 0,
            wanted: false,
            asked: HashMap::new(),
            published: HashMap::new(),
            served: HashSet::new(),
        }
    }

    /// A cache that starts anew remembers nothing; the world's own history goes on.
    pub(crate) fn reload(&mut self) {
        let published = std::mem::take(&mut self.published);
        *self = Self {
            published,
            ..Self::new(self.times)
        };
    }

    /// Longest that a request may wait, with the granularity of the host's timer.
    pub(crate) fn longest_wait(&self) -> u64 {
        let fetch = self.times.timeout + SLACK;
        let documents = self.times.refresh.map_or(0, |_| 2 * fetch);
        documents + SLACK + fetch + 10
    }

    pub(crate) fn asks(&mut self, kid: &str, now: Now) {
        self.asked.entry(kid.to_owned()).or_insert(now);
    }

    /// A request waits or is put off.
    pub(crate) fn wants(&mut self) {
        self.wanted = true;
    }

    pub(crate) fn publishes(&mut self, kid: &str, now: Now) {
        self.published.insert(kid.to_owned(), now.counted);
    }

    /// The keys that may serve.
    pub(crate) fn keys(&self, now: Now) -> Option<&[Key]> {
        self.in_force
            .as_ref()
            .filter(|set| now.counted < set.until)
            .map(|set| set.keys.as_slice())
    }

    /// The keys have another address, where they were not asked for yet.
    pub(crate) fn has_moved(&self) -> bool {
        self.moved
    }

    pub(crate) fn is_flying(&self) -> bool {
        self.flight.is_some()
    }

    pub(crate) fn starts(&mut self, fetch: &Fetch, now: Now) {
        if self.flight.is_some() {
            // The other is lost, or there are two in flight.
            self.lost(now);
        }
        self.flight = Some(Flight {
            id: fetch.id,
            target: fetch.purpose.unwrap(),
            started: now,
            timeout: timeout(fetch),
            conditional: fetch.call.header("if-none-match").is_some(),
        });
        let tag = fetch.call.header("if-none-match");
        match fetch.purpose.unwrap() {
            Purpose::Discovery => self.starts_document(fetch, tag, now),
            Purpose::Keys => self.starts_keys(fetch, tag, now),
        }
    }

    fn starts_document(&mut self, fetch: &Fetch, tag: Option<&str>, now: Now) {
        assert_eq!(fetch.call.endpoint.path, origin::DOCUMENT);
        if let Some(tag) = tag {
            let location = self.location.as_ref().unwrap();
            assert_eq!(tag, origin::document_etag(location.path));
            let deadline = now.counted + timeout(fetch) + SLACK;
            assert!(
                deadline <= location.until,
                "it may end before it is confirmed"
            );
        }
        paced(self.document_last_start, self.document_failures, now);
        let scheduled = now.counted >= self.document_from || self.document_failures > 0;
        assert!(scheduled, "a document that is fresh is asked for");
        self.document_last_start = Some(now.counted);
    }

    fn starts_keys(&mut self, fetch: &Fetch, tag: Option<&str>, now: Now) {
        if self.times.refresh.is_some() {
            let location = self.location.as_ref().unwrap();
            assert_eq!(fetch.call.endpoint.path, origin::path(location.path));
            assert!(
                now.counted < location.until,
                "where the keys are is too old"
            );
        }
        if let Some(tag) = tag {
            let set = self.in_force.as_ref().unwrap();
            assert!(set.from_here, "the tag of another address");
            assert_eq!(tag, etag(&set.keys), "not the name of the set in force");
            let deadline = now.counted + timeout(fetch) + SLACK;
            assert!(
                deadline <= set.until,
                "the set may end before it is confirmed"
            );
        }
        let moved = std::mem::take(&mut self.moved);
        paced(self.last_start, if moved { 0 } else { self.failures }, now);
        // A server that is back after less than a minute is asked within 5 s, even while a fetch
        // hangs. (A document may be in the way; and the first fetch of all that fails has the whole
        // timeout.)
        let is_short = now.counted < self.failing_since + 60_000;
        if self.failures > 1 && is_short && self.times.refresh.is_none() {
            let apart = now.sound - self.last_start_sound;
            let longest = (2 * self.took).clamp(3_500, self.times.timeout.max(3_500)) + 1_490;
            assert!(
                apart <= longest,
                "{apart} ms until the next try in a short outage"
            );
        }
        let slow = (2 * self.took).min(self.times.timeout);
        assert!(
            timeout(fetch) >= slow,
            "too short a try for a slow provider"
        );
        // Whatever else is asked for: no longer than the cooldown, and a fetch that was in the way.
        if let Some((_, since)) = self.missed.take().filter(|_| self.failures == 0) {
            let waited = now.sound - since;
            let longest = self.times.cooldown + 2 * (self.times.timeout + SLACK) + LEAST_APART;
            assert!(waited <= longest, "a key was missed for {waited} ms");
        }
        if now.counted < self.scheduled_from && self.failures == 0 {
            assert!(self.wanted, "a fetch that nobody wanted");
            // One after a whole cooldown without any is beside the pace.
            let cooldown = self.times.cooldown;
            if self
                .last_start
                .is_none_or(|last| now.counted < last + cooldown)
            {
                let full_at = self.pace_full_at;
                assert!(
                    full_at <= now.counted + cooldown,
                    "a third fetch for unknown keys within the cooldown"
                );
                self.pace_full_at = full_at.max(now.counted) + cooldown;
            }
        }
        self.wanted = false;
        self.last_start = Some(now.counted);
        self.last_start_sound = now.sound;
    }

    /// A published key is asked for that the set in force does not hold, also if another client
    /// asked for it before.
    pub(crate) fn misses(&mut self, kid: &str, now: Now) {
        let has_keys = self.keys(now).is_some();
        let is_well = has_keys && self.failures == 0 && self.document_failures == 0;
        if is_well {
            self.missed
                .get_or_insert_with(|| (kid.to_owned(), now.sound));
        }
    }

    fn keys_failed(&mut self, failures: u32, now: Now) {
        self.missed = None;
        if failures == 0 {
            self.failing_since = now.counted;
        }
        self.failures = failures + 1;
    }

    /// The cache says that no fetch is in flight any more.
    pub(crate) fn lost(&mut self, now: Now) {
        let flight = self.flight.take().unwrap();
        let age = now.counted - flight.started.counted;
        assert!(
            age >= flight.timeout + SLACK,
            "given up after {age} ms, too early"
        );
        match flight.target {
            Purpose::Discovery => {
                self.document_failures += 1;
                self.missed = None;
            }
            Purpose::Keys => self.keys_failed(self.failures, now),
        }
    }

    /// An answer was offered, and taken or ignored. `published`: by the origin, on arrival.
    pub(crate) fn answered(
        &mut self,
        id: FetchId,
        taken: bool,
        reply: &Reply,
        published: &[Key],
        now: Now,
    ) {
        let flight = self.flight.take_if(|flight| flight.id == id);
        assert_eq!(
            taken,
            flight.is_some(),
            "an answer counts exactly if its fetch is in flight"
        );
        let Some(Flight {
            target,
            started,
            conditional,
            ..
        }) = flight
        else {
            return;
        };
        if target == Purpose::Discovery {
            return self.answered_document(reply, conditional, started, now);
        }
        let failures = std::mem::take(&mut self.failures);
        let took = now.counted - started.counted;
        match reply {
            Reply::Keys {
                keys,
                cache_control,
                ..
            } => {
                let keys = keys.as_deref().unwrap_or(published);
                self.accepts(keys, self.fresh(*cache_control), started, now);
            }
            // A jump of the clock may have ended what it would confirm.
            Reply::NotModified(cache_control) if conditional && self.keys(now).is_some() => {
                // The origin may lie, and say that what it has published since is not there.
                self.published_anew(now);
                let set = self.in_force.as_ref().unwrap();
                let (keys, fresh) = (set.keys.clone(), set.fresh);
                let fresh = cache_control.map_or(fresh, |cache_control| self.fresh(cache_control));
                self.accepts(&keys, fresh, started, now);
            }
            Reply::Empty => {
                // The origin itself says that nothing is published.
                self.published_anew(now);
                self.accepts(&[], self.times.cache, started, now);
            }
            Reply::Document { .. }
            | Reply::NotModified(_)
            | Reply::OnlyOdd
            | Reply::Status(_)
            | Reply::Junk
            | Reply::TooLarge
            | Reply::NoAnswer
            | Reply::NotSent => self.keys_failed(failures, now),
        }
        if self.failures == 0 {
            self.took = took;
        }
    }

    fn answered_document(&mut self, reply: &Reply, conditional: bool, started: Now, now: Now) {
        let location = self.location.as_ref();
        let known = location.filter(|location| now.counted < location.until);
        let path = match (reply, known) {
            (
                Reply::Document {
                    says: Says::Path(path),
                    ..
                },
                _,
            ) => *path,
            (Reply::NotModified(_), Some(known)) if conditional => known.path,
            _ => {
                self.document_failures += 1;
                self.missed = None;
                return;
            }
        };
        self.document_failures = 0;
        let known = self.location.take();
        if known.is_none_or(|location| location.path != path) {
            self.moved = true;
            self.scheduled_from = self.scheduled_from.min(now.counted);
            self.in_force
                .iter_mut()
                .for_each(|set| set.from_here = false);
        }
        let fresh = self.times.refresh.unwrap();
        let fresh_until = (started.counted + fresh).max(now.counted + 1_000);
        let lead = ((fresh_until - now.counted) / 10).min(30_000);
        self.document_from = fresh_until - 2 * lead;
        self.location = Some(Location {
            path,
            until: fresh_until + self.times.max_stale,
        });
    }

    /// The origin has taken back what it had published; whatever it says next counts from now on.
    fn published_anew(&mut self, now: Now) {
        self.missed = None;
        self.published
            .values_mut()
            .for_each(|published| *published = now.counted);
    }

    /// How long an answer is fresh that says this.
    fn fresh(&self, cache_control: CacheControl) -> u64 {
        match cache_control {
            CacheControl::Silent => self.times.cache,
            CacheControl::MaxAge(0) | CacheControl::NoStore => self.times.cache.min(10_000),
            CacheControl::MaxAge(secs) => (secs * 1_000).min(self.times.max_cache),
        }
    }

    fn accepts(&mut self, keys: &[Key], fresh: u64, started: Now, now: Now) {
        if !keys.is_empty() {
            self.empty_since = None;
        } else if self.keys(now).is_none_or(|keys| !keys.is_empty()) {
            let since = *self.empty_since.get_or_insert(now.counted);
            let confirmed_from = since + (self.times.cache / 2).clamp(500, 5_000);
            if since == now.counted || started.counted < confirmed_from {
                self.scheduled_from = confirmed_from;
                return;
            }
            self.empty_since = None;
        }
        let fresh_until = (started.counted + fresh).max(now.counted + 1_000);
        let lead = ((fresh_until - now.counted) / 10).min(30_000);
        self.scheduled_from = fresh_until - 2 * lead;
        self.missed
            .take_if(|(kid, _)| keys.iter().any(|key| key.kid == *kid));
        self.served.extend(keys.iter().map(|key| key.kid.clone()));
        self.in_force = Some(InForce {
            keys: keys.to_vec(),
            from_here: true,
            fetched: started,
            fresh,
            until: fresh_until + self.times.max_stale,
        });
    }

    /// A key was said not to exist.
    pub(crate) fn unknown(&self, kid: &str, honest: bool, now: Now) {
        let Some(set) = self.in_force.as_ref().filter(|_| self.keys(now).is_some()) else {
            panic!("{kid} is unknown, but no keys are in force");
        };
        assert!(
            set.keys.iter().all(|key| key.kid != kid),
            "{kid} is unknown, but its set holds it"
        );
        let asked = self.asked[kid];
        assert!(
            asked.operation < set.fetched.operation,
            "{kid} is unknown without a fetch since it was asked for"
        );
        if honest {
            // Only a key asked for before its publication may be taken for unknown, and not long.
            let published = self.published[kid];
            // What was withdrawn is known to be gone; what no set held may come at any moment.
            let is_known = self.served.contains(kid);
            let memory = SLACK.max(self.times.cooldown * u64::from(is_known));
            let recovers = published + self.times.timeout + SLACK + memory;
            assert!(
                now.counted <= recovers,
                "{kid} has been published for {} ms and is still unknown",
                now.counted - published
            );
        }
    }
}

fn timeout(fetch: &Fetch) -> u64 {
    u64::try_from(fetch.call.timeout.as_millis()).unwrap()
}

/// Two fetches of one thing keep apart: a little always, and more after failures.
fn paced(last_start: Option<u64>, failures: u32, now: Now) {
    let Some(last) = last_start else { return };
    let apart = now.counted - last;
    assert!(apart >= LEAST_APART, "fetches {apart} ms apart");
    // 1 s, 2 s, 4 s …, less a quarter of jitter.
    let backoff = [0, 750, 1_500, 3_000][usize::try_from(failures.min(3)).unwrap()];
    assert!(apart >= backoff, "{apart} ms after {failures} failures");
}
