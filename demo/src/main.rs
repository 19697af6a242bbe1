//! What `make run` starts: an identity provider, a service, and Envoy with the filter between them.
//!
//! ```text
//! passgate-demo --envoy PATH [--func-e PATH] [--config envoy/envoy.yaml] [--module dist/passgate.wasm] [--check]
//! ```
//!
//! It prints requests to try and runs until Ctrl-C. With `--check` it makes those requests itself, once,
//! and its exit code says whether each was answered as announced. The gate listens on `GATE_PORT`
//! (default 8080; 0 means any free port). Nothing listens beyond 127.0.0.1.

mod cases;
mod gate;
mod http;
mod idp;
mod options;
mod ports;
mod upstream;

use crate::cases::Case;
use crate::gate::Gate;
use crate::idp::IdentityProvider;
use crate::options::Options;
use crate::ports::Ports;
use crate::upstream::Upstream;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Errors are for the person at the terminal: text is enough.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passgate-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let (ports, listeners) = Ports::choose()?;
    let provider = IdentityProvider::new(ports.issuer(), ports.gate_url());
    http::serve(listeners.idp, move |request| provider.answer(&request))?;
    let upstream = Upstream::default();
    let service = upstream.clone();
    http::serve(listeners.upstream, move |request| service.answer(&request))?;

    let mut gate = Gate::start(&options, &ports)?;
    let log = gate.log();
    let outcome = tokio::select! {
        outcome = show(&options, &ports, &upstream, &log) => outcome,
        outcome = gate.ended() => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    };
    let stopped = gate.stop().await;
    outcome?;
    stopped?;
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
    println!("\npassgate guards      {}", ports.gate_url());
    println!("identity provider    {}/token", ports.issuer());
    println!("Envoy's admin page   http://127.0.0.1:{}\n", ports.admin);
    println!("Try, in another terminal:\n");
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
