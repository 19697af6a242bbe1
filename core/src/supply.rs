//! Everything that comes from elsewhere, behind one poll.
//!
//! The host asks four things and knows nothing else: what is to be sent now
//! ([`Supply::poll_call`]), who is to be judged again after an answer ([`Supply::on_answer`]), when
//! there is something to do next ([`Supply::next_wakeup`]), and what is to be told
//! ([`Supply::events`], [`Supply::reports`]).
//!
//! **A source more** is a field of [`Supply`], and a variant of [`Need`] if requests can wait for
//! it; the compiler shows what is missing then. It takes turns in [`Supply::poll_call`], after the
//! keys.
//!
//! **Progress.** A request that was told to wait, and that is judged again when its fetch ends, is
//! told something else within [`Supply::longest_wait`]. Judge those who wait again right after
//! [`Supply::on_answer`], and, because an answer can be lost, whenever [`Supply::holds`] is false
//! after [`Supply::poll_call`].

use core::time::Duration;

use crate::{
    crypto::Algorithm,
    fetch::{Answer, Call, FetchId, clock::Clock, jitter::Jitter},
    jwks::{Event, JwksCache, KeySetId, Lookup, Purpose, Report, Sources},
    provider_id::ProviderId,
    time::UnixTime,
};

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The keys of this provider.
    Keys(ProviderId),
}

impl Need {
    /// Whose answer it is: what waits for one provider leaves room for what waits for another.
    #[must_use]
    pub const fn provider(self) -> ProviderId {
        match self {
            Self::Keys(provider) => provider,
        }
    }
}

/// A call that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// To be given back with the answer.
    pub id: FetchId,
    /// Who waits for it.
    pub need: Need,
    /// What for.
    pub purpose: Purpose,
    /// What is to be sent.
    pub call: Call,
}

/// All sources, their clock, and the names of their fetches.
#[derive(Debug)]
pub struct Supply {
    clock: Clock,
    next_id: u64,
    keys: JwksCache,
}

impl Supply {
    /// The sources of a configuration. `seed` keeps workers apart and should differ between them;
    /// nothing else here is random.
    #[must_use]
    pub fn new<'c>(sources: impl Into<Sources<'c>>, seed: u64) -> Self {
        Self::of(sources.into(), seed)
    }

    fn of(sources: Sources<'_>, seed: u64) -> Self {
        let mut seeds = Jitter::new(seed);
        Self {
            clock: Clock::default(),
            // Another worker's or configuration's ids are no ids here.
            next_id: seeds.next(),
            keys: JwksCache::new(sources, &mut seeds),
        }
    }

    /// The key for a token. To be asked only for tokens that are otherwise plausible, since an
    /// unknown key causes a fetch.
    pub fn lookup(
        &mut self,
        provider: ProviderId,
        kid: Option<&str>,
        alg: Algorithm,
        now: UnixTime,
    ) -> Lookup<'_> {
        self.lookup_in_set(provider, kid, alg, now).0
    }

    /// The same, and which set says so.
    pub(crate) fn lookup_in_set(
        &mut self,
        provider: ProviderId,
        kid: Option<&str>,
        alg: Algorithm,
        now: UnixTime,
    ) -> (Lookup<'_>, KeySetId) {
        let now = self.clock.advance(now);
        self.keys.lookup(provider, kid, alg, now)
    }

    /// The keys, as of the last call that took the time.
    #[must_use]
    pub const fn keys(&self) -> &JwksCache {
        &self.keys
    }

    /// The next call to send now; ask until it says `None`. It also ends fetches whose answer is
    /// lost.
    pub fn poll_call(&mut self, now: UnixTime) -> Option<Fetch> {
        let now = self.clock.advance(now);
        let id = FetchId(self.next_id);
        let (provider, purpose, call) = self.keys.poll(id, now)?;
        self.next_id = self.next_id.wrapping_add(1);
        Some(Fetch {
            id,
            need: Need::Keys(provider),
            purpose,
            call,
        })
    }

    /// Most calls that [`Self::poll_call`] gives for one point in time.
    #[must_use]
    pub fn most_calls(&self) -> usize {
        self.keys.fetched()
    }

    /// Takes the answer to a call, and says which requests are to be judged again. `None`: the
    /// fetch is not in flight any more, and its answer was ignored.
    pub fn on_answer(&mut self, id: FetchId, answer: Answer<'_>, now: UnixTime) -> Option<Need> {
        let now = self.clock.advance(now);
        self.keys.on_answer(id, &answer, now).map(Need::Keys)
    }

    /// When [`Self::poll_call`] has something to do next, if nothing else happens: send a call, end
    /// a fetch, or note that something became stale or ended. A time that is over means now; before
    /// the first call it always is. `None`: never.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<UnixTime> {
        let change = self.keys.next_change();
        change.map(|moment| self.clock.to_wall(moment))
    }

    /// The same for one need: what a request that waits for it may have made earlier.
    #[must_use]
    pub fn next_wakeup_for(&self, need: Need) -> Option<UnixTime> {
        let change = match need {
            Need::Keys(provider) => self.keys.next_change_of(provider),
        };
        change.map(|moment| self.clock.to_wall(moment))
    }

    /// True once after requests that may have brought [`Self::next_wakeup`] nearer, though nobody
    /// waits: ask for it anew.
    #[must_use]
    pub fn take_hurried(&self) -> bool {
        self.keys.take_hurried()
    }

    /// Whether the requests that wait for this wait for a fetch in flight. If not, judge them
    /// again.
    #[must_use]
    pub fn holds(&self, need: Need) -> bool {
        match need {
            Need::Keys(provider) => self.keys.holds_waiters(provider),
        }
    }

    /// Longest that a request is told to wait for this.
    #[must_use]
    pub fn longest_wait(&self, need: Need) -> Duration {
        match need {
            Need::Keys(provider) => self.keys.longest_wait(provider),
        }
    }

    /// The numbers of each provider from whom something is fetched, as of the last call that took
    /// the time.
    pub fn reports(&mut self) -> impl Iterator<Item = (ProviderId, Report<'_>)> {
        self.keys.reports(self.clock.now())
    }

    /// The changes of state since the last call, for the log.
    pub fn events(&mut self) -> Vec<Event> {
        self.keys.events()
    }
}
