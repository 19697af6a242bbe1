//! What the demo adds to its Envoy file for an agent: Envoy reads which tool a call is of, and a
//! tool that deletes waits for the person (`envoy/mcp.yaml` says why each line is there).

use crate::gate::replace;

/// The text with the filter that reads calls, the rule for deletions, and the route; or what the
/// text should have held.
pub(crate) fn with_agents(text: &str) -> Result<String, String> {
    let text = replace(text, PLUGIN, &format!("{FILTER}{PLUGIN}"))?;
    let text = replace(&text, POLICY, &format!("{POLICY}{BODIES}"))?;
    let text = replace(&text, REST, &format!("{DELETIONS}{REST}"))?;
    replace(&text, ROUTES, &format!("routes: [{ROUTE}, {{ match:"))
}

const PLUGIN: &str = "                  - name: passgate\n";
const FILTER: &str = r#"                  - name: envoy.filters.http.mcp
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp
                      reject_duplicate_keys: true
                      max_request_body_size: 65536
"#;

const POLICY: &str = "                        failure_policy: FAIL_RELOAD\n";
const BODIES: &str = "                        allow_on_headers_stop_iteration: true\n";

/// The last rule, for what no other is about.
const REST: &str = r#"                                {
                                  "match": { "prefix": "/" },
"#;
const DELETIONS: &str = r#"                                {
                                  "match": {
                                    "path": "/mcp",
                                    "methods": ["POST"],
                                    "mcp": { "methods": ["tools/call"], "names": ["delete_*"] }
                                  },
                                  "requires": {
                                    "provider_name": "demo",
                                    "proof": { "webauthn": { "mode": "transaction", "body": "required" } },
                                    "facts": ["phishing_resistant", "user_verified"],
                                    "delegated": "allow",
                                    "actors": ["http://127.0.0.1:9000/agent-7"],
                                    "max_act_depth": 1
                                  }
                                },
"#;

const ROUTES: &str = "routes: [{ match:";
const ROUTE: &str = r#"{ match: { path: /mcp }, route: { cluster: upstream }, typed_per_filter_config: { envoy.filters.http.mcp: { "@type": type.googleapis.com/envoy.extensions.filters.http.mcp.v3.McpOverride, traffic_mode: REJECT_NO_MCP, reject_duplicate_keys: true, max_request_body_size: 65536 } } }"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_goes_once_into_the_file_that_is_shipped() {
        let text = with_agents(include_str!("../../envoy/envoy.yaml")).unwrap();
        for part in [FILTER, BODIES, DELETIONS, ROUTE] {
            assert_eq!(text.matches(part).count(), 1, "{part}");
        }
        assert!(with_agents("").is_err());
    }

    /// What the demo shows is what the file for agents says.
    #[test]
    fn the_rule_is_that_of_the_file_for_agents() {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shipped = words(include_str!("../../envoy/mcp.yaml"));
        let rule = words(DELETIONS)
            .replace(r#""demo""#, r#""acme""#)
            .replace("//127.0.0.1:", "//localhost:");
        let rule = rule.trim_start_matches("{ ");
        assert!(shipped.contains(rule), "{rule}");
    }
}
