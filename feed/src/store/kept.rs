//! What is kept of one provider, and what an act makes of it.

use core::time::Duration;

use super::{
    Act, Done, Refused,
    database::{Change, Outcome},
};
use crate::{
    clock,
    list::{self, By, List, Times},
};

/// What is kept of one provider, in memory.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) provider: String,
    max_token_lifetime: Duration,
    /// How many tokens are remembered, and how many may be.
    pub(super) seen: u64,
    pub(super) most_seen: u64,
    /// When an event was taken last, or else the list began, in seconds since 1970.
    pub(super) heard: u64,
    pub(super) list: List,
    /// The version of the store that this is. `None`: it is to be read anew.
    pub(super) version: Option<u64>,
    /// Whether its numbers are other than in the store.
    pub(super) is_changed: bool,
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new(provider: &str, max_token_lifetime: Duration, most_seen: u64) -> Self {
        let now = clock::now().as_secs();
        Self {
            provider: provider.to_owned(),
            max_token_lifetime,
            seen: 0,
            most_seen,
            heard: now,
            list: List::new(now, max_token_lifetime),
            version: None,
            is_changed: false,
        }
    }

    /// Begins to read the list: its epoch, sequence and floor.
    pub(super) fn empty(&mut self, (epoch, sequence, floor): (u64, u64, u64)) {
        let mut list = List::new(epoch, self.max_token_lifetime);
        (list.sequence, list.floor) = (sequence, floor);
        self.list = list;
        self.heard = epoch.min(clock::now().as_secs());
    }

    /// Forgets the tokens that would be too old now.
    pub(super) fn forget(&mut self, change: &mut dyn Change, ran: u64) -> Outcome<()> {
        let forgotten = change.forget(&self.provider, ran)?;
        self.seen = self.seen.saturating_sub(forgotten);
        self.is_changed |= forgotten > 0;
        Ok(())
    }

    /// Drops what has ended.
    pub(super) fn prune(&mut self, change: &mut dyn Change, ran: u64) -> Outcome<()> {
        let gone = self.list.prune(ran);
        self.record(change, &gone)
    }

    /// One act within a change.
    pub(super) fn act(
        &mut self,
        change: &mut dyn Change,
        act: &Act,
        times: Times,
    ) -> Outcome<Result<Done, Refused>> {
        let (by, endings) = match act {
            Act::Take { endings, .. } => (By::Events, &**endings),
            Act::Find(endings) => (By::Events, &**endings),
            Act::End(endings) => (By::Operator, &**endings),
            Act::Remove(entries) => {
                let gone: Vec<list::Change> = entries
                    .iter()
                    .filter_map(|entry| self.list.take(&list::name_of(entry, By::Operator)))
                    .collect();
                self.record(change, &gone)?;
                let done = if gone.is_empty() {
                    Done::Known
                } else {
                    Done::Written
                };
                return Ok(Ok(done));
            }
            // It was read when the change began.
            Act::Look => return Ok(Ok(Done::Known)),
        };
        if let Act::Take { id, .. } = act {
            // Anybody who has seen a token can send it again: nothing is written for it.
            if change.has(&self.provider, id)? {
                return Ok(Ok(Done::Known));
            }
            if self.seen >= self.most_seen {
                self.forget(change, times.ran)?;
            }
        }
        let gone = self.list.make_room(by, endings, times);
        self.record(change, &gone)?;
        // A token that finds no room counts as one that never came, so that it may come again.
        let changes = match self.list.end(by, endings, times) {
            Ok(changes) => changes,
            Err(list::Full) => return Ok(Err(Refused::Full)),
        };
        self.record(change, &changes)?;
        let Act::Take { id, until, .. } = act else {
            return Ok(Ok(Done::Written));
        };
        (self.heard, self.is_changed) = (times.now, true);
        // An event is never refused for want of memory: what it ends is by the dates of its token.
        if self.seen >= self.most_seen {
            return Ok(Ok(Done::Unremembered));
        }
        let ends = times.ran.saturating_add(until.saturating_sub(times.now));
        change.note(&self.provider, id, ends)?;
        self.seen = self.seen.saturating_add(1);
        Ok(Ok(Done::Written))
    }

    /// Writes down what has become of the list.
    fn record(&mut self, change: &mut dyn Change, changes: &[list::Change]) -> Outcome<()> {
        self.is_changed |= !changes.is_empty();
        for one in changes {
            match one {
                list::Change::Put(name) => {
                    if let Some(row) = self.list.row(name) {
                        change.put(&self.provider, name, row)?;
                    }
                }
                list::Change::Gone(name) => change.remove(&self.provider, name)?,
            }
        }
        Ok(())
    }
}
