//! Counters and gauges: one for each code of the core, and for each provider of the configuration
//! and word of the core, and no others, so that traffic cannot make new ones.
//!
//! Envoy adds all workers up. So a gauge that says how the keys are counts the threads for which
//! they are so.

use passgate_core::{AuditRecord, Config, Counters, LeftOut, Measure, Number, Tally, VERSION};

use crate::host::{self, Metric};

/// Numbers of the metrics that were used so far, and what this worker has added to gauges.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    verdicts: Counters,
    /// Metrics about providers, sorted by their names.
    known: Vec<Known>,
    exemptions: Vec<u32>,
    remembered: Option<[u32; 2]>,
    build: Vec<u32>,
    /// About proofs, by what they count.
    proofs: Vec<(&'static str, u32)>,
}

/// A metric of the host's.
#[derive(Debug)]
struct Known {
    name: String,
    /// The host's number of it.
    number: u32,
    /// What this worker has added to it, if it is a level.
    added: i64,
}

impl Stats {
    /// Counts a verdict; [`Counters`] says under which name.
    pub(crate) fn count(&mut self, record: &AuditRecord, config: &Config) {
        let define = |name: &str| host::define_metric(Metric::Counter, name).ok();
        let labels = (config.providers(), config.audit().labels);
        if let Some(counter) = self.verdicts.number(record, labels, define) {
            host::add(counter, 1);
        }
    }

    /// Counts a proof of possession under `passgate.proofs.<what>`: its kind if it counted.
    pub(crate) fn count_proof(&mut self, what: &'static str) {
        let of_kind = |(other, _): &&(&str, u32)| *other == what;
        if self.proofs.iter().find(of_kind).is_none() {
            let name = format!("passgate.proofs.{what}");
            let counter = host::define_metric(Metric::Counter, &name);
            self.proofs
                .extend(counter.ok().map(|counter| (what, counter)));
        }
        if let Some((_, counter)) = self.proofs.iter().find(of_kind) {
            host::add(*counter, 1);
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

    /// Counts tokens that were remembered and signatures that were checked, under
    /// `passgate.remembered`.
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

    /// Shows what there is to say about something of a provider now, under
    /// `passgate.<about>.provider.<name>`.
    pub(crate) fn show(&mut self, about: &str, provider: &str, measures: &[Measure]) {
        for Measure { name, value } in measures {
            let name = format!("passgate.{about}.provider.{provider}.{name}");
            match *value {
                Number::Count(count) => {
                    if let Some(known) = self.known(Metric::Counter, &name) {
                        host::add(known.number, signed(count));
                    }
                }
                Number::Since(time) => {
                    if let Some(known) = self.known(Metric::Gauge, &name) {
                        host::record(known.number, time.as_secs());
                    }
                }
                Number::Is(number) => {
                    if let Some(known) = self.known(Metric::Gauge, &name) {
                        host::record(known.number, number);
                    }
                }
                Number::Level(0) if self.place(&name).is_err() => {}
                Number::Level(level) => {
                    if let Some(known) = self.known(Metric::Gauge, &name) {
                        known.bring_to(signed(level));
                    }
                }
            }
        }
    }

    /// Shows when each dated exemption ends, in seconds since the epoch, under
    /// `passgate.exemptions.rule.<name or index>.ends_at_seconds`. All workers write the same
    /// number.
    pub(crate) fn show_exemptions(&mut self, config: &Config) {
        self.exemptions.clear();
        for (rule, end) in config.exemption_ends() {
            let rule = config.rule_label(rule);
            let name = format!("passgate.exemptions.rule.{rule}.ends_at_seconds");
            if let Ok(gauge) = host::define_metric(Metric::Gauge, &name) {
                host::record(gauge, end.as_secs());
                self.exemptions.push(gauge);
            }
        }
    }

    /// Shows the version and the policy, once, under `passgate.build.version.<version>` and
    /// `passgate.policy.hash.<hash>`: how many threads run them.
    pub(crate) fn show_build(&mut self, config: &Config) {
        if !self.build.is_empty() {
            return;
        }
        for (what, text) in [("build.version", VERSION), ("policy.hash", config.hash())] {
            let name = ["passgate.", what, ".", text].concat();
            if let Ok(gauge) = host::define_metric(Metric::Gauge, &name) {
                host::add(gauge, 1);
                self.build.push(gauge);
            }
        }
    }

    /// Takes back what this worker has added to gauges: its configuration is gone.
    pub(crate) fn retire(&mut self) {
        for gauge in self.exemptions.drain(..) {
            host::record(gauge, 0);
        }
        for gauge in self.build.drain(..) {
            host::add(gauge, -1);
        }
        for known in &mut self.known {
            known.bring_to(0);
        }
    }

    fn known(&mut self, metric: Metric, name: &str) -> Option<&mut Known> {
        let place = match self.place(name) {
            Ok(place) => place,
            Err(place) => {
                let known = Known {
                    name: name.to_owned(),
                    number: host::define_metric(metric, name).ok()?,
                    added: 0,
                };
                self.known.insert(place, known);
                place
            }
        };
        self.known.get_mut(place)
    }

    /// The place of a metric among those that are known, or where it would stand.
    fn place(&self, name: &str) -> Result<usize, usize> {
        let of_known = |known: &Known| known.name.as_str().cmp(name);
        self.known.binary_search_by(of_known)
    }
}

impl Known {
    /// Brings what this worker adds to a gauge to this level.
    fn bring_to(&mut self, level: i64) {
        let change = level.saturating_sub(self.added);
        if change != 0 {
            host::add(self.number, change);
            self.added = level;
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
