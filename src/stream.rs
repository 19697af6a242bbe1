//! One request: ask, then wait or settle; and hold all of it until it is settled as one that goes
//! on.

use std::{cell::RefCell, rc::Rc};

use passgate_core::{AnswerHeader, Internal, Place, Reason, Settlement, UnixTime};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, LogLevel, MapType},
};

use crate::{
    engine::{Engine, Judged, Kept},
    host::{self, HeaderMap, HostError},
    settle::{self, settle, strip_trailers},
    state::{Settled, State},
};

/// The context of one request.
pub(crate) struct Stream {
    id: u32,
    /// `None` where the configuration was refused: everything is denied.
    engine: Option<Rc<RefCell<Engine>>>,
    state: State,
}

impl Stream {
    pub(crate) fn new(id: u32, engine: Option<Rc<RefCell<Engine>>>) -> Self {
        let state = State::default();
        Self { id, engine, state }
    }

    /// Judges the request in hand. An error: there is nothing to judge with, or by.
    fn judge(&self, ends: bool) -> Result<State, HostError> {
        let engine = self.engine.as_ref().ok_or(HostError)?;
        let mut engine = engine.try_borrow_mut().map_err(|_| HostError)?;
        let headers = HeaderMap::get(MapType::HttpRequestHeaders);
        #[cfg(feature = "trap")]
        if let Ok(headers) = &headers {
            crate::trap::spring(headers);
        }
        let now = host::now().ok();
        let headers = headers.as_ref().map(|headers| (headers, ends));
        let state = judge_now(self.id, headers, &mut engine, now);
        // Without a clock nobody waits.
        if let Some(now) = now
            && (state.settled().is_none() || engine.wants_timer())
        {
            engine.wake(now);
        }
        Ok(state)
    }

    /// Judges the request again, whose body has come.
    fn judge_with_body(&self) {
        // An error leaves the request paused until its wait is over, which is closed.
        if let Some(engine) = &self.engine
            && let Ok(mut engine) = engine.try_borrow_mut()
            && let Some(place) = engine.forget(self.id)
        {
            judge_again(self.id, place, &mut engine);
            if let Ok(now) = host::now()
                && engine.wants_timer()
            {
                engine.wake(now);
            }
        }
    }

    /// Removes what is ours from trailers that come after the verdict.
    fn strip_trailers(&self) -> Result<(), HostError> {
        let engine = self.engine.as_ref().ok_or(HostError)?;
        let engine = engine.try_borrow().map_err(|_| HostError)?;
        strip_trailers(engine.verifier())
    }

    /// What the host does with what it has in hand.
    fn action(&self) -> Action {
        if self.state.settled().is_some_and(Settled::goes_on) {
            Action::Continue
        } else {
            Action::Pause
        }
    }
}

/// Judges the request of the effective context by these headers of it, and whether it ends with
/// them.
fn judge_now(
    stream: u32,
    headers: Result<(&HeaderMap, bool), &HostError>,
    engine: &mut Engine,
    now: Option<UnixTime>,
) -> State {
    let judged = match headers {
        Ok(headers) => engine.judge(stream, headers, now),
        Err(HostError) => Judged::Now(engine.failed(now)),
    };
    match judged {
        Judged::Now(settlement) => {
            let (settled, answer) = apply(stream, settlement, engine, now, false);
            State::Settled(settled, answer)
        }
        Judged::Later(wait) => State::Waits(wait),
    }
}

/// Judges the request of the effective context again, which has waited. Whether it may go on now.
pub(crate) fn judge_again(stream: u32, place: Place<Kept>, engine: &mut Engine) -> bool {
    let now = host::now().ok();
    let wait = place.content.wait();
    let Some(settlement) = engine.judge_again(stream, place, now) else {
        return false;
    };
    let (settled, answer) = apply(stream, settlement, engine, now, wait.holds_trailers());
    wait.settle(settled, answer);
    settled.goes_on()
}

fn apply(
    stream: u32,
    settlement: Settlement,
    engine: &mut Engine,
    now: Option<UnixTime>,
    holds_trailers: bool,
) -> (Settled, Vec<AnswerHeader>) {
    let (verifier, ledger) = engine.verifier_and_ledger();
    let (settled, answer, lease) = settle(settlement, verifier, ledger, now, holds_trailers);
    if let Some(lease) = lease {
        engine.hold(stream, lease, now);
    }
    engine.count_remembered();
    (settled, answer)
}

impl Context for Stream {}

impl Drop for Stream {
    /// The host deletes the context of a request that has ended. (It would also tell before that it
    /// is done with it; being told once is enough.)
    fn drop(&mut self) {
        if let Some(engine) = &self.engine
            && let Ok(mut engine) = engine.try_borrow_mut()
        {
            engine.left(self.id, matches!(&self.state, State::Waits(_)));
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, end_of_stream: bool) -> Action {
        self.state = self.judge(end_of_stream).unwrap_or_else(|HostError| {
            let text = "passgate: no configuration is in force, or the host failed; refused";
            host::log(LogLevel::Error, text);
            settle::reply(&Reason::from(Internal::Host).rejection("passgate"), None);
            State::Settled(Settled::Answered, Vec::new())
        });
        self.action()
    }

    /// A host may hand over the body of a request whose headers it holds, and takes `Continue` for
    /// both then (`allow_on_headers_stop_iteration` of Envoy). It keeps what is paused, and shows
    /// it again with what comes next.
    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if let State::Waits(wait) = &self.state
            && wait.hold_body(size, end_of_stream)
        {
            self.judge_with_body();
        }
        self.action()
    }

    /// A client whose nonce ages gets a new one with the service's answer. It is lost if the host
    /// does not take it.
    fn on_http_response_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        for header in self.state.take_answer() {
            let _ = host::answer_with(&header);
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        if let State::Waits(wait) = &self.state
            && wait.hold_trailers()
        {
            self.judge_with_body();
        }
        match self.state.settled() {
            Some(Settled::Passes) if self.strip_trailers().is_err() => Action::Pause,
            _ => self.action(),
        }
    }
}
