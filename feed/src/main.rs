//! The feed: events of sign-in systems become lists of revocations that gates fetch.
//!
//! ```text
//! provider -- logout token, security event token --> judge --> store --> list --> gates
//! operator -- entries ------------------------------------------^
//! ```
//!
//! Four threads: the main one serves HTTP, one judges tokens and fetches keys ([`judge`]), one
//! writes the store ([`store`]), and one the log ([`log`]). What an event does is decided without
//! input or output, in [`event`] and [`list`].

mod clock;
mod config;
mod event;
mod fetch;
mod http;
mod judge;
mod list;
mod log;
mod metrics;
mod poll;
mod secret;
mod store;

use std::{error::Error, ffi::OsStr, process::ExitCode, sync::Arc};

use passgate_arguments::Program;
use tokio::signal::unix::{SignalKind, signal};

use crate::{config::Config, judge::Judge, metrics::Metrics, store::Store};

const PROGRAM: Program = Program {
    name: "passgate-feed",
    usage: "\
usage: passgate-feed FILE           serve what FILE says, until TERM or INT
       passgate-feed --check FILE   only say whether FILE is accepted
       passgate-feed --new-epoch FILE [--at-least EPOCH]
                                    begin a new epoch in the store, after it was set back or lost

FILE is YAML; docs/feed.md describes it.
",
    options: &["at-least"],
    flags: &["check", "new-epoch"],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let (check, new_epoch) = (line.has("check"), line.has("new-epoch"));
        let [file] = *line.words() else {
            return None;
        };
        match (check, new_epoch) {
            (false, true) => Some(begin_epoch(file, line.value("at-least"))),
            _ if line.value("at-least").is_some() => None,
            (true, true) => None,
            (true, false) => Some(check_file(file)),
            (false, false) => Some(serve(file)),
        }
    })
}

fn check_file(file: &OsStr) -> Result<(), Box<dyn Error>> {
    Config::load(file)?;
    println!("accepted");
    Ok(())
}

fn begin_epoch(file: &OsStr, at_least: Option<&OsStr>) -> Result<(), Box<dyn Error>> {
    let at_least = at_least.map(|epoch| epoch.to_str().and_then(|epoch| epoch.parse().ok()));
    let at_least = at_least.map(|epoch| epoch.ok_or("--at-least: write a whole number"));
    let config = Config::load(file)?;
    store::begin_epoch(&config, at_least.transpose()?.unwrap_or_default())
}

fn serve(file: &OsStr) -> Result<(), Box<dyn Error>> {
    end_at_a_panic();
    let config = Arc::new(Config::load(file)?);
    let metrics = Arc::new(Metrics::default());
    let (store, writer) = Store::open(&config, &metrics)?;
    let judge = Judge::start(&config, &metrics)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let service = Arc::new(http::Service {
            config: Arc::clone(&config),
            metrics,
            store,
            judge,
            refusals: log::Refusals::default(),
            bodies: http::Bodies::of(config.providers.len()),
        });
        poll::start(&service)?;
        let serving = http::start(service).await?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        log::info("stopping", &[]);
        serving.stop().await;
        Ok::<(), Box<dyn Error>>(())
    })?;
    drop(runtime);
    // Nobody sends it anything any more: it writes what it has, and ends.
    writer.join().map_err(|_| "the store's thread has failed")?;
    log::info("stopped", &[]);
    log::finish();
    Ok(())
}

/// A thread that panics ends the program, however it was built: without it nothing would be
/// written, or judged, and `/readyz` would not say so.
fn end_at_a_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        std::process::abort();
    }));
}
