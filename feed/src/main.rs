//! The feed: events of sign-in systems become lists of revocations that gates fetch.
//!
//! ```text
//! provider -- logout token, security event token --> judge --> store --> list --> gates
//! operator -- entries ------------------------------------------^
//! ```
//!
//! Apart from it, as a process with a configuration of its own, [`credentials`] serves people's
//! passkeys.
//!
//! Four threads: the main one serves HTTP, one judges tokens and fetches keys ([`judge`]), one
//! writes the store ([`store`]), and one the log ([`log`]). What an event does is decided without
//! input or output, in [`event`] and [`list`].

mod admin_api;
mod client;
mod clock;
mod config;
mod credentials;
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
mod tls;
mod watch;

use std::{error::Error, ffi::OsStr, path::Path, process::ExitCode, sync::Arc};

use passgate_arguments::Program;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{Config, Credentials},
    judge::Judge,
    metrics::Metrics,
    store::Store,
};

const PROGRAM: Program = Program {
    name: "passgate-feed",
    usage: "\
usage: passgate-feed FILE           serve what FILE says, until TERM or INT
       passgate-feed credentials FILE
                                    serve people's passkeys, signed: a role of its own
       passgate-feed --check [credentials] FILE
                                    only say whether FILE is accepted
       passgate-feed --new-epoch FILE [--at-least EPOCH]
                                    begin a new epoch in the store, after it was set back or lost
       passgate-feed --carry-over DATABASE_FILE FILE
                                    write what a file of SQLite holds into FILE's PostgreSQL, which
                                    is empty

FILE is YAML; docs/feed.md describes it.
",
    options: &["at-least", "carry-over"],
    flags: &["check", "new-epoch"],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let (check, new_epoch) = (line.has("check"), line.has("new-epoch"));
        let at_least = line.value("at-least");
        let (role, file) = match *line.words() {
            [file] => (Role::Revocations, file),
            [role, file] if role == "credentials" => (Role::Credentials, file),
            _ => return None,
        };
        if let Some(from) = line.value("carry-over") {
            let is_alone = !check && !new_epoch && at_least.is_none();
            let is_of_lists = matches!(role, Role::Revocations);
            return (is_alone && is_of_lists).then(|| carry_over(from, file));
        }
        match (role, check, new_epoch) {
            (Role::Revocations, false, true) => Some(begin_epoch(file, at_least)),
            _ if new_epoch || at_least.is_some() => None,
            (role, true, _) => Some(check_file(role, file)),
            (Role::Revocations, false, _) => Some(serve(file)),
            (Role::Credentials, false, _) => Some(serve_credentials(file)),
        }
    })
}

/// What the program does, and nothing else.
#[derive(Clone, Copy)]
enum Role {
    Revocations,
    Credentials,
}

fn check_file(role: Role, file: &OsStr) -> Result<(), Box<dyn Error>> {
    match role {
        Role::Revocations => drop(Config::load(file)?),
        Role::Credentials => drop(Credentials::load(file)?),
    }
    println!("accepted");
    Ok(())
}

fn begin_epoch(file: &OsStr, at_least: Option<&OsStr>) -> Result<(), Box<dyn Error>> {
    let at_least = at_least.map(|epoch| epoch.to_str().and_then(|epoch| epoch.parse().ok()));
    let at_least = at_least.map(|epoch| epoch.ok_or("--at-least: write a whole number"));
    let config = Config::load(file)?;
    store::begin_epoch(&config, at_least.transpose()?.unwrap_or_default())
}

fn carry_over(from: &OsStr, file: &OsStr) -> Result<(), Box<dyn Error>> {
    store::carry_over(Path::new(from), &Config::load(file)?)?;
    println!("carried over; do not start a feed with the file again");
    Ok(())
}

fn serve(file: &OsStr) -> Result<(), Box<dyn Error>> {
    end_at_a_panic();
    let config = Arc::new(Config::load(file)?);
    let metrics = Arc::new(Metrics::of(&config));
    let (store, writer) = Store::open(&config, &metrics)?;
    let judge = Judge::start(&config, &metrics)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let starting = async {
        let service = Arc::new(http::Service {
            config: Arc::clone(&config),
            metrics,
            store,
            judge,
            refusals: log::Refusals::default(),
            bodies: http::Bodies::of(config.providers.len()),
        });
        poll::start(&service)?;
        watch::start(&service)?;
        http::start(service).await
    };
    runtime.block_on(until_stopped(starting))?;
    drop(runtime);
    // Nobody sends it anything any more: it writes what it has, and ends.
    writer.join().map_err(|_| "the store's thread has failed")?;
    log::info("stopped", &[]);
    log::finish();
    Ok(())
}

fn serve_credentials(file: &OsStr) -> Result<(), Box<dyn Error>> {
    end_at_a_panic();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(until_stopped(credentials::start(file)))?;
    log::info("stopped", &[]);
    log::finish();
    Ok(())
}

/// Starts, and serves until a signal asks to end.
async fn until_stopped(
    starting: impl Future<Output = Result<http::Serving, Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let serving = starting.await?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    log::info("stopping", &[]);
    serving.stop().await;
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
