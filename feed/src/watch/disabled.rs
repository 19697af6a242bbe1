//! Who is disabled, and what is on disk of it. They are read in rounds: so many of them in each
//! poll, from where the last one ended.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use passgate_core::Json;

use super::{APART, PAGE};
use crate::list::ENTRIES;

/// Nobody knows who was enabled for a while in a longer gap between two rounds: whoever is
/// disabled after it ends again.
pub(super) const LONGEST_GAP: Duration = Duration::from_secs(300);
/// So many people are remembered. Half of the list is left for what events end.
pub(super) const MOST: usize = ENTRIES / 2;

/// How often the end of a person who is disabled was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Once, by our clock of then.
    Once(Instant),
    /// Again, when what was issued by a clock that is ahead of ours had ended, too.
    Twice,
}

/// What is to be on disk of a person who is disabled now.
pub(super) fn told(before: Option<Told>, now: Instant) -> Told {
    match before {
        None => Told::Once(now),
        Some(Told::Once(at)) if now.saturating_duration_since(at) >= APART => Told::Twice,
        Some(told) => told,
    }
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub(super) struct Disabled {
    held: HashMap<String, Told>,
    /// Those of the round that is under way.
    round: HashMap<String, Told>,
    /// Where it goes on.
    first: usize,
    /// When a round ended. `None`: none has since what was known was forgotten.
    whole: Option<Instant>,
}

impl Disabled {
    /// Where this poll goes on. After a gap all is forgotten, once.
    pub(super) fn begin(&mut self, now: Instant) {
        let gap = self.whole.map(|whole| now.saturating_duration_since(whole));
        if self.first == 0 && gap.is_some_and(|gap| gap > LONGEST_GAP) {
            self.held.clear();
            self.whole = None;
        }
    }

    /// Where the next page begins.
    pub(super) const fn first(&self) -> usize {
        self.first
    }

    /// What is to be on disk of these.
    pub(super) fn told(&self, ids: &[&str], now: Instant) -> Vec<(String, Told)> {
        let told = |id: &&str| ((*id).to_owned(), told(self.held.get(*id).copied(), now));
        ids.iter().map(told).collect()
    }

    /// Whether this is on disk.
    pub(super) fn is_held(&self, id: &str, told: Told) -> bool {
        self.held.get(id) == Some(&told)
    }

    /// A page is on disk.
    pub(super) fn took(&mut self, seen: Vec<(String, Told)>) {
        self.held.extend(seen.iter().cloned());
        self.round.extend(seen);
        self.first = self.first.saturating_add(PAGE);
    }

    /// Whether no more can be remembered.
    pub(super) const fn is_full(&self) -> bool {
        self.first >= MOST
    }

    /// All were asked about. Whoever was enabled meanwhile, and is disabled again, ends again.
    pub(super) fn end(&mut self, now: Instant) {
        self.held = core::mem::take(&mut self.round);
        self.first = 0;
        self.whole = Some(now);
    }

    /// A page failed. The next poll begins anew, so that the page hides none before it.
    pub(super) fn fail(&mut self) {
        self.round.clear();
        self.first = 0;
    }
}

/// A page of people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct People<'j> {
    /// How many it names.
    pub(super) all: usize,
    /// Who of them is disabled.
    pub(super) ids: Vec<&'j str>,
}

/// `None`: it is not what Keycloak answers. Nobody counts as disabled who is not said to be: a
/// Keycloak that does not know the question names everybody.
pub(super) fn disabled(page: &Json) -> Option<People<'_>> {
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
