//! What stories and benchmarks stand on: a real Envoy, an origin behind it, an issuer beside it,
//! and clients. The stories in Istio and in Envoy Gateway share the clients, the servers and the
//! certificates.

mod bootstrap;
mod check;
mod clock;
mod gate;
mod http1;
mod http2;
mod introspector;
mod issuer;
mod load;
mod message;
mod policy;
mod process;
mod program;
mod records;
mod secrets;
mod server;
pub mod servers;
mod streams;
mod tls;
mod upstream;

pub use bootstrap::{Bootstrap, workspace};
pub use clock::WallClock;
pub use gate::{Gate, Setup};
pub use http1::{Http1, Message, Unsized, Wire};
pub use http2::{exchange_all, websocket};
pub use introspector::Introspector;
pub use issuer::Issuer;
pub use load::Load;
pub use message::{Headers, Request, Response};
pub use policy::{
    AUDIENCE, ISSUER, SECOND, policy, policy_with, provider, public, ruled, second_provider,
    the_rest, with,
};
pub use process::{module, module_with_trap, new_folder};
pub use program::{Companion, Program, free_address, run, said};
pub use server::{Server, serve};
pub use streams::{Crowd, Endless};
pub use tls::{Authority, TlsClient, TlsStream};
pub use upstream::{Received, Upstream};

use std::time::{Duration, Instant};

/// No single answer takes longer than this, or the story fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The two protocols that a client may speak to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// Most stories hold for both.
pub const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// Asks again until the answer comes, within `PATIENCE`.
#[track_caller]
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, probe)
}

/// Asks again until the answer comes, within this time.
#[track_caller]
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
