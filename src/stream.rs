//! One request: ask, then wait or settle.

use std::{cell::RefCell, rc::Rc};

use passgate_core::{
    Step, UnixTime,
    jwks::Place,
    reason::{Internal, Reason},
};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, LogLevel, MapType},
};

use crate::{
    engine::Engine,
    host::{self, HeaderMap, HostError},
    settle::{self, Settled, settle},
};

/// The context of one request.
pub(crate) struct Stream {
    id: u32,
    /// `None` where the configuration was refused: everything is denied.
    engine: Option<Rc<RefCell<Engine>>>,
}

impl Stream {
    pub(crate) const fn new(id: u32, engine: Option<Rc<RefCell<Engine>>>) -> Self {
        Self { id, engine }
    }

    /// Judges the request in hand. `None`: it waits. An error: there is nothing to judge with, or by.
    fn judge(&self) -> Result<Option<Settled>, HostError> {
        let engine = self.engine.as_ref().ok_or(HostError)?;
        let mut engine = engine.try_borrow_mut().map_err(|_| HostError)?;
        let headers = HeaderMap::get(MapType::HttpRequestHeaders);
        #[cfg(feature = "trap")]
        if let Ok(headers) = &headers {
            crate::trap::spring(headers);
        }
        let settled = judge_now(self.id, headers.as_ref(), &mut engine);
        if settled.is_none() || engine.wants_timer() {
            engine.wake(host::now()?);
        }
        Ok(settled)
    }
}

/// Judges the request of the effective context by these headers of it. `None`: it waits.
pub(crate) fn judge_now(
    stream: u32,
    headers: Result<&HeaderMap, &HostError>,
    engine: &mut Engine,
) -> Option<Settled> {
    let now = host::now().ok();
    let step = match headers {
        Ok(headers) => engine.judge(stream, headers, now)?,
        Err(HostError) => engine.failed(now),
    };
    Some(apply(stream, step, engine, now))
}

/// The same for a request that has waited.
pub(crate) fn judge_again(
    stream: u32,
    place: Place<HeaderMap>,
    engine: &mut Engine,
) -> Option<Settled> {
    let now = host::now().ok();
    let step = engine.judge_again(stream, place, now)?;
    Some(apply(stream, step, engine, now))
}

fn apply(stream: u32, step: Step, engine: &mut Engine, now: Option<UnixTime>) -> Settled {
    let (verifier, ledger) = engine.verifier_and_ledger();
    let settled = settle(step, verifier, ledger, now);
    if settled == Settled::PassesUnchanged {
        engine.observe(stream);
    }
    engine.count_remembered();
    settled
}

impl Context for Stream {}

impl Drop for Stream {
    /// The host deletes the context of a request that has ended. (It would also tell before that it is done with it; being told
    /// once is enough.)
    fn drop(&mut self) {
        if let Some(mut engine) = self
            .engine
            .as_ref()
            .and_then(|engine| engine.try_borrow_mut().ok())
        {
            engine.ended(self.id);
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        match self.judge() {
            Ok(Some(settled)) if settled.goes_on() => Action::Continue,
            Ok(_) => Action::Pause,
            Err(HostError) => {
                let text = "passgate: no configuration is in force, or the host failed; refused";
                host::log(LogLevel::Error, text);
                settle::reply(&Reason::from(Internal::Host).rejection("passgate"), None);
                Action::Pause
            }
        }
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        let Some(engine) = self
            .engine
            .as_ref()
            .and_then(|engine| engine.try_borrow().ok())
        else {
            return Action::Pause;
        };
        if engine.is_observed(self.id) {
            return Action::Continue;
        }
        let stripped = HeaderMap::get(MapType::HttpRequestTrailers).and_then(|trailers| {
            let edits = engine
                .verifier()
                .strip_trailers(trailers.pairs()?.iter().map(|(name, _)| *name));
            host::apply(MapType::HttpRequestTrailers, &edits)
        });
        match stripped {
            Ok(()) => Action::Continue,
            Err(_) => Action::Pause,
        }
    }
}
