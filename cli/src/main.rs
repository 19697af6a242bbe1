//! `passgate`: what the proxy would say, before it says it.

mod check;
mod explain;
mod find;
mod foreign;
mod manager;
mod off;
mod presets;
mod print;
mod sign;
mod yaml;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use passgate_core::{
    UnixTime,
    config::{Config, InvalidConfig},
};

const USAGE: &str = "\
usage: passgate check FILE         check a configuration; - reads standard input
       passgate explain OPTIONS    judge one request and say why
       passgate print --json FILE  print a configuration as the JSON that Envoy's
                                   StringValue wants
       passgate presets [NAME]     print what presets of evidence prove, as lines, and
                                   what they cannot
       passgate schema             print the JSON Schema of the configuration
       passgate schema audit       print the JSON Schema of the audit record
       passgate --version          print the version

FILE is JSON or YAML: the configuration itself, an Istio WasmPlugin, an
EnvoyExtensionPolicy, a file of Envoy with the filter in it, or a ConfigMap of these.

options of explain:
  --config FILE                 the configuration
  --request 'GET /payments'     the request; a whole URL names the host too
  --token TOKEN | --token -     the token, or - to read it from standard input,
                                where no history of a shell keeps it
  --claims FILE                 instead: claims as JSON, as if they were signed
  --jwks FILE                   the provider's keys, to check the signature with
  --at 2027-06-30T12:00:00Z     the time, with its offset, or in seconds since 1970;
                                default: now

exit status: 0 accepted or passed, 1 refused, 2 unreadable or wrong usage
";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let words: Vec<Option<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
    let printed = |text: String| {
        Ok(check::Report {
            text,
            accepted: true,
        })
    };
    let wants_help = words
        .iter()
        .any(|word| matches!(word, Some("--help" | "-h")));
    let result = match (words.as_slice(), arguments.as_slice()) {
        _ if wants_help => printed(USAGE.to_owned()),
        ([Some("help")], _) => printed(USAGE.to_owned()),
        ([Some("--version" | "-V")], _) => {
            printed(format!("passgate {}\n", passgate_core::VERSION))
        }
        ([Some("check"), _], [_, file]) => check::file(file),
        ([Some("explain"), ..], [_, options @ ..]) => explain::run(options),
        ([Some("print"), Some("--json"), _], [.., file]) => print::json(file),
        ([Some("presets")], _) => {
            presets::text(None).map_or_else(|| Err(USAGE.to_owned()), printed)
        }
        ([Some("presets"), Some(name)], _) => presets::text(Some(name)).map_or_else(
            || Err(format!("passgate: no preset is named {name}\n")),
            printed,
        ),
        ([Some("schema")], _) => printed(schema(&passgate_core::config::schema())),
        ([Some("schema"), Some("audit")], _) => printed(schema(&passgate_core::audit::schema())),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(report) => match io::stdout().write_all(report.text.as_bytes()) {
            Ok(()) if report.accepted => ExitCode::SUCCESS,
            Ok(()) => ExitCode::from(REFUSED),
            Err(_) => ExitCode::from(UNREADABLE),
        },
        Err(message) => {
            // Nothing is left to be told if this fails too.
            let _ = io::stderr().write_all(message.as_bytes());
            ExitCode::from(UNREADABLE)
        }
    }
}

const REFUSED: u8 = 1;
const UNREADABLE: u8 = 2;

/// A configuration as the filter would read it. Secrets stay where the filter runs: each stands for itself here.
fn parse(bytes: &[u8]) -> Result<Config, Vec<InvalidConfig>> {
    Config::parse_with(bytes, &|name| {
        Some(format!("the value of the variable {name}"))
    })
}

/// The time on this machine.
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map(|since| since.as_millis()).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// A JSON Schema, as it is shipped.
fn schema(document: &serde_json::Value) -> String {
    format!("{document:#}\n")
}
