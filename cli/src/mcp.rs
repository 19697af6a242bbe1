//! What stands before the filter, in a file of Envoy, that reads bodies for rules with `mcp`.

use passgate_core::Json;

use crate::{
    off::each,
    peers::step,
    sign::{elements, may_be_true, member, types},
};

/// Envoy's `mcp` filter, as far as the file tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reader {
    /// What lets clients say in two ways what they call, or choose what is believed.
    faults: Vec<String>,
    /// Why nobody reads bodies.
    missing: Option<&'static str>,
    /// The file does not hold what stands before the filter.
    is_elsewhere: bool,
}

const FILTER: &str = ".http.mcp.v3.Mcp";
const OVERRIDE: &str = ".http.mcp.v3.McpOverride";
const NAMESPACE: &str = "envoy.filters.http.mcp";

impl Reader {
    /// Before a plugin that a resource of Kubernetes loads.
    pub(crate) fn elsewhere() -> Self {
        Self {
            is_elsewhere: true,
            ..Self::default()
        }
    }

    /// Before the filter at this place.
    pub(crate) fn around(document: &Json, place: &str) -> Self {
        let Some((chain, index)) = chain(document, place) else {
            return Self::default();
        };
        let is_reader = |filter: &&Json| is_of(filter, FILTER);
        let before = chain.get(..index).unwrap_or_default();
        let behind = chain.get(index..).unwrap_or_default();
        let is_on = |filter: &&Json| is_reader(filter) && !may_be_true(filter.get("disabled"));
        let mut reader = Self::default();
        if !before.iter().any(|filter| is_on(&filter)) {
            reader.missing = Some(if behind.iter().any(|filter| is_reader(&filter)) {
                "stands behind this filter"
            } else if before.iter().any(|filter| is_reader(&filter)) {
                "is disabled"
            } else {
                "is missing"
            });
        }
        for filter in before.iter().filter(is_reader) {
            reader.look_at(filter);
        }
        each(document, "", &mut |object, place| {
            let name = |text: &str| [place, ": ", text].concat();
            let is_override = types(object).any(|it| it.ends_with(OVERRIDE));
            if is_override && !may_be_true(member(object, REJECTS)) {
                reader.faults.push(name(DUPLICATES));
            }
            let namespaces = ["metadata_namespace", "metadataNamespace"];
            let written = member(object, namespaces).and_then(Json::as_str);
            if written == Some(NAMESPACE) {
                reader.faults.push(name(WRITTEN));
            }
        });
        reader
    }

    fn look_at(&mut self, filter: &Json) {
        let typed = member(filter, ["typed_config", "typedConfig"]);
        let config = typed.map(|typed| typed.get("value").unwrap_or(typed));
        let of = |names| config.and_then(|config| member(config, names));
        if !may_be_true(of(REJECTS)) {
            self.faults.push(DUPLICATES.to_owned());
        }
        let source = of(["attribute_source", "attributeSource"]);
        let is_body = |it: &Json| match it {
            Json::String(word) => word.eq_ignore_ascii_case("BODY"),
            Json::Number(number) => &**number == "0",
            _ => false,
        };
        if source.is_some_and(|it| !is_body(it)) {
            self.faults.push(SOURCE.to_owned());
        }
        let early = [
            "early_terminate_when_routable",
            "earlyTerminateWhenRoutable",
        ];
        if may_be_true(of(early)) {
            self.faults.push(EARLY.to_owned());
        }
    }

    /// By what a client gets past rules with `mcp`.
    pub(crate) fn errors(&self) -> impl Iterator<Item = String> {
        let said = |fault| format!("a rule has mcp, and {fault}");
        self.faults.iter().map(said)
    }

    /// What nobody can tell by the file.
    pub(crate) fn note(&self) -> Option<String> {
        self.is_elsewhere.then(|| ELSEWHERE.to_owned())
    }

    /// What lets such rules refuse more than is meant.
    pub(crate) fn warning(&self) -> Option<String> {
        let why = self.missing?;
        Some(format!(
            "a rule has mcp, and envoy.filters.http.mcp {why}: nobody reads what a request calls, so each one has to meet all such rules of its path; put it before this filter, as envoy/mcp.yaml has it"
        ))
    }
}

const ELSEWHERE: &str = "a rule has mcp, and whether envoy.filters.http.mcp stands before this filter is not in the file; without it, each request has to meet all such rules of its path (istio/mcp.yaml puts it there)";
const REJECTS: [&str; 2] = ["reject_duplicate_keys", "rejectDuplicateKeys"];
const DUPLICATES: &str = "envoy.filters.http.mcp does not refuse a body that names its tool twice, of which the service may read the other one; write reject_duplicate_keys: true";
const SOURCE: &str = "envoy.filters.http.mcp takes headers for what is called, which are the client's to choose; remove attribute_source";
const EARLY: &str = "envoy.filters.http.mcp does not read bodies to their end, where they may name another tool; remove early_terminate_when_routable";
const WRITTEN: &str = "this writes what envoy.filters.http.mcp is believed to have read; write another metadata_namespace";

/// The HTTP filters around the one at this place, and its index among them.
fn chain<'j>(document: &'j Json, place: &str) -> Option<(&'j [Json], usize)> {
    let mut found = None;
    let mut at = (document, place);
    while let Some((json, rest)) = step(at.0, at.1) {
        let filters = member(at.0, ["http_filters", "httpFilters"]);
        if let Some(filters) = filters
            && core::ptr::eq(filters, json)
        {
            let index = rest.strip_prefix('[').and_then(|it| it.split_once(']'));
            let index = index.and_then(|(index, _)| index.parse().ok());
            found = index.map(|index| (elements(Some(json)), index));
        }
        at = (json, rest);
    }
    found
}

/// Whether a filter is of this type, in whatever wrapper.
fn is_of(filter: &Json, suffix: &str) -> bool {
    let typed = member(filter, ["typed_config", "typedConfig"]);
    typed.is_some_and(|typed| types(typed).any(|it| it.ends_with(suffix)))
}
