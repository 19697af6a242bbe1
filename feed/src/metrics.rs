//! What an operator may want to measure: names and labels of a fixed set, and numbers, in the text
//! format of Prometheus.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{config::Config, log};

/// All counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By name and labels, as they are written.
    counts: Mutex<BTreeMap<(&'static str, String), u64>>,
    /// When the last event of a provider was taken, in seconds since 1970.
    last: Mutex<BTreeMap<String, u64>>,
    /// How many tokens of a provider are remembered.
    remembered: Mutex<BTreeMap<String, u64>>,
    store_fails: AtomicBool,
}

/// What each name means.
const HELP: [(&str, &str, &str); 18] = [
    (
        "passgate_feed_events_total",
        "counter",
        "Events by provider, kind and outcome.",
    ),
    (
        "passgate_feed_key_fetches_total",
        "counter",
        "Fetches of key sets by provider and outcome.",
    ),
    (
        "passgate_feed_polls_total",
        "counter",
        "Polls for events by provider and outcome.",
    ),
    (
        "passgate_feed_admin_polls_total",
        "counter",
        "Questions to the admin API of a provider by outcome.",
    ),
    (
        "passgate_feed_requests_total",
        "counter",
        "Requests by what was asked for and status.",
    ),
    (
        "passgate_feed_bytes_served_total",
        "counter",
        "Bytes of lists that gates were sent.",
    ),
    (
        "passgate_feed_last_event_seconds",
        "gauge",
        "When an event of a provider was taken last, or its list began, in seconds since 1970.",
    ),
    (
        "passgate_feed_remembered_tokens",
        "gauge",
        "Tokens of a provider that are remembered, so that each counts once.",
    ),
    (
        "passgate_feed_unremembered_tokens_total",
        "counter",
        "Tokens that were taken and not remembered, by provider.",
    ),
    (
        "passgate_feed_entries",
        "gauge",
        "Entries of a provider's list.",
    ),
    (
        "passgate_feed_entries_bytes",
        "gauge",
        "Bytes that they take in the document.",
    ),
    (
        "passgate_feed_sequence",
        "gauge",
        "Edition of a provider's list.",
    ),
    (
        "passgate_feed_store_fails",
        "gauge",
        "1 while the store cannot be written.",
    ),
    (
        "passgate_feed_certificate_reloads_total",
        "counter",
        "Certificates of our own that have changed, by what came of it.",
    ),
    (
        "passgate_feed_failed_handshakes_total",
        "counter",
        "Connections that did not agree on TLS, by address.",
    ),
    (
        "passgate_feed_dropped_lines_total",
        "counter",
        "Log lines that nobody read in time.",
    ),
    (
        "passgate_feed_credential_answers_total",
        "counter",
        "Questions about a person's passkeys by provider and outcome.",
    ),
    (
        "passgate_feed_credentials_skipped_total",
        "counter",
        "Passkeys that no gate could read, or that were too many, by provider.",
    ),
];

impl Metrics {
    /// All at zero: what an alert looks for is there before it happens, so that once is seen.
    pub(crate) fn of(config: &Config) -> Self {
        let this = Self::default();
        for provider in &config.providers {
            for outcome in ["refused", "early", "late", "unavailable", "busy"] {
                let name = ("provider", &*provider.name);
                let labels = [name, ("kind", "unread"), ("outcome", outcome)];
                this.add("passgate_feed_events_total", &labels, 0);
            }
        }
        for outcome in ["ok", "failed"] {
            let labels = [("outcome", outcome)];
            this.add("passgate_feed_certificate_reloads_total", &labels, 0);
        }
        this
    }

    /// Counts one.
    pub(crate) fn count(&self, name: &'static str, labels: &[(&str, &str)]) {
        self.add(name, labels, 1);
    }

    /// Counts so many.
    pub(crate) fn add(&self, name: &'static str, labels: &[(&str, &str)], more: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((name, written(labels))).or_default();
        *count = count.saturating_add(more);
    }

    /// An event of a provider was taken last in this second since 1970.
    pub(crate) fn set_heard(&self, provider: &str, at: u64) {
        set(&self.last, provider, at);
    }

    pub(crate) fn set_remembered(&self, provider: &str, tokens: u64) {
        set(&self.remembered, provider, tokens);
    }

    pub(crate) fn set_store_fails(&self, fails: bool) {
        self.store_fails.store(fails, Ordering::Relaxed);
    }

    /// All of it, with what the lists are now: provider, entries, bytes, sequence.
    pub(crate) fn exposed(&self, lists: &[(&str, usize, usize, u64)]) -> String {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let mut rows = self
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (provider, entries, bytes, sequence) in lists {
            let labels = written(&[("provider", provider)]);
            rows.insert(("passgate_feed_entries", labels.clone()), number(*entries));
            rows.insert(
                ("passgate_feed_entries_bytes", labels.clone()),
                number(*bytes),
            );
            rows.insert(("passgate_feed_sequence", labels), *sequence);
        }
        for (name, values) in [
            ("passgate_feed_last_event_seconds", &self.last),
            ("passgate_feed_remembered_tokens", &self.remembered),
        ] {
            for (provider, value) in &*values.lock().unwrap_or_else(PoisonError::into_inner) {
                rows.insert((name, written(&[("provider", provider)])), *value);
            }
        }
        let dropped = ("passgate_feed_dropped_lines_total", String::new());
        rows.insert(dropped, log::dropped());
        let fails = u64::from(self.store_fails.load(Ordering::Relaxed));
        rows.insert(("passgate_feed_store_fails", String::new()), fails);
        let mut text = String::new();
        for (name, kind, help) in HELP {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for ((_, labels), value) in rows.iter().filter(|((other, _), _)| *other == name) {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

fn set(values: &Mutex<BTreeMap<String, u64>>, provider: &str, value: u64) {
    let mut values = values.lock().unwrap_or_else(PoisonError::into_inner);
    match values.get_mut(provider) {
        Some(held) => *held = value,
        None => drop(values.insert(provider.to_owned(), value)),
    }
}

/// Labels as they are written. Their values are names of the configuration and words of this
/// program: none needs to be escaped.
fn written(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    format!("{{{}}}", labels.join(","))
}
