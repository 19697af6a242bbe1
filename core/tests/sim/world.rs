//! One history: a worker's shell reduced to what matters for keys, its origins, its clients and its clock.

use core::time::Duration;
use std::collections::BTreeMap;

use passgate_core::{
    config::{Config, KeySource, Kinds, PathPolicy, Provider, ProviderId, RemoteJwks, TokenSource},
    crypto::Algorithm,
    jwks::{Answer, FetchId, JwksCache, Lookup},
    limits::Limits,
    time::UnixTime,
};

use crate::{
    model::{Model, Now, Times},
    origin::{self, CacheControl, Key, Reply, WEATHERS, Weather},
    random::Random,
};

/// More steps than any honest history takes: one that reaches it goes round in a circle.
const MOST_STEPS: u64 = 20_000;
/// After the last disturbance every published key must be found within this time: the longest backoff, a fetch,
/// the cooldown, and the memory of a guess.
const HEALED_AFTER: u64 = 100_000;

struct Site {
    id: ProviderId,
    model: Model,
    weather: Weather,
    published: Vec<Key>,
    withdrawn: Vec<Key>,
    made: u64,
}

enum Happening {
    Arrival {
        site: usize,
        id: FetchId,
        reply: Reply,
    },
    Request(usize),
    Weather(usize),
    Rotation(usize),
    Jump,
    EarlyPoll,
    Reload,
}

struct Waiter {
    site: usize,
    ask: Ask,
    since: u64,
}

#[derive(Clone)]
struct Ask {
    kid: Option<String>,
    algorithm: Algorithm,
    honest: bool,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fetches: u64,
    found: u64,
    pending: u64,
    unknown: u64,
    guessed: u64,
    misfit: u64,
    ambiguous: u64,
    unavailable: u64,
    settled_after_wait: u64,
    lost: u64,
    ignored: u64,
    jumps: u64,
    reloads: u64,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 13] {
        [
            &mut self.fetches,
            &mut self.found,
            &mut self.pending,
            &mut self.unknown,
            &mut self.guessed,
            &mut self.misfit,
            &mut self.ambiguous,
            &mut self.unavailable,
            &mut self.settled_after_wait,
            &mut self.lost,
            &mut self.ignored,
            &mut self.jumps,
            &mut self.reloads,
        ]
    }

    pub(crate) fn saw_everything(&self) -> bool {
        let mut copy = *self;
        copy.counts().iter().all(|count| **count > 100)
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut total = Self::default();
        for mut tally in tallies {
            for (sum, count) in total.counts().into_iter().zip(tally.counts()) {
                *sum += *count;
            }
        }
        total
    }
}

pub(crate) struct World {
    random: Random,
    config: Config,
    cache: JwksCache,
    sites: Vec<Site>,
    agenda: BTreeMap<(u64, u64), Happening>,
    waiters: Vec<Waiter>,
    /// Milliseconds of the time that really passes.
    real: u64,
    /// What the clock shows.
    wall: u64,
    /// What the cache was shown last.
    shown: Option<u64>,
    counted: u64,
    /// The time that both passes and counts: jumps neither add to it nor hide behind it.
    sound: u64,
    shown_at: u64,
    operation: u64,
    tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let times: Vec<Times> = (0..random.between(1, 3))
            .map(|_| any_times(&mut random))
            .collect();
        let config = config(&times);
        let sites = times
            .iter()
            .zip(ids(&config))
            .map(|(times, id)| Site {
                id,
                model: Model::new(*times),
                weather: Weather::Good,
                published: Vec::new(),
                withdrawn: Vec::new(),
                made: 0,
            })
            .collect();
        let cache = JwksCache::new(&config, seed);
        let wall = random.one_of(&[0, 1_000, 1_700_000_000_000, 253_402_300_799_000]);
        let mut world = Self {
            random,
            config,
            cache,
            sites,
            agenda: BTreeMap::new(),
            waiters: Vec::new(),
            real: 0,
            wall,
            shown: None,
            counted: 0,
            sound: 0,
            shown_at: 0,
            operation: 0,
            tally: Tally::default(),
        };
        for site in 0..world.sites.len() {
            world.publish(site);
        }
        world
    }

    pub(crate) fn run(mut self) -> Tally {
        let horizon = self.plan();
        self.live(horizon);
        self.heal();
        self.live(horizon + HEALED_AFTER);
        for site in 0..self.sites.len() {
            for key in self.sites[site].published.clone() {
                let ask = ask_for(&key, true);
                let said = self.ask(site, &ask);
                assert_eq!(
                    said,
                    Said::Found,
                    "{key:?} is not found though all is well again"
                );
            }
        }
        self.tally
    }

    /// Everything that is known beforehand.
    fn plan(&mut self) -> u64 {
        let horizon = self.random.one_of(&[5_000, 60_000, 240_000]);
        for _ in 0..self.random.between(10, 80) {
            let at = self.random.between(0, horizon);
            let site = usize::try_from(self.random.next()).unwrap_or(0) % self.sites.len();
            let happening = match self.random.between(0, 99) {
                0..=9 => Happening::Weather(site),
                10..=19 => Happening::Rotation(site),
                20..=23 => Happening::Jump,
                24..=29 => Happening::EarlyPoll,
                30 => Happening::Reload,
                _ => Happening::Request(site),
            };
            // Requests come in crowds.
            let crowd = matches!(happening, Happening::Request(_)) && self.random.percent(20);
            self.schedule(at, happening);
            for _ in 0..if crowd { 10 } else { 0 } {
                let at = at + self.random.between(0, 300);
                self.schedule(at, Happening::Request(site));
            }
        }
        horizon
    }

    /// From now on nothing goes wrong.
    fn heal(&mut self) {
        self.agenda
            .retain(|_, happening| matches!(happening, Happening::Arrival { .. }));
        for site in 0..self.sites.len() {
            self.sites[site].weather = Weather::Good;
            self.publish(site);
        }
        let mut at = self.real;
        while at < self.real + HEALED_AFTER {
            for site in 0..self.sites.len() {
                self.schedule(at, Happening::Request(site));
            }
            at += 2_500;
        }
    }

    fn schedule(&mut self, at: u64, happening: Happening) {
        self.operation += 1;
        self.agenda.insert((at, self.operation), happening);
    }

    /// Lets the agenda and the timer happen, in order, until `end`.
    fn live(&mut self, end: u64) {
        for step in 0.. {
            assert!(step < MOST_STEPS, "the history goes round in a circle");
            let wakeup = self.cache.next_wakeup().unwrap().as_millis();
            // The host's timer counts real milliseconds from now, and at least one.
            let tick = self.real + wakeup.saturating_sub(self.wall).max(1);
            let next = self
                .agenda
                .first_key_value()
                .map_or(u64::MAX, |(key, _)| key.0);
            let at = tick.min(next).max(self.real);
            if at > end {
                self.pass_to(end);
                return;
            }
            self.pass_to(at);
            if next <= tick {
                let (_, happening) = self.agenda.pop_first().unwrap();
                self.happen(happening);
            } else {
                self.tick(wakeup);
            }
        }
    }

    fn pass_to(&mut self, real: u64) {
        self.wall = self.wall.saturating_add(real - self.real);
        self.real = real;
    }

    /// The time of a call, which the cache is shown; the model counts it likewise.
    fn show(&mut self) -> UnixTime {
        let step = self.wall.saturating_sub(self.shown.unwrap_or(self.wall));
        self.counted += step;
        self.sound += step.min(self.real - self.shown_at);
        self.shown_at = self.real;
        self.shown = Some(self.wall);
        self.operation += 1;
        UnixTime::from_millis(self.wall)
    }

    fn now(&self) -> Now {
        Now {
            counted: self.counted,
            operation: self.operation,
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival { site, id, reply } => self.arrive(site, id, &reply),
            Happening::Request(site) => {
                let ask = self.any_ask(site);
                if self.ask(site, &ask) == Said::Pending {
                    let since = self.sound;
                    self.waiters.push(Waiter { site, ask, since });
                }
            }
            Happening::Weather(site) => self.sites[site].weather = self.random.one_of(&WEATHERS),
            Happening::Rotation(site) => self.publish(site),
            Happening::Jump => self.jump(),
            Happening::EarlyPoll => self.early_poll(),
            Happening::Reload => self.reload(),
        }
    }

    fn jump(&mut self) {
        self.tally.jumps += 1;
        let width = self
            .random
            .one_of(&[1, 700, 5_000, 60_000, 4_000_000, 200_000_000_000]);
        self.wall = if self.random.percent(50) {
            self.wall.saturating_sub(width)
        } else {
            // Not beyond the year 9999 and a bit: there the clock itself ends.
            self.wall.saturating_add(width).min(260_000_000_000_000)
        };
    }

    /// Whoever polls before the wake-up learns nothing.
    fn early_poll(&mut self) {
        if self.wall < self.cache.next_wakeup().unwrap().as_millis() {
            self.cache.events();
            let before = self.state();
            let now = self.show();
            assert_eq!(
                self.cache.poll_fetch(now),
                None,
                "a fetch before the wake-up"
            );
            assert_eq!(self.state(), before, "a change before the wake-up");
        }
    }

    /// The worker's machine was killed and starts again.
    fn reload(&mut self) {
        self.tally.reloads += 1;
        let seed = self.random.next();
        self.cache = JwksCache::new(&self.config, seed);
        self.waiters.clear();
        for site in &mut self.sites {
            site.model.reload();
        }
        self.shown = None;
    }

    /// What can be seen of the cache's state, but for its log lines, which count as a change of their own.
    fn state(&mut self) -> (Vec<(bool, u64)>, usize) {
        let flags = self
            .sites
            .iter()
            .map(|site| {
                (
                    self.cache.is_fetching(site.id),
                    self.cache.generation(site.id),
                )
            })
            .collect();
        (flags, self.cache.events().len())
    }

    /// The host's timer fires: start what is due, then judge again who waits for nothing any more.
    fn tick(&mut self, wakeup: u64) {
        self.cache.events();
        let (before, _) = self.state();
        // The first call is about nothing but the time: it plans the first fetches.
        let is_first = self.shown.is_none();
        let now = self.show();
        let mut started = 0;
        while let Some(fetch) = self.cache.poll_fetch(now) {
            started += 1;
            assert!(started <= self.sites.len(), "polling never ends");
            self.operation += 1;
            let now = self.now();
            let site = self
                .sites
                .iter()
                .position(|site| site.id == fetch.provider)
                .unwrap();
            let Self { sites, random, .. } = self;
            let Site {
                model,
                weather,
                published,
                ..
            } = &mut sites[site];
            model.starts(fetch.id, now);
            let delivery = origin::deliver(*weather, published, model.times.timeout, random);
            self.tally.fetches += 1;
            for after in delivery.after {
                let (id, reply) = (fetch.id, delivery.reply.clone());
                self.schedule(self.real + after, Happening::Arrival { site, id, reply });
            }
        }
        for index in 0..self.sites.len() {
            let site = &self.sites[index];
            if site.model.is_flying() && !self.cache.is_fetching(site.id) {
                self.tally.lost += 1;
                let now = self.now();
                self.sites[index].model.lost(now);
            }
        }
        let (after, events) = self.state();
        if self.wall >= wakeup {
            let progress = is_first || started > 0 || events > 0 || before != after;
            assert!(progress, "woken up for nothing");
        }
        let next = self.cache.next_wakeup().unwrap().as_millis();
        assert!(next > self.wall, "polled, and still to be polled now");
        for site in 0..self.sites.len() {
            if !self.cache.is_fetching(self.sites[site].id) {
                self.settle(site);
            }
        }
        for waiter in &self.waiters {
            let waited = self.sound - waiter.since;
            let longest = self.sites[waiter.site].model.longest_wait();
            assert!(
                waited <= longest,
                "a request has waited {waited} ms of {longest}"
            );
        }
    }

    fn arrive(&mut self, site: usize, id: FetchId, reply: &Reply) {
        let time = self.show();
        let now = self.now();
        let odd = self.random.percent(20);
        let Site {
            model,
            published,
            id: provider,
            ..
        } = &mut self.sites[site];
        let taken = with_answer(reply, published, odd, |answer| {
            self.cache.on_answer(id, answer, time)
        });
        assert!(taken.is_none_or(|taken| taken == *provider));
        model.answered(id, taken.is_some(), reply, published, now);
        if taken.is_some() {
            self.settle(site);
        } else {
            self.tally.ignored += 1;
        }
    }

    /// Judges all requests again that wait for this provider.
    fn settle(&mut self, site: usize) {
        let (waiting, others) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| waiter.site == site);
        self.waiters = others;
        let waiting: Vec<Waiter> = waiting;
        for waiter in waiting {
            if self.ask(site, &waiter.ask) == Said::Pending {
                self.waiters.push(waiter);
            } else {
                self.tally.settled_after_wait += 1;
            }
        }
    }

    /// Publishes another set: a new key; now and then an old one goes, or the point behind a name changes.
    fn publish(&mut self, site: usize) {
        let now = self.now();
        let Site {
            model,
            published,
            withdrawn,
            made,
            ..
        } = &mut self.sites[site];
        if published.len() > 2 || self.random.percent(40) {
            withdrawn.extend(published.pop());
        }
        let kid = format!("key-{made}");
        model.publishes(&kid, now);
        let point = usize::try_from(*made).unwrap() % 16;
        *made += 1;
        published.insert(0, Key { kid, point });
        if self.random.percent(10) {
            let last = published.last_mut().unwrap();
            last.point = (last.point + 5) % 16;
        }
    }

    fn any_ask(&mut self, site: usize) -> Ask {
        let choice = self.random.between(0, 99);
        let Site {
            published,
            withdrawn,
            made,
            ..
        } = &self.sites[site];
        let made_up = |kid: String| Ask {
            kid: Some(kid),
            algorithm: Algorithm::Es256,
            honest: false,
        };
        match choice {
            0..=59 => {
                let index = usize::try_from(self.random.next()).unwrap() % published.len();
                ask_for(&published[index], true)
            }
            60..=69 => withdrawn
                .last()
                .map_or_else(|| made_up("never".into()), |key| ask_for(key, false)),
            70..=74 => made_up(format!("key-{made}")),
            75..=79 => Ask {
                kid: None,
                algorithm: Algorithm::Es256,
                honest: false,
            },
            80..=84 => Ask {
                algorithm: Algorithm::Rs256,
                ..ask_for(&published[0], false)
            },
            _ => made_up(format!("made-up-{}", self.random.between(0, 9))),
        }
    }

    /// Asks the cache, and holds its answer against the model.
    fn ask(&mut self, site: usize, ask: &Ask) -> Said {
        let time = self.show();
        let now = self.now();
        let Site {
            id,
            model,
            published,
            ..
        } = &mut self.sites[site];
        let name = ask.kid.as_deref().unwrap_or("");
        model.asks(name, now);
        let in_force = model.keys(now);
        let matching = in_force.map_or(0, |keys| {
            keys.iter()
                .filter(|key| ask.kid.as_ref().is_none_or(|kid| *kid == key.kid))
                .count()
        });
        let wanted = ask.algorithm == Algorithm::Es256 && matching == 1;
        let lookup = self
            .cache
            .lookup(*id, ask.kid.as_deref(), ask.algorithm, time);
        assert_eq!(
            wanted,
            matches!(lookup, Lookup::Found(_)),
            "{lookup:?} for {name}, with {in_force:?} in force"
        );
        // A guess that came true is honest from then on, whoever made it.
        let honest = ask.honest && published.iter().any(|key| key.kid == name);
        let (said, count) = match lookup {
            Lookup::Found(jwk) => {
                let key = in_force
                    .unwrap()
                    .iter()
                    .find(|key| Some(&key.kid) == jwk.kid.as_ref());
                assert_eq!(
                    key.unwrap().verifying_key(),
                    &jwk.key,
                    "not the key that was published"
                );
                (Said::Found, &mut self.tally.found)
            }
            Lookup::Pending => {
                model.wants();
                (Said::Pending, &mut self.tally.pending)
            }
            Lookup::Unknown => {
                model.unknown(name, honest, now);
                if honest {
                    (Said::Settled, &mut self.tally.guessed)
                } else {
                    (Said::Settled, &mut self.tally.unknown)
                }
            }
            Lookup::Misfit => {
                assert!(ask.algorithm == Algorithm::Rs256 && matching == 1);
                (Said::Settled, &mut self.tally.misfit)
            }
            Lookup::Ambiguous => {
                assert!(ask.kid.is_none() && matching > 1);
                (Said::Settled, &mut self.tally.ambiguous)
            }
            Lookup::Unavailable { retry_after } => {
                model.wants();
                let longest = 60_000
                    .max(model.times.cooldown)
                    .max(model.times.timeout + 1_000);
                let longest = Duration::from_millis(longest);
                assert!(retry_after >= Duration::from_secs(1) && retry_after <= longest);
                (Said::Settled, &mut self.tally.unavailable)
            }
        };
        *count += 1;
        if said == Said::Pending {
            // Who waits, waits for something that is under way or starts in a moment.
            let soon = self.cache.next_wakeup().unwrap().as_millis() <= self.wall + 200;
            assert!(
                soon || self.cache.is_fetching(self.sites[site].id),
                "waits for nothing"
            );
        }
        said
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Found,
    Pending,
    Settled,
}

fn ask_for(key: &Key, honest: bool) -> Ask {
    Ask {
        kid: Some(key.kid.clone()),
        algorithm: Algorithm::Es256,
        honest,
    }
}

fn with_answer<T>(
    reply: &Reply,
    published: &[Key],
    odd: bool,
    give: impl FnOnce(Answer<'_>) -> T,
) -> T {
    let http = |status, body: &[u8], give: &mut dyn FnMut(Answer<'_>)| {
        give(Answer::Http {
            status,
            headers: &[],
            body,
        });
    };
    let mut give = Some(give);
    let mut result = None;
    let mut once = |answer: Answer<'_>| result = give.take().map(|give| give(answer));
    match reply {
        Reply::Keys {
            keys,
            cache_control,
        } => {
            let body = origin::document(keys.as_deref().unwrap_or(published), odd);
            let value = match cache_control {
                CacheControl::Silent => "public".to_owned(),
                CacheControl::MaxAge(secs) => format!("max-age={secs}"),
                CacheControl::NoStore => "no-store".to_owned(),
            };
            let headers: [(&[u8], &[u8]); 1] = [(b"Cache-Control", value.as_bytes())];
            once(Answer::Http {
                status: 200,
                headers: &headers,
                body: &body,
            });
        }
        Reply::Empty => http(200, br#"{"keys":[]}"#, &mut once),
        Reply::OnlyOdd => http(200, &origin::document(&[], true), &mut once),
        Reply::Status(status) => http(*status, &origin::document(published, odd), &mut once),
        Reply::Junk => http(200, b"<html>", &mut once),
        Reply::TooLarge => http(200, &[b' '; 5_000], &mut once),
        Reply::NoAnswer => once(Answer::NoAnswer),
        Reply::NotSent => once(Answer::NotSent),
    }
    result.unwrap()
}

fn any_times(random: &mut Random) -> Times {
    let cache = random.one_of(&[1_000, 5_000, 60_000, 300_000]);
    Times {
        timeout: random.one_of(&[500, 1_000, 5_000]),
        cache,
        max_cache: cache * random.between(1, 3),
        max_stale: random.one_of(&[0, 2_000, 60_000, 3_600_000]),
        cooldown: random.one_of(&[0, 1_000, 10_000, 30_000]),
    }
}

fn config(times: &[Times]) -> Config {
    let provider = |(index, times): (usize, &Times)| Provider {
        name: format!("provider{index}"),
        issuer: format!("https://{index}.example"),
        audiences: vec!["api".into()],
        audience_claim: "aud".into(),
        algorithms: Algorithm::ALL.to_vec(),
        keys: KeySource::Remote(RemoteJwks {
            authority: "id.example".into(),
            path: "/certs".into(),
            scheme: "https".into(),
            cluster: "id".into(),
            timeout: Duration::from_millis(times.timeout),
            cache_duration: Duration::from_millis(times.cache),
            max_cache_duration: Duration::from_millis(times.max_cache),
            max_stale: Duration::from_millis(times.max_stale),
            refetch_cooldown: Duration::from_millis(times.cooldown),
        }),
        sources: vec![TokenSource::Cookie("token".into())],
        forward: false,
        forward_payload_header: None,
        claim_to_headers: Vec::new(),
        clock_skew: Duration::ZERO,
        max_token_lifetime: None,
        kinds: Kinds::default(),
    };
    Config {
        origins: Vec::new(),
        providers: times.iter().enumerate().map(provider).collect(),
        rules: None,
        bypass_cors_preflight: false,
        path: PathPolicy::default(),
        kept_override_headers: Vec::new(),
        limits: Limits {
            jwks_bytes: 4_096,
            ..Limits::default()
        },
        hash: String::new(),
    }
}

/// The names of the providers, in their order. Only the cache gives them out, so a cache is asked for them.
fn ids(config: &Config) -> Vec<ProviderId> {
    let mut cache = JwksCache::new(config, 0);
    let mut ids = Vec::new();
    for millis in [0, 50] {
        let now = UnixTime::from_millis(millis);
        for _ in 0..=config.providers.len() {
            ids.extend(cache.poll_fetch(now).map(|fetch| fetch.provider));
        }
    }
    ids.sort();
    assert_eq!(ids.len(), config.providers.len());
    ids
}
