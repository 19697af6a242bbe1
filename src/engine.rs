//! What a root and its streams share: the verifier, what comes from elsewhere, and the requests
//! that wait for it.

mod streams;

use std::{
    cell::RefCell,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    rc::Rc,
    time::Duration,
};

use passgate_core::{
    Alarm, Answer, Body, Config, Fetch, FetchId, Internal, Leases, Measure, Need, Place, Request,
    Settlement, Step, Supply, UnixTime, Verifier, WaitingRoom,
};
use proxy_wasm::types::LogLevel;

pub(crate) use self::streams::Over;
use crate::{
    host::{self, HeaderMap, HostError},
    ledger::Ledger,
    state::Wait,
};

/// The core with its state, and the requests that wait.
pub(crate) struct Engine {
    verifier: Verifier,
    supply: Supply,
    waiting: WaitingRoom<Kept>,
    /// The open streams that end with their authority, shared with other configurations of this
    /// gate.
    streams: Rc<RefCell<Leases>>,
    /// Streams that are to be judged again, a few in each callback; the oldest first.
    due: Vec<u32>,
    alarm: Alarm,
    /// What has happened since the timer was looked at wants a tick then.
    wish: Option<UnixTime>,
    ledger: Ledger,
    /// Whether the host has handed over a body while it held the headers.
    hands_over: bool,
}

/// What is kept of a request that waits.
pub(crate) struct Kept {
    headers: HeaderMap,
    body: Body,
    wait: Rc<Wait>,
}

impl Kept {
    /// What its own context looks at.
    pub(crate) fn wait(&self) -> Rc<Wait> {
        Rc::clone(&self.wait)
    }
}

/// What a request gets when it comes.
pub(crate) enum Judged {
    /// This.
    Now(Settlement),
    /// It waits from now on, until [`Engine::next_due`] names it.
    Later(Rc<Wait>),
}

impl Engine {
    pub(crate) fn new(config: Config) -> Self {
        // The standard library seeds its hashers from the host's random source; jitter and chance
        // need no better one. Key servers see the jitter, and must not learn from it what chance
        // will decide.
        let seed = || RandomState::new().build_hasher().finish();
        Self {
            supply: Supply::new(&config, seed()),
            waiting: WaitingRoom::new(&config),
            ledger: Ledger::new(&config),
            verifier: Verifier::new(config, seed()),
            streams: Rc::default(),
            due: Vec::new(),
            alarm: Alarm::default(),
            wish: None,
            hands_over: false,
        }
    }

    pub(crate) const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) const fn verifier_and_ledger(&mut self) -> (&Verifier, &mut Ledger) {
        (&self.verifier, &mut self.ledger)
    }

    /// Lets the host check signatures, if the core agrees.
    pub(crate) fn use_host(&mut self) {
        let text = match self.verifier.use_host(Box::new(host::Functions)) {
            Ok(()) => "passgate: the host checks signatures of RSA, P-384 and P-521 keys",
            Err(distrust) => &format!(
                "passgate checks all signatures itself: {}",
                distrust.as_str()
            ),
        };
        host::log(LogLevel::Info, text);
    }

    /// Shares with the other workers what was spent. Without a random source or a clock nothing is
    /// shared, and no proof passes.
    pub(crate) fn share(&mut self, now: Option<UnixTime>) {
        match (host::random(), now) {
            (Ok(entropy), Some(now)) => {
                let data = Box::new(host::Shared);
                self.verifier.share(data, entropy, &host::gate(), now);
            }
            (Err(HostError), _) | (_, None) => host::log(
                LogLevel::Warn,
                "passgate: the host has no random source, or no clock; proofs are refused",
            ),
        }
    }

    /// Judges a request.
    pub(crate) fn judge(
        &mut self,
        stream: u32,
        (headers, ends): (&HeaderMap, bool),
        now: Option<UnixTime>,
    ) -> Judged {
        let Ok(pairs) = headers.pairs() else {
            return Judged::Now(self.failed(now));
        };
        let request = Request::new(&pairs).on(&host::ThisConnection);
        let request = request.ending_here(ends);
        let Some(now) = now else {
            return Judged::Now(self.verifier.failed(request, Internal::Clock, now));
        };
        self.enter(now);
        match self.verifier.verify(request, &mut self.supply, now) {
            Step::Await(need) => {
                let wait = Rc::new(Wait::default());
                let kept = Kept {
                    headers: headers.clone(),
                    body: if ends { Body::None } else { Body::Unread },
                    wait: Rc::clone(&wait),
                };
                let held = self.verifier.bytes_to_hold(request, need);
                if self.enter_room(stream, need, (kept, held), now) {
                    if !ends && self.verifier.leaves_body(request) {
                        host::hold_whole();
                    }
                    self.wish_for(self.supply.next_wakeup_for(need));
                    self.wish_for(Some(now.saturating_add(SHOWN_WITHIN)));
                    return Judged::Later(wait);
                }
                Judged::Now(self.verifier.overloaded(request, now))
            }
            Step::Settle(settlement) => Judged::Now(settlement),
        }
    }

    /// Lets a request wait, if there is room for its headers and these bytes of its body.
    fn enter_room(
        &mut self,
        stream: u32,
        need: Need,
        (kept, held): (Kept, usize),
        now: UnixTime,
    ) -> bool {
        let most = need.is_body().then(|| self.most_of_body());
        kept.wait.want_body(most);
        let bytes = kept.headers.len().saturating_add(held);
        let longest = self.supply.longest_wait(need);
        let enters = self
            .waiting
            .enter(stream, need, (kept, bytes), longest, now);
        if enters {
            self.wish_for(self.waiting.next_deadline());
        }
        enters
    }

    /// How many bytes may come of a body that is waited for.
    const fn most_of_body(&self) -> usize {
        self.verifier.config().limits().proof_body_bytes
    }

    /// The answer for a request of which the host tells nothing.
    pub(crate) fn failed(&self, now: Option<UnixTime>) -> Settlement {
        self.verifier.failed(Request::new(&[]), Internal::Host, now)
    }

    /// Judges a request again that was taken off the waiting list. `None`: it waits on.
    pub(crate) fn judge_again(
        &mut self,
        stream: u32,
        mut place: Place<Kept>,
        now: Option<UnixTime>,
    ) -> Option<Settlement> {
        let headers = core::mem::take(&mut place.content.headers);
        let Ok(pairs) = headers.pairs() else {
            return Some(self.failed(now));
        };
        let mut request = Request::new(&pairs).on(&host::ThisConnection);
        let Some(now) = now else {
            return Some(self.verifier.failed(request, Internal::Clock, now));
        };
        let was_for_body = place.need.is_body();
        if was_for_body {
            self.read_body(&mut place.content, true);
        }
        let need = loop {
            request = request.with_body(place.content.body);
            match self.verifier.verify(request, &mut self.supply, now) {
                Step::Settle(settlement) => return Some(settlement),
                // It may have come while the request waited for something else.
                Step::Await(Need::Body { .. })
                    if !was_for_body && self.read_body(&mut place.content, false) => {}
                Step::Await(need) => break need,
            }
        };
        // What is waited for first does not take from the time for the second.
        let is_another = need.is_body() != was_for_body;
        let refusal = if is_another {
            self.verifier.overloaded(request, now)
        } else {
            self.verifier.waited_too_long(request, now)
        };
        let held = self.verifier.bytes_to_hold(request, need);
        drop(pairs);
        place.content.headers = headers;
        let stays = if is_another {
            self.enter_room(stream, need, (place.content, held), now)
        } else {
            place.need = need;
            self.waiting.stay(stream, place, now)
        };
        (!stays).then_some(refusal)
    }

    /// Looks at what the host holds of a body that the core waits for. Whether that says more than
    /// before. `is_over`: it was waited for, and has come, or will not.
    fn read_body(&mut self, kept: &mut Kept, is_over: bool) -> bool {
        if kept.body != Body::Unread {
            return false;
        }
        self.hands_over |= kept.wait.has_begun();
        kept.body = match kept.wait.body(self.most_of_body()) {
            // A host that has never handed over any body does not, as far as anybody can tell.
            Body::Unread if is_over && !self.hands_over => Body::NotHandedOver,
            body => body,
        };
        kept.body != Body::Unread
    }

    /// The stream of a request has ended, or its client has left while it waits.
    pub(crate) fn left(&mut self, stream: u32, waits: bool) {
        if waits {
            self.waiting.leave(stream);
        }
        self.streams.borrow_mut().let_go(stream);
    }

    /// Takes a request off the waiting list: it is judged again.
    pub(crate) fn forget(&mut self, stream: u32) -> Option<Place<Kept>> {
        self.waiting.leave(stream)
    }

    /// Notes who is to be judged again: whoever waits for this, and whoever has waited too long.
    pub(crate) fn call_in(&mut self, need: Need, now: UnixTime) {
        let ready = self.waiting.ready(|other| other == need, now);
        self.note_due(ready);
    }

    /// Notes who is to be judged again: whoever waits for no fetch in flight, and whoever has
    /// waited too long.
    pub(crate) fn call_in_idle(&mut self, now: UnixTime) {
        let supply = &self.supply;
        let idle = |need| !supply.holds(need);
        let ready = self.waiting.ready(idle, now);
        self.note_due(ready);
    }

    /// Adds streams to those that are due, which are sorted.
    fn note_due(&mut self, ready: Vec<u32>) {
        for stream in ready {
            if let Err(place) = self.due.binary_search(&stream) {
                self.due.insert(place, stream);
            }
        }
    }

    /// The next stream that is to be judged again.
    pub(crate) fn next_due(&mut self) -> Option<u32> {
        (!self.due.is_empty()).then(|| self.due.remove(0))
    }

    /// Whether anybody is still to be judged again.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The next call that is due.
    pub(crate) fn poll_call(&mut self, now: UnixTime) -> Option<Fetch> {
        self.supply.poll_call(now)
    }

    /// Most calls that are due at once.
    pub(crate) fn most_calls(&self) -> usize {
        self.supply.most_calls()
    }

    /// The answer to a call; returns what it is that came.
    pub(crate) fn on_answer(
        &mut self,
        id: FetchId,
        answer: Answer<'_>,
        now: UnixTime,
    ) -> Option<Need> {
        // The next tick tells what has changed.
        self.wish_for(Some(now));
        self.supply.on_answer(id, answer, now)
    }

    /// The same, with what the host has handed over.
    pub(crate) fn on_host_answer(
        &mut self,
        id: FetchId,
        headers: &[(&[u8], &[u8])],
        body: Vec<u8>,
        now: UnixTime,
    ) -> Option<Need> {
        self.wish_for(Some(now));
        self.supply.on_host_answer(id, headers, body, now)
    }

    /// Goes on with what came and takes long to be read.
    pub(crate) fn read_on(&mut self, now: UnixTime) {
        self.supply.read_on(now);
    }

    /// Whether a verdict has left something to tell, or to fetch, for which no timer runs yet.
    pub(crate) fn wants_timer(&mut self) -> bool {
        let has_to_tell = self.ledger.take_wants_timer();
        let has_to_fetch = self.supply.take_hurried();
        if has_to_fetch {
            self.wish_for(self.supply.next_wakeup());
        }
        has_to_fetch || has_to_tell || self.wish.is_some()
    }

    /// Notes that there is something to do then.
    fn wish_for(&mut self, at: Option<UnixTime>) {
        self.wish = self.wish.into_iter().chain(at).min();
    }

    /// Sees to it that the next tick comes in time for what has happened since it was asked for.
    /// The same work however many providers there are and however many requests wait.
    pub(crate) fn wake(&mut self, now: UnixTime) {
        self.wish_for(self.ledger.next_wakeup());
        if let Some(wish) = self.wish.take()
            && let Some(period) = self.alarm.hasten(wish, now)
        {
            set_timer(period);
        }
    }

    /// On a tick: brings log, metrics and timer up to date.
    pub(crate) fn tick(&mut self, now: UnixTime) {
        // The tick that settles the last of a crowd shows what has become of it.
        if !self.has_due() {
            self.show(now);
        }
        self.schedule(now);
    }

    /// Logs what happened elsewhere and asks the host for the next tick.
    pub(crate) fn schedule(&mut self, now: UnixTime) {
        for event in self.supply.events() {
            let level = if event.wants_attention() {
                LogLevel::Warn
            } else {
                LogLevel::Info
            };
            host::log(level, &format!("passgate {event}"));
        }
        for event in self.supply.ending_events() {
            let level = if event.wants_attention() {
                LogLevel::Warn
            } else {
                LogLevel::Info
            };
            host::log(level, &format!("passgate {event}"));
        }
        self.ledger.tell_left_out(now);
        let wakeups = [
            self.supply.next_wakeup(),
            self.waiting.next_deadline(),
            self.ledger.next_wakeup(),
            self.verifier.next_look(&self.streams.borrow(), now),
        ];
        let due = self.has_due().then_some(now);
        let next = wakeups.into_iter().chain([due]).flatten().min();
        self.wish = None;
        set_timer(self.alarm.set(next, now));
    }

    /// Counts remembered tokens, when there is something to count.
    pub(crate) fn count_remembered(&mut self) {
        if self.verifier.take_lost_host() {
            self.ledger.stats.count_lost_host();
            let text = "passgate: the host did not check a signature; from now on passgate does";
            host::log(LogLevel::Error, text);
        }
        if let Some(tally) = self.verifier.due_tally() {
            self.ledger.stats.count_remembered(tally);
        }
    }

    /// Brings the metrics up to date.
    fn show(&mut self, now: UnixTime) {
        self.ledger
            .stats
            .count_remembered(self.verifier.take_tally());
        self.ledger.show_build(self.verifier.config());
        self.ledger.show_exemptions(self.verifier.config(), now);
        for (provider, report) in self.supply.reports() {
            let mut measures = report.measures(now);
            let waiting = self.waiting.count(provider);
            measures.push(Measure::level(&["waiting"], waiting));
            let stats = &mut self.ledger.stats;
            stats.show("keys", report.provider, &measures);
        }
        for report in self.supply.ending_reports() {
            let stats = &mut self.ledger.stats;
            stats.show(report.name, report.provider, &report.measures);
        }
    }

    /// The configuration is gone: what this worker has added to gauges goes with it.
    pub(crate) fn retire(&mut self) {
        self.ledger.stats.retire();
        self.verifier.leave(&mut self.streams.borrow_mut());
    }
}

fn set_timer(period: Duration) {
    // Where the host has no timer, a configuration that takes one was refused.
    let _ = host::set_tick_period(period);
}

/// So soon a metric says that a request has begun to wait.
const SHOWN_WITHIN: Duration = Duration::from_millis(100);
