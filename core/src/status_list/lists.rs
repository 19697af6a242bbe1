//! The lists of one provider: each is fetched once for all tokens that name it.

use core::time::Duration;
use std::rc::Rc;

use super::{
    bits::Bits,
    token::{Expected, ListError, UnverifiedList},
};
use crate::{
    fetch::{
        Endpoint, Measure,
        answer::Answer,
        call::Call,
        clock::Moment,
        failure::Failure,
        fault::{Fault, shown},
        flight::{FetchId, SLACK},
        freshness::SHORTEST,
        health::{Event, Health},
        keyed::{Asked, Bounds, Keyed},
    },
    jwks::UriPrefix,
    limits,
    time::UnixTime,
};

/// Where a provider's status lists are.
#[derive(Clone, Debug)]
pub struct StatusListSource {
    /// What each address must lie below.
    pub uri_prefix: UriPrefix,
    /// The host's cluster that leads there.
    pub cluster: String,
    /// Most that one fetch may take.
    pub timeout: Duration,
    /// How long a list without `ttl` is fresh.
    pub cache_duration: Duration,
    /// The longest `ttl` that is believed.
    pub max_cache_duration: Duration,
    /// Whether a token without `status` is refused.
    pub required: bool,
}

/// The status lists of one provider.
#[derive(Debug)]
pub(crate) struct Lists {
    source: StatusListSource,
    issuer: Box<str>,
    skew: Duration,
    keyed: Keyed<Box<str>, Held>,
    /// As many fetches as lists are remembered may start at once, and one each [`PACE`]. Until then
    /// the pace has used up its time.
    burst: Duration,
    paced_until: Moment,
    /// When the newest list of an address was made, of as many addresses as are remembered.
    newest: Vec<(Box<str>, UnixTime)>,
    health: Health,
}

/// A list that came.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// Nobody has checked its signature.
    Unverified(Rc<UnverifiedList>),
    /// It is as a key of the provider signed it, until then.
    Open(Rc<Bits>, Option<UnixTime>),
}

const ACCEPT: &str = "application/statuslist+jwt";
/// A fetch each tenth of a second: to check and inflate the longest list takes some milliseconds.
/// Where tokens name more lists than are remembered, each request could cause one.
const PACE: Duration = Duration::from_millis(100);
/// What all lists that are awaited wait for their turn.
const LONGEST_PACE: Duration = Duration::from_secs(2);
/// Most addresses of which it is known when their newest list was made.
const MOST: usize = 64;

impl Lists {
    /// Most fetches in flight.
    pub(crate) const MOST_CALLS: usize = 4;

    /// Those of one of so many providers that have some.
    pub(crate) fn new(
        source: &StatusListSource,
        (issuer, skew): (&str, Duration),
        providers: usize,
        seed: u64,
    ) -> Self {
        let bounds = Bounds {
            remembered: Bounds::share(limits::STATUS_LISTS, providers),
            awaited: limits::STATUS_LISTS,
            calls: Self::MOST_CALLS,
            spare: 0,
        };
        Self {
            source: source.clone(),
            issuer: issuer.into(),
            skew,
            keyed: Keyed::new(bounds, seed),
            burst: PACE.saturating_mul(u32::try_from(bounds.remembered).unwrap_or(u32::MAX)),
            paced_until: Moment::default(),
            newest: Vec::new(),
            health: Health::default(),
        }
    }

    /// The list at this address, which a verified token names. `None`: no list may be there.
    pub(crate) fn ask(&mut self, uri: &str, now: Moment) -> Option<Asked<'_, Held>> {
        // One spelling: what comes as another would be fetched once more.
        if uri.contains('?') || self.endpoint(uri).is_none() {
            return None;
        }
        Some(self.keyed.ask(&uri.into(), now))
    }

    fn endpoint(&self, uri: &str) -> Option<Endpoint> {
        let Self { source, .. } = self;
        source.uri_prefix.endpoint(uri, &source.cluster).ok()
    }

    /// When the next fetch may start, if one is wanted.
    fn next_start(&self) -> Moment {
        self.paced_until.plus(PACE).minus(self.burst)
    }

    pub(crate) fn poll(&mut self, id: FetchId, now: Moment) -> Option<Call> {
        while let Some(lost) = self.keyed.take_lost(now) {
            self.failed(&lost.key, &Fault::Lost.into());
        }
        if self.next_start() > now {
            return None;
        }
        let Self { keyed, source, .. } = self;
        let call = keyed.poll(id, now, |uri| {
            let endpoint = source.uri_prefix.endpoint(uri, &source.cluster);
            let nowhere = || Endpoint {
                scheme: "https".to_owned(),
                authority: String::new(),
                path: String::new(),
                cluster: source.cluster.clone(),
            };
            let endpoint = endpoint.unwrap_or_else(|_| nowhere());
            let most = limits::STATUS_LIST_TOKEN_BYTES;
            Call::get(endpoint, ACCEPT, None, most, source.timeout)
        })?;
        self.paced_until = self.paced_until.max(now).plus(PACE);
        Some(call)
    }

    /// Takes the answer to a fetch in flight. False: it is not one of ours.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        now: Moment,
        wall: UnixTime,
    ) -> bool {
        let Some(uri) = self.keyed.in_flight(id).cloned() else {
            return false;
        };
        let expected = Expected {
            uri: &uri,
            issuer: &self.issuer,
            skew: self.skew,
        };
        let newest = self.newest.iter().find(|(other, _)| *other == uri);
        let newest = newest.map(|(_, issued)| *issued);
        let source = &self.source;
        let ended = self.keyed.on_answer(id, answer, now, |body| {
            let list = UnverifiedList::parse(body?, expected, wall);
            let list = list.map_err(Failure::Content)?;
            if newest.is_some_and(|newest| list.issued < newest) {
                return Err(Failure::Content(ListError::Older));
            }
            let fresh = list.ttl.unwrap_or(source.cache_duration);
            let left = list.expires.map(|expires| expires.since(wall));
            let fresh = fresh.min(source.max_cache_duration);
            let fresh = left.map_or(fresh, |left| left.min(fresh)).max(SHORTEST);
            Ok((Held::Unverified(Rc::new(list)), fresh))
        });
        if let Some(Err(failure)) = ended.map(|ended| ended.result) {
            self.failed(&uri, &failure);
        }
        true
    }

    /// A list does not count after all: it is fetched anew, and not at once.
    pub(crate) fn spoil(&mut self, uri: &str, error: ListError, now: Moment) {
        self.keyed.spoil(&uri.into(), now);
        self.failed(uri, &Failure::Content(error));
    }

    /// The signature of a list is right, and this is what it says.
    pub(crate) fn opened(&mut self, uri: &str, list: &UnverifiedList, bits: Rc<Bits>) {
        if let Some(held) = self.keyed.said_mut(&uri.into()) {
            *held = Held::Open(bits, list.expires);
        }
        self.newest.retain(|(other, _)| **other != *uri);
        if self.newest.len() >= MOST {
            self.newest.remove(0);
        }
        self.newest.push((uri.into(), list.issued));
        self.health.ended("ok");
        self.health.came("lists can be had again");
    }

    fn failed(&mut self, uri: &str, failure: &Failure<ListError>) {
        self.health.ended(failure.name());
        let what = [&*shown(uri), ": "].concat();
        self.health.failed(&what, failure, "");
    }

    /// Whether those who wait do so for a fetch.
    pub(crate) fn holds_waiters(&self) -> bool {
        self.keyed.is_any_awaited()
    }

    /// Longest that a request waits: fetches before its own, at their pace, and its own.
    pub(crate) const fn longest_wait(&self) -> Duration {
        let fetch = self.source.timeout.saturating_add(SLACK);
        fetch.saturating_mul(2).saturating_add(LONGEST_PACE)
    }

    /// When time alone changes something next.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        let next = self.keyed.next_change();
        next.map(|next| next.max(self.next_start()))
    }

    /// Changes of state since the last call, for the log.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.health.take_events()
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self) -> Vec<Measure> {
        self.health.take_measures()
    }
}
