//! What providers say beside their keys: what ends the authority of tokens before their time, in
//! lists of revocations and status lists; which passkeys their people have; and what tokens are
//! that say nothing themselves. A provider without all of them is not among these, and costs
//! nothing.

use core::time::Duration;
use std::rc::Rc;

use super::Need;
use crate::{
    credentials::{Book, CredentialSource, Directory, Shares},
    fetch::{Answer, Call, FetchId, Measure, clock::Moment, jitter::Jitter},
    introspection::{Desk, IntrospectionSource},
    provider_id::ProviderId,
    revocation::{Feed, ListBounds, RevocationSource},
    status_list::{Lists, StatusListSource},
    time::UnixTime,
};

/// Where a provider says which of its tokens have ended, and which passkeys its people have.
#[derive(Clone, Copy, Debug)]
pub struct EndingOf<'c> {
    /// Which provider it is.
    pub provider: ProviderId,
    /// Its name in the configuration.
    pub name: &'c Rc<str>,
    /// Exact value of `iss`.
    pub issuer: &'c str,
    /// Tolerance for dates.
    pub clock_skew: Duration,
    /// Its list of revocations.
    pub revocations: Option<&'c RevocationSource>,
    /// Its status lists.
    pub status_lists: Option<&'c StatusListSource>,
    /// Its people's passkeys.
    pub credentials: Option<&'c CredentialSource>,
    /// Whose keys sign what is said of them, if any do: their place in the sources of keys.
    pub signed_by: Option<ProviderId>,
    /// Where it is asked about tokens.
    pub introspection: Option<&'c IntrospectionSource>,
}

/// A change of the state of one provider's lists; its `Display` is the log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingEvent {
    text: String,
    wants_attention: bool,
}

impl EndingEvent {
    /// Whether an operator should look into it.
    #[must_use]
    pub const fn wants_attention(&self) -> bool {
        self.wants_attention
    }
}

impl core::fmt::Display for EndingEvent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The numbers of one provider's lists, below `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingReport<'a> {
    /// `revocations`, `status_lists`, `credentials` or `introspection`.
    pub name: &'static str,
    /// Name of the provider in the configuration.
    pub provider: &'a str,
    /// The numbers.
    pub measures: Vec<Measure>,
}

/// Adds changes of what is called so, each with whether an operator should look into it.
#[inline(never)]
fn tell(events: &mut Vec<EndingEvent>, of: &str, name: &str, told: Vec<(String, bool)>) {
    for (text, wants_attention) in told {
        let text = [of, " of ", name, ": ", &text].concat();
        events.push(EndingEvent {
            text,
            wants_attention,
        });
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Endings(Vec<Ending>);

#[derive(Debug)]
struct Ending {
    provider: ProviderId,
    name: Rc<str>,
    revocations: Option<Box<Feed>>,
    lists: Option<Box<Lists>>,
    credentials: Option<Directory>,
    signed_by: Option<ProviderId>,
    introspection: Option<Box<Desk>>,
}

impl Endings {
    pub(super) fn new(endings: &[EndingOf<'_>], seeds: &mut Jitter) -> Self {
        let lists = endings.iter().filter_map(|ending| ending.revocations);
        let bounds = ListBounds::shared_by(lists.count());
        let providers = endings
            .iter()
            .filter_map(|ending| ending.status_lists)
            .count();
        let sources = endings.iter().filter_map(|ending| ending.credentials);
        let shares = Shares::of(sources);
        let asked = endings.iter().filter_map(|ending| ending.introspection);
        let asked = asked.count();
        let ending = |ending: &EndingOf<'_>| {
            let feed = |source| Box::new(Feed::new(source, bounds, seeds.next()));
            let revocations = ending.revocations.map(feed);
            let about = (ending.issuer, ending.clock_skew);
            let lists = |source| Box::new(Lists::new(source, about, providers, seeds.next()));
            let lists = ending.status_lists.map(lists);
            let directory = |source: &CredentialSource| {
                Directory::new(source, ending.issuer, shares, seeds.next())
            };
            let credentials = ending.credentials.map(directory);
            let desk = |source| Box::new(Desk::new(source, ending.issuer, asked, seeds.next()));
            let introspection = ending.introspection.map(desk);
            Ending {
                provider: ending.provider,
                name: Rc::clone(ending.name),
                revocations,
                lists,
                credentials,
                signed_by: ending.signed_by,
                introspection,
            }
        };
        Self(endings.iter().map(ending).collect())
    }

    fn of(&self, provider: ProviderId) -> Option<&Ending> {
        let mut endings = self.0.iter();
        endings.find(|ending| ending.provider == provider)
    }

    fn of_mut(&mut self, provider: ProviderId) -> Option<&mut Ending> {
        let mut endings = self.0.iter_mut();
        endings.find(|ending| ending.provider == provider)
    }

    pub(super) fn revocations(&self, provider: ProviderId) -> Option<&Feed> {
        self.of(provider)?.revocations.as_deref()
    }

    pub(super) fn revocations_mut(&mut self, provider: ProviderId) -> Option<&mut Feed> {
        self.of_mut(provider)?.revocations.as_deref_mut()
    }

    #[cfg(feature = "explain")]
    pub(super) fn revocations_named(&mut self, name: &str) -> Option<&mut Feed> {
        let mut endings = self.0.iter_mut();
        let ending = endings.find(|ending| &*ending.name == name)?;
        ending.revocations.as_deref_mut()
    }

    pub(super) fn lists(&self, provider: ProviderId) -> Option<&Lists> {
        self.of(provider)?.lists.as_deref()
    }

    pub(super) fn lists_mut(&mut self, provider: ProviderId) -> Option<&mut Lists> {
        self.of_mut(provider)?.lists.as_deref_mut()
    }

    pub(super) fn credentials(&self, provider: ProviderId) -> Option<&Directory> {
        self.of(provider)?.credentials.as_ref()
    }

    /// And whose keys sign what is said there.
    pub(super) fn credentials_mut(
        &mut self,
        provider: ProviderId,
    ) -> Option<(&mut Directory, Option<ProviderId>)> {
        let ending = self.of_mut(provider)?;
        Some((ending.credentials.as_mut()?, ending.signed_by))
    }

    pub(super) fn introspection(&self, provider: ProviderId) -> Option<&Desk> {
        self.of(provider)?.introspection.as_deref()
    }

    pub(super) fn introspection_mut(&mut self, provider: ProviderId) -> Option<&mut Desk> {
        self.of_mut(provider)?.introspection.as_deref_mut()
    }

    #[cfg(feature = "explain")]
    pub(super) fn give_introspection(&mut self, body: &[u8]) {
        let desks = self.0.iter_mut().map(|ending| &mut ending.introspection);
        desks.flatten().for_each(|desk| desk.give(body.to_vec()));
    }

    fn directories(&self) -> impl Iterator<Item = &Directory> {
        let directories = self.0.iter().map(|ending| &ending.credentials);
        directories.flatten()
    }

    fn feeds(&self) -> impl Iterator<Item = &Feed> {
        let feeds = self.0.iter().map(|ending| &ending.revocations);
        feeds.flatten().map(|feed| &**feed)
    }

    /// Goes on with what is read: one slice of one list, whoever else has come.
    pub(super) fn read_on(&mut self, now: Moment, wall: UnixTime) {
        let feeds = self
            .0
            .iter_mut()
            .filter_map(|ending| ending.revocations.as_mut());
        let mut reading = feeds.filter(|feed| feed.is_reading());
        if let Some(feed) = reading.next() {
            feed.read_on((now, wall));
            return;
        }
        let directories = self.0.iter_mut().map(|ending| &mut ending.credentials);
        let books = directories.flatten().filter_map(Directory::book_mut);
        let mut reading = books.filter(|book| book.is_reading());
        if let Some(book) = reading.next() {
            book.read_on((now, wall));
        }
    }

    /// The next call to send now.
    pub(super) fn poll(&mut self, id: FetchId, now: Moment) -> Option<(Need, Call)> {
        self.0.iter_mut().find_map(|ending| {
            let feed = ending.revocations.as_mut();
            let call = feed.and_then(|feed| feed.poll(id, now));
            if let Some(call) = call {
                return Some((Need::Revocations(ending.provider), call));
            }
            let lists = ending.lists.as_mut();
            if let Some(call) = lists.and_then(|lists| lists.poll(id, now)) {
                return Some((Need::StatusLists(ending.provider), call));
            }
            let directory = ending.credentials.as_mut();
            if let Some((number, call)) = directory.and_then(|own| own.poll(id, now)) {
                return Some((Need::Credentials(ending.provider, number), call));
            }
            let (number, call) = ending.introspection.as_mut()?.poll(id, now)?;
            Some((Need::Introspection(ending.provider, number), call))
        })
    }

    /// Most calls for one point in time.
    pub(super) fn most_calls(&self) -> usize {
        let most = |ending: &Ending| {
            let lists = ending.lists.as_ref().map_or(0, |_| Lists::MOST_CALLS);
            let feed = usize::from(ending.revocations.is_some());
            let credentials = ending.credentials.as_ref();
            let credentials = credentials.map_or(0, Directory::most_calls);
            let desk = ending
                .introspection
                .as_ref()
                .map_or(0, |_| Desk::MOST_CALLS);
            lists
                .saturating_add(feed)
                .saturating_add(credentials)
                .saturating_add(desk)
        };
        self.0.iter().map(most).sum()
    }

    /// Whether this names a fetch whose answer may be long.
    pub(super) fn awaits_long(&self, id: FetchId) -> bool {
        self.feeds().any(|feed| feed.is_in_flight(id))
            || self
                .directories()
                .filter_map(Directory::book)
                .any(|book| book.is_in_flight(id))
    }

    pub(super) fn on_long_answer(
        &mut self,
        id: FetchId,
        (answer, body): (&Answer<'_>, Vec<u8>),
        now: Moment,
        wall: UnixTime,
    ) -> Option<Need> {
        for ending in &mut self.0 {
            let provider = ending.provider;
            if let Some(feed) = &mut ending.revocations
                && feed.is_in_flight(id)
            {
                feed.on_answer(id, (answer, body), (now, wall));
                return Some(Need::Revocations(provider));
            }
            let directory = ending.credentials.as_mut();
            if let Some(book) = directory.and_then(Directory::book_mut)
                && book.is_in_flight(id)
            {
                book.on_answer(id, (answer, body), (now, wall));
                return Some(Need::Credentials(provider, Book::NUMBER));
            }
        }
        None
    }

    pub(super) fn on_answer(
        &mut self,
        id: FetchId,
        answer: &Answer<'_>,
        now: Moment,
        wall: UnixTime,
    ) -> Option<Need> {
        self.0.iter_mut().find_map(|ending| {
            let lists = ending.lists.as_mut();
            if lists.is_some_and(|lists| lists.on_answer(id, answer, now, wall)) {
                return Some(Need::StatusLists(ending.provider));
            }
            let directory = ending.credentials.as_mut();
            let number = directory.and_then(|own| own.on_answer(id, answer, (now, wall)));
            if let Some(number) = number {
                return Some(Need::Credentials(ending.provider, number));
            }
            let desk = ending.introspection.as_mut()?;
            let number = desk.on_answer(id, answer, (now, wall))?;
            Some(Need::Introspection(ending.provider, number))
        })
    }

    pub(super) fn next_change(&self) -> Option<Moment> {
        let lists = self.0.iter().filter_map(|ending| ending.lists.as_ref());
        let lists = lists.filter_map(|lists| lists.next_change());
        let credentials = self.directories().filter_map(Directory::next_change);
        let feeds = self.feeds().map(Feed::next_change);
        let desks = self
            .0
            .iter()
            .filter_map(|ending| ending.introspection.as_ref());
        let desks = desks.filter_map(|desk| desk.next_change());
        feeds.chain(credentials).chain(lists).chain(desks).min()
    }

    pub(super) fn events(&mut self) -> Vec<EndingEvent> {
        let mut events = Vec::new();
        for ending in &mut self.0 {
            let name = &ending.name;
            if let Some(feed) = &mut ending.revocations {
                tell(&mut events, "revocations", name, feed.events());
            }
            if let Some(lists) = &mut ending.lists {
                tell(&mut events, "status lists", name, lists.events());
            }
            if let Some(directory) = &mut ending.credentials {
                tell(&mut events, "credentials", name, directory.events());
            }
            if let Some(desk) = &mut ending.introspection {
                tell(&mut events, "introspection", name, desk.events());
            }
        }
        events
    }

    pub(super) fn reports(&mut self, now: Moment) -> impl Iterator<Item = EndingReport<'_>> {
        self.0.iter_mut().flat_map(move |ending| {
            let Ending {
                name,
                revocations,
                lists,
                credentials,
                introspection,
                ..
            } = ending;
            let provider = &**name;
            let revocations = revocations.as_mut().map(|feed| EndingReport {
                name: "revocations",
                provider,
                measures: feed.measures(now),
            });
            let lists = lists.as_mut().map(|lists| EndingReport {
                name: "status_lists",
                provider,
                measures: lists.measures(),
            });
            let credentials = credentials.as_mut().map(|directory| EndingReport {
                name: "credentials",
                provider,
                measures: directory.measures(),
            });
            let introspection = introspection.as_mut().map(|desk| EndingReport {
                name: "introspection",
                provider,
                measures: desk.measures(),
            });
            let all = [revocations, lists, credentials, introspection];
            all.into_iter().flatten()
        })
    }
}
