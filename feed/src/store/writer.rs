//! The thread that writes.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use passgate_core::UnixTime;

use super::{
    Act, Done, Published, Refused, Work,
    database::{Database, Outcome},
    kept::Kept,
};
use crate::{
    clock::{self, Ran},
    config::Config,
    list::Times,
    log,
    metrics::Metrics,
};

/// All that is kept, and its copy in memory.
#[derive(Debug)]
pub(super) struct Writer {
    database: Box<dyn Database>,
    lists: Vec<Kept>,
    ran: Ran,
    published: Published,
    metrics: Arc<Metrics>,
    /// The store does not take anything, and is not tried again before then.
    fails_until: Option<Instant>,
    /// When it was read last.
    read: Arc<AtomicU64>,
}

/// Most that one transaction takes.
const AT_ONCE: usize = 256;
/// Most tokens that are remembered: about 100 MB on disk. Each provider has its share, so that none
/// takes the memory of another.
const SEEN: u64 = 1_000_000;
/// How often what has ended is looked for, and how much of the time that the service has run a kill
/// can lose.
pub(super) const TICK: Duration = Duration::from_secs(30);
/// How often replicas look what others have written.
const LOOK: Duration = Duration::from_millis(500);
/// A store that fails is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

impl Writer {
    /// Reads all there is. A provider that is new gets a list.
    pub(super) fn new(
        database: Box<dyn Database>,
        config: &Config,
        metrics: Arc<Metrics>,
    ) -> Outcome<Self> {
        let providers = u64::try_from(config.providers.len())?.max(1);
        let most_seen = SEEN.checked_div(providers).unwrap_or(SEEN);
        let lists = config.providers.iter();
        let lists = lists.map(|provider| {
            let lifetime = provider.max_token_lifetime;
            Kept::new(&provider.name, lifetime, most_seen)
        });
        let lists: Vec<Kept> = lists.collect();
        let documents = lists
            .iter()
            .map(|kept| Mutex::new(Arc::new(kept.list.document())));
        let published = Published(documents.collect());
        let mut this = Self {
            database,
            lists,
            ran: Ran::from(0),
            published,
            metrics,
            fails_until: None,
            read: Arc::default(),
        };
        let begun = clock::now();
        this.change(|_| {})?;
        this.was_read(begun);
        this.publish();
        this.measure();
        Ok(this)
    }

    pub(super) fn published(&mut self) -> Published {
        self.published.clone()
    }

    /// When the store was read last, in milliseconds since 1970.
    pub(super) fn read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// What was written until then is known.
    fn was_read(&self, begun: UnixTime) {
        self.read.store(begun.as_millis(), Ordering::Relaxed);
    }

    /// Writes what comes until nobody can send anything any more.
    pub(super) fn run(&mut self, work: &Receiver<Work>) {
        let mut tick = Instant::now();
        loop {
            let wait = tick.saturating_duration_since(Instant::now());
            // However much there is to write.
            if wait.is_zero() {
                self.take(Vec::new(), true);
                tick = Instant::now().checked_add(TICK).unwrap_or(tick);
                continue;
            }
            match work.recv_timeout(wait.min(LOOK)) {
                Ok(first) => {
                    let others = work.try_iter().take(AT_ONCE);
                    let batch: Vec<Work> = core::iter::once(first).chain(others).collect();
                    self.take(batch, false);
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.take(Vec::new(), true);
    }

    /// Takes over what other replicas have written.
    fn look(&mut self) {
        if self.is_pausing() {
            return;
        }
        let held = self.lists.iter().map(|kept| kept.version).min().flatten();
        let begun = clock::now();
        // Nobody has the last version: after a failure all is read.
        match self.database.has_news(held.unwrap_or(u64::MAX)) {
            None => {}
            Some(Ok(false)) => self.was_read(begun),
            Some(Ok(true)) => self.take(Vec::new(), held.is_none()),
            Some(Err(error)) => self.has_failed(&*error),
        }
    }

    fn is_pausing(&self) -> bool {
        let now = Instant::now();
        self.fails_until.is_some_and(|until| now < until)
    }

    /// Writes these together, and tells each what became of it. At a tick it looks for what has
    /// ended.
    fn take(&mut self, batch: Vec<Work>, is_tick: bool) {
        if self.is_pausing() {
            answer(batch, |_| Err(Refused::Disk));
            return;
        }
        let begun = clock::now();
        match self.write(&batch, is_tick) {
            Ok(outcomes) => {
                if self.fails_until.take().is_some() {
                    log::info("the store can be written again", &[]);
                }
                self.metrics.set_store_fails(false);
                self.measure();
                self.publish();
                self.was_read(begun);
                let mut outcomes = outcomes.into_iter();
                answer(batch, |_| outcomes.next().unwrap_or(Err(Refused::Disk)));
            }
            Err(error) => {
                self.has_failed(&*error);
                answer(batch, |_| Err(Refused::Disk));
            }
        }
    }

    fn has_failed(&mut self, error: &dyn core::error::Error) {
        if self.fails_until.is_none() {
            log::warn(
                "the store cannot be written",
                &[("error", &error.to_string())],
            );
        }
        let now = Instant::now();
        self.fails_until = Some(now.checked_add(PAUSE).unwrap_or(now));
        self.metrics.set_store_fails(true);
        self.database.failed();
        // Memory may be ahead of it, or behind.
        for kept in &mut self.lists {
            kept.version = None;
        }
    }

    fn write(&mut self, batch: &[Work], is_tick: bool) -> Outcome<Vec<Result<Done, Refused>>> {
        let mut change = self.database.change()?;
        self.ran.catch_up(change.ran());
        let times = Times {
            ran: self.ran.seconds(),
            now: clock::now().as_secs(),
        };
        for kept in &mut self.lists {
            change.read(kept)?;
            if is_tick {
                kept.forget(&mut *change, times.ran)?;
                kept.prune(&mut *change, times.ran)?;
            }
        }
        let mut outcomes = Vec::new();
        for work in batch {
            let Some(kept) = self.lists.get_mut(work.provider) else {
                outcomes.push(Err(Refused::Disk));
                continue;
            };
            outcomes.push(kept.act(&mut *change, &work.act, times)?);
        }
        // After a failure something is written in any case: that it can be read is not enough.
        let mut is_changed = is_tick || self.fails_until.is_some();
        for kept in &mut self.lists {
            if core::mem::take(&mut kept.is_changed) {
                change.save(kept)?;
                is_changed = true;
            }
        }
        let version = change.commit(is_changed.then_some(times.ran))?;
        for kept in &mut self.lists {
            kept.version = Some(version);
        }
        Ok(outcomes)
    }

    /// Reads everything, and writes down the numbers of lists that are new or that this changes.
    fn change(&mut self, change_list: impl Fn(&mut Kept)) -> Outcome<()> {
        let mut change = self.database.change()?;
        self.ran.catch_up(change.ran());
        let mut is_changed = false;
        for kept in &mut self.lists {
            let is_there = change.read(kept)?;
            let before = kept.list.epoch;
            change_list(kept);
            if !is_there || kept.list.epoch != before {
                change.save(kept)?;
                is_changed = true;
            }
        }
        let version = change.commit(is_changed.then(|| self.ran.seconds()))?;
        for kept in &mut self.lists {
            kept.version = Some(version);
        }
        Ok(())
    }

    fn measure(&self) {
        for kept in &self.lists {
            self.metrics.set_heard(&kept.provider, kept.heard);
            self.metrics.set_remembered(&kept.provider, kept.seen);
        }
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

fn answer(batch: Vec<Work>, mut outcome: impl FnMut(&Act) -> Result<Done, Refused>) {
    for work in batch {
        // Who has left need not be told.
        let _ = work.done.send(outcome(&work.act));
    }
}

/// Begins a new epoch of every list.
pub(super) fn begin_epoch(
    database: Box<dyn Database>,
    config: &Config,
    at_least: u64,
) -> Outcome<()> {
    let mut writer = Writer::new(database, config, Arc::default())?;
    writer.change(|kept| {
        let next = kept.list.epoch.saturating_add(1);
        kept.list.epoch = clock::now().as_secs().max(next).max(at_least);
    })
}
