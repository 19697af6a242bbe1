//! Counters: one for each code of the core, and no others, so that traffic cannot make new ones.

use std::collections::HashMap;

use passgate_core::AuditRecord;

use crate::host;

/// Numbers of the counters that were used so far.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counters: HashMap<&'static str, u32>,
}

impl Stats {
    /// Counts a verdict under `passgate.verdicts.<decision>.<code>`.
    pub(crate) fn count(&mut self, record: &AuditRecord) {
        let counter = match self.counters.get(record.reason) {
            Some(&counter) => counter,
            None => {
                let name = format!("passgate.verdicts.{}.{}", record.decision, record.reason);
                let Ok(counter) = host::define_counter(&name) else {
                    return;
                };
                self.counters.insert(record.reason, counter);
                counter
            }
        };
        host::increment(counter);
    }
}
