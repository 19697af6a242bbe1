//! `passgate check FILE` says before deployment what the proxy would say; `passgate presets` what presets stand for.

mod check;
mod find;
mod presets;
mod yaml;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

const USAGE: &str = "\
usage: passgate check FILE     check a configuration; - reads standard input
       passgate presets [NAME] print what presets of evidence prove, as lines, and what they cannot
       passgate schema         print the JSON Schema of the configuration
       passgate schema audit   print the JSON Schema of the audit record

FILE is JSON or YAML: the configuration itself, an Istio WasmPlugin, or a file of
Envoy with the filter in it.

exit status: 0 accepted, 1 refused, 2 unreadable or wrong usage
";

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let words: Vec<Option<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
    let result = match (words.as_slice(), arguments.as_slice()) {
        ([Some("check"), _], [_, file]) => check::file(file),
        ([Some("presets")], _) => presets::text(None)
            .map(print)
            .ok_or_else(|| USAGE.to_owned()),
        ([Some("presets"), Some(name)], _) => presets::text(Some(name))
            .map(print)
            .ok_or_else(|| format!("passgate: no preset is named {name}\n")),
        ([Some("schema")], _) => Ok(check::Report {
            text: schema(&passgate_core::config::schema()),
            accepted: true,
        }),
        ([Some("schema"), Some("audit")], _) => Ok(check::Report {
            text: schema(&passgate_core::audit::schema()),
            accepted: true,
        }),
        ([Some("help" | "--help" | "-h")], _) => Ok(check::Report {
            text: USAGE.to_owned(),
            accepted: true,
        }),
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

fn print(text: String) -> check::Report {
    check::Report {
        text,
        accepted: true,
    }
}

const REFUSED: u8 = 1;
const UNREADABLE: u8 = 2;

/// A JSON Schema, as it is shipped.
fn schema(document: &serde_json::Value) -> String {
    format!("{document:#}\n")
}
