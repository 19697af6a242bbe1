//! What a verdict is counted under. Names are made of the core's codes and of places in the
//! configuration. They cannot hold text of a request or a token, so traffic cannot make a new one.

use core::fmt;

use super::AuditRecord;
use crate::{limits, provider::Provider, provider_id::ProviderId, sorted::SortedMap};

/// The labels of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    decision: &'static str,
    reason: &'static str,
    rule: Option<usize>,
    provider: Option<ProviderId>,
}

impl Counter {
    /// The counter of this verdict.
    #[must_use]
    pub const fn of(record: &AuditRecord) -> Self {
        Self {
            decision: record.decision,
            reason: record.reason,
            rule: record.rule,
            provider: record.provider_id,
        }
    }

    /// The same without rule and provider.
    const fn plain(self) -> Self {
        Self {
            rule: None,
            provider: None,
            ..self
        }
    }

    /// `passgate.verdicts.<decision>[.rule.<index>][.provider.<name>].<code>`. The names of
    /// providers have no dots, and a code is always two words, so the parts can be told apart from
    /// both ends.
    #[must_use]
    pub fn name(self, providers: &[Provider]) -> String {
        use fmt::Write as _;
        let mut name = format!("passgate.verdicts.{}", self.decision);
        // Writing into a string cannot fail.
        if let Some(rule) = self.rule {
            let _ = write!(name, ".rule.{rule}");
        }
        if let Some(provider) = self.provider.and_then(|id| providers.get(id.0)) {
            let _ = write!(name, ".provider.{}", provider.name);
        }
        let _ = write!(name, ".{}", self.reason);
        name
    }
}

/// What the host calls the counters that were used so far.
#[derive(Debug, Default)]
pub struct Counters {
    known: SortedMap<Counter, u32>,
}

impl Counters {
    /// The host's number of the counter of this verdict; `define` makes one of this name. `None`:
    /// the host refused.
    ///
    /// A configuration of a thousand rules and a hundred providers has more combinations than a
    /// proxy can bear. After [`limits::VERDICT_COUNTERS`] of them, further ones are counted without
    /// rule and provider.
    pub fn number(
        &mut self,
        record: &AuditRecord,
        providers: &[Provider],
        define: impl FnOnce(&str) -> Option<u32>,
    ) -> Option<u32> {
        let mut counter = Counter::of(record);
        if let Some(number) = self.known.get(&counter) {
            return Some(*number);
        }
        if self.known.len() >= limits::VERDICT_COUNTERS {
            counter = counter.plain();
            if let Some(number) = self.known.get(&counter) {
                return Some(*number);
            }
        }
        let number = define(&counter.name(providers))?;
        self.known.insert(counter, number);
        Some(number)
    }
}
