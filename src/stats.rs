//! Counters and gauges: one for each code of the core, and for each provider of the configuration and word of the
//! core, and no others, so that traffic cannot make new ones.
//!
//! Envoy adds all workers up. So a gauge that says how the keys are counts the threads for which they are so.

use std::collections::HashMap;

use passgate_core::{
    AuditRecord, Config, Tally, UnixTime, VERSION,
    audit::{Counters, LeftOut},
    jwks::{Report, State},
};

use crate::host::{self, Metric};

/// Numbers of the metrics that were used so far, and what this worker has added to gauges.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    verdicts: Counters,
    keys: HashMap<String, u32>,
    shown: HashMap<String, Shown>,
    exemptions: Vec<u32>,
    remembered: Option<[u32; 2]>,
    build: Option<u32>,
}

/// What this worker has added to the gauges of a provider.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    state: Option<State>,
    waiting: i64,
    skipped: i64,
}

impl Stats {
    /// Counts a verdict; [`Counters`] says under which name.
    pub(crate) fn count(&mut self, record: &AuditRecord, config: &Config) {
        let define = |name: &str| host::define_metric(Metric::Counter, name).ok();
        if let Some(counter) = self.verdicts.number(record, config.providers(), define) {
            host::add(counter, 1);
        }
    }

    /// Counts lines that the log has left out, under `passgate.audit.lines_left_out`.
    pub(crate) fn count_left_out(&mut self, LeftOut(lines): LeftOut) {
        let name = "passgate.audit.lines_left_out";
        if let Ok(counter) = host::define_metric(Metric::Counter, name) {
            host::add(counter, i64::try_from(lines).unwrap_or(i64::MAX));
        }
    }

    /// Counts a host that failed to check a signature, under `passgate.host_crypto.lost`.
    pub(crate) fn count_lost_host(&mut self) {
        if let Ok(counter) = host::define_metric(Metric::Counter, "passgate.host_crypto.lost") {
            host::add(counter, 1);
        }
    }

    /// Counts tokens that were remembered and signatures that were checked, under `passgate.remembered`.
    pub(crate) fn count_remembered(&mut self, tally: Tally) {
        let define = |name| host::define_metric(Metric::Counter, name).ok();
        if self.remembered.is_none() {
            self.remembered = define("passgate.remembered.hits")
                .zip(define("passgate.remembered.misses"))
                .map(|(hits, misses)| [hits, misses]);
        }
        let numbers = [tally.hits, tally.misses];
        for (counter, number) in self.remembered.iter().flatten().zip(numbers) {
            if number > 0 {
                host::add(*counter, i64::try_from(number).unwrap_or(i64::MAX));
            }
        }
    }

    /// Shows the keys of a provider, and how many requests wait for them, under `passgate.keys.provider.<name>`.
    pub(crate) fn show(&mut self, report: &Report<'_>, waiting: usize, now: UnixTime) {
        let provider = report.provider;
        for (target, outcome) in &report.fetches {
            let words = [target.name(), outcome.name()];
            self.add(Metric::Counter, provider, &words, 1);
        }
        if report.unknown_kids > 0 {
            let unknown = i64::try_from(report.unknown_kids).unwrap_or(i64::MAX);
            self.add(Metric::Counter, provider, &["unknown_kids"], unknown);
        }
        if let Some(age) = report.age
            && let Some(gauge) = self.metric(Metric::Gauge, provider, &["confirmed_at_seconds"])
        {
            host::record(gauge, now.saturating_sub(age).as_secs());
        }
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        let now = Shown {
            state: Some(report.state),
            waiting: number(waiting),
            skipped: number(report.skipped),
        };
        self.update(provider, now);
    }

    /// Shows when each dated exemption ends, in seconds since the epoch, under
    /// `passgate.exemptions.rule.<index>.ends_at_seconds`. All workers write the same number.
    pub(crate) fn show_exemptions(&mut self, ends: impl Iterator<Item = (usize, UnixTime)>) {
        self.exemptions.clear();
        for (rule, end) in ends {
            let name = format!("passgate.exemptions.rule.{rule}.ends_at_seconds");
            if let Ok(gauge) = host::define_metric(Metric::Gauge, &name) {
                host::record(gauge, end.as_secs());
                self.exemptions.push(gauge);
            }
        }
    }

    /// Shows the version, once, under `passgate.build.version.<version>`: how many threads run it.
    pub(crate) fn show_build(&mut self) {
        let name = format!("passgate.build.version.{VERSION}");
        if self.build.is_none()
            && let Ok(gauge) = host::define_metric(Metric::Gauge, &name)
        {
            host::add(gauge, 1);
            self.build = Some(gauge);
        }
    }

    /// Takes back what this worker has added to gauges: its configuration is gone.
    pub(crate) fn retire(&mut self) {
        for gauge in self.exemptions.drain(..) {
            host::record(gauge, 0);
        }
        if let Some(gauge) = self.build.take() {
            host::add(gauge, -1);
        }
        let providers: Vec<String> = self.shown.keys().cloned().collect();
        for provider in providers {
            self.update(&provider, Shown::default());
        }
    }

    fn update(&mut self, provider: &str, now: Shown) {
        let shown = self.shown.get(provider).copied().unwrap_or_default();
        if shown.state != now.state {
            for (state, change) in [(shown.state, -1), (now.state, 1)] {
                if let Some(state) = state {
                    self.add(Metric::Gauge, provider, &["state", state.name()], change);
                }
            }
        }
        for (name, before, after) in [
            ("waiting", shown.waiting, now.waiting),
            ("skipped", shown.skipped, now.skipped),
        ] {
            let change = after.saturating_sub(before);
            if change != 0 {
                self.add(Metric::Gauge, provider, &[name], change);
            }
        }
        self.shown.insert(provider.to_owned(), now);
    }

    fn add(&mut self, metric: Metric, provider: &str, words: &[&str], offset: i64) {
        if let Some(metric) = self.metric(metric, provider, words) {
            host::add(metric, offset);
        }
    }

    fn metric(&mut self, metric: Metric, provider: &str, words: &[&str]) -> Option<u32> {
        let name = format!("passgate.keys.provider.{provider}.{}", words.join("."));
        if let Some(known) = self.keys.get(&name) {
            return Some(*known);
        }
        let defined = host::define_metric(metric, &name).ok()?;
        self.keys.insert(name, defined);
        Some(defined)
    }
}
