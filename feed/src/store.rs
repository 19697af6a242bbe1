//! What is kept: the lists, and which tokens were here before. One thread writes, many events in
//! one transaction, and says that it has taken them when they are on disk.
//!
//! The lists in memory are those on disk. When a transaction fails, they are read again. Where
//! several replicas share a store, each reads what the others have written: twice a second, before
//! it changes something, and when a gate has seen a later edition elsewhere.

mod database;
mod file;
mod kept;
mod server;
mod writer;

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use passgate_core::{RevocationEntry, UnixTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use self::writer::Writer;
use crate::{
    clock::{self, Dated},
    config::{Config, Place},
    event::Ending,
    list::Document,
    metrics::Metrics,
};

/// Hands work to the thread that writes, and shows what gates are told.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    work: Sender<Work>,
    /// The share of each provider in what waits to be written.
    shares: Arc<[Arc<Semaphore>]>,
    published: Published,
    /// When the store was read last, in milliseconds since 1970, where others write to it, too:
    /// what they have written since is not in the lists.
    read: Option<Arc<AtomicU64>>,
    dated: Arc<Mutex<Dated>>,
    metrics: Arc<Metrics>,
    /// Who looks what other replicas have written. `None`: there are none.
    looking: Option<Arc<tokio::sync::Mutex<()>>>,
}

/// The lists as they are on disk, in the order of the providers.
#[derive(Clone, Debug)]
pub(crate) struct Published(Arc<[Mutex<Arc<Document>>]>);

/// Something to write, and whom to tell.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) provider: usize,
    pub(crate) act: Act,
    /// Its part of the share, until it is written.
    _share: OwnedSemaphorePermit,
    done: oneshot::Sender<Result<Done, Refused>>,
}

/// What is to be written.
#[derive(Debug)]
pub(crate) enum Act {
    /// A token of this id came. It counts once, and no longer than until this second since 1970.
    Take {
        id: [u8; 32],
        endings: Vec<Ending>,
        until: u64,
    },
    /// The provider was asked, and these have ended.
    Find(Vec<Ending>),
    /// An operator ends something.
    End(Vec<Ending>),
    /// An operator takes an operator's entries away.
    Remove(Vec<RevocationEntry>),
    /// A gate has seen a later edition: another replica has written it.
    Look,
}

/// It is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// From now on.
    Written,
    /// From now on. The token is not remembered: if it comes again, it does the same again, which
    /// ends nothing more.
    Unremembered,
    /// It was before.
    Known,
}

/// It is not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The list is as long as it may be.
    Full,
    /// The disk does not take it.
    Disk,
    /// More comes than can be written.
    Busy,
}

impl Refused {
    /// For metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Disk => "disk",
            Self::Busy => "busy",
        }
    }

    /// For whoever sent it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Full => "the list is full",
            Self::Disk => "the store cannot be written",
            Self::Busy => "too much at once",
        }
    }
}

/// Most of one provider that waits to be written. Further work waits for its turn.
const WAITING_EACH: usize = 256;
/// It waits so long at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// A store that has not answered for so long does not.
const ANSWERING: Duration = Duration::from_secs(20);

impl Store {
    /// Opens the store, or makes it, and starts the thread that writes.
    pub(crate) fn open(
        config: &Config,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, JoinHandle<()>), Box<dyn Error>> {
        let database = database::open(&config.store).map_err(plain)?;
        let writer = Writer::new(database, config, Arc::clone(metrics));
        let mut writer = writer.map_err(plain)?;
        let published = writer.published();
        let read = writer.read();
        // The shares bound it.
        let (work, of_writer) = channel();
        let shares = config.providers.iter();
        let shares = shares.map(|_| Arc::new(Semaphore::new(WAITING_EACH)));
        let shares = shares.collect();
        let thread = thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || writer.run(&of_writer))?;
        let is_shared = matches!(config.store, Place::Server(_));
        let this = Self {
            work,
            shares,
            published,
            read: is_shared.then_some(read),
            dated: Arc::default(),
            metrics: Arc::clone(metrics),
            looking: is_shared.then(Arc::default),
        };
        Ok((this, thread))
    }

    /// Writes this. The answer comes when it is on disk.
    pub(crate) async fn write(&self, provider: usize, act: Act) -> Result<Done, Refused> {
        let share = self.shares.get(provider).cloned().ok_or(Refused::Busy)?;
        let share = tokio::time::timeout(PATIENCE, share.acquire_owned()).await;
        let Ok(Ok(share)) = share else {
            return Err(Refused::Busy);
        };
        let (done, told) = oneshot::channel();
        let work = Work {
            provider,
            act,
            _share: share,
            done,
        };
        self.work.send(work).map_err(|_| Refused::Disk)?;
        match tokio::time::timeout(ANSWERING, told).await {
            Ok(told) => told.unwrap_or(Err(Refused::Disk)),
            // It may be written yet. Then it is known when it comes again.
            Err(_) => {
                self.metrics.set_store_fails(true);
                Err(Refused::Disk)
            }
        }
    }

    /// When a document is made that is made now for a gate that has seen one of this date, in
    /// seconds since 1970. It is no younger than what it was read from.
    pub(crate) fn date(&self, now: UnixTime, seen: Option<u64>) -> u64 {
        let now = self.as_of(now);
        let mut dated = self.dated.lock().unwrap_or_else(PoisonError::into_inner);
        dated.date_after(now, seen)
    }

    /// Of when the lists are.
    fn as_of(&self, now: UnixTime) -> UnixTime {
        let Some(read) = &self.read else {
            return now;
        };
        now.min(UnixTime::from_millis(read.load(Ordering::Relaxed)))
    }

    /// The list of a provider, for a gate that has seen this edition (epoch, sequence and date) or
    /// asks for what is new after one: not an earlier one, unless the store was set back, and none
    /// of an earlier date.
    pub(crate) async fn document_for(
        &self,
        provider: usize,
        seen: Option<(u64, u64, u64)>,
        after: Option<u64>,
    ) -> Result<Option<Arc<Document>>, Refused> {
        let is_late = |document: &Arc<Document>| {
            let held = (document.epoch, document.sequence);
            let is_ahead = |date| clock::is_ahead(self.as_of(clock::now()), date);
            seen.is_some_and(|(.., date)| is_ahead(date))
                || seen.map(|(epoch, sequence, _)| (epoch, sequence)) > Some(held)
                || after > Some(document.sequence)
        };
        let held = self.document(provider);
        let Some(looking) = &self.looking else {
            return Ok(held);
        };
        if !held.as_ref().is_some_and(is_late) {
            return Ok(held);
        }
        // Many gates come at once: one look is for all of them.
        let turn = tokio::time::timeout(PATIENCE, looking.lock()).await;
        let _turn = turn.map_err(|_| Refused::Busy)?;
        let held = self.document(provider);
        if held.as_ref().is_some_and(is_late) {
            self.write(provider, Act::Look).await?;
        }
        Ok(self.document(provider))
    }

    /// The list of a provider as it is on disk.
    pub(crate) fn document(&self, provider: usize) -> Option<Arc<Document>> {
        let list = self.published.0.get(provider)?;
        Some(Arc::clone(
            &list.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl Published {
    fn publish(&self, provider: usize, document: Document) {
        if let Some(list) = self.0.get(provider) {
            *list.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(document);
        }
    }
}

/// Begins a new epoch of every list, for a store that was set back or lost: gates take nothing that
/// is older than what they have.
pub(crate) fn begin_epoch(config: &Config, at_least: u64) -> Result<(), Box<dyn Error>> {
    let database = database::open(&config.store).map_err(plain)?;
    writer::begin_epoch(database, config, at_least).map_err(plain)
}

/// Writes what a file holds into the PostgreSQL of this configuration, which is empty.
pub(crate) fn carry_over(file: &Path, config: &Config) -> Result<(), Box<dyn Error>> {
    let Place::Server(to) = &config.store else {
        return Err("store: write postgresql, which takes over what the file holds".into());
    };
    // Opening makes one.
    if !file.is_file() {
        return Err(format!("{}: there is no such file", file.display()).into());
    }
    let mut file = file::File::open(file).map_err(plain)?;
    let everything = file.everything().map_err(plain)?;
    let mut server = server::Server::open(to).map_err(plain)?;
    server.take_over(everything).map_err(plain)
}

fn plain(failure: database::Failure) -> Box<dyn Error> {
    failure
}
