//! What `make run` starts: an identity provider, a service, Envoy with the filter between them, and
//! the feed, by which the provider ends sessions.
//!
//! ```text
//! passgate-demo --envoy PATH [--func-e PATH] [--config envoy/envoy.yaml] [--module
//! dist/passgate.wasm] [--check]
//! ```
//!
//! The page at the gate shows a sign-in with a passkey and what the gate makes of it. The program
//! also prints requests to try without a browser and runs until Ctrl-C. With `--check` it makes
//! those requests itself, once, and its exit code says whether each was answered as announced. The
//! gate listens on `GATE_PORT` (default 8080; 0 means any free port). Nothing listens beyond
//! 127.0.0.1.

mod agents;
mod cases;
mod feed;
mod gate;
mod http;
mod options;
mod ports;
mod provider;
mod site;
mod upstream;

use crate::cases::Case;
use crate::feed::Feed;
use crate::gate::Gate;
use crate::options::{Options, PROGRAM};
use crate::ports::Ports;
use crate::provider::Provider;
use crate::site::Site;
use crate::upstream::Upstream;
use passgate_arguments::Asked;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Errors are for the person at the terminal: text is enough.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = match PROGRAM.read(std::env::args_os().skip(1)) {
        Ok(Asked::Line(line)) => Options::of(&line),
        Ok(Asked::Text(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => Err(mistake.into()),
    };
    let options = match options {
        Ok(options) => options,
        Err(mistake) => {
            eprint!("{mistake}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passgate-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let (ports, listeners) = Ports::choose()?;
    let feed = Feed::start(&ports).await?;
    let provider = Provider::new(&ports, feed.wire.clone())?;
    let upstream = Upstream::default();
    let log = gate::Log::default();
    let site = Site::new(
        provider.clone(),
        upstream.clone(),
        log.clone(),
        &ports,
        gate::rules(&options)?,
    );
    http::serve(listeners.idp, move |request| {
        std::future::ready(provider.answer(&request))
    })?;
    http::serve(listeners.upstream, move |request| {
        let site = site.clone();
        async move { site.answer(&request).await }
    })?;

    let mut gate = Gate::start(&options, &ports, feed.port, log.clone())?;
    let outcome = tokio::select! {
        outcome = show(&options, &ports, &upstream, &log) => outcome,
        outcome = gate.ended() => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    let stopped = gate.stop().await;
    let feed_stopped = feed.stop().await;
    outcome?;
    stopped?;
    feed_stopped?;
    match log.find(&passgate_kit::minted()) {
        Some(line) => Err(format!("Envoy's log holds a token: {line}").into()),
        None => Ok(()),
    }
}

/// With `--check` ends when all cases were tried; else prints them and never ends.
async fn show(
    options: &Options,
    ports: &Ports,
    upstream: &Upstream,
    log: &gate::Log,
) -> Result<()> {
    if let Err(error) = timeout(START_TIMEOUT, gate_answers(ports)).await {
        return Err(format!(
            "the gate did not answer in time ({error}){}",
            log.last_lines()
        )
        .into());
    }
    let cases = cases::all();
    if options.check {
        check(&cases, ports, upstream, log).await
    } else {
        announce(&cases, ports);
        log.print_from_now_on();
        std::future::pending().await
    }
}

async fn gate_answers(ports: &Ports) {
    loop {
        match http::get(ports.gate, cases::PUBLIC_PATH, &[]).await {
            Ok(response) if response.status() == 200 => return,
            _ => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn announce(cases: &[Case], ports: &Ports) {
    println!("\nOpen in a browser    {}", ports.gate_url());
    println!(
        "identity provider    {}/.well-known/openid-configuration",
        ports.issuer()
    );
    println!("Envoy's admin page   http://127.0.0.1:{}\n", ports.admin);
    println!("Or try, in another terminal:\n");
    for case in cases {
        println!(
            "# {}: {}\n{}\n",
            case.title,
            case.expectation(),
            case.curl(ports)
        );
    }
    println!("Ctrl-C stops everything. What Envoy logs follows.\n");
}

async fn check(cases: &[Case], ports: &Ports, upstream: &Upstream, log: &gate::Log) -> Result<()> {
    let mut failures = 0_usize;
    for case in cases {
        match case.check(ports, upstream).await {
            Ok(()) => println!("ok      {}: {}", case.title, case.expectation()),
            Err(error) => {
                failures = failures.saturating_add(1);
                println!("FAILED  {}: {error}", case.title);
            }
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(format!(
            "{failures} of {} cases failed{}",
            cases.len(),
            log.last_lines()
        )
        .into()),
    }
}

const START_TIMEOUT: Duration = Duration::from_secs(30);
