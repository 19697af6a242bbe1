//! The shell: hosts the core in Envoy, or any other host of Proxy-Wasm, and decides nothing.
//!
//! - [`root`]: one per configuration and worker. Reads the configuration, fetches keys, settles
//!   waiting requests.
//! - [`stream`]: one per request. Asks the core; then settles or waits.
//! - [`engine`]: what the root and its streams share.
//! - [`state`]: where a request stands, and whether anything of it may go on.
//! - [`settle`]: a verdict applied to the request in hand.
//! - [`ledger`]: each verdict counted once, and its record written where the core says.
//! - [`host`]: host calls that return instead of panicking.
//! - [`stats`]: counters named from the core's codes.

mod engine;
mod host;
mod ledger;
mod root;
mod settle;
mod state;
mod stats;
mod stream;
#[cfg(feature = "trap")]
mod trap;

use proxy_wasm::types::LogLevel;

/// The module's entry point, which the macro exports.
mod entry {
    use super::{LogLevel, root::Root};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|_| Box::new(Root::default()));
    }}
}
