//! `passgate`: what the proxy would say, before it says it.

mod attachment;
mod blinded;
mod check;
mod clusters;
mod command;
mod doors;
mod explain;
mod files;
mod find;
mod foreign;
mod lock;
mod manager;
mod mcp;
mod mesh;
mod neighbours;
mod off;
mod peers;
mod presets;
mod print;
mod reach;
mod read;
mod reading;
mod report;
mod review;
mod revoke;
mod routes;
mod rule_names;
mod sign;
mod text;
mod trial;
mod turn;
mod unfilled;
mod unseen;
mod upstream;
mod yaml;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use passgate_core::{Config, InvalidConfig, UnixTime};

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    match command::run(&words) {
        Ok(report) => match io::stdout().write_all(report.text.as_bytes()) {
            Ok(()) if report.accepted => ExitCode::SUCCESS,
            Ok(()) => ExitCode::from(REFUSED),
            Err(_) => ExitCode::from(UNREADABLE),
        },
        Err(message) => {
            // Nothing is left to be told if this fails too.
            let message = text::line_by_line(&message);
            let _ = io::stderr().write_all(message.as_bytes());
            ExitCode::from(UNREADABLE)
        }
    }
}

const REFUSED: u8 = 1;
const UNREADABLE: u8 = 2;

/// A configuration as the filter would read it. Secrets stay where the filter runs: something else
/// stands for each here.
fn parse(bytes: &[u8]) -> Result<Config, Vec<InvalidConfig>> {
    Config::parse_with(bytes, &|name| Some(passgate_core::explain::stand_in(name)))
}

/// The time on this machine.
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map(|since| since.as_millis()).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
