//! One configuration on one worker: reads it, sends the calls that are due, settles the requests
//! that waited.
//!
//! Calls are sent from here, on a tick, because the SDK gives an answer to the context that asked
//! and drops it when that context is gone: a call of a stream would die with the first impatient
//! client.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    time::Duration,
};

use passgate_core::{
    Answer, Call, Config, FetchId, InvalidConfig, Leases, UnixTime, VERSION, limits,
};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{ContextType, LogLevel, MapType},
};

use crate::{
    engine::{Engine, Over},
    host::{self, HeaderMap},
    settle,
    stream::{Stream, judge_again},
};

/// The context of one configuration.
#[derive(Default)]
pub(crate) struct Root {
    /// `None` until a configuration was accepted.
    engine: Option<Rc<RefCell<Engine>>>,
    /// The host's numbers of the fetches in flight.
    calls: Vec<(u32, Sent)>,
}

thread_local! {
    /// The open streams of each gate of this machine, by its name: a new configuration of a gate
    /// looks after them.
    static STREAMS: RefCell<Vec<Named>> = const { RefCell::new(Vec::new()) };
}

type Named = (String, Weak<RefCell<Leases>>);

/// The open streams of this gate, shared with its other configurations.
fn streams() -> Rc<RefCell<Leases>> {
    let name = host::gate();
    STREAMS.with_borrow_mut(|gates| {
        gates.retain(|(_, streams)| streams.strong_count() > 0);
        let own = gates.iter().find(|(other, _)| *other == name);
        own.and_then(|(_, streams)| streams.upgrade())
            .unwrap_or_else(|| {
                let streams = Rc::default();
                gates.push((name, Rc::downgrade(&streams)));
                streams
            })
    })
}

/// A fetch in flight.
struct Sent {
    id: FetchId,
    max_bytes: usize,
}

impl Root {
    /// Sends every call that is due.
    fn fetch_due(&mut self, engine: &mut Engine, now: UnixTime) {
        for _ in 0..engine.most_calls() {
            let Some(fetch) = engine.poll_call(now) else {
                return;
            };
            let id = fetch.id;
            match dispatch(&fetch.call) {
                Some(number) => {
                    let max_bytes = fetch.call.max_bytes;
                    self.calls.push((number, Sent { id, max_bytes }));
                }
                None => {
                    let cluster = &fetch.call.endpoint.cluster;
                    engine.on_answer(id, Answer::NotSent { cluster }, now);
                }
            }
        }
    }
}

/// Sends a call as it is.
fn dispatch(call: &Call) -> Option<u32> {
    host::dispatch_http_call(
        &call.endpoint.cluster,
        call.head(),
        &call.body,
        call.timeout,
    )
    .ok()
}

/// Most requests that are settled in one callback. The host answers them after the callback, each
/// answer inside the one before it, and some three hundred overflow its stack.
const AT_ONCE: usize = 32;

/// Judges requests that waited again, from the start: a few now, the others on the next tick.
fn settle_due(engine: &mut Engine) {
    for _ in 0..AT_ONCE {
        let Some(stream) = engine.next_due() else {
            return;
        };
        let Some(place) = engine.forget(stream) else {
            continue;
        };
        // An error: the client has left.
        if host::set_effective_context(stream).is_ok() && judge_again(stream, place, engine) {
            // An error leaves the request paused until the host's own time-out, which is closed.
            let _ = host::resume_request();
        }
    }
}

/// The configuration, where the host has what it takes. The engine sets the timer anew.
fn with_timer(config: Config) -> Result<Config, Vec<InvalidConfig>> {
    if host::set_tick_period(Duration::ZERO).is_ok() {
        return Ok(config);
    }
    let wants = config.wants_timer();
    if wants.is_empty() {
        return Ok(config);
    }
    Err(wants)
}

fn log_warnings(warnings: &[InvalidConfig]) {
    for warning in warnings {
        host::log(LogLevel::Warn, &format!("passgate warning: {warning}"));
    }
}

fn log_refusal(errors: &[InvalidConfig]) {
    let plural = if errors.len() == 1 {
        "problem"
    } else {
        "problems"
    };
    host::log(
        LogLevel::Error,
        &format!("passgate refused: {} {plural}", errors.len()),
    );
    for error in errors {
        host::log(LogLevel::Error, &format!("passgate {error}"));
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        call: u32,
        _num_headers: usize,
        _body_size: usize,
        _num_trailers: usize,
    ) {
        let Some(place) = self.calls.iter().position(|(number, _)| *number == call) else {
            return;
        };
        let (_, sent) = self.calls.swap_remove(place);
        let (Some(shared), Ok(now)) = (self.engine.clone(), host::now()) else {
            return;
        };
        let Ok(mut engine) = shared.try_borrow_mut() else {
            return;
        };
        let headers = HeaderMap::get(MapType::HttpCallResponseHeaders).unwrap_or_default();
        // One byte more than allowed shows the core that the answer is too large.
        let body = host::call_response_body(sent.max_bytes.saturating_add(1)).unwrap_or_default();
        let pairs = headers.pairs().unwrap_or_default();
        let need = engine.on_host_answer(sent.id, &pairs, body, now);
        if let Some(need) = need {
            engine.call_in(need, now);
        }
        settle_due(&mut engine);
        engine.wake(now);
    }
}

impl Root {
    fn retire(&mut self) {
        // Answers that are still to come belong to a supply that is gone.
        self.calls.clear();
        if let Some(shared) = self.engine.take()
            && let Ok(mut engine) = shared.try_borrow_mut()
        {
            engine.retire();
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let document =
            host::configuration(limits::CONFIG_BYTES.saturating_add(1)).unwrap_or_default();
        // Envoy hands over the variables that `vm_config.environment_variables` names.
        let config = Config::parse_with(&document, &|name| std::env::var(name).ok());
        match config.and_then(with_timer) {
            Ok(config) => {
                host::log(
                    LogLevel::Info,
                    &format!("passgate accepted: {config}, version {VERSION}"),
                );
                log_warnings(config.warnings());
                self.retire();
                let mut engine = Engine::new(config);
                engine.use_host();
                engine.share(host::now().ok());
                engine.join(streams());
                // No metrics yet: Envoy also configures a machine that it only tries, and never
                // tells that it is gone.
                engine.schedule(host::now().unwrap_or(UnixTime::from_millis(0)));
                self.engine = Some(Rc::new(RefCell::new(engine)));
                true
            }
            Err(errors) => {
                log_refusal(&errors);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let (Some(shared), Ok(now)) = (self.engine.clone(), host::now()) else {
            return;
        };
        let Ok(mut engine) = shared.try_borrow_mut() else {
            return;
        };
        // Requests that waited for the last answer are settled before anything new is fetched.
        if !engine.has_due() {
            engine.read_on(now);
            self.fetch_due(&mut engine, now);
            // Fetches that could not be sent or are overdue have settled the question for those who
            // waited.
            engine.call_in_idle(now);
        }
        settle_due(&mut engine);
        let over = if engine.has_due() {
            Vec::new()
        } else {
            engine.cut_streams(AT_ONCE, now)
        };
        engine.tick(now);
        // Their contexts may go within this very call.
        drop(engine);
        for Over {
            stream,
            rejection,
            request_id,
        } in over
        {
            if host::set_effective_context(stream).is_ok() {
                settle::end(&rejection, request_id.as_deref());
            }
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.engine.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
