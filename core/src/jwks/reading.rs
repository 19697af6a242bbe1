//! How an answer becomes a set of keys.

use super::event::Failure;
use crate::{
    crypto::Algorithm,
    jose::{JwkSet, KeyUse},
    limits::Limits,
};

/// How sets are read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) limits: Limits,
    /// What RSA keys are for that do not say it.
    pub(super) rsa: Option<Algorithm>,
    /// What keys are for.
    pub(super) usage: KeyUse,
}

/// Only an empty set says that there are no keys. One of which no key can be used is a mistake, of
/// the provider or here, and harms the keys in hand as little as any other.
pub(super) fn read(body: &[u8], reading: &Reading) -> Result<JwkSet, Failure> {
    let Reading { limits, rsa, usage } = reading;
    let set = JwkSet::read(body, limits, *usage).map_err(Failure::Unreadable)?;
    if set.keys().is_empty() && !set.skipped().is_empty() {
        return Err(Failure::Unusable(set.skipped().to_vec()));
    }
    Ok(set.with_rsa(*rsa))
}
