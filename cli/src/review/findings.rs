//! What a policy names and nobody has, and what people have and no policy names.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
};

use passgate_core::{
    Action, Alternative, ClaimCondition, ClaimEquals, ClaimTest, ClaimValue, Config, Json, Named,
};
use serde_json::Value;

use super::{each_record, is_permit, strings, text_of};
use crate::text::on_one_line;

/// What was used, by permits.
#[derive(Default)]
struct Used {
    roles: BTreeSet<String>,
    products: BTreeSet<String>,
    rules: BTreeSet<usize>,
    records: u64,
    /// Of another policy, by a rule without a name.
    others: u64,
}

/// One line for each finding.
pub(super) fn findings(
    config: &Config,
    groups: Option<(&OsStr, String)>,
    claim: &str,
    names: &[&OsStr],
) -> Result<String, String> {
    let used = used(config, names)?;
    let mut text = format!("{} records\n", used.records);
    if used.others > 0 {
        text += &format!(
            "{} of them are of other policies, by rules without names: these rules were not counted\n",
            used.others
        );
    }
    let callers = config.callers();
    let wanted =
        |role: &str| ways(config).any(|(_, way)| way.roles.iter().any(|own| **own == *role));
    for role in distinct(&callers.roles) {
        if !wanted(role) {
            text += &format!("role {role}: no rule wants it\n");
        }
        if !used.roles.contains(role) {
            text += &format!("role {role}: nobody had it\n");
        }
    }
    for product in distinct(&callers.products) {
        if !used.products.contains(product) {
            text += &format!("product {product}: nobody had it\n");
        }
    }
    for (index, rule) in config.rules().into_iter().flatten().enumerate() {
        if matches!(rule.action, Action::Requires(_)) && !used.rules.contains(&index) {
            text += &format!("{}: nobody passed\n", place(config, index));
        }
    }
    if let Some((file, groups)) = groups {
        text += &of_groups(
            config,
            &on_one_line(&file.to_string_lossy()),
            &groups,
            claim,
        );
    }
    Ok(text)
}

fn used(config: &Config, names: &[&OsStr]) -> Result<Used, String> {
    let mut used = Used::default();
    let mut by_name = BTreeMap::new();
    for (index, rule) in config.rules().into_iter().flatten().enumerate() {
        if let Some(name) = &rule.name {
            by_name.insert(&**name, index);
        }
    }
    each_record(names, |record| {
        used.records = used.records.saturating_add(1);
        let index = record.get("rule").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let is_ours = text_of(record, "policy") == Some(&**config.hash());
        let rule = match text_of(record, "rule_name") {
            Some(name) => by_name.get(name).copied(),
            None if is_ours => index,
            None => {
                used.others = used.others.saturating_add(u64::from(index.is_some()));
                None
            }
        };
        if is_permit(record) {
            used.rules.extend(rule);
            used.roles
                .extend(strings(record, "roles").map(str::to_owned));
            used.products
                .extend(text_of(record, "product").map(str::to_owned));
        }
    })?;
    Ok(used)
}

/// Groups of a directory beside those that the policy names.
fn of_groups(config: &Config, file: &str, groups: &str, claim: &str) -> String {
    let mut members: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    for line in groups
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let counted = line.rsplit_once(',').and_then(|(name, count)| {
            let count = count.trim().parse().ok()?;
            Some((name.trim(), Some(count)))
        });
        let (name, count) = counted.unwrap_or((line, None));
        members.insert(name, count);
    }
    let path: Vec<&str> = claim.split('.').collect();
    let named = named(config, &path);
    let mut text = String::new();
    for group in members.keys() {
        if !named.iter().any(|(_, name)| name == group) {
            let group = on_one_line(group);
            text += &format!("group {group}: the policy does not name it\n");
        }
    }
    for (place, group) in &named {
        let name = on_one_line(group);
        match members.get(group.as_str()) {
            None => text += &format!("{place}: names the group {name}, which is not in {file}\n"),
            Some(Some(0)) => text += &format!("{place}: names the group {name}, which is empty\n"),
            Some(_) => {}
        }
    }
    text
}

/// Each place that names a group, with the group.
fn named(config: &Config, path: &[&str]) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for (index, way) in ways(config) {
        for ClaimCondition {
            path: own, test, ..
        } in &way.claims
        {
            let values = match test {
                ClaimTest::AnyOf(values) | ClaimTest::AllOf(values) | ClaimTest::NoneOf(values) => {
                    &**values
                }
                ClaimTest::StartsWith(_) | ClaimTest::HasMember(_) => &[],
            };
            if own == path {
                let texts = values.iter().filter_map(Json::as_str);
                named.extend(texts.map(|text| (place(config, index), text.to_owned())));
            }
        }
    }
    let callers = config.callers();
    for (what, list) in [("role", &callers.roles), ("product", &callers.products)] {
        for caller in list {
            let claim = caller
                .when
                .token
                .as_ref()
                .and_then(|when| when.claim.as_ref());
            let Some(ClaimEquals { path: own, value }) = claim else {
                continue;
            };
            let text = match value {
                ClaimValue::Equals(value) => value.as_str(),
                ClaimValue::Contains(text) => Some(&**text),
            };
            if own == path {
                let place = format!("{what} {}", caller.name);
                named.extend(text.map(|text| (place, text.to_owned())));
            }
        }
    }
    named
}

fn ways(config: &Config) -> impl Iterator<Item = (usize, &Alternative)> {
    let rules = config.rules().into_iter().flatten().enumerate();
    rules.flat_map(|(index, rule)| {
        let ways = match &rule.action {
            Action::Requires(requirement) => &*requirement.alternatives,
            Action::Public(_) | Action::Deny(_) => &[],
        };
        ways.iter().map(move |way| (index, &**way))
    })
}

fn distinct(list: &[Named]) -> BTreeSet<&str> {
    list.iter().map(|named| &*named.name).collect()
}

/// A rule as messages name it.
fn place(config: &Config, index: usize) -> String {
    let rules = config.rules().unwrap_or_default();
    match rules.get(index).and_then(|rule| rule.name.as_deref()) {
        Some(name) => format!("rules[{index}] ({name})"),
        None => format!("rules[{index}]"),
    }
}
