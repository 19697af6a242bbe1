//! What an operator should read about keys: changes of state, one line each, and nothing for every
//! failure.

use core::fmt;

use super::document::DocumentError;
use crate::{
    fetch::fault::{Fault, shown},
    jose::{JwkSet, JwkSetError, SkippedKey},
};

/// A change of the state of one provider's keys; its `Display` is the log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Name of the provider in the configuration.
    pub(crate) provider: String,
    /// What changed.
    pub(crate) change: Change,
}

impl Event {
    /// Whether an operator should look into it; the rest is good news.
    #[must_use]
    pub fn wants_attention(&self) -> bool {
        match &self.change {
            Change::NewSet { skipped, .. } => !skipped.is_empty(),
            Change::Recovered | Change::Located(_) | Change::DiscoveryRecovered => false,
            Change::EmptySet
            | Change::Withdrawn
            | Change::Nothing
            | Change::Failing(_)
            | Change::StillFailing(_)
            | Change::Stale
            | Change::Unavailable
            | Change::DiscoveryFailing(_)
            | Change::DiscoveryStillFailing(_)
            | Change::LocationEnded => true,
        }
    }
}

/// What changed about the keys of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Another set is in force.
    NewSet {
        /// How many keys of it are used.
        keys: usize,
        /// Which of its keys are not used.
        skipped: Vec<SkippedKey>,
    },
    /// An empty set came; the keys in hand serve until a second answer confirms it.
    EmptySet,
    /// A second empty set came: the keys are withdrawn.
    Withdrawn,
    /// A second empty set came, and there were no keys before.
    Nothing,
    /// Fetches fail from now on.
    Failing(Failure),
    /// They fail for another cause than the ones told.
    StillFailing(Failure),
    /// Fetches succeed again.
    Recovered,
    /// The keys are no longer fresh, and serve until `max_stale` is over.
    Stale,
    /// There are no keys that may serve.
    Unavailable,
    /// The issuer's document says that the keys are here.
    Located(String),
    /// Fetches of the issuer's document fail from now on.
    DiscoveryFailing(Failure),
    /// They fail for another cause than the ones told.
    DiscoveryStillFailing(Failure),
    /// Fetches of the issuer's document succeed again.
    DiscoveryRecovered,
    /// The document is too old: keys are not fetched from the address that it gave any more.
    LocationEnded,
}

impl Change {
    /// What it means that this set takes the place of that one.
    pub(super) fn of(old: Option<&JwkSet>, new: &JwkSet) -> Self {
        match new.keys().len() {
            0 if old.is_some_and(|old| !old.keys().is_empty()) => Self::Withdrawn,
            0 => Self::Nothing,
            keys => Self::NewSet {
                keys,
                skipped: new.skipped().to_vec(),
            },
        }
    }
}

/// Why a fetch brought no set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It brought nothing that could be read.
    Fetch(Fault),
    /// The answer is no JWK set.
    Unreadable(JwkSetError),
    /// The answer is a set of keys, and none of them can be used.
    Unusable(Vec<SkippedKey>),
    /// The answer is no document that says where keys are that we may take.
    Document(DocumentError),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fetch(fault)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys of {}: {}", self.provider, self.change)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewSet { keys, skipped } => {
                write!(f, "a new set is in force, {keys} usable")?;
                write_skipped(f, skipped)
            }
            Self::EmptySet => {
                f.write_str("an empty set came; waiting for a second answer to confirm it")
            }
            Self::Withdrawn => f.write_str("withdrawn: the set is empty"),
            Self::Nothing => f.write_str("a new set is in force, and it is empty"),
            Self::Failing(failure) => write!(f, "fetches fail: {failure}"),
            Self::StillFailing(failure) => write!(f, "fetches still fail, now: {failure}"),
            Self::Recovered => f.write_str("fetches succeed again"),
            Self::Stale => f.write_str("no longer fresh; they serve until max_stale is over"),
            Self::Unavailable => f.write_str("unavailable"),
            Self::Located(uri) => write!(f, "discovery found them at {}", shown(uri)),
            Self::DiscoveryFailing(failure) => write!(f, "discovery fails: {failure}"),
            Self::DiscoveryStillFailing(failure) => {
                write!(f, "discovery still fails, now: {failure}")
            }
            Self::DiscoveryRecovered => f.write_str("discovery succeeds again"),
            Self::LocationEnded => {
                f.write_str("the address that discovery found is too old; they are not fetched from there any more")
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(fault) => write!(f, "{fault}"),
            // The parser's words hold names of the document.
            Self::Unreadable(JwkSetError::Json(error)) => write!(f, "not JSON: {}", shown(error)),
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Unusable(skipped) => {
                f.write_str("a set without a key that can be used")?;
                write_skipped(f, skipped)
            }
            Self::Document(error) => f.write_str(&shown(&error.to_string())),
        }
    }
}

/// Most skipped keys that a line names.
const NAMED: usize = 4;

fn write_skipped(f: &mut fmt::Formatter<'_>, skipped: &[SkippedKey]) -> fmt::Result {
    if skipped.is_empty() {
        return Ok(());
    }
    write!(f, ", {} skipped (", skipped.len())?;
    // What was published by mistake is what an operator must see first.
    let (secret, odd): (Vec<_>, Vec<_>) = skipped.iter().partition(|key| key.secret);
    for (index, key) in secret.iter().chain(&odd).take(NAMED).enumerate() {
        f.write_str(if index == 0 { "" } else { "; " })?;
        write!(f, "\"{}\": {}", shown(&key.name), key.fault)?;
    }
    f.write_str(if skipped.len() > NAMED { "; …)" } else { ")" })
}
