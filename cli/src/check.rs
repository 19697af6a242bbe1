//! One file: read it, find the configurations in it, and say of each what the proxy would say.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
};

use crate::{
    find::{self, Found},
    foreign, off, read, sign,
};

/// What is printed, and whether everything was accepted.
pub(crate) struct Report {
    pub(crate) text: String,
    pub(crate) accepted: bool,
}

impl Report {
    /// A text that was asked for, which refuses nothing.
    pub(crate) fn printed(text: String) -> Self {
        let accepted = true;
        Self { text, accepted }
    }
}

/// Largest file that is read, in bytes: a configuration and what may stand around it.
const FILE_BYTES: u64 = 16 << 20;

/// Checks a file; `-` is standard input. An error says why it could not check.
pub(crate) fn file(name: &OsStr) -> Result<Report, String> {
    let shown = name.to_string_lossy();
    let bytes = bytes_of(name)?;
    let report = document(&bytes);
    report.ok_or_else(|| format!("passgate: {shown}: no configuration of passgate in it; a plugin or filter counts when its name or module says passgate\n"))
}

/// The whole of a file; `-` is standard input.
pub(crate) fn bytes_of(name: &OsStr) -> Result<Vec<u8>, String> {
    let bytes = if name == "-" {
        read(io::stdin())
    } else {
        File::open(name).and_then(read)
    };
    bytes.map_err(|error| format!("passgate: {}: {error}\n", name.to_string_lossy()))
}

/// The one configuration in a file, as the filter would receive it.
pub(crate) fn only_configuration(name: &OsStr) -> Result<Vec<u8>, String> {
    let bytes = bytes_of(name)?;
    let shown = name.to_string_lossy();
    let documents =
        read::documents(&bytes).map_err(|error| format!("passgate: {shown}: {error}\n"))?;
    let mut found = documents.iter().flat_map(find::configurations);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.bytes),
        (None, _) => Err(format!(
            "passgate: {shown}: no configuration of passgate in it\n"
        )),
        (Some(_), Some(_)) => Err(format!(
            "passgate: {shown}: several configurations; give a file with the one that is meant\n"
        )),
    }
}

fn read(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(FILE_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read <= FILE_BYTES) {
        return Ok(bytes);
    }
    Err(io::Error::other("larger than 16 MiB"))
}

/// `None`: it does not hold a configuration of passgate.
fn document(bytes: &[u8]) -> Option<Report> {
    // What begins like JSON was meant to be JSON: the proxy's words are the right ones. But a file
    // around a configuration may be deeper and larger than that.
    let is_odd_json = read::is_meant_as_json(bytes) && read::strict(bytes).is_err();
    let documents = match read::documents(bytes) {
        Ok(documents) if !is_odd_json => documents,
        Ok(documents) if read::is_json(bytes) && documents.iter().any(sign::is_around) => documents,
        Err(error) if !is_odd_json => return Some(refused(&error)),
        Ok(_) | Err(_) => return Some(judge(bytes)),
    };
    if documents.is_empty() {
        return Some(judge(b""));
    }
    let found: Vec<_> = documents.iter().flat_map(find::configurations).collect();
    let mut off = off::places(&documents);
    off.extend(found.iter().flat_map(Found::off));
    let reports = found.into_iter().map(|found| {
        let Report {
            mut text,
            mut accepted,
        } = judge(&found.bytes);
        for error in found.errors() {
            text.push_str(&format!("error: {error}\n"));
            accepted = false;
        }
        let (warnings, notes) = found.doubts();
        for warning in warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        for note in notes {
            text.push_str(&format!("note: {note}\n"));
        }
        let heading = found
            .place
            .map(|place| format!("{place}:\n"))
            .unwrap_or_default();
        Report {
            text: heading + &text,
            accepted,
        }
    });
    // Beside a configuration of passgate such a file is not a mistake.
    let foreign: Vec<String> = documents.iter().filter_map(foreign::name).collect();
    let foreign = foreign.first().map(|what| refused(what));
    let inside = documents
        .iter()
        .flat_map(|document| read::all_inside(document, ""));
    let unread = inside.filter_map(|file| Some((file.place, file.documents.err()?)));
    let unread = unread.map(|(place, error)| {
        let Report { text, accepted } = refused(&error);
        let text = format!("{place}:\n{text}");
        Report { text, accepted }
    });
    // A filter that is not asked cannot refuse. So this comes first, and nothing makes up for it.
    let reports = switched_off(&off).into_iter().chain(unread).chain(reports);
    let reports: Vec<Report> = reports.collect();
    let foreign = foreign.filter(|_| reports.is_empty());
    reports
        .into_iter()
        .chain(foreign)
        .reduce(|all, next| Report {
            text: all.text + &next.text,
            accepted: all.accepted && next.accepted,
        })
}

fn switched_off(off: &[off::Off]) -> Option<Report> {
    let plural = match off {
        [] => return None,
        [_] => "place",
        _ => "places",
    };
    let places = off.iter().map(|off| format!("{}\n", off.text));
    let places: String = places.collect();
    Some(Report {
        text: format!("SWITCHED OFF in {} {plural}\n{places}", off.len()),
        accepted: false,
    })
}

/// One problem, which is not one of a configuration.
fn refused(what: &str) -> Report {
    Report {
        text: format!("refused: 1 problem\n{what}\n"),
        accepted: false,
    }
}

/// What the proxy says when it receives these bytes.
fn judge(bytes: &[u8]) -> Report {
    match crate::parse(bytes) {
        Ok(config) => {
            let mut text = format!("accepted: {config}\n");
            for warning in config.warnings() {
                text.push_str(&format!("warning: {warning}\n"));
            }
            for (rule, end) in config.exemption_ends() {
                if end < crate::now() {
                    text.push_str(&format!("warning: rules[{rule}].public.until: {} is over, so its requests get 403; write a new date, or requires\n", end.to_string().get(..10).unwrap_or_default()));
                }
            }
            Report {
                text,
                accepted: true,
            }
        }
        Err(problems) => {
            let plural = if problems.len() == 1 {
                "problem"
            } else {
                "problems"
            };
            let mut text = format!("refused: {} {plural}\n", problems.len());
            for problem in problems {
                text.push_str(&problem.to_string());
                text.push('\n');
            }
            Report {
                text,
                accepted: false,
            }
        }
    }
}
