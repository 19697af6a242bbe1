//! The brain of passgate: bytes and a time go in; a verdict, or "I need these keys", comes out.
//!
//! The core knows no host, clock, socket, global or random source. The shell asks it and does as it says:
//! [`Config::parse`] once, [`Verifier::verify`] for each request, [`JwksCache`] for the keys.

#![forbid(unsafe_code)]

#[cfg(all(feature = "explain", target_family = "wasm"))]
compile_error!("the filter must not be able to take a signature for good");

pub mod audit;
mod budget;
mod claims;
pub mod config;
pub mod crypto;
pub mod evidence;
mod extract;
pub mod fetch;
pub mod headers;
pub mod jose;
pub mod json;
pub mod jwks;
pub mod limits;
mod login;
mod policy;
pub mod reason;
mod remembered;
pub mod request;
pub mod resource_metadata;
pub mod shadow;
pub mod time;
pub mod verify;

/// The version of passgate: of this crate, of the filter and of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name and version of the software, as the record shows it: `passgate/0.1.0` (RFC 9110 section 10.1.5, a product).
pub const SOFTWARE: &str = concat!("passgate/", env!("CARGO_PKG_VERSION"));

pub use crate::{
    audit::{AuditRecord, Auditor},
    config::{Config, InvalidConfig, ProviderId},
    jwks::JwksCache,
    remembered::Tally,
    request::Request,
    time::UnixTime,
    verify::{Step, Verdict, Verifier},
};
