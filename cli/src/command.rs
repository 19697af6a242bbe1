//! The commands: how each is called, and what it does.

use passgate_arguments::{Asked, Line, Program};
use std::ffi::{OsStr, OsString};

use crate::{
    check, explain, presets, print,
    report::{Format, Report},
    review, revoke,
};

/// What a command does. An error is printed as it is. `None` is a wrong usage.
type Work = fn(&Line) -> Option<Result<Report, String>>;

const USAGE: &str = "\
usage: passgate check FILE...      check configurations; - reads standard input
       passgate explain OPTIONS    judge one request and say why
       passgate print --json FILE  print a configuration as the JSON that Envoy's
                                   StringValue wants
       passgate presets [NAME]     print what presets of evidence prove, as lines, and
                                   what they cannot
       passgate review RECORDS...  print who used which sign-in where, or which roles,
                                   groups and rules nobody uses
       passgate revoke OPTIONS     end what a name names, through the feed
       passgate schema             print the JSON Schema of the configuration
       passgate schema audit       print the JSON Schema of the audit record
       passgate COMMAND --help     say more about a command
       passgate --version          print the version

FILE is JSON or YAML: the configuration itself, an Istio WasmPlugin, an
EnvoyExtensionPolicy, a file of Envoy with the filter in it, or a ConfigMap of these.

exit status: 0 accepted or passed, 1 refused, 2 unreadable or wrong usage
";

/// The arguments where no command is named.
const NONE: Program = program(USAGE, &[]);

const COMMANDS: [(&str, Program, Work); 7] = [
    (
        "check",
        Program {
            flags: &["strict"],
            ..program(CHECK, &["format", "envoy", "tests"])
        },
        check,
    ),
    ("explain", explain::PROGRAM, |line| Some(explain::run(line))),
    ("print", program(PRINT, &["json"]), print),
    ("presets", program(PRESETS, &[]), presets),
    ("review", review::PROGRAM, review::run),
    ("revoke", revoke::PROGRAM, revoke::run),
    ("schema", program(SCHEMA, &[]), schema),
];

const CHECK: &str = "\
usage: passgate check [--strict] [--format text|json|sarif] FILE...
       passgate check [--strict] [--format text|json|sarif] --envoy FILE
       passgate check [--strict] [--format text|json|sarif] --tests TESTS FILE

Says what the proxy would say about each configuration in the files, tries the tests
that it carries, and warns about settings around it. FILE is JSON or YAML: the
configuration itself, an Istio WasmPlugin, an EnvoyExtensionPolicy, a file of Envoy
with the filter in it, or a ConfigMap of these. A FILE of - is standard input. Of a
folder all files are checked that hold a configuration, also those in its folders.

  --envoy FILE     a whole file of Envoy: also names, for each route, the weakest rule
                   that decides about its requests, and what that asks for
  --tests TESTS    also tries the tests in the file TESTS: a document with the member
                   tests for each configuration in FILE
  --strict         a warning refuses, too
  --format json    for programs; sarif for forges that show findings beside a change

exit status: 0 accepted, 1 refused, 2 unreadable or wrong usage
";

const PRINT: &str = "\
usage: passgate print --json FILE

Prints the configuration in the file as the JSON that Envoy's StringValue wants, without
its tests. FILE is what `passgate check` reads.

exit status: 0 printed, 2 unreadable, refused or wrong usage
";

const PRESETS: &str = "\
usage: passgate presets [NAME]

Prints what one preset of evidence proves, or what all of them prove, as the lines that
you could write instead. Also prints what they cannot prove.
";

const SCHEMA: &str = "\
usage: passgate schema          print the JSON Schema of the configuration
       passgate schema audit    print the JSON Schema of the audit record
";

/// A command of passgate. All of them speak in the program's name.
const fn program(usage: &'static str, options: &'static [&'static str]) -> Program {
    Program {
        name: "passgate",
        usage,
        options,
        flags: &[],
    }
}

/// Does what the words behind the program's name say. An error is printed as it is.
pub(crate) fn run(words: &[OsString]) -> Result<Report, String> {
    if let Some((first, rest)) = words.split_first() {
        for (name, program, work) in &COMMANDS {
            if first == name {
                return match program.read(rest.iter().cloned())? {
                    Asked::Text(text) => Ok(Report::printed(text)),
                    Asked::Line(line) => {
                        work(&line).unwrap_or_else(|| Err(program.usage.to_owned()))
                    }
                };
            }
        }
    }
    match NONE.read(words.iter().cloned())? {
        Asked::Text(text) => Ok(Report::printed(text)),
        Asked::Line(line) => match line.words().first() {
            Some(word) if *word == "help" => Ok(Report::printed(USAGE.to_owned())),
            Some(word) => Err(NONE.mistake(&format!("{} is not a command", word.display()))),
            None => Err(USAGE.to_owned()),
        },
    }
}

fn check(line: &Line) -> Option<Result<Report, String>> {
    let format = line
        .value("format")
        .map_or("text".into(), OsStr::to_string_lossy);
    let format = Format::of(&format)?;
    let names = line.words();
    let checked = match (line.value("envoy"), line.value("tests"), names.as_slice()) {
        (None, None, []) => return None,
        (None, None, names) => check::all(names),
        (Some(file), None, []) => check::envoy(file).map(|file| vec![file]),
        (None, Some(tests), [file]) => {
            let tests = check::Beside::read(tests);
            tests.and_then(|tests| Ok(vec![tests.check(file)?]))
        }
        _ => return None,
    };
    Some(checked.map(|files| format.report(&files, line.has("strict"))))
}

fn print(line: &Line) -> Option<Result<Report, String>> {
    match (line.value("json"), line.words().as_slice()) {
        (Some(file), []) => Some(print::json(file)),
        _ => None,
    }
}

fn presets(line: &Line) -> Option<Result<Report, String>> {
    let words = line.words();
    let name = match words.as_slice() {
        [] => None,
        [name] => Some(name.to_string_lossy()),
        _ => return None,
    };
    let text = presets::text(name.as_deref()).map(Report::printed);
    let name = name.unwrap_or_default();
    Some(text.ok_or_else(|| format!("passgate: no preset is named {name}\n")))
}

fn schema(line: &Line) -> Option<Result<Report, String>> {
    let words = line.words();
    let document = match words.as_slice() {
        [] => passgate_core::config_schema(),
        [which] if *which == OsStr::new("audit") => passgate_core::record_schema(),
        _ => return None,
    };
    Some(Ok(Report::printed(format!("{document:#}\n"))))
}
