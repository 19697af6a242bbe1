//! Files: read them, find the configurations in them, and say of each what the proxy would say.

use std::{ffi::OsStr, path::Path};

use passgate_core::Json;

use crate::{
    attachment::Doubts,
    files::{self, bytes_of},
    find::{self, Found},
    foreign, lock, off, read,
    report::{Checked, Level, Section},
    sign, trial,
};

const NONE: &str = "no configuration of passgate in it; a plugin or filter counts when its name or module says passgate";

/// Checks files and folders; `-` is standard input. An error says why it could not check.
pub(crate) fn all(names: &[&OsStr]) -> Result<Vec<Checked>, String> {
    let mut checked = Vec::new();
    for name in names {
        if Path::new(name).is_dir() {
            checked.extend(folder(name)?);
        } else {
            checked.push(file(name)?);
        }
    }
    Ok(checked)
}

fn file(name: &OsStr) -> Result<Checked, String> {
    let bytes = bytes_of(name)?;
    let sections = document(&bytes);
    let name = name.to_string_lossy().into_owned();
    if sections.is_empty() {
        return Err(format!("passgate: {name}: {NONE}\n"));
    }
    Ok(Checked { name, sections })
}

/// The files of a folder that hold a configuration, or that should; and a word about the others.
fn folder(name: &OsStr) -> Result<Vec<Checked>, String> {
    let mut checked = Vec::new();
    let mut left_out = Vec::new();
    for name in files::inside(name)? {
        let bytes = bytes_of(&name)?;
        let name = name.to_string_lossy().into_owned();
        if !is_ours(&bytes) {
            left_out.push(name);
            continue;
        }
        let mut sections = document(&bytes);
        if sections.is_empty() {
            sections.push(refused(None, NONE.to_owned()));
        }
        checked.push(Checked { name, sections });
    }
    let name = name.to_string_lossy().into_owned();
    if checked.is_empty() {
        return Err(format!(
            "passgate: {name}: no file in it holds a configuration of passgate\n"
        ));
    }
    if !left_out.is_empty() {
        let mut section = Section {
            place: None,
            summary: format!("left out: {} without a configuration", left_out.len()),
            findings: Vec::new(),
        };
        section.add(Level::Note, left_out);
        let sections = vec![section];
        checked.push(Checked { name, sections });
    }
    Ok(checked)
}

/// Whether somebody who checks a folder would want to hear of this file, above all where it is
/// broken.
fn is_ours(bytes: &[u8]) -> bool {
    let Ok(documents) = read::documents(bytes) else {
        let text = String::from_utf8_lossy(bytes);
        return text.contains("passgate") || read::has_our_words(&text);
    };
    let ours = |document: &Json| {
        let mut members = ["providers", "provider", "rules"].into_iter();
        let mut inside = read::all_inside(document, "").into_iter();
        (!sign::is_resource(document) && members.any(|name| document.get(name).is_some()))
            || (sign::is_around(document) && !find::configurations(document).is_empty())
            || inside.any(|file| file.documents.is_err())
    };
    documents.iter().any(ours) || !off::places(&documents).is_empty()
}

/// Empty: it does not hold a configuration of passgate.
fn document(bytes: &[u8]) -> Vec<Section> {
    // What begins like JSON was meant to be JSON: the proxy's words are the right ones. But a file
    // around a configuration may be deeper and larger than that.
    let is_odd_json = read::is_meant_as_json(bytes) && read::strict(bytes).is_err();
    let documents = match read::documents(bytes) {
        Ok(documents) if !is_odd_json => documents,
        Ok(documents) if read::is_json(bytes) && documents.iter().any(sign::is_around) => documents,
        Err(error) if !is_odd_json => return vec![refused(None, error)],
        Ok(_) | Err(_) => return vec![judge(None, bytes)],
    };
    if documents.is_empty() {
        return vec![judge(None, b"")];
    }
    let found: Vec<_> = documents.iter().flat_map(find::configurations).collect();
    let mut off = off::places(&documents);
    off.extend(found.iter().flat_map(Found::off));
    off.extend(lock::missing(&documents));
    let attached = Doubts::of(&documents);
    off.extend(attached.off);
    let reports = found.into_iter().map(|found| {
        let (errors, (warnings, notes)) = (found.errors(), found.doubts());
        let mut section = judge(found.place, &found.bytes);
        section.add(Level::Error, errors);
        section.add(Level::Warning, warnings);
        section.add(Level::Note, notes);
        section
    });
    // Beside a configuration of passgate such a file is not a mistake.
    let foreign = documents.iter().find_map(foreign::name);
    let inside = documents
        .iter()
        .flat_map(|document| read::all_inside(document, ""));
    let unread = inside.filter_map(|file| Some((file.place, file.documents.err()?)));
    let unread = unread.map(|(place, error)| refused(Some(place), error));
    // A filter that is not asked cannot refuse. So this comes first, and nothing makes up for it.
    let reports = switched_off(&off).into_iter().chain(unread).chain(reports);
    let mut reports: Vec<Section> = reports.collect();
    match reports.last_mut() {
        Some(last) => last.add(Level::Warning, attached.warnings),
        None => reports.extend(foreign.map(|what| refused(None, what))),
    }
    reports
}

fn switched_off(off: &[off::Off]) -> Option<Section> {
    let plural = match off {
        [] => return None,
        [_] => "place",
        _ => "places",
    };
    let mut section = Section {
        place: None,
        summary: format!("SWITCHED OFF in {} {plural}", off.len()),
        findings: Vec::new(),
    };
    section.add(Level::Off, off.iter().map(|off| off.text.clone()));
    Some(section)
}

/// One problem, which is not one of a configuration.
fn refused(place: Option<String>, what: String) -> Section {
    problems(place, vec![what])
}

fn problems(place: Option<String>, problems: Vec<String>) -> Section {
    let plural = if problems.len() == 1 {
        "problem"
    } else {
        "problems"
    };
    let mut section = Section {
        place,
        summary: format!("refused: {} {plural}", problems.len()),
        findings: Vec::new(),
    };
    section.add(Level::Problem, problems);
    section
}

/// What the proxy says when it receives these bytes, and what the tests in them show.
fn judge(place: Option<String>, bytes: &[u8]) -> Section {
    let config = crate::parse(bytes);
    let tested = config.and_then(|config| Ok((trial::run(&config, bytes)?, config)));
    let (tested, config) = match tested {
        Ok(tested) => tested,
        Err(all) => return problems(place, all.iter().map(ToString::to_string).collect()),
    };
    let mut section = Section {
        place,
        summary: format!("accepted: {config}"),
        findings: Vec::new(),
    };
    if let Some(tested) = tested {
        section.summary += &format!("\n{}", tested.summary);
        section.add(Level::Test, tested.failed);
    }
    let warnings = config.warnings().iter().map(ToString::to_string);
    section.add(Level::Warning, warnings);
    for (rule, end) in config.exemption_ends() {
        if end < crate::now() {
            let day = end.to_string().get(..10).unwrap_or_default().to_owned();
            let over = format!(
                "rules[{rule}].public.until: {day} is over, so its requests get 403; write a new date, or requires"
            );
            section.add(Level::Warning, [over]);
        }
    }
    section
}
