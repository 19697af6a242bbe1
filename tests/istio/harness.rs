//! What the stories stand on: a mesh with its proxies, an identity provider, a registry, a service, and clients.

mod client;
mod control_plane;
mod image;
mod mesh;
mod program;
mod proxy;
mod servers;

#[path = "../envoy/harness/http1.rs"]
#[expect(dead_code, reason = "the stories of Envoy use more of it")]
mod http1;
#[path = "../envoy/harness/message.rs"]
#[expect(dead_code, reason = "the stories of Envoy use more of it")]
mod message;
#[path = "../envoy/harness/secrets.rs"]
#[expect(dead_code, reason = "the stories of Envoy use more of it")]
mod secrets;
#[path = "../envoy/harness/tls.rs"]
mod tls;

pub use client::{AUDIENCE, DENIED, ISSUER, Load};
pub use http1::Http1;
pub use image::{file, module, module_digest, plugin, serve_module};
pub use mesh::{Story, story};
pub use message::{Headers, Request, Response};
pub use program::{passgate, run, said, tool, workspace};
pub use proxy::Proxy;

use std::time::{Duration, Instant};

/// No single answer takes longer than this, or the story fails. A control plane that starts on a busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks again until the answer comes, within `PATIENCE`.
#[track_caller]
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
