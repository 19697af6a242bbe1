//! Envoy's filter that reads bodies, where a rule names what they call.

use super::{SMALLEST, check, judged, put};

const MCP: &str = include_str!("../../../envoy/mcp.yaml");
const REJECTS: &str = "reject_duplicate_keys: true";
const FILTER: &str = "                  - name: envoy.filters.http.mcp
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp
";
const ROUTER: &str = "                  - name: envoy.filters.http.router\n";

/// What the command says of a text that it refuses.
fn refused(text: &str) -> String {
    let (status, told) = judged(text);
    assert_eq!(status, Some(1), "{text}");
    told
}

/// The shipped file without its filter, and the lines of that.
fn without() -> (String, String) {
    let (before, rest) = MCP
        .split_once("                  # Reads bodies")
        .expect("it");
    let (filter, after) = rest
        .split_once("                  - name: passgate\n")
        .expect("ours");
    let (_, filter) = filter.split_once('\n').expect("lines");
    let text = format!("{before}                  - name: passgate\n{after}");
    (text, filter.to_owned())
}

#[test]
fn the_shipped_file_is_as_it_should_be() {
    let said = check(MCP);
    assert!(!said.contains("mcp,"), "{said}");
    let camel = put(MCP, REJECTS, "rejectDuplicateKeys: true");
    assert!(!check(&camel).contains("a rule has mcp"));
    for word in ["BODY", "0"] {
        let source = format!("{REJECTS}\n                      attribute_source: {word}");
        check(&put(MCP, REJECTS, &source));
    }
    // A policy without such a rule has no use for it.
    assert!(!check(SMALLEST).contains("mcp"));
}

#[test]
fn where_nobody_reads_bodies_there_is_a_warning() {
    let (without, filter) = without();
    let behind = put(&without, ROUTER, &format!("{filter}{ROUTER}"));
    let named = "                  - name: envoy.filters.http.mcp\n";
    let disabled = put(
        MCP,
        named,
        &format!("{named}                    disabled: true\n"),
    );
    for (text, why) in [
        (without, "is missing"),
        (behind, "stands behind this filter"),
        (disabled, "is disabled"),
    ] {
        let said = check(&text);
        let wanted = format!("warning: a rule has mcp, and envoy.filters.http.mcp {why}: nobody");
        assert!(said.contains(&wanted), "{said}");
    }
}

#[test]
fn what_lets_a_client_past_such_a_rule_is_an_error() {
    let lines = |text: &str| format!("{REJECTS}\n                      {text}");
    let member = |text: &str| put(MCP, REJECTS, &lines(text));
    // What a route says stands in the place of all that the filter says.
    let in_route = "                              reject_duplicate_keys: true\n";
    let route = |text: &str| put(MCP, in_route, text);
    let writes = format!(
        "                  - name: lua
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config
                      request_rules:
                        - header: x-tool
                          on_header_present: {{ metadata_namespace: envoy.filters.http.mcp, key: method, type: STRING }}
{FILTER}"
    );
    for (text, why) in [
        (put(MCP, REJECTS, ""), "names its tool twice"),
        (
            put(MCP, REJECTS, "reject_duplicate_keys: false"),
            "names its tool twice",
        ),
        (route(""), "names its tool twice"),
        (
            route(
                "                              reject_duplicate_keys: false
",
            ),
            "names its tool twice",
        ),
        (
            member("attribute_source: HEADERS"),
            "remove attribute_source",
        ),
        (
            member("attribute_source: VERIFY"),
            "remove attribute_source",
        ),
        (member("attributeSource: 2"), "remove attribute_source"),
        (
            member("early_terminate_when_routable: true"),
            "remove early_terminate_when_routable",
        ),
        (
            put(MCP, FILTER, &writes),
            "write another metadata_namespace",
        ),
    ] {
        let said = refused(&text);
        assert!(
            said.contains("error: a rule has mcp, and "),
            "{said}\n{text}"
        );
        assert!(said.contains(why), "{said}");
    }
}

/// A resource of Istio or of Envoy Gateway does not hold the filters around it.
#[test]
fn in_a_resource_there_is_a_note() {
    let plugin = include_str!("../../../istio/gateway.yaml");
    assert!(!check(plugin).contains("mcp"));
    let rules =
        "    rules:\n      - { match: { path: /mcp, mcp: { names: [a] } }, requires: {} }\n";
    let said = check(&put(
        plugin,
        "    providers:\n",
        &format!("{rules}    providers:\n"),
    ));
    assert!(
        said.contains("note: ") && said.contains("istio/mcp.yaml puts it there"),
        "{said}"
    );
}
