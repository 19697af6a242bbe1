//! The brain of passgate: bytes and a time go in; a verdict, or "I need this first", comes out.
//!
//! The core knows no host, clock, socket, global or random source. The shell asks it and does as it says:
//! [`Config::parse`] once, [`Verifier::verify`] for each request, [`Supply`] for what comes from elsewhere.

#![forbid(unsafe_code)]

#[cfg(all(feature = "explain", target_family = "wasm"))]
compile_error!("the filter must not be able to take a signature for good");

mod alarm;
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
pub mod supply;
mod text;
pub mod time;
mod token;
mod uri;
pub mod verdict;
pub mod verify;
mod version;
pub mod waiting;

pub use crate::{
    alarm::Alarm,
    audit::{AuditRecord, Auditor},
    config::{Config, InvalidConfig},
    provider_id::ProviderId,
    remembered::Tally,
    request::Request,
    supply::{Need, Supply},
    time::UnixTime,
    verdict::Verdict,
    verify::{Settlement, Step, Verifier},
    version::{SOFTWARE, VERSION},
};
