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

mod asked;
mod endings;
mod need;

use core::time::Duration;
use std::rc::Rc;

pub use self::{
    endings::{EndingEvent, EndingOf, EndingReport},
    need::Need,
};

use self::endings::Endings;
use crate::{
    credentials::{Directory, Found},
    crypto::{Algorithm, Backend},
    fetch::{Answer, Asked, Call, FetchId, clock::Clock, jitter::Jitter},
    introspection::Desk,
    jwks::{Event, JwksCache, KeySetId, Lookup, Purpose, Report, Sources},
    limits,
    provider_id::ProviderId,
    revocation::{Feed, Kind, NameDigest, Standing},
    status_list::{Bits, Held, ListError, Lists, UnverifiedList},
    time::UnixTime,
};

/// A call that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// To be given back with the answer.
    pub id: FetchId,
    /// Who waits for it.
    pub need: Need,
    /// What for, where it is for keys.
    pub purpose: Option<Purpose>,
    /// What is to be sent.
    pub call: Call,
}

/// Where everything comes from.
#[derive(Clone, Debug)]
pub struct Suppliers<'c> {
    /// The keys of each provider.
    pub keys: Sources<'c>,
    /// What they say beside their keys, where they say something.
    pub endings: Vec<EndingOf<'c>>,
    /// Whether requests wait for their own bodies.
    pub reads_bodies: bool,
}

/// Keys alone: a policy that asks for more is answered that it cannot be had.
impl<'c> From<Sources<'c>> for Suppliers<'c> {
    fn from(keys: Sources<'c>) -> Self {
        let endings = Vec::new();
        Self {
            keys,
            endings,
            reads_bodies: false,
        }
    }
}

/// All sources, their clock, and the names of their fetches.
#[derive(Debug)]
pub struct Supply {
    clock: Clock,
    next_id: u64,
    keys: JwksCache,
    endings: Endings,
    /// For people at a command line only: what ends the authority of tokens cannot be asked.
    #[cfg(feature = "explain")]
    unasked: bool,
}

impl Supply {
    /// The sources of a configuration. `seed` keeps workers apart and should differ between them;
    /// nothing else here is random.
    #[must_use]
    pub fn new<'c>(suppliers: impl Into<Suppliers<'c>>, seed: u64) -> Self {
        Self::of(suppliers.into(), seed)
    }

    fn of(suppliers: Suppliers<'_>, seed: u64) -> Self {
        let mut seeds = Jitter::new(seed);
        let Suppliers { keys, endings, .. } = suppliers;
        Self {
            clock: Clock::default(),
            // Another worker's or configuration's ids are no ids here.
            next_id: seeds.next(),
            keys: JwksCache::new(keys, &mut seeds),
            endings: Endings::new(&endings, &mut seeds),
            #[cfg(feature = "explain")]
            unasked: false,
        }
    }

    /// From now on no list revokes anything that is not given, and no status list does.
    #[cfg(feature = "explain")]
    pub const fn ask_no_lists(&mut self) {
        self.unasked = true;
    }

    /// Puts a list of revocations in force as if it had come now, and says which edition it is.
    ///
    /// # Errors
    /// Why it would not be put in force, in English.
    #[cfg(feature = "explain")]
    pub fn give_revocations(
        &mut self,
        provider: &str,
        body: Vec<u8>,
        now: UnixTime,
    ) -> Result<String, String> {
        let moment = self.clock.advance(now);
        let feed = self.endings.revocations_named(provider);
        let feed = feed.ok_or("the provider has no revocations")?;
        feed.give(body, moment, now)
    }

    /// Whether status lists can be asked for: nearly always.
    #[cfg_attr(
        not(feature = "explain"),
        expect(clippy::unused_self, reason = "see above")
    )]
    pub(crate) const fn has_status_lists(&self) -> bool {
        #[cfg(feature = "explain")]
        return !self.unasked;
        #[cfg(not(feature = "explain"))]
        true
    }

    /// What the provider's list of revocations says of a token that was issued then.
    pub(crate) fn standing<'n>(
        &mut self,
        provider: ProviderId,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> Standing {
        let now = self.clock.advance(now);
        match self.endings.revocations_mut(provider) {
            #[cfg(feature = "explain")]
            Some(feed) if self.unasked && !feed.is_given() => Standing::Clear,
            Some(feed) => feed.judge(names, issued, now),
            // A provider of another configuration, or keys alone.
            None => Standing::Unavailable(Duration::from_secs(1)),
        }
    }

    /// The same for names that were kept as [`Self::digests`].
    pub(crate) fn standing_later(
        &mut self,
        provider: ProviderId,
        names: &[NameDigest],
        issued: Option<UnixTime>,
        now: UnixTime,
    ) -> Standing {
        let now = self.clock.advance(now);
        match self.endings.revocations_mut(provider) {
            Some(feed) => feed.judge_digests(names, issued, now),
            None => Standing::Clear,
        }
    }

    /// The credential with this id of a person: of this issuer and subject. The signature of a
    /// signed answer is checked once.
    pub(crate) fn credential(
        &mut self,
        provider: ProviderId,
        person: (&str, &str),
        id: &[u8],
        (crypto, now): (&mut Backend, UnixTime),
    ) -> Found {
        let now = self.clock.advance(now);
        let Some((directory, keys)) = self.endings.credentials_mut(provider) else {
            // A provider of another configuration, or keys alone.
            return Found::Unavailable(Duration::from_secs(1));
        };
        let found = directory.find(person, id, now);
        let (Found::Unverified(signed), Some(keys)) = (&found, keys) else {
            return found;
        };
        let (kid, algorithm) = (signed.kid.as_deref(), signed.algorithm);
        let content = match self.keys.lookup(keys, kid, algorithm, now).0 {
            Lookup::Found(jwk) => {
                let content = signed.open(&jwk.key, crypto);
                content.ok_or("its signature is wrong")
            }
            Lookup::Pending => return Found::Keyless(keys),
            Lookup::Unavailable { retry_after, .. } => return Found::Unavailable(retry_after),
            Lookup::Unknown | Lookup::Misfit | Lookup::Ambiguous => Err("no key is for it"),
        };
        directory.opened(person, content, now);
        directory.find(person, id, now)
    }

    /// Names as the provider's list knows them.
    pub(crate) fn digests<'n>(
        &mut self,
        provider: ProviderId,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
    ) -> Box<[NameDigest]> {
        let feed = self.endings.revocations_mut(provider);
        feed.map(|feed| feed.digests(names)).unwrap_or_default()
    }

    /// The provider's status list at this address, which a verified token names. `None`: no list
    /// may be there.
    pub(crate) fn status_list(
        &mut self,
        provider: ProviderId,
        uri: &str,
        now: UnixTime,
    ) -> Option<Asked<'_, Held>> {
        let now = self.clock.advance(now);
        match self.endings.lists_mut(provider) {
            Some(lists) => lists.ask(uri, now),
            None => Some(Asked::Unavailable(Duration::from_secs(1))),
        }
    }

    /// The signature of a status list is right, and this is what it says.
    pub(crate) fn opened_status_list(
        &mut self,
        provider: ProviderId,
        uri: &str,
        (list, bits): (&UnverifiedList, Rc<Bits>),
    ) {
        if let Some(lists) = self.endings.lists_mut(provider) {
            lists.opened(uri, list, bits);
        }
    }

    /// A status list does not count after all; when to try again.
    pub(crate) fn spoil_status_list(
        &mut self,
        provider: ProviderId,
        uri: &str,
        error: ListError,
        now: UnixTime,
    ) -> Duration {
        let now = self.clock.advance(now);
        if let Some(lists) = self.endings.lists_mut(provider) {
            lists.spoil(uri, error, now);
        }
        Duration::from_secs(1)
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
        let (need, purpose, call) = match self.keys.poll(id, now) {
            Some((provider, purpose, call)) => (Need::Keys(provider), Some(purpose), call),
            None => {
                let (need, call) = self.endings.poll(id, now)?;
                (need, None, call)
            }
        };
        self.next_id = self.next_id.wrapping_add(1);
        Some(Fetch {
            id,
            need,
            purpose,
            call,
        })
    }

    /// Goes on with what came and takes long to be read: a slice of it. To be called once in a
    /// tick, before [`Self::poll_call`]; who waits for it and is not held any more is to be judged
    /// again.
    pub fn read_on(&mut self, now: UnixTime) {
        let moment = self.clock.advance(now);
        self.endings.read_on(moment, now);
    }

    /// Most calls that [`Self::poll_call`] gives for one point in time.
    #[must_use]
    pub fn most_calls(&self) -> usize {
        self.keys
            .fetched()
            .saturating_add(self.endings.most_calls())
    }

    /// Takes the answer to a call, and says which requests are to be judged again. `None`: the
    /// fetch is not in flight any more, and its answer was ignored.
    pub fn on_answer(&mut self, id: FetchId, answer: Answer<'_>, now: UnixTime) -> Option<Need> {
        let moment = self.clock.advance(now);
        if self.endings.awaits_long(id) {
            return self.on_long_answer(id, &answer, answer.body().to_vec(), now);
        }
        let keys = self.keys.on_answer(id, &answer, moment).map(Need::Keys);
        keys.or_else(|| self.endings.on_answer(id, &answer, moment, now))
    }

    /// The same, with the body that the host has handed over: one that is long is not copied.
    pub fn on_host_answer(
        &mut self,
        id: FetchId,
        headers: &[(&[u8], &[u8])],
        body: Vec<u8>,
        now: UnixTime,
    ) -> Option<Need> {
        if self.endings.awaits_long(id) {
            return self.on_long_answer(id, &Answer::from_host(headers, &[]), body, now);
        }
        self.on_answer(id, Answer::from_host(headers, &body), now)
    }

    fn on_long_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        body: Vec<u8>,
        now: UnixTime,
    ) -> Option<Need> {
        let moment = self.clock.advance(now);
        self.endings.on_long_answer(id, (answer, body), moment, now)
    }

    /// When [`Self::poll_call`] has something to do next, if nothing else happens: send a call, end
    /// a fetch, or note that something became stale or ended. A time that is over means now; before
    /// the first call it always is. `None`: never.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<UnixTime> {
        let change = self.keys.next_change();
        let change = change.into_iter().chain(self.endings.next_change()).min();
        change.map(|moment| self.clock.to_wall(moment))
    }

    /// The same for one need: what a request that waits for it may have made earlier.
    #[must_use]
    pub fn next_wakeup_for(&self, need: Need) -> Option<UnixTime> {
        let change = match need {
            Need::Keys(provider) => self.keys.next_change_of(provider),
            Need::Revocations(provider) => {
                let feed = self.endings.revocations(provider);
                feed.map(Feed::next_change)
            }
            Need::StatusLists(provider) => {
                let lists = self.endings.lists(provider);
                lists.and_then(Lists::next_change)
            }
            Need::Body { .. } => None,
            Need::Credentials(provider, _) => {
                let directory = self.endings.credentials(provider);
                directory.and_then(Directory::next_change)
            }
            Need::Introspection(provider, _) => {
                let desk = self.endings.introspection(provider);
                desk.and_then(Desk::next_change)
            }
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
            Need::Revocations(provider) => {
                let feed = self.endings.revocations(provider);
                feed.is_some_and(Feed::holds_waiters)
            }
            Need::StatusLists(provider) => {
                let lists = self.endings.lists(provider);
                lists.is_some_and(Lists::holds_waiters)
            }
            // Its stream ends this wait, or the deadline does.
            Need::Body { .. } => true,
            Need::Credentials(provider, number) => {
                let directory = self.endings.credentials(provider);
                directory.is_some_and(|directory| directory.holds(number))
            }
            Need::Introspection(provider, number) => {
                let desk = self.endings.introspection(provider);
                desk.is_some_and(|desk| desk.holds(number))
            }
        }
    }

    /// Longest that a request is told to wait for this.
    #[must_use]
    pub fn longest_wait(&self, need: Need) -> Duration {
        match need {
            Need::Keys(provider) => self.keys.longest_wait(provider),
            Need::Revocations(provider) => {
                let feed = self.endings.revocations(provider);
                feed.map_or(Duration::ZERO, Feed::longest_wait)
            }
            Need::StatusLists(provider) => {
                let lists = self.endings.lists(provider);
                lists.map_or(Duration::ZERO, Lists::longest_wait)
            }
            Need::Body { .. } => Duration::from_secs(limits::PROOF_BODY_SECS),
            Need::Credentials(provider, _) => {
                let directory = self.endings.credentials(provider);
                directory.map_or(Duration::ZERO, Directory::longest_wait)
            }
            Need::Introspection(provider, _) => {
                let desk = self.endings.introspection(provider);
                desk.map_or(Duration::ZERO, Desk::longest_wait)
            }
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

    /// The same of what ends the authority of tokens.
    pub fn ending_events(&mut self) -> Vec<EndingEvent> {
        self.endings.events()
    }

    /// Their numbers, as of the last call that took the time.
    pub fn ending_reports(&mut self) -> impl Iterator<Item = EndingReport<'_>> {
        self.endings.reports(self.clock.now())
    }
}
