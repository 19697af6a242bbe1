//! A deliberate crash, for the story that sees a worker's machine die and come back. Only with the
//! feature `trap`.

use proxy_wasm::types::LogLevel;

use crate::host::{self, HeaderMap};

/// The header that asks for it.
const HEADER: &str = "x-story-trap";

/// Ends the machine if the request asks for it.
pub(crate) fn spring(headers: &HeaderMap) {
    let pairs = headers.pairs().unwrap_or_default();
    if pairs.iter().any(|(name, _)| *name == HEADER.as_bytes()) {
        // The text is also what the check of the shipped module looks for.
        host::log(LogLevel::Warn, "passgate: x-story-trap ends this machine");
        #[cfg(target_arch = "wasm32")]
        core::arch::wasm32::unreachable();
    }
}
