//! What surrounds the filter in a file of Envoy: the HTTP connection manager, which decides what the filter and the routes see
//! of a path and of a host.

use passgate_core::{config::Config, json::Json};

/// An HTTP connection manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manager {
    place: String,
    normalizes_path: bool,
    ignores_port: bool,
    strips_dot: bool,
}

impl Manager {
    /// The one that holds the filter at this place.
    pub(crate) fn around(document: &Json, place: &str) -> Option<Self> {
        let mut managers = Vec::new();
        collect(document, String::new(), &mut managers);
        managers.into_iter().find(|manager| {
            let rest = place.strip_prefix(&manager.place).unwrap_or_default();
            let rest = rest.trim_start_matches('.');
            rest.starts_with("http_filters[") || rest.starts_with("httpFilters[")
        })
    }

    fn read(json: &Json, place: String) -> Self {
        let is_on = |json: &Json, names: [&str; 2]| member(json, names) == Some(&Json::Bool(true));
        let routes = member(json, ["route_config", "routeConfig"]);
        let names = ["ignore_port_in_host_matching", "ignorePortInHostMatching"];
        let by_routes = routes.is_some_and(|routes| is_on(routes, names));
        Self {
            normalizes_path: is_on(json, ["normalize_path", "normalizePath"]),
            ignores_port: by_routes || is_on(json, ["strip_any_host_port", "stripAnyHostPort"]),
            strips_dot: is_on(json, ["strip_trailing_host_dot", "stripTrailingHostDot"]),
            place,
        }
    }

    /// What lets Envoy's routes read a request in another way than these rules.
    pub(crate) fn doubts(&self, config: &Config) -> Vec<String> {
        let rules = config.rules().into_iter().flatten();
        let names_hosts = { rules }.any(|rule| !rule.matcher.hosts.is_empty());
        let missing = [
            (
                !self.normalizes_path,
                "paths reach the filter and the routes as clients wrote them, and the filter answers 400 where they should have been normalised; write normalize_path: true",
            ),
            (
                names_hosts && !self.ignores_port,
                "rules name hosts, and Envoy's virtual hosts compare the port that a client may add; write strip_any_host_port: true",
            ),
            (
                names_hosts && !self.strips_dot,
                "rules name hosts, and Envoy's virtual hosts compare the final dot that a client may add; write strip_trailing_host_dot: true",
            ),
        ];
        let missing = missing.into_iter().filter(|(is_missing, _)| *is_missing);
        missing
            .map(|(_, doubt)| format!("{}: {doubt}", self.place))
            .collect()
    }
}

fn member<'j>(json: &'j Json, names: [&str; 2]) -> Option<&'j Json> {
    names.into_iter().find_map(|name| json.get(name))
}

/// All HTTP connection managers below a value; places are written as `find` writes them.
fn collect(json: &Json, place: String, managers: &mut Vec<Manager>) {
    match json {
        Json::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                collect(element, format!("{place}[{index}]"), managers);
            }
        }
        Json::Object(members) => {
            let type_url = json.get("@type").and_then(Json::as_str).unwrap_or_default();
            for (name, value) in members {
                let dot = if place.is_empty() { "" } else { "." };
                collect(value, format!("{place}{dot}{name}"), managers);
            }
            if type_url.ends_with(".HttpConnectionManager") {
                managers.push(Manager::read(json, place));
            }
        }
        _ => {}
    }
}
