//! One history: a worker's shell reduced to what matters for keys, its origins, its clients and its
//! clock.

use std::collections::{BTreeMap, HashMap};

use passgate_core::{FetchId, Need, ProviderId, Purpose, Supply, UnixTime, Verifier};

use crate::{
    clients::{Ask, Said, ask_for},
    model::{Model, Now, Times},
    origin::{self, Key, Reply, WEATHERS, Weather},
    random::Random,
    setup::{self, Providers},
    tally::Tally,
};

/// More steps than any honest history takes: one that reaches it goes round in a circle.
const MOST_STEPS: u64 = 20_000;
/// After the last disturbance every published key must be found within this time: the longest
/// backoff, a fetch, the cooldown, and the memory of a guess; and before them the longest refresh
/// of an address.
const HEALED_AFTER: u64 = 160_000;

pub(crate) struct Site {
    pub(crate) id: ProviderId,
    pub(crate) model: Model,
    weather: Weather,
    pub(crate) published: Vec<Key>,
    pub(crate) withdrawn: Vec<Key>,
    pub(crate) made: u64,
    /// The number of the address of its keys.
    path: u64,
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
    Move(usize),
    Jump,
    EarlyPoll,
    Reload,
}

struct Waiter {
    site: usize,
    ask: Ask,
    since: u64,
}

pub(crate) struct World {
    pub(crate) random: Random,
    /// Remembers tokens. One history in twenty-five is told to it as well.
    pub(crate) verifier: Option<Verifier>,
    /// Tokens, by site, name and point of the key.
    pub(crate) tokens: HashMap<(usize, String, usize), String>,
    providers: Providers,
    pub(crate) cache: Supply,
    pub(crate) sites: Vec<Site>,
    agenda: BTreeMap<(u64, u64), Happening>,
    waiters: Vec<Waiter>,
    /// Milliseconds of the time that really passes.
    real: u64,
    /// What the clock shows.
    pub(crate) wall: u64,
    /// What the cache was shown last.
    shown: Option<u64>,
    counted: u64,
    /// The time that both passes and counts: jumps neither add to it nor hide behind it.
    sound: u64,
    shown_at: u64,
    operation: u64,
    pub(crate) tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let times: Vec<Times> = (0..random.between(1, 3))
            .map(|_| setup::any_times(&mut random))
            .collect();
        let providers = Providers::new(&times);
        let sites = times
            .iter()
            .zip(setup::ids(&providers))
            .map(|(times, id)| Site {
                id,
                model: Model::new(*times),
                weather: Weather::Good,
                published: Vec::new(),
                withdrawn: Vec::new(),
                made: 0,
                path: 0,
            })
            .collect();
        let cache = Supply::new(providers.sources(), seed);
        let wall = random.one_of(&[0, 1_000, 1_700_000_000_000, 253_402_300_799_000]);
        let mut world = Self {
            random,
            verifier: seed
                .is_multiple_of(25)
                .then(|| Verifier::new(providers.config(), 1)),
            tokens: HashMap::new(),
            providers,
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
                24..=26 => Happening::Move(site),
                27..=29 => Happening::EarlyPoll,
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
    pub(crate) fn show(&mut self) -> UnixTime {
        let step = self.wall.saturating_sub(self.shown.unwrap_or(self.wall));
        self.counted += step;
        self.sound += step.min(self.real - self.shown_at);
        self.shown_at = self.real;
        self.shown = Some(self.wall);
        self.operation += 1;
        UnixTime::from_millis(self.wall)
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            counted: self.counted,
            sound: self.sound,
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
            Happening::Move(site) => self.sites[site].path += 1,
            Happening::Jump => self.jump(),
            Happening::EarlyPoll => self.early_poll(),
            Happening::Reload => self.reload(),
        }
    }

    fn jump(&mut self) {
        self.tally.jumps += 1;
        // Two jumps that make up for each other are not sound time either.
        self.shown_at = self.real;
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

    /// A poll before the wake-up brings nothing.
    fn early_poll(&mut self) {
        let wakeup = self.cache.next_wakeup().unwrap().as_millis();
        // What is over already is due, wherever the clock has jumped to since.
        let is_due = self.shown.is_none_or(|shown| wakeup <= shown);
        if self.wall < wakeup && !is_due {
            self.cache.events();
            let before = self.state();
            let now = self.show();
            assert_eq!(
                self.cache.poll_call(now),
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
        self.cache = Supply::new(self.providers.sources(), seed);
        let verifier = self.verifier.take();
        self.verifier = verifier.map(|_| Verifier::new(self.providers.config(), 1));
        self.waiters.clear();
        for site in &mut self.sites {
            site.model.reload();
        }
        self.shown = None;
    }

    /// What can be seen of the cache's state, but for its log lines, which count as a change of
    /// their own.
    fn state(&mut self) -> (Vec<(bool, u64)>, usize) {
        let flags = self
            .sites
            .iter()
            .map(|site| {
                (
                    self.cache.keys().is_fetching(site.id),
                    self.cache.keys().generation(site.id),
                )
            })
            .collect();
        (flags, self.cache.events().len())
    }

    /// The host's timer fires: start what is due, then judge the requests again that no longer wait
    /// for anything.
    fn tick(&mut self, wakeup: u64) {
        self.cache.events();
        let (before, _) = self.state();
        // The first call is about nothing but the time: it plans the first fetches.
        let is_first = self.shown.is_none();
        let now = self.show();
        let mut started = 0;
        while let Some(fetch) = self.cache.poll_call(now) {
            started += 1;
            assert!(started <= self.sites.len(), "polling never ends");
            self.operation += 1;
            let now = self.now();
            let site = self
                .sites
                .iter()
                .position(|site| Some(site.id) == fetch.need.provider())
                .unwrap();
            let Self { sites, random, .. } = self;
            let Site {
                model,
                weather,
                published,
                path,
                ..
            } = &mut sites[site];
            model.starts(&fetch, now);
            let published = origin::Published {
                keys: published,
                path: *path,
            };
            let timeout = u64::try_from(fetch.call.timeout.as_millis()).unwrap();
            assert!(timeout <= model.times.timeout);
            let delivery = origin::deliver(*weather, published, &fetch, timeout, random);
            self.tally.fetches += 1;
            self.tally.documents += u64::from(fetch.purpose == Some(Purpose::Discovery));
            self.tally.conditional += u64::from(fetch.call.header("if-none-match").is_some());
            for after in delivery.after {
                let (id, reply) = (fetch.id, delivery.reply.clone());
                self.schedule(self.real + after, Happening::Arrival { site, id, reply });
            }
        }
        for index in 0..self.sites.len() {
            let site = &self.sites[index];
            if site.model.is_flying() && !self.cache.keys().is_fetching(site.id) {
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
            if !self.cache.holds(Need::Keys(self.sites[site].id)) {
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
        let taken = origin::with_answer(reply, published, odd, |answer| {
            self.cache.on_answer(id, answer, time)
        });
        assert!(taken.is_none_or(|taken| taken == Need::Keys(*provider)));
        model.answered(id, taken.is_some(), reply, published, now);
        let moved = model.has_moved();
        if taken.is_some() {
            self.tally.not_modified += u64::from(matches!(reply, Reply::NotModified(_)));
            self.tally.moved += u64::from(moved);
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

    /// Publishes another set: a new key; now and then an old one goes, or the point behind a name
    /// changes.
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
            withdrawn.push(last.clone());
            last.point = (last.point + 5) % 16;
        }
    }
}
