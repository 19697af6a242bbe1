//! The book of verdicts of one worker: each is counted once, and its record written where the core
//! says.

use std::time::Duration;

use passgate_core::{AuditRecord, Auditor, Config, UnixTime};
use proxy_wasm::types::LogLevel;

use crate::{host, stats::Stats};

/// Counters, and the core's word on records.
pub(crate) struct Ledger {
    pub(crate) stats: Stats,
    auditor: Auditor,
    /// Where the access log finds a record.
    property: String,
    /// When the ends of exemptions are to be shown again; `None`: there are none.
    exemptions_due: Option<UnixTime>,
    /// When version and policy are to be shown; `None`: it has been.
    build_due: Option<UnixTime>,
    /// There is something to tell now, and no timer runs for it yet.
    wants_timer: bool,
}

impl Ledger {
    pub(crate) fn new(config: &Config) -> Self {
        let auditor = Auditor::new(config.audit(), &host::plugin_name());
        let has_exemptions = config.exemption_ends().next().is_some();
        Self {
            stats: Stats::default(),
            property: auditor.property(),
            auditor,
            exemptions_due: has_exemptions.then_some(UnixTime::from_millis(0)),
            build_due: Some(UnixTime::from_millis(0)),
            wants_timer: false,
        }
    }

    /// Enters a verdict of this time about the request of the effective context.
    pub(crate) fn enter(
        &mut self,
        record: Box<AuditRecord>,
        config: &Config,
        now: Option<UnixTime>,
    ) {
        if config.audit().counters {
            self.stats.count(&record, config);
            if let Some(what) = record.proof_counter() {
                self.stats.count_proof(what);
            }
        }
        let had_nothing = self.auditor.next_wakeup().is_none();
        let written = self.auditor.write(*record, now);
        self.wants_timer |= had_nothing && self.auditor.next_wakeup().is_some();
        if written.to_access_log {
            // A record that the host does not take is not worth a request.
            let _ = host::set_property(&self.property, &written.record);
        }
        if written.to_log {
            let level = if written.is_warning {
                LogLevel::Warn
            } else {
                LogLevel::Info
            };
            host::log(level, &format!("passgate {}", written.record));
        }
    }

    /// Tells what the log has left out, when that is due.
    pub(crate) fn tell_left_out(&mut self, now: UnixTime) {
        if let Some(left_out) = self.auditor.left_out(now) {
            host::log(LogLevel::Warn, &format!("passgate {left_out}"));
            self.stats.count_left_out(left_out);
        }
    }

    /// Whether the timer has to be set anew since this was asked last.
    pub(crate) const fn take_wants_timer(&mut self) -> bool {
        core::mem::replace(&mut self.wants_timer, false)
    }

    /// Shows the version and the policy, the first time that this is called.
    pub(crate) fn show_build(&mut self, config: &Config) {
        if self.build_due.take().is_some() {
            self.stats.show_build(config);
        }
    }

    /// Shows when exemptions end, if that is due: again and again, because another configuration on
    /// its way out takes its numbers with it, and some of them may be ours.
    pub(crate) fn show_exemptions(&mut self, config: &Config, now: UnixTime) {
        if self.exemptions_due.is_some_and(|due| due <= now) {
            self.stats.show_exemptions(config);
            self.exemptions_due = Some(now.saturating_add(EXEMPTIONS_SHOWN_EVERY));
        }
    }

    /// When there is something to tell or to show.
    pub(crate) fn next_wakeup(&self) -> Option<UnixTime> {
        let due = [
            self.auditor.next_wakeup(),
            self.exemptions_due,
            self.build_due,
        ];
        due.into_iter().flatten().min()
    }
}

const EXEMPTIONS_SHOWN_EVERY: Duration = Duration::from_secs(60);
