//! The log: one JSON object a line, on standard error. Nothing secret and no name of a person
//! stands in it.
//!
//! A thread of its own writes it. If nobody reads standard error, lines are dropped and counted,
//! and nothing else waits.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use crate::clock;

/// A line, or whom to tell that all before it is written.
enum Line {
    Text(String),
    Until(Sender<()>),
}

/// Most lines that wait to be written.
const WAITING: usize = 1_024;
/// So many events of a provider that are not taken have a line, each second.
const REFUSED_A_SECOND: u64 = 10;
/// How long the end waits until the log is written.
const PATIENCE: Duration = Duration::from_secs(1);

static LINES: OnceLock<SyncSender<Line>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Something that is worth a line.
pub(crate) fn info(what: &str, members: &[(&str, &str)]) {
    write("info", what, members);
}

/// Something that an operator should look into.
pub(crate) fn warn(what: &str, members: &[(&str, &str)]) {
    write("warn", what, members);
}

/// How many lines were dropped.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Waits, for a while, until all that was said is written.
pub(crate) fn finish() {
    let Some(lines) = LINES.get() else { return };
    let (told, is_written) = channel();
    let mut last = Line::Until(told);
    let began = Instant::now();
    while let Err(TrySendError::Full(line)) = lines.try_send(last) {
        if began.elapsed() > PATIENCE {
            return;
        }
        last = line;
        thread::sleep(Duration::from_millis(10));
    }
    // Nobody reads it: then there is nobody to tell.
    let _ = is_written.recv_timeout(PATIENCE.saturating_sub(began.elapsed()));
}

/// The lines about events that are not taken, or were before: anybody can cause them.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<String, Second>>);

/// What a provider had in this second.
#[derive(Debug)]
struct Second {
    began: Instant,
    lines: u64,
    left_out: u64,
}

impl Refusals {
    /// An event of this provider is not taken. A line says how many had none before it.
    pub(crate) fn warn(&self, provider: &str, what: &str, members: &[(&str, &str)]) {
        self.write("warn", (provider, what), members);
    }

    /// An event of this provider was taken before.
    pub(crate) fn info(&self, provider: &str, what: &str, members: &[(&str, &str)]) {
        self.write("info", (provider, what), members);
    }

    fn write(&self, level: &str, (provider, what): (&str, &str), members: &[(&str, &str)]) {
        let Some(left_out) = self.next(provider, Instant::now()) else {
            return;
        };
        let left_out = left_out.to_string();
        let told = [("left_out", &*left_out)];
        let told: &[_] = if left_out == "0" { &[] } else { &told };
        write(level, what, &[members, told].concat());
    }

    /// How many had no line since the last one; `None`: this one has none either.
    fn next(&self, provider: &str, now: Instant) -> Option<u64> {
        let mut seconds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seconds.contains_key(provider) {
            let second = Second {
                began: now,
                lines: 0,
                left_out: 0,
            };
            seconds.insert(provider.to_owned(), second);
        }
        let second = seconds.get_mut(provider)?;
        if now.saturating_duration_since(second.began) >= Duration::from_secs(1) {
            (second.began, second.lines) = (now, 0);
        }
        if second.lines >= REFUSED_A_SECOND {
            second.left_out = second.left_out.saturating_add(1);
            return None;
        }
        second.lines = second.lines.saturating_add(1);
        Some(core::mem::take(&mut second.left_out))
    }
}

fn write(level: &str, what: &str, members: &[(&str, &str)]) {
    let time = clock::now().as_millis();
    let mut line = Map::new();
    line.insert("time_unix_ms".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("message".to_owned(), what.into());
    for (name, value) in members {
        line.insert((*name).to_owned(), shown(value).into());
    }
    let mut line = Value::Object(line).to_string();
    line.push('\n');
    if LINES.get_or_init(start).try_send(Line::Text(line)).is_err() {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn start() -> SyncSender<Line> {
    let (sender, lines) = sync_channel(WAITING);
    let thread = thread::Builder::new().name("log".to_owned());
    // Without the thread all lines are dropped, and counted.
    let _ = thread.spawn(move || write_all(&lines));
    sender
}

fn write_all(lines: &Receiver<Line>) {
    for line in lines {
        match line {
            // There is nobody to tell that the log cannot be written.
            Line::Text(text) => drop(std::io::stderr().lock().write_all(text.as_bytes())),
            Line::Until(told) => drop(told.send(())),
        }
    }
}

/// Text of others, cut.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refused_events_makes_ten_lines_a_second_for_each_provider() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let mut lines = 0;
        for _ in 0..1_000 {
            lines += u64::from(refusals.next("acme", start).is_some());
        }
        assert_eq!(lines, 10);
        assert_eq!(refusals.next("other", start), Some(0), "has its own");
        let later = start + Duration::from_secs(1);
        assert_eq!(refusals.next("acme", later), Some(990));
        assert_eq!(refusals.next("acme", later), Some(0));
    }
}
