//! What a verdict is counted under. Names are made of the core's codes and of places in the
//! configuration. They cannot hold text of a request or a token, so traffic cannot make a new one.

use core::fmt;

use super::{AuditRecord, Labels};
use crate::{
    evidence::Fact, limits, provider::Provider, provider_id::ProviderId, sorted::SortedMap,
};

/// The labels of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counter {
    decision: &'static str,
    reason: &'static str,
    rule: Option<usize>,
    provider: Option<ProviderId>,
    product: Option<u16>,
    kind: Option<&'static str>,
    phishing_resistant: Option<bool>,
    actor: Option<usize>,
}

impl Counter {
    /// The counter of this verdict.
    #[must_use]
    pub fn of(record: &AuditRecord, labels: Labels) -> Self {
        let proves = || record.facts.contains(&Fact::PhishingResistant.as_str());
        let is_known = record.kind.is_some();
        Self {
            decision: record.decision,
            reason: record.reason,
            rule: record.rule,
            provider: record.provider_id,
            product: record.product.as_ref().map(|(_, index)| *index),
            kind: record.kind.filter(|_| labels.kind),
            phishing_resistant: (labels.phishing_resistant && is_known).then(proves),
            actor: record.actor_label.as_ref().map(|(_, number)| *number),
        }
    }

    /// The same with nothing but decision and reason.
    const fn plain(self) -> Self {
        Self {
            rule: None,
            provider: None,
            product: None,
            kind: None,
            phishing_resistant: None,
            actor: None,
            ..self
        }
    }

    /// `passgate.verdicts.<decision>[.rule.<name or index>][.provider.<name>][.product.<name>]
    /// [.kind.<kind>][.phishing_resistant.<true or false>][.actor.<actor>].<code>`. Names have no
    /// dots, and a code is always two words, so the parts can be told apart from both ends.
    /// `record` is the one of which this is the counter.
    #[must_use]
    pub fn name(self, record: &AuditRecord, providers: &[Provider]) -> String {
        use fmt::Write as _;
        let mut name = format!("passgate.verdicts.{}", self.decision);
        let mut label = |label: &str, value: Option<&str>| {
            if let Some(value) = value {
                for part in [".", label, ".", value] {
                    name.push_str(part);
                }
            }
        };
        let index = self.rule.map(|index| index.to_string());
        let rule = record.rule_name.as_deref().or(index.as_deref());
        label("rule", rule.filter(|_| self.rule.is_some()));
        let provider = self.provider.and_then(|id| providers.get(id.0));
        label("provider", provider.map(|provider| &*provider.name));
        let product = self.product.and(record.product.as_ref());
        label("product", product.map(|(name, _)| &**name));
        label("kind", self.kind);
        let word = |is: bool| if is { "true" } else { "false" };
        label("phishing_resistant", self.phishing_resistant.map(word));
        let actor = self.actor.and(record.actor_label.as_ref());
        label("actor", actor.map(|(label, _)| &**label));
        // Writing into a string cannot fail.
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
    /// proxy can bear. After [`limits::VERDICT_COUNTERS`] of them, further ones are counted by
    /// decision and reason alone.
    pub fn number(
        &mut self,
        record: &AuditRecord,
        (providers, labels): (&[Provider], Labels),
        define: impl FnOnce(&str) -> Option<u32>,
    ) -> Option<u32> {
        let mut counter = Counter::of(record, labels);
        if let Some(number) = self.known.get(&counter) {
            return Some(*number);
        }
        if self.known.len() >= limits::VERDICT_COUNTERS {
            counter = counter.plain();
            if let Some(number) = self.known.get(&counter) {
                return Some(*number);
            }
        }
        let number = define(&counter.name(record, providers))?;
        self.known.insert(counter, number);
        Some(number)
    }
}
