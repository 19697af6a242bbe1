//! The thread that judges tokens and holds the keys of all providers. A flood of forged tokens
//! keeps it busy, and not the thread that serves lists.

use std::{
    cell::RefCell,
    error::Error,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use passgate_core::{
    Answer, Endpoint, EventFault, EventStanding, ExpectedEvent, FetchId, KeySource, Location,
    RemoteJwks, SourceOf, Sources, Supply, UnverifiedEvent, limits::Limits,
};
use tokio::{
    runtime,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::LocalSet,
};

use crate::{
    clock,
    config::{Config, Provider, SubjectType},
    event::{self, Event},
    fetch::Way,
    log,
    metrics::Metrics,
};

/// Hands tokens to the thread that judges.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    questions: mpsc::UnboundedSender<Question>,
    /// The share of the queue that each provider has: a flood of one takes none of another's.
    shares: Arc<[Arc<Semaphore>]>,
}

/// A token that came.
#[derive(Debug)]
struct Question {
    provider: usize,
    what: What,
    text: String,
    /// When it came.
    came: Instant,
    /// Its part of the queue, until it is judged or waits for keys.
    share: OwnedSemaphorePermit,
    answer: oneshot::Sender<Result<Judged, Wrong>>,
}

/// A token that counts.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) event: Event,
    /// When the token counts no longer, in seconds since 1970.
    pub(crate) until: u64,
}

/// As what a token came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A logout token.
    Logout,
    /// A security event token.
    Security,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The token is wrong.
    Fault(EventFault),
    /// Whether it is right cannot be known now; when to try again.
    Unavailable(Duration),
    /// More comes than can be judged.
    Busy,
}

/// Most tokens of one provider in the queue of the thread, and most that wait for its keys. Further
/// ones wait for a place, in the order in which they came.
const WAITING_EACH: usize = 64;
/// A token waits this long for a place and for keys together: a provider that tells of a logout
/// waits for the answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// The clocks of provider and service may be apart by this much.
const SKEW: Duration = Duration::from_secs(60);
/// A token counts so long after its `exp`: a few minutes, as OpenID Connect Core section 2 allows.
/// What a logout token ends is over whenever it comes, so a late one takes nothing more from
/// anybody. One that is refused because our clock is ahead is not sent again.
const GRACE: Duration = Duration::from_secs(300);
/// How long keys that are no longer fresh serve while fetches fail, and the pace of fetches for
/// unknown keys: the defaults of a gate.
const MAX_STALE: Duration = Duration::from_secs(3_600);
const COOLDOWN: Duration = Duration::from_secs(30);

impl Judge {
    /// Starts the thread.
    pub(crate) fn start(
        config: &Arc<Config>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut ways = Vec::new();
        for provider in &config.providers {
            let keys = &provider.keys;
            let way = Way::to(&keys.uri, keys.trusted_ca.as_deref());
            ways.push(way.map_err(|error| format!("{}: {error}", provider.name))?);
        }
        let places = || {
            let places = config.providers.iter();
            places.map(|_| Arc::new(Semaphore::new(WAITING_EACH)))
        };
        let (shares, places) = (places().collect(), places().collect());
        // The shares bound it.
        let (sender, questions) = mpsc::unbounded_channel();
        let (config, metrics) = (Arc::clone(config), Arc::clone(metrics));
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new().name("judge".to_owned());
        // It ends when nobody can ask any more.
        thread.spawn(move || {
            let bench = Rc::new(Bench {
                places,
                supply: RefCell::new(supply(&config)),
                config,
                metrics,
                ways,
                came: Notify::new(),
                hurried: Notify::new(),
            });
            LocalSet::new().block_on(&runtime, bench.run(questions));
        })?;
        Ok(Self {
            questions: sender,
            shares,
        })
    }

    /// Judges a token.
    pub(crate) async fn ask(
        &self,
        provider: usize,
        what: What,
        text: String,
    ) -> Result<Judged, Wrong> {
        let came = Instant::now();
        let share = self.shares.get(provider).cloned().ok_or(Wrong::Busy)?;
        let share = tokio::time::timeout(PATIENCE, share.acquire_owned()).await;
        let Ok(Ok(share)) = share else {
            return Err(Wrong::Busy);
        };
        let (answer, told) = oneshot::channel();
        let question = Question {
            provider,
            what,
            text,
            came,
            share,
            answer,
        };
        self.questions.send(question).map_err(|_| Wrong::Busy)?;
        told.await.unwrap_or(Err(Wrong::Busy))
    }
}

/// What the thread has.
struct Bench {
    supply: RefCell<Supply>,
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    ways: Vec<Way>,
    /// Places to wait for keys, for each provider: one whose keys stay away takes none of
    /// another's.
    places: Vec<Arc<Semaphore>>,
    /// An answer came: who waits is judged again.
    came: Notify,
    /// There may be something to fetch.
    hurried: Notify,
}

/// The keys of all providers. A fetch names its provider by its place in `cluster`.
fn supply(config: &Config) -> Supply {
    let sources: Vec<(Rc<str>, KeySource)> = config
        .providers
        .iter()
        .enumerate()
        .map(|(index, provider)| (Rc::from(&*provider.name), source(provider, index)))
        .collect();
    let providers = sources.iter();
    let providers = providers.map(|(name, keys)| SourceOf {
        name,
        keys,
        // OpenID Connect Core 1.0 section 15.1: each provider signs with RS256.
        rsa: Some(passgate_core::Algorithm::Rs256),
        usage: passgate_core::KeyUse::Signature,
    });
    let sources = Sources {
        limits: Limits::default(),
        providers: providers.collect(),
    };
    Supply::new(sources, clock::now().as_millis())
}

fn source(provider: &Provider, index: usize) -> KeySource {
    let keys = &provider.keys;
    let endpoint = Endpoint {
        scheme: if keys.uri.is_tls { "https" } else { "http" }.to_owned(),
        authority: keys.uri.authority.clone(),
        path: keys.uri.path.clone(),
        cluster: index.to_string(),
    };
    KeySource::Remote(RemoteJwks {
        location: Location::Fixed(endpoint),
        timeout: keys.timeout,
        cache_duration: keys.cache_duration,
        max_cache_duration: keys.cache_duration.max(MAX_STALE),
        max_stale: MAX_STALE,
        refetch_cooldown: COOLDOWN,
    })
}

impl Bench {
    async fn run(self: Rc<Self>, mut questions: mpsc::UnboundedReceiver<Question>) {
        let fetches = tokio::task::spawn_local(Rc::clone(&self).fetch_on());
        while let Some(question) = questions.recv().await {
            if question.answer.is_closed() {
                continue;
            }
            let judged = self.judge(question.provider, question.what, &question.text);
            let Some(judged) = judged.transpose() else {
                tokio::task::spawn_local(Rc::clone(&self).wait(question));
                continue;
            };
            // Who has left need not be told.
            let _ = question.answer.send(judged);
        }
        fetches.abort();
    }

    /// Judges a token when the keys have come, or when whoever asked must be told something.
    async fn wait(self: Rc<Self>, question: Question) {
        let Question {
            provider,
            what,
            text,
            came: began,
            share,
            mut answer,
        } = question;
        drop(share);
        let judged = async {
            let mut place = None;
            loop {
                let came = self.came.notified();
                let mut came = core::pin::pin!(came);
                came.as_mut().enable();
                if let Some(judged) = self.judge(provider, what, &text).transpose() {
                    return judged;
                }
                let left = PATIENCE.checked_sub(began.elapsed());
                let left = left.filter(|left| !left.is_zero());
                let Some(left) = left else {
                    let soon = Wrong::Unavailable(Duration::from_secs(1));
                    return Err(if place.is_some() { soon } else { Wrong::Busy });
                };
                self.hurried.notify_one();
                // When the time is over, it is asked once more, and answered.
                if place.is_some() {
                    let _ = tokio::time::timeout(left, came).await;
                } else if let Some(places) = self.places.get(provider) {
                    let next = tokio::time::timeout(left, places.acquire()).await;
                    place = next.ok().and_then(Result::ok);
                }
            }
        };
        let judged = tokio::select! {
            judged = judged => judged,
            () = answer.closed() => return,
        };
        let _ = answer.send(judged);
    }

    /// Sends what is to be fetched, for ever.
    async fn fetch_on(self: Rc<Self>) {
        loop {
            loop {
                let fetch = self.supply.borrow_mut().poll_call(clock::now());
                let Some(fetch) = fetch else { break };
                tokio::task::spawn_local(Rc::clone(&self).fetch(fetch.id, fetch.call));
            }
            for event in self.supply.borrow_mut().events() {
                let told = event.to_string();
                if event.wants_attention() {
                    log::warn(&told, &[]);
                } else {
                    log::info(&told, &[]);
                }
            }
            let next = self.supply.borrow().next_wakeup();
            let wait = next.map_or(COOLDOWN, |next| next.since(clock::now()));
            // Also where the clock jumps.
            let wait = wait.clamp(Duration::from_millis(10), COOLDOWN);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.hurried.notified() => {}
            }
        }
    }

    async fn fetch(self: Rc<Self>, id: FetchId, call: passgate_core::Call) {
        let index = call.endpoint.cluster.parse::<usize>().ok();
        let way = index.and_then(|index| self.ways.get(index));
        let came = match way {
            Some(way) => way.send(&call).await,
            None => Err("no way there".into()),
        };
        let outcome = match &came {
            Ok(came) if matches!(came.status, 200 | 304) => "ok",
            Ok(_) => "status",
            Err(_) => "no_answer",
        };
        let provider = index.and_then(|index| self.config.providers.get(index));
        let provider = provider.map_or("", |provider| &*provider.name);
        let labels = [("provider", provider), ("outcome", outcome)];
        self.metrics
            .count("passgate_feed_key_fetches_total", &labels);
        if let Err(error) = &came {
            let error = error.to_string();
            log::warn(
                "keys cannot be fetched",
                &[("provider", provider), ("error", &error)],
            );
        }
        let headers: Vec<(&[u8], &[u8])> = came
            .iter()
            .flat_map(|came| &came.headers)
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let answer = match &came {
            Ok(came) => Answer::Http {
                status: came.status,
                headers: &headers,
                body: &came.body,
            },
            Err(_) => Answer::NoAnswer,
        };
        self.supply.borrow_mut().on_answer(id, answer, clock::now());
        self.came.notify_waiters();
        self.hurried.notify_one();
    }

    /// Judges a token by what is known now. `None`: it must wait for keys.
    fn judge(&self, provider: usize, what: What, text: &str) -> Result<Option<Judged>, Wrong> {
        let wrong = |fault| Wrong::Fault(fault);
        let Some(of) = self.config.providers.get(provider) else {
            return Err(wrong(EventFault::Issuer));
        };
        let expected = expected(of, what);
        let token = UnverifiedEvent::parse(text, &expected, clock::now()).map_err(wrong)?;
        // What it says is read first: that is cheap, and can only refuse.
        let claims = token.unverified_claims();
        let event = match what {
            What::Logout => event::logout(claims),
            What::Security => event::security(claims, &of.issuer),
        };
        let mut event = event.map_err(|odd| wrong(EventFault::Malformed(odd)))?;
        if of.subjects == SubjectType::Pairwise {
            // The name that one client has for a person is in no token of another.
            for ending in &mut event.endings {
                ending.person = None;
            }
        }
        let mut supply = self.supply.borrow_mut();
        let standing = token.verify(&mut supply, provider, clock::now());
        match standing.map_err(wrong)? {
            EventStanding::Verified => Ok(Some(Judged {
                event,
                until: token.until().as_secs(),
            })),
            EventStanding::Pending => Ok(None),
            EventStanding::Unavailable(after) => Err(Wrong::Unavailable(after)),
        }
    }
}

fn expected(provider: &Provider, what: What) -> ExpectedEvent<'_> {
    let events = provider.events.as_ref();
    let (typ, audiences) = match what {
        What::Logout => ("logout+jwt", &*provider.logout),
        What::Security => (
            "secevent+jwt",
            events.map_or(&[][..], |events| &*events.audiences),
        ),
    };
    ExpectedEvent {
        typ,
        issuer: &provider.issuer,
        audiences,
        must_expire: what == What::Logout,
        max_age: provider.max_event_age,
        skew: SKEW,
        grace: GRACE,
    }
}
