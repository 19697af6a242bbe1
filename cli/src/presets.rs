//! `passgate presets`: what the presets stand for, as the lines that one could write instead.

use passgate_core::{
    config::{ClaimValue, DatedBy, Line},
    evidence::Preset,
};

/// One preset by its name, or all of them; `None`: there is no such preset.
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
    let lists = [
        ("amr_all_of", &when.amr_all_of),
        ("amr_any_of", &when.amr_any_of),
        ("amr_exactly", &when.amr_exactly),
        ("amr_none_of", &when.amr_none_of),
        ("acr_any_of", &when.acr_any_of),
    ];
    let lists = lists.into_iter().filter(|(_, words)| !words.is_empty());
    let mut conditions: Vec<String> = lists
        .map(|(name, words)| format!("{name}: [{}]", words.join(", ")))
        .collect();
    if let Some(claim) = &when.claim {
        let value = match &claim.value {
            ClaimValue::Equals(value) => format!("equals: {value}"),
            ClaimValue::Contains(text) => format!("contains: {text}"),
        };
        let path = claim.path.join(", ");
        conditions.push(format!("claim: {{ path: [{path}], {value} }}"));
    }
    let mut text = format!(
        "    - when: {{ {} }}\n      proves: [{}]\n",
        conditions.join(", "),
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
