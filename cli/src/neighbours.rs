//! What a request meets before the gate and behind it, in one connection manager: a filter before
//! it sees headers as clients wrote them, and may answer without it; what comes behind may put a
//! client's header in the place of one that the gate wrote.

use passgate_core::{Config, Json};

use crate::sign::{elements, is_gate, member, types};

/// Where the filter stands in its connection manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Neighbours {
    manager: Json,
    place: String,
    /// The name of the list of filters, as the file has it.
    list: &'static str,
    /// The index of the filter.
    index: usize,
}

impl Neighbours {
    /// Those of the filter at a place, if it stands in this manager.
    pub(crate) fn of(manager: &Json, place: &str, of_filter: &str) -> Option<Self> {
        let rest = of_filter.strip_prefix(place)?.trim_start_matches('.');
        let mut lists = ["http_filters", "httpFilters"].into_iter();
        lists.find_map(|list| {
            let (index, _) = rest
                .strip_prefix(list)?
                .strip_prefix('[')?
                .split_once(']')?;
            Some(Self {
                manager: manager.clone(),
                place: place.to_owned(),
                list,
                index: index.parse().ok()?,
            })
        })
    }

    pub(crate) fn doubts(&self, config: &Config) -> Vec<String> {
        let mut names = vec![OURS];
        for provider in config.providers() {
            names.extend(provider.claim_to_headers.iter().map(|claim| &*claim.header));
            names.extend(provider.forward_payload_header.as_deref());
        }
        let mut doubts = Vec::new();
        let early = [
            "early_header_mutation_extensions",
            "earlyHeaderMutationExtensions",
        ];
        let filters = early.into_iter().chain([self.list]).flat_map(|list| {
            let listed = elements(self.manager.get(list)).iter().enumerate();
            listed.map(move |(index, filter)| (list, index, filter))
        });
        for (list, index, filter) in filters {
            let place = format!("{}.{list}[{index}]", self.place);
            if list == self.list && index > self.index {
                overwritten(filter, &place, &names, &mut doubts);
            } else if !is_gate(filter) {
                comes_before(filter, &place, &names, &mut doubts);
            }
        }
        for routes in ["route_config", "routeConfig"] {
            if let Some(json) = self.manager.get(routes) {
                let place = format!("{}.{routes}", self.place);
                overwritten(json, &place, &names, &mut doubts);
            }
        }
        doubts
    }
}

/// Headers that are written without being configured begin so.
const OURS: &str = "x-passgate-";

fn comes_before(filter: &Json, place: &str, names: &[&str], doubts: &mut Vec<String>) {
    let discovery = member(filter, ["config_discovery", "configDiscovery"]);
    let config = member(filter, ["typed_config", "typedConfig"])
        .or_else(|| member(discovery?, ["default_config", "defaultConfig"]));
    let Some(config) = config else { return };
    if holds_cache(config) {
        doubts.push(format!(
            "{place}: answers from its cache before this filter is asked; put it behind this filter"
        ));
    }
    if let Some(name) = names.iter().find(|name| names_header(config, name)) {
        let shown = if *name == OURS {
            "x-passgate-…"
        } else {
            name
        };
        doubts.push(format!("{place}: names the header {shown} before this filter removes what a client wrote into it; put it behind this filter, unless it does not read the header"));
    }
}

/// Whether a cache is at any depth: a filter may stand inside another.
fn holds_cache(json: &Json) -> bool {
    match json {
        Json::Array(all) => all.iter().any(holds_cache),
        Json::Object(members) => {
            types(json).any(|name| name.contains(".filters.http.cache"))
                || members.iter().any(|(_, it)| holds_cache(it))
        }
        _ => false,
    }
}

/// Whether a text below a value names this header, but for lists of what is removed.
fn names_header(json: &Json, header: &str) -> bool {
    match json {
        Json::Array(all) => all.iter().any(|it| names_header(it, header)),
        Json::Object(members) => {
            let removes = |name: &str| name.starts_with("remove") || name.ends_with("emove");
            let mut kept = members.iter().filter(|(name, _)| !removes(name));
            kept.any(|(_, it)| names_header(it, header))
        }
        leaf => leaf.as_str().is_some_and(|text| holds_name(text, header)),
    }
}

fn holds_name(text: &str, header: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let goes_on = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
    };
    let (before, after) = (text.split(header), text.split(header).skip(1));
    before.zip(after).any(|(before, after)| {
        let is_whole = header == OURS || !goes_on(after.chars().next());
        is_whole && !goes_on(before.chars().next_back())
    })
}

/// Whether Envoy puts something in the place of an operator with arguments, `%WORD(…)%`, that is
/// not a header of ours.
fn may_be_the_clients(value: &str, is_ours: impl Fn(&str) -> bool) -> bool {
    let mut operators = value.split('%').filter_map(|part| part.split_once('('));
    operators.any(|(word, rest)| {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let (names, _) = rest.split_once(')').unwrap_or((rest, ""));
        match word {
            // `%REQ(X?Y)%` is the one, or else the other.
            "req" | "req_without_query" | "request_header" => !names.split('?').all(&is_ours),
            _ => !word.is_empty() && word.bytes().all(is_word),
        }
    })
}

/// Each header of ours that is made anew from what is not one.
fn overwritten(json: &Json, place: &str, names: &[&str], doubts: &mut Vec<String>) {
    match json {
        Json::Array(all) => {
            for (index, it) in all.iter().enumerate() {
                overwritten(it, &format!("{place}[{index}]"), names, doubts);
            }
        }
        Json::Object(members) => {
            let text = |name| json.get(name).and_then(Json::as_str).unwrap_or_default();
            let key = text("key").to_ascii_lowercase().replace('_', "-");
            let is_ours = |key: &str| {
                key.starts_with(OURS) || names.iter().any(|name| name.replace('_', "-") == key)
            };
            let value = text("value").to_ascii_lowercase();
            if is_ours(&key) && may_be_the_clients(&value, is_ours) {
                doubts.push(format!("{place}: puts what may be the client's in the place of {key}, which this filter wrote; remove it, or write another header"));
            }
            for (name, it) in members {
                overwritten(it, &format!("{place}.{name}"), names, doubts);
            }
        }
        _ => {}
    }
}
