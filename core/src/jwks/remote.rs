//! The life of one provider's key set: never fetched, fresh, stale, unavailable; and when to fetch next.

use core::time::Duration;

use super::{
    Answer, FetchId, Lookup,
    clock::Moment,
    event::{Change, Failure},
    freshness::{self, Validator, freshness},
    pace::{Jitter, Outage, Pace},
    unknown::{Standing, UnknownKeys},
};
use crate::{
    config::RemoteJwks,
    crypto::Algorithm,
    jose::{JwkSet, SelectError},
    limits::Limits,
};

/// How much later than the host's own timeout a fetch counts as lost; also how long a request may have waited for
/// a fetch that could not settle it and still wait for the next one. Together they make [`super::GRACE`].
pub(super) const SLACK: Duration = Duration::from_secs(1);
/// Workers that start together do not ask at the same instant.
const FIRST_STAGGER: Duration = Duration::from_millis(50);
/// Two fetches of a provider start at least so far apart, whatever their causes: five per second at most.
pub(super) const LEAST_APART: Duration = Duration::from_millis(200);
/// Longest time before the end of freshness that a refresh starts, without and with its jitter.
const LONGEST_LEAD: Duration = Duration::from_secs(30);
/// Bounds of the wait before an empty set is asked for again; half of `cache_duration` in between.
const CONFIRM_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// The keys of one provider that are fetched over HTTP.
#[derive(Debug)]
pub(super) struct Remote {
    source: RemoteJwks,
    limits: Limits,
    jitter: Jitter,
    /// The set in force.
    held: Option<Held>,
    generation: u64,
    flight: Option<Flight>,
    /// When the next fetch is due whether or not anybody asks.
    due: Moment,
    last_start: Option<Moment>,
    outage: Option<Outage>,
    pace: Pace,
    unknown: UnknownKeys,
    /// A token wants a key that no fetch since has confirmed not to exist.
    wanted: bool,
    /// A set without usable keys came; an answer to a fetch from then on confirms it.
    empty: Option<Moment>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Held {
    set: JwkSet,
    /// What names this answer in the next fetch.
    validator: Option<Validator>,
    /// How long the answer was fresh.
    fresh: Duration,
    fresh_until: Moment,
    stale_until: Moment,
    stale: bool,
}

#[derive(Debug)]
struct Flight {
    id: FetchId,
    started: Moment,
    deadline: Moment,
    /// It asks for a set only if that is another than the one in force.
    conditional: bool,
}

/// A fetch that starts.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) if_none_match: Option<Validator>,
}

/// Most changes that are kept for a shell that does not ask for them.
const MOST_CHANGES: usize = 64;

impl Remote {
    pub(super) fn new(source: &RemoteJwks, limits: Limits, seed: u64) -> Self {
        let mut jitter = Jitter::new(seed);
        let due = Moment::default().plus(jitter.up_to(FIRST_STAGGER));
        Self {
            source: source.clone(),
            limits,
            jitter,
            held: None,
            generation: 0,
            flight: None,
            due,
            last_start: None,
            outage: None,
            pace: Pace::new(source.refetch_cooldown),
            // Never shorter than a second, or a confirmation would be over before the requests that waited for
            // it are judged again.
            unknown: UnknownKeys::new(source.refetch_cooldown.max(SLACK)),
            wanted: false,
            empty: None,
            changes: Vec::new(),
        }
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn changes(&mut self) -> Vec<Change> {
        core::mem::take(&mut self.changes)
    }

    /// What time alone does to the keys: they become stale, and end.
    fn age(&mut self, now: Moment) {
        if self.held.take_if(|held| held.stale_until <= now).is_some() {
            self.generation = self.generation.wrapping_add(1);
            self.changed(Change::Unavailable);
        }
        if let Some(held) = &mut self.held
            && !held.stale
            && held.fresh_until <= now
        {
            held.stale = true;
            self.changed(Change::Stale);
        }
    }

    /// The key for a token, or why there is none.
    pub(super) fn lookup(
        &mut self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Moment,
    ) -> Lookup<'_> {
        self.age(now);
        let selected = self
            .held
            .as_ref()
            .map(|held| held.set.select(kid, algorithm).map(|_| ()));
        match selected {
            None => return self.no_set(kid, algorithm, now),
            Some(Err(SelectError::Unknown)) => return self.unknown_key(kid, algorithm, now),
            Some(Ok(()) | Err(SelectError::Misfit | SelectError::Ambiguous)) => {}
        }
        // Selected a second time, because a key that is borrowed above would lock the state for the other cases.
        self.held.as_ref().map_or(Lookup::Unknown, |held| {
            Lookup::from_set(&held.set, kid, algorithm)
        })
    }

    /// No keys may serve: wait for a fetch that runs or is about to, but never for one behind a backoff.
    fn no_set(&mut self, kid: Option<&str>, algorithm: Algorithm, now: Moment) -> Lookup<'static> {
        self.unknown.seen(kid, algorithm, self.asked_at(now));
        if self.last_start.is_none() {
            // Somebody waits: the stagger between workers is over.
            self.due = now;
        }
        if self.flight.is_some() || self.due <= now {
            return Lookup::Pending;
        }
        self.unavailable(now)
    }

    fn unknown_key(
        &mut self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Moment,
    ) -> Lookup<'static> {
        let first_seen = match self.unknown.seen(kid, algorithm, self.asked_at(now)) {
            Standing::Confirmed => return Lookup::Unknown,
            Standing::Since(first_seen) => Some(first_seen),
            Standing::NoRoom => None,
        };
        if self.flight.is_none() {
            self.wanted = true;
            // Who has waited long for a fetch that had started too early to settle it does not wait again.
            let patient = first_seen.is_some_and(|since| now.since(since) <= SLACK);
            if patient && self.wish() <= now {
                return Lookup::Pending;
            }
        } else if first_seen.is_some() {
            return Lookup::Pending;
        }
        self.unavailable(now)
    }

    /// The time of a request, but later than the start of the fetch in flight even in the same millisecond.
    fn asked_at(&self, now: Moment) -> Moment {
        let instant = Duration::from_millis(1);
        self.flight
            .as_ref()
            .map_or(now, |flight| now.max(flight.started.plus(instant)))
    }

    fn unavailable(&self, now: Moment) -> Lookup<'static> {
        let next = match &self.flight {
            Some(flight) => flight.deadline,
            None => self.next_start(),
        };
        Lookup::Unavailable {
            retry_after: next.since(now).max(Duration::from_secs(1)),
        }
    }

    /// When the next fetch is wanted. In an outage unknown keys cause none of their own.
    fn wish(&self) -> Moment {
        if self.wanted && self.outage.is_none() {
            return self.due.min(self.pace.ready_at());
        }
        self.due
    }

    /// When the next fetch may start, provided that none is in flight.
    fn next_start(&self) -> Moment {
        let wish = self.wish();
        self.last_start
            .map_or(wish, |last| wish.max(last.plus(LEAST_APART)))
    }

    /// Whether a fetch is in flight.
    pub(super) const fn is_fetching(&self) -> bool {
        self.flight.is_some()
    }

    /// Ends the fetch in flight if its answer is lost, and starts one if it is due.
    pub(super) fn poll(&mut self, id: FetchId, now: Moment) -> Option<Wish> {
        self.age(now);
        if let Some(lost) = self.flight.take_if(|flight| flight.deadline <= now) {
            self.failed(Failure::Lost, lost.started, now);
        }
        if self.flight.is_some() || self.next_start() > now {
            return None;
        }
        if self.due > now {
            self.pace.spend(now);
        }
        self.wanted = false;
        self.last_start = Some(now);
        let deadline = now.plus(self.source.timeout).plus(SLACK);
        // Only what lives as long as the answer may take can be confirmed by it.
        let held = self
            .held
            .as_ref()
            .filter(|held| deadline <= held.stale_until);
        let if_none_match = held.and_then(|held| held.validator.clone());
        self.flight = Some(Flight {
            id,
            started: now,
            deadline,
            conditional: if_none_match.is_some(),
        });
        Some(Wish { if_none_match })
    }

    /// Takes the answer to the fetch in flight; any other is too late and ignored.
    pub(super) fn on_answer(&mut self, id: FetchId, answer: &Answer<'_>, now: Moment) -> bool {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            return false;
        };
        self.age(now);
        match self.read(answer, flight.conditional) {
            Ok(received) => self.succeeded(received, flight.started, now),
            Err(failure) => self.failed(failure, flight.started, now),
        }
        true
    }

    fn failed(&mut self, failure: Failure, started: Moment, now: Moment) {
        if self.outage.is_none() {
            self.changed(Change::Failing(failure));
        }
        let wait = Outage::failed(&mut self.outage, started, now, &mut self.jitter);
        self.due = now.plus(wait);
    }

    /// What an answer brings. Redirects are not followed: where keys come from is said by the configuration alone.
    fn read(&self, answer: &Answer<'_>, conditional: bool) -> Result<Received, Failure> {
        let (source, held) = (&self.source, &self.held);
        let fresh = |headers| freshness(headers, source.cache_duration, source.max_cache_duration);
        match (*answer, held) {
            (
                Answer::Http {
                    status: 200,
                    headers,
                    body,
                },
                _,
            ) => Ok(Received {
                set: JwkSet::parse(body, &self.limits).map_err(Failure::Unreadable)?,
                validator: Validator::of(headers),
                fresh: fresh(headers),
            }),
            // RFC 9111 section 4.3.4: the answer of then, with what this one says anew.
            (
                Answer::Http {
                    status: 304,
                    headers,
                    ..
                },
                Some(held),
            ) if conditional => Ok(Received {
                set: held.set.clone(),
                validator: Validator::of(headers).or_else(|| held.validator.clone()),
                fresh: if freshness::is_said(headers) {
                    fresh(headers)
                } else {
                    held.fresh
                },
            }),
            (Answer::Http { status, .. }, _) => Err(Failure::Status(status)),
            (Answer::NoAnswer, _) => Err(Failure::NoAnswer),
            (Answer::NotSent, _) => Err(Failure::NotSent),
        }
    }

    fn succeeded(&mut self, received: Received, started: Moment, now: Moment) {
        if self.outage.take().is_some() {
            self.changed(Change::Recovered);
        }
        if !received.set.keys().is_empty() {
            self.empty = None;
        } else if !self.is_withdrawal(started, now) {
            return;
        }
        self.put_in_force(received, started, now);
    }

    /// Whether a set without usable keys is the second such answer, or the set in force has none already. If not,
    /// another fetch is planned and the keys in hand stay.
    fn is_withdrawal(&mut self, started: Moment, now: Moment) -> bool {
        if self
            .held
            .as_ref()
            .is_some_and(|held| held.set.keys().is_empty())
        {
            return true;
        }
        let confirm_at = match self.empty {
            Some(confirm_at) if confirm_at <= started => return true,
            Some(confirm_at) => confirm_at,
            None => {
                let (least, most) = CONFIRM_AFTER;
                let half = self.source.cache_duration.checked_div(2).unwrap_or(least);
                let confirm_at = now.plus(half.clamp(least, most));
                self.empty = Some(confirm_at);
                self.changed(Change::EmptySet);
                confirm_at
            }
        };
        self.due = confirm_at;
        false
    }

    fn put_in_force(&mut self, received: Received, started: Moment, now: Moment) {
        let Received {
            set,
            validator,
            fresh,
        } = received;
        // Freshness counts from the start of the fetch: the answer may be as old as that. At least a second of it
        // is left all the same, or a slow provider's keys would never serve.
        let fresh_until = started.plus(fresh).max(now.plus(freshness::SHORTEST));
        let tenth = fresh_until.since(now).checked_div(10).unwrap_or_default();
        let lead = tenth.min(LONGEST_LEAD);
        let lead = lead.saturating_add(self.jitter.up_to(lead));
        self.due = fresh_until.minus(lead);
        let withdrawal = self.empty.take().is_some();
        if self.held.as_ref().is_none_or(|held| held.set != set) {
            self.generation = self.generation.wrapping_add(1);
            let skipped = set.skipped().to_vec();
            self.changed(if withdrawal {
                Change::Withdrawn { skipped }
            } else {
                let keys = set.keys().len();
                Change::NewSet { keys, skipped }
            });
        }
        self.held = Some(Held {
            set,
            validator,
            fresh,
            fresh_until,
            stale_until: fresh_until.plus(self.source.max_stale),
            stale: false,
        });
        self.unknown.new_set(started, now);
    }

    /// When time alone changes something next.
    pub(super) fn next_change(&self) -> Moment {
        let fetch = self
            .flight
            .as_ref()
            .map_or_else(|| self.next_start(), |flight| flight.deadline);
        match &self.held {
            None => fetch,
            Some(held) if held.stale => fetch.min(held.stale_until),
            Some(held) => fetch.min(held.fresh_until),
        }
    }

    fn changed(&mut self, change: Change) {
        if self.changes.len() < MOST_CHANGES {
            self.changes.push(change);
        }
    }
}

/// A set and what its answer says about it.
struct Received {
    set: JwkSet,
    validator: Option<Validator>,
    fresh: Duration,
}
