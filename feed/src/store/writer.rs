//! The thread that writes.

#[cfg(test)]
mod tests;

use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::{
    Act, Done, Published, Refused, Work,
    database::{Change, Database},
};
use crate::{
    clock::{self, Ran},
    config::Config,
    list::{self, By, List, Times},
    log,
    metrics::Metrics,
};

/// All that is kept, and its copy in memory.
#[derive(Debug)]
pub(super) struct Writer {
    database: Database,
    lists: Vec<Kept>,
    ran: Ran,
    published: Published,
    metrics: Arc<Metrics>,
    /// The disk does not take anything, and is not tried again before then.
    fails_until: Option<Instant>,
    /// Memory is not what is on disk.
    is_ahead: bool,
}

#[derive(Debug)]
struct Kept {
    provider: String,
    max_token_lifetime: Duration,
    /// How many tokens are remembered, and how many may be.
    seen: u64,
    most_seen: u64,
    /// When an event was taken last, or else the list began, in seconds since 1970.
    heard: u64,
    list: List,
}

/// Most that one transaction takes.
const AT_ONCE: usize = 256;
/// Most tokens that are remembered: about 100 MB on disk. Each provider has its share, so that none
/// takes the memory of another.
const SEEN: u64 = 1_000_000;
/// How often what has ended is looked for, and how much of the time that the service has run a kill
/// can lose.
const TICK: Duration = Duration::from_secs(30);
/// A disk that fails is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

impl Writer {
    /// Reads all there is. A provider that is new gets a list.
    pub(super) fn new(
        database: Database,
        config: &Config,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Box<dyn Error>> {
        let ran = Ran::from(database.ran()?);
        let mut lists = Vec::new();
        let providers = u64::try_from(config.providers.len())?.max(1);
        for provider in &config.providers {
            lists.push(Kept {
                provider: provider.name.clone(),
                max_token_lifetime: provider.max_token_lifetime,
                seen: 0,
                heard: 0,
                most_seen: SEEN.checked_div(providers).unwrap_or(SEEN),
                list: List::new(clock::now().as_secs(), provider.max_token_lifetime),
            });
        }
        let documents = lists
            .iter()
            .map(|kept| Mutex::new(Arc::new(kept.list.document())));
        let published = Published(documents.collect());
        let mut this = Self {
            database,
            lists,
            ran,
            published,
            metrics,
            fails_until: None,
            is_ahead: false,
        };
        this.load()?;
        this.begin_lists()?;
        this.publish();
        this.measure();
        Ok(this)
    }

    pub(super) fn published(&mut self) -> Published {
        self.published.clone()
    }

    /// Writes what comes until nobody can send anything any more.
    pub(super) fn run(&mut self, work: &Receiver<Work>) {
        let mut tick = Instant::now();
        loop {
            let wait = tick.saturating_duration_since(Instant::now());
            // However much there is to write.
            if wait.is_zero() {
                self.take(Vec::new());
                tick = Instant::now().checked_add(TICK).unwrap_or(tick);
                continue;
            }
            match work.recv_timeout(wait) {
                Ok(first) => {
                    let others = work.try_iter().take(AT_ONCE);
                    let batch: Vec<Work> = core::iter::once(first).chain(others).collect();
                    self.take(batch);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.take(Vec::new());
    }

    /// Writes these together, and tells each what became of it. Without any it looks for what has
    /// ended.
    fn take(&mut self, batch: Vec<Work>) {
        let is_tick = batch.is_empty();
        let now = Instant::now();
        if self.fails_until.is_some_and(|until| now < until) {
            answer(batch, |_| Err(Refused::Disk));
            return;
        }
        match self.write(&batch, is_tick) {
            Ok(outcomes) => {
                if self.fails_until.take().is_some() {
                    log::info("the store can be written again", &[]);
                }
                self.metrics.set_store_fails(false);
                self.measure();
                self.publish();
                let mut outcomes = outcomes.into_iter();
                answer(batch, |_| outcomes.next().unwrap_or(Err(Refused::Disk)));
            }
            Err(error) => {
                if self.fails_until.is_none() {
                    log::warn(
                        "the store cannot be written",
                        &[("error", &error.to_string())],
                    );
                }
                self.fails_until = Some(now.checked_add(PAUSE).unwrap_or(now));
                self.metrics.set_store_fails(true);
                self.is_ahead = true;
                answer(batch, |_| Err(Refused::Disk));
            }
        }
    }

    fn write(
        &mut self,
        batch: &[Work],
        is_tick: bool,
    ) -> rusqlite::Result<Vec<Result<Done, Refused>>> {
        if self.is_ahead {
            self.load()?;
            self.is_ahead = false;
        }
        let times = Times {
            ran: self.ran.seconds(),
            now: clock::now().as_secs(),
        };
        let change = self.database.change()?;
        if is_tick {
            for kept in &mut self.lists {
                kept.forget(&change, times.ran)?;
                let gone = kept.list.prune(times.ran);
                record(&change, kept, &gone)?;
            }
        }
        let mut outcomes = Vec::new();
        for work in batch {
            let Some(kept) = self.lists.get_mut(work.provider) else {
                outcomes.push(Err(Refused::Disk));
                continue;
            };
            outcomes.push(act(&change, kept, &work.act, times)?);
        }
        if is_tick || outcomes.iter().any(|outcome| *outcome != Ok(Done::Known)) {
            change.set_ran(times.ran)?;
        }
        change.commit()?;
        Ok(outcomes)
    }

    /// Takes over what is on disk.
    fn load(&mut self) -> rusqlite::Result<()> {
        for kept in &mut self.lists {
            kept.seen = self.database.seen(&kept.provider)?;
            let mut list = List::new(kept.list.epoch, kept.max_token_lifetime);
            self.database.load(&kept.provider, &mut list)?;
            kept.list = list;
            let began = kept.list.epoch.min(clock::now().as_secs());
            let heard = self.database.heard(&kept.provider)?;
            kept.heard = heard.unwrap_or(began);
        }
        Ok(())
    }

    fn measure(&self) {
        for kept in &self.lists {
            self.metrics.set_heard(&kept.provider, kept.heard);
            self.metrics.set_remembered(&kept.provider, kept.seen);
        }
    }

    /// Writes down the epoch of lists that are new: later than that of any store that was lost.
    fn begin_lists(&mut self) -> rusqlite::Result<()> {
        let change = self.database.change()?;
        for kept in &self.lists {
            change.set_numbers(&kept.provider, &kept.list)?;
        }
        change.commit()
    }

    fn publish(&self) {
        for (index, kept) in self.lists.iter().enumerate() {
            let list = &kept.list;
            let held = self.published.0.get(index);
            let held = held.map(|held| {
                let held = held
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                (held.epoch, held.sequence)
            });
            if held != Some((list.epoch, list.sequence)) || list.sequence == 0 {
                self.published.publish(index, list.document());
            }
        }
    }
}

impl Kept {
    /// Forgets the tokens that would be too old now.
    fn forget(&mut self, change: &Change<'_>, ran: u64) -> rusqlite::Result<()> {
        let forgotten = change.forget(&self.provider, ran)?;
        let forgotten = u64::try_from(forgotten).unwrap_or(u64::MAX);
        self.seen = self.seen.saturating_sub(forgotten);
        Ok(())
    }

    /// An event was taken now.
    fn hear(&mut self, change: &Change<'_>, now: u64) -> rusqlite::Result<()> {
        self.heard = now;
        change.set_heard(&self.provider, now)
    }
}

/// One act within a change.
fn act(
    change: &Change<'_>,
    kept: &mut Kept,
    act: &Act,
    times: Times,
) -> rusqlite::Result<Result<Done, Refused>> {
    let (by, endings) = match act {
        Act::Take { endings, .. } => (By::Events, &**endings),
        Act::End(endings) => (By::Operator, &**endings),
        Act::Remove(entries) => {
            let gone: Vec<list::Change> = entries
                .iter()
                .filter_map(|entry| kept.list.take(&list::name_of(entry, By::Operator)))
                .collect();
            record(change, kept, &gone)?;
            let done = if gone.is_empty() {
                Done::Known
            } else {
                Done::Written
            };
            return Ok(Ok(done));
        }
    };
    if let Act::Take { id, .. } = act {
        // Anybody who has seen a token can send it again: nothing is written for it.
        if change.has(&kept.provider, id)? {
            return Ok(Ok(Done::Known));
        }
        if kept.seen >= kept.most_seen {
            kept.forget(change, times.ran)?;
        }
    }
    let gone = kept.list.make_room(by, endings, times);
    record(change, kept, &gone)?;
    // A token that finds no room counts as one that never came, so that it may come again.
    let changes = match kept.list.end(by, endings, times) {
        Ok(changes) => changes,
        Err(list::Full) => return Ok(Err(Refused::Full)),
    };
    record(change, kept, &changes)?;
    let Act::Take { id, until, .. } = act else {
        return Ok(Ok(Done::Written));
    };
    kept.hear(change, times.now)?;
    // An event is never refused for want of memory: what it ends is by the dates of its token.
    if kept.seen >= kept.most_seen {
        return Ok(Ok(Done::Unremembered));
    }
    let ends = times.ran.saturating_add(until.saturating_sub(times.now));
    change.note(&kept.provider, id, ends)?;
    kept.seen = kept.seen.saturating_add(1);
    Ok(Ok(Done::Written))
}

/// Writes down what has become of a list.
fn record(change: &Change<'_>, kept: &Kept, changes: &[list::Change]) -> rusqlite::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    for one in changes {
        match one {
            list::Change::Put(name) => {
                if let Some(row) = kept.list.row(name) {
                    change.put(&kept.provider, name, row)?;
                }
            }
            list::Change::Gone(name) => change.remove(&kept.provider, name)?,
        }
    }
    change.set_numbers(&kept.provider, &kept.list)
}

fn answer(batch: Vec<Work>, mut outcome: impl FnMut(&Act) -> Result<Done, Refused>) {
    for work in batch {
        // Who has left need not be told.
        let _ = work.done.send(outcome(&work.act));
    }
}

/// Begins a new epoch of every list.
pub(super) fn begin_epoch(
    database: Database,
    config: &Config,
    at_least: u64,
) -> Result<(), Box<dyn Error>> {
    let mut writer = Writer::new(database, config, Arc::default())?;
    for kept in &mut writer.lists {
        let next = kept.list.epoch.saturating_add(1);
        kept.list.epoch = clock::now().as_secs().max(next).max(at_least);
    }
    writer.begin_lists().map_err(Into::into)
}
