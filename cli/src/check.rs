//! Files: read them, find the configurations in them, and say of each what the proxy would say.

use std::{ffi::OsStr, path::Path};

use passgate_core::Json;

use crate::{
    attachment::Doubts,
    files::{self, bytes_of},
    find::{self, Found},
    foreign, lock,
    mesh::Hosts,
    off, reach, read,
    report::{Checked, Level, Section},
    rule_names, sign, trial, unfilled,
};

const NONE: &str = "no configuration of passgate in it; a plugin or filter counts when its name or module says passgate";

/// Tests that stand in a file of their own: a document with `tests` for each configuration of the
/// file that is checked, in order.
pub(crate) struct Beside(Vec<Json>);

impl Beside {
    pub(crate) fn read(name: &OsStr) -> Result<Self, String> {
        let bytes = bytes_of(name)?;
        let shown = name.to_string_lossy();
        let documents = read::documents(&bytes);
        let documents = documents.map_err(|error| format!("passgate: {shown}: {error}\n"))?;
        let is_one = |document: &Json| matches!(document.get("tests"), Some(Json::Array(_)));
        if documents.is_empty() || !documents.iter().all(is_one) {
            return Err(format!(
                "passgate: {shown}: not a list under tests in each document\n"
            ));
        }
        Ok(Self(documents))
    }

    /// One file with a configuration for each document.
    pub(crate) fn check(&self, name: &OsStr) -> Result<Checked, String> {
        let bytes = bytes_of(name)?;
        let shown = name.to_string_lossy().into_owned();
        let documents = read::documents(&bytes).unwrap_or_default();
        let found = documents.iter().flat_map(find::configurations).count();
        if found != self.0.len() {
            let wanted = self.0.len();
            return Err(format!(
                "passgate: {shown}: {found} configurations, and tests for {wanted}\n"
            ));
        }
        let sections = document_with(&bytes, &self.0);
        Ok(Checked::new(shown, sections))
    }
}

/// A configuration with these tests behind its own.
fn with_tests(bytes: &[u8], beside: Option<&Json>) -> Vec<u8> {
    let whole = read::strict(bytes);
    let (Ok(Json::Object(mut members)), Some(beside)) =
        (whole, beside.and_then(|it| it.get("tests")))
    else {
        return bytes.to_vec();
    };
    let own = members.iter_mut().find(|(name, _)| &**name == "tests");
    match (own, beside) {
        (Some((_, Json::Array(own))), Json::Array(more)) => own.extend(more.iter().cloned()),
        _ => members.push(("tests".into(), beside.clone())),
    }
    Json::Object(members).to_string().into_bytes()
}

/// Checks files and folders; `-` is standard input. An error says why it could not check.
pub(crate) fn all(names: &[&OsStr]) -> Result<Vec<Checked>, String> {
    let mut hosts = Hosts::default();
    let mut checked = Vec::new();
    for name in names {
        if Path::new(name).is_dir() {
            folder(name, &mut checked, &mut hosts)?;
        } else {
            checked.push(file(name, checked.len(), &mut hosts)?);
        }
    }
    // A file alone seldom has what stands around it.
    if names.len() > 1 || checked.len() > 1 {
        for (file, place, told) in hosts.missing() {
            let sections = checked
                .get_mut(file)
                .map(|file: &mut Checked| &mut file.sections);
            let mut sections = sections.into_iter().flatten();
            let section = sections.find(|section| section.place.as_deref() == Some(place));
            if let Some(section) = section {
                section.add(Level::Warning, [told]);
            }
        }
    }
    Ok(checked)
}

/// What a file, which becomes the one with this index, has and wants of a mesh.
fn note(bytes: &[u8], index: usize, hosts: &mut Hosts) {
    let documents = read::documents(bytes).unwrap_or_default();
    hosts.add(&documents);
    for found in documents.iter().flat_map(find::configurations) {
        for cluster in found.named() {
            hosts.want(index, found.place.as_deref().unwrap_or_default(), &cluster);
        }
    }
}

/// A whole file of Envoy, and what decides about each route in it.
pub(crate) fn envoy(name: &OsStr) -> Result<Checked, String> {
    let bytes = bytes_of(name)?;
    let documents = read::documents(&bytes).unwrap_or_default();
    let document = documents.first().filter(|it| sign::is_of_envoy(it));
    let shown = name.to_string_lossy().into_owned();
    let Some(document) = document else {
        return Err(format!("passgate: {shown}: not a file of Envoy\n"));
    };
    let routes = reach::routes(document);
    let mut sections = self::document(&bytes);
    if sections.is_empty() {
        sections.push(refused(None, NONE.to_owned()));
    }
    let summary = in_a_line(&routes, sections.iter().any(Section::is_open));
    sections.push(Section {
        place: None,
        summary,
        findings: Vec::new(),
    });
    Ok(Checked {
        name: shown,
        sections,
        routes: Some(routes),
    })
}

/// How many routes there are, and how many are not judged.
fn in_a_line(routes: &[reach::Route], is_open: bool) -> String {
    let open = routes.iter().filter(|route| route.open.is_some()).count();
    let observed = routes.iter().filter(|route| route.is_observed()).count();
    let open = match open {
        0 => None,
        1 => Some("1 of them is judged by nobody".to_owned()),
        _ => Some(format!("{open} of them are judged by nobody")),
    };
    let observed = match observed {
        0 => None,
        1 => Some("1 of them lets requests pass in shadow".to_owned()),
        _ => Some(format!("{observed} of them let requests pass in shadow")),
    };
    let count = routes.len();
    match (count, open.into_iter().chain(observed).collect::<Vec<_>>()) {
        (0, _) => "routes: 0".to_owned(),
        (_, told) if !told.is_empty() => format!("routes: {count}, and {}", told.join(", and ")),
        _ if is_open => {
            format!("routes: {count}, each with a filter, but see above for what may pass it")
        }
        _ => format!("routes: {count}, and all are judged"),
    }
}

fn file(name: &OsStr, index: usize, hosts: &mut Hosts) -> Result<Checked, String> {
    let bytes = bytes_of(name)?;
    note(&bytes, index, hosts);
    let sections = document(&bytes);
    let name = name.to_string_lossy().into_owned();
    if sections.is_empty() {
        return Err(format!("passgate: {name}: {NONE}\n"));
    }
    Ok(Checked::new(name, sections))
}

/// The files of a folder that hold a configuration, or that should; and a word about the others.
fn folder(name: &OsStr, checked: &mut Vec<Checked>, hosts: &mut Hosts) -> Result<(), String> {
    let before = checked.len();
    let mut left_out = Vec::new();
    for name in files::inside(name)? {
        let bytes = bytes_of(&name)?;
        note(&bytes, checked.len(), hosts);
        let name = name.to_string_lossy().into_owned();
        if !is_ours(&bytes) {
            left_out.push(name);
            continue;
        }
        let mut sections = document(&bytes);
        if sections.is_empty() {
            sections.push(refused(None, NONE.to_owned()));
        }
        checked.push(Checked::new(name, sections));
    }
    let name = name.to_string_lossy().into_owned();
    if checked.len() == before {
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
        checked.push(Checked::new(name, sections));
    }
    Ok(())
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
    document_with(bytes, &[])
}

/// The same with tests for its configurations, in order.
fn document_with(bytes: &[u8], tests: &[Json]) -> Vec<Section> {
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
    let reports = found.into_iter().enumerate().map(|(index, found)| {
        let (errors, (warnings, notes)) = (found.errors(), found.doubts());
        let mut section = judge(found.place, &with_tests(&found.bytes, tests.get(index)));
        section.add(Level::Error, errors);
        section.add(Level::Warning, warnings);
        section.add(Level::Note, notes);
        rule_names::add(&mut section, &found.bytes);
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
        Some(last) => {
            last.add(Level::Warning, attached.warnings);
            last.add(Level::Warning, unfilled::places(&documents));
        }
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
