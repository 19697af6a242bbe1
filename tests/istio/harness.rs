//! What the stories stand on: a mesh with its proxies, an identity provider, a registry, a service,
//! and clients.

mod client;
mod control_plane;
mod hbone;
mod helm;
mod image;
mod mesh;
mod people;
mod program;
mod proxy;

pub use client::{AUDIENCE, DENIED, ISSUER, Load};
pub use control_plane::OBJECTS;
pub use hbone::{ACCOUNTS, Behind, NEWS};
pub use helm::{Release, chart, push, template};
pub use image::{file, module, module_digest, plugin, serve_module};
pub use mesh::{Story, story};
pub use passgate_harness::{Request, Response, workspace};
pub use program::{installed, passgate, run, said, tool};
pub use proxy::Proxy;

use std::time::Duration;

/// No single answer takes longer than this, or the story fails. A control plane that starts on a
/// busy machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks again until the answer comes, within `PATIENCE`.
#[track_caller]
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    passgate_harness::eventually_within(PATIENCE, what, probe)
}
