//! `passgate presets`: what the presets stand for, as the lines that you could write instead.

use passgate_core::{DatedBy, Line, Preset};

/// One preset by its name, or all of them; `None`: a preset of this name does not exist.
pub(crate) fn text(name: Option<&str>) -> Option<String> {
    let chosen = |preset: &Preset| name.is_none_or(|name| preset.name() == name);
    let texts: Vec<String> = Preset::ALL.into_iter().filter(chosen).map(preset).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn preset(preset: Preset) -> String {
    let mut text = format!("# {}\nevidence:\n  lines:\n", preset.name());
    for line in preset.lines() {
        text.push_str(&written(&line));
    }
    text.push_str("# It cannot prove:\n");
    for limit in preset.cannot_prove() {
        text.push_str(&format!("# - {limit}\n"));
    }
    text
}

/// A line of evidence in YAML. Values of presets are plain words, which need no quotes.
fn written(line: &Line) -> String {
    let Line {
        when,
        proves,
        dated_by,
        request_acr,
    } = line;
    let mut text = format!(
        "    - when: {when}\n      proves: [{}]\n",
        proves.words().join(", ")
    );
    match dated_by {
        DatedBy::Nothing => text.push_str("      dated_by: none\n"),
        by if *by == DatedBy::default() => {}
        DatedBy::Claim(path) => {
            text.push_str(&format!("      dated_by: [{}]\n", path.join(", ")));
        }
    }
    if let Some(acr) = request_acr {
        text.push_str(&format!("      request_acr: {acr}\n"));
    }
    text
}
