//! `passgate review`: what records say for an access review. Who used which assurance where; and
//! which names of a policy nobody has, or nothing uses.

mod findings;
mod rows;

use core::hash::BuildHasher as _;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    hash::RandomState,
    io::{self, BufRead, BufReader},
};

use passgate_arguments::{Line, Program};
use serde_json::Value;

use crate::{find, report::Report};

pub(crate) const PROGRAM: Program = Program {
    name: "passgate",
    usage: USAGE,
    options: &["policy", "groups", "claim"],
    flags: &[],
};

const USAGE: &str = "\
usage: passgate review RECORDS...
       passgate review --policy FILE [--groups FILE [--claim NAME]] RECORDS...

Reads audit records for an access review. RECORDS are access logs whose entries have the
record as `audit`, logs with lines `passgate {...}`, or records, one a line. A file of -
is standard input.

Prints who used which assurance where, as CSV: one row for each caller, rule, decision
and set of facts, with the number of requests, and the first and the last of them.

  --policy FILE  prints instead which roles no rule wants, and which roles, products and
                 rules nobody had or passed in these records
  --groups FILE  also which groups of your directory the policy does not name, and which
                 groups it names that are not there or empty: one a line, with the number
                 of members behind a comma if you have it
  --claim NAME   the claim that holds groups; dots nest. Default: groups

exit status: 0 printed, 2 unreadable or wrong usage
";

/// The newest version of the record that is read.
const VERSION: u64 = 3;

/// `None` is a wrong usage.
pub(crate) fn run(line: &Line) -> Option<Result<Report, String>> {
    let names = line.words();
    let groups = line.value("groups");
    if names.is_empty() || (line.value("policy").is_none() && groups.is_some()) {
        return None;
    }
    if line.value("claim").is_some() && groups.is_none() {
        return None;
    }
    let claim = line.value("claim").unwrap_or(OsStr::new("groups"));
    let claim = claim.to_string_lossy().into_owned();
    let told = match line.value("policy") {
        None => rows::table(&names),
        Some(policy) => policy_of(policy).and_then(|config| {
            let groups = groups.map(|name| text(name).map(|text| (name, text)));
            findings::findings(&config, groups.transpose()?, &claim, &names)
        }),
    };
    Some(told.map(Report::printed))
}

fn policy_of(name: &OsStr) -> Result<passgate_core::Config, String> {
    let bytes = find::only_configuration(name)?;
    crate::parse(&bytes).map_err(|problems| {
        let lines = problems.iter().map(|problem| format!("{problem}\n"));
        format!("passgate: refused\n{}", lines.collect::<String>())
    })
}

fn text(name: &OsStr) -> Result<String, String> {
    let text = std::fs::read_to_string(name);
    text.map_err(|error| format!("passgate: {}: {error}\n", name.display()))
}

/// Hands over each record of these files, once. What is not a record is passed over; a file without
/// any is an error.
fn each_record(names: &[&OsStr], mut work: impl FnMut(&Value)) -> Result<(), String> {
    let (mut told, one, other) = (BTreeSet::new(), RandomState::new(), RandomState::new());
    for name in names {
        let of_file =
            |error: &dyn core::fmt::Display| format!("passgate: {}: {error}\n", name.display());
        let reader: Box<dyn BufRead> = if *name == "-" {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(name).map_err(|error| of_file(&error))?;
            Box::new(BufReader::new(file))
        };
        let mut has_one = false;
        for line in reader.split(b'\n') {
            let line = line.map_err(|error| of_file(&error))?;
            let Some(record) = record(&line) else {
                continue;
            };
            has_one = true;
            let version = record.get("version").and_then(Value::as_u64);
            let version = version.unwrap_or_default();
            if version > VERSION {
                let seen = format!("a record of version {version}; this program reads {VERSION}");
                return Err(of_file(&seen));
            }
            // One verdict may stand in the access log and in the log, and all of it is the same
            // there. A client may choose the id of a request: it alone does not tell two apart.
            let mut mark = ["plugin", "request_id", "time"].into_iter();
            let is_marked =
                mark.all(|name| text_of(&record, name).is_some_and(|it| !it.is_empty()));
            let text = record.to_string();
            if !is_marked || told.insert([&one, &other].map(|hasher| hasher.hash_one(&text))) {
                work(&record);
            }
        }
        if !has_one {
            return Err(of_file(&"no record in it"));
        }
    }
    Ok(())
}

/// The record in a line, if it has one.
fn record(line: &[u8]) -> Option<Value> {
    let is_one = |value: &Value| {
        text_of(value, "software").is_some() && text_of(value, "decision").is_some()
    };
    if let Ok(value) = serde_json::from_slice::<Value>(line) {
        let inner = match value.get("audit") {
            None => value,
            Some(Value::String(text)) => serde_json::from_str(text).ok()?,
            Some(inner) => inner.clone(),
        };
        return Some(inner).filter(is_one);
    }
    let text = core::str::from_utf8(line).ok()?;
    let (before, rest) = text.split_once("passgate {")?;
    // An access log in text has in quotes what a client wrote, such as its `user-agent`. The host
    // begins a line of its log without quotes.
    if before.contains('"') {
        return None;
    }
    let json = format!("{{{rest}");
    let mut values = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
    values.next()?.ok().filter(is_one)
}

/// What was decided: in shadow, what would have been.
fn is_permit(record: &Value) -> bool {
    let shadow = record.get("shadow").unwrap_or(record);
    text_of(shadow, "decision") == Some("allow")
}

/// A member that is a string.
fn text_of<'r>(record: &'r Value, member: &str) -> Option<&'r str> {
    record.get(member)?.as_str()
}

/// The strings of a member that is a list.
fn strings<'r>(record: &'r Value, member: &str) -> impl Iterator<Item = &'r str> {
    let list = record.get(member).unwrap_or(&Value::Null);
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}
