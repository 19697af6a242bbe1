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
pub mod decode;
pub mod evidence;
mod extract;
pub mod fetch;
pub mod headers;
mod identity;
pub mod jose;
pub mod json;
pub mod jwks;
pub mod limits;
mod login;
mod policy;
mod provider;
mod provider_id;
pub mod reason;
mod remembered;
pub mod request;
pub mod resource_metadata;
mod text;
pub mod time;
mod token;
mod uri;
pub mod verdict;
pub mod verify;
mod version;

pub use crate::{
    audit::{AuditRecord, Auditor},
    config::{Config, InvalidConfig},
    jwks::JwksCache,
    provider_id::ProviderId,
    remembered::Tally,
    request::Request,
    time::UnixTime,
    verdict::Verdict,
    verify::{Settlement, Step, Verifier},
    version::{SOFTWARE, VERSION},
};
