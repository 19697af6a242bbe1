//! Where the routes read a request in another way than the rules do.

use super::*;

const LIST: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const ROUTES: &str = "                route_config:\n";

/// The file with a further member of its routes.
fn with_routes(text: &str, more: &str) -> String {
    put(text, ROUTES, &format!("{ROUTES}                  {more}\n"))
}

#[test]
fn a_header_that_chooses_the_virtual_host_is_said_where_rules_name_hosts() {
    let warning = format!(
        "warning: {LIST}.route_config.vhost_header: rules name hosts, and Envoy's virtual hosts are chosen by \"x-host\", which a client writes as it likes; remove it\n"
    );
    let hosts = [("api.test", UP), ("www.test", OTHER)];
    let rules = [strict(r#""api.test""#), public(r#""www.test""#)];
    let apart = with_hosts(&rules, &hosts);
    assert!(!check(&apart).contains("warning"));
    let output = check(&with_routes(&apart, "vhost_header: x-host"));
    assert!(output.ends_with(&warning), "{output}");
    assert!(!check(&with_routes(&apart, "vhost_header: \"\"")).contains("warning"));
    let all = with_hosts(&[strict("")], &hosts);
    assert!(!check(&with_routes(&all, "vhost_header: x-host")).contains("warning"));
}

#[test]
fn a_route_that_takes_paths_in_any_case_is_said_where_a_rule_does_not() {
    let with = |rules: &[&str], of: &str| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{{ {rule} }}")).collect();
        let routes = format!("routes: [{{ {of}, route: {{ cluster: upstream }} }}]");
        let own = "routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";
        check(&put(&with_rules(&rules), own, &routes))
    };
    let warning = |name: &str| {
        format!(
            "warning: {LIST}.route_config.virtual_hosts[0].routes[0].match.{name}: this route takes paths in any case, and rules[0] takes its own in one, so a client that writes other letters gets to rules[1], which does not ask for the same; write ignore_case: true in rules[0].match, or remove {name}\n"
        )
    };
    let admin = r#""match": { "path_separated_prefix": "/admin" }, "requires": {}"#;
    let rest = r#""match": { "prefix": "/" }, "public": { "reason": "r", "owner": "o", "until": "never" }"#;
    for (of, name) in [
        (
            "match: { path_separated_prefix: /admin, case_sensitive: false }",
            "case_sensitive",
        ),
        (
            "match: { prefix: /, caseSensitive: false }",
            "caseSensitive",
        ),
        (
            "match: { path: /Admin/users, case_sensitive: \"off\" }",
            "case_sensitive",
        ),
        (
            "match: { safe_regex: { regex: \"(?i)/admin/.*\" } }",
            "safe_regex",
        ),
    ] {
        let output = with(&[admin, rest], of);
        assert!(output.ends_with(&warning(name)), "{of}: {output}");
    }
    let any = "match: { prefix: /, case_sensitive: false }";
    let ignoring = admin.replace("\"/admin\"", "\"/admin\", \"ignore_case\": true");
    let digits = admin.replace("/admin", "/1");
    let later = rest
        .replace("public", "requires")
        .replace(r#"{ "reason": "r", "owner": "o", "until": "never" }"#, "{}");
    for (rules, of) in [
        (vec![admin, rest], "match: { prefix: / }"),
        (
            vec![admin, rest],
            "match: { prefix: /, case_sensitive: true }",
        ),
        (
            vec![admin, rest],
            "match: { prefix: /static, case_sensitive: false }",
        ),
        (
            vec![admin, rest],
            "match: { prefix: /, headers: [{ name: x, string_match: { exact: a, ignore_case: true } }] }",
        ),
        (vec![&ignoring, rest], any),
        (vec![&digits, rest], any),
        (vec![admin], any),
        (vec![admin, &later], any),
        (vec![admin, &ignoring, rest], any),
    ] {
        let output = with(&rules, of);
        assert!(!output.contains("in any case"), "{of} {rules:?}: {output}");
    }
}
