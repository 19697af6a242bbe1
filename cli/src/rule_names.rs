//! Rules by their names: `rules[3] (payments)`, so that a finding is read without counting.

use passgate_core::Json;

use crate::{read, report::Section};

/// Names the rules of a configuration in what was found about it.
pub(crate) fn add(section: &mut Section, configuration: &[u8]) {
    let documents = read::documents(configuration).unwrap_or_default();
    let Some(Json::Array(rules)) = documents.first().and_then(|document| document.get("rules"))
    else {
        return;
    };
    for finding in &mut section.findings {
        finding.text = named(&finding.text, rules);
    }
}

fn named(text: &str, rules: &[Json]) -> String {
    let mut parts = text.split("rules[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("rules[");
        let Some((index, rest)) = part.split_once(']') else {
            out.push_str(part);
            continue;
        };
        let rule = index.parse().ok().and_then(|index: usize| rules.get(index));
        let name = rule.and_then(|rule| rule.get("name"));
        out.extend([index, "]"]);
        match name.and_then(Json::as_str) {
            Some(name) if is_name(name) && !rest.starts_with(" (") => {
                out.extend([" (", name, ")", rest]);
            }
            _ => out.push_str(rest),
        }
    }
    out
}

/// What the filter takes for a name of a rule.
fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use passgate_core::Json;

    use super::named;

    #[test]
    fn a_rule_is_named_wherever_its_number_stands() {
        let text = r#"[{"name": "news"}, {}, {"name": "pay ments"}, {"name": "last"}]"#;
        let Ok(Json::Array(rules)) = Json::parse(text.as_bytes(), 100) else {
            panic!("it is a list");
        };
        for (text, expected) in [
            (
                "rules[0].match: like rules[3]",
                "rules[0] (news).match: like rules[3] (last)",
            ),
            ("rules[1]: x", "rules[1]: x"),
            ("rules[2]: x", "rules[2]: x"),
            (
                "rules[9]: x, rules[x], rules[",
                "rules[9]: x, rules[x], rules[",
            ),
            ("rules[0] (news): x", "rules[0] (news): x"),
            ("no rule", "no rule"),
        ] {
            assert_eq!(named(text, &rules), expected);
        }
    }
}
