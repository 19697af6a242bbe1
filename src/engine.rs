//! What a root and its streams share: the verifier, the keys, and the requests that wait for keys.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    time::Duration,
};

use passgate_core::{
    Config, JwksCache, ProviderId, Request, Step, UnixTime, Verifier,
    jwks::{Answer, Fetch, FetchId},
    reason::Internal,
};
use proxy_wasm::types::LogLevel;

use crate::{host, host::HeaderMap, stats::Stats};

/// The core with its state, and the requests that wait.
pub(crate) struct Engine {
    verifier: Verifier,
    keys: JwksCache,
    waiting: BTreeMap<u32, Waiting>,
    waiting_bytes: usize,
    stats: Stats,
}

/// A request that waits for keys.
struct Waiting {
    provider: ProviderId,
    headers: HeaderMap,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Self {
        // The standard library seeds its hashers from the host's random source; jitter needs no better one.
        let seed = RandomState::new().build_hasher().finish();
        let keys = JwksCache::new(&config, seed);
        Self {
            verifier: Verifier::new(config),
            keys,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) const fn verifier_and_stats(&mut self) -> (&Verifier, &mut Stats) {
        (&self.verifier, &mut self.stats)
    }

    /// Judges a request. `None`: it waits from now on, until [`Engine::settled_by`] names it.
    pub(crate) fn judge(
        &mut self,
        stream: u32,
        headers: HeaderMap,
        now: Option<UnixTime>,
    ) -> Option<Step> {
        let Ok(pairs) = headers.pairs() else {
            return Some(self.verifier.failed(Request::new(&[]), Internal::Host));
        };
        let request = Request::new(&pairs);
        let Some(now) = now else {
            return Some(self.verifier.failed(request, Internal::Clock));
        };
        match self.verifier.verify(request, &mut self.keys, now) {
            Step::Await(_) if self.has_no_room_for(&headers) => {
                Some(self.verifier.overloaded(request))
            }
            Step::Await(provider) => {
                drop(pairs);
                self.waiting_bytes = self.waiting_bytes.saturating_add(headers.len());
                self.waiting.insert(stream, Waiting { provider, headers });
                None
            }
            settled @ Step::Settle(..) => Some(settled),
        }
    }

    fn has_no_room_for(&self, headers: &HeaderMap) -> bool {
        let limits = self.verifier.config().limits;
        self.waiting.len() >= limits.waiting_requests
            || self.waiting_bytes.saturating_add(headers.len()) > limits.waiting_bytes
    }

    /// Takes a request off the waiting list: it is judged again, or its client has left.
    pub(crate) fn forget(&mut self, stream: u32) -> Option<HeaderMap> {
        let waiting = self.waiting.remove(&stream)?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.headers.len());
        Some(waiting.headers)
    }

    /// The streams that wait for keys of this provider.
    pub(crate) fn waiting_for(&self, provider: ProviderId) -> Vec<u32> {
        let waits =
            |(stream, waiting): (&u32, &Waiting)| (waiting.provider == provider).then_some(*stream);
        self.waiting.iter().filter_map(waits).collect()
    }

    /// All streams that wait.
    pub(crate) fn waiting(&self) -> Vec<u32> {
        self.waiting.keys().copied().collect()
    }

    /// The next fetch that is due.
    pub(crate) fn poll_fetch(&mut self, now: UnixTime) -> Option<Fetch> {
        self.keys.poll_fetch(now)
    }

    /// The answer to a fetch; returns whose keys it is about.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: Answer<'_>,
        now: UnixTime,
    ) -> Option<ProviderId> {
        self.keys.on_answer(id, answer, now)
    }

    /// Logs what happened to keys and asks the host for the next tick when the keys want one.
    pub(crate) fn wake(&mut self, now: UnixTime) {
        for event in self.keys.events() {
            let level = if event.wants_attention() {
                LogLevel::Warn
            } else {
                LogLevel::Info
            };
            host::log(level, &format!("passgate {event}"));
        }
        let period = self
            .keys
            .next_wakeup()
            .map_or(Duration::ZERO, |at| at.since(now).max(SOONEST));
        if host::set_tick_period(period).is_err() {
            host::log(
                LogLevel::Critical,
                "passgate: the host refuses to set a timer; keys will not be fetched",
            );
        }
    }
}

/// Zero would switch the timer off.
const SOONEST: Duration = Duration::from_millis(1);
