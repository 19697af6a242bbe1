//! Where the routes read a request in another way than the rules do.

use super::*;

const LIST: &str = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const ROUTES: &str = "                route_config:\n";

/// The file with a further member of its routes.
fn with_routes(text: &str, more: &str) -> String {
    put(text, ROUTES, &format!("{ROUTES}                  {more}\n"))
}

/// The check of the file with these rules and routes.
fn with_own_routes(rules: &[&str], routes: &str) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("{{ {rule} }}")).collect();
    let own = "routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";
    check(&put(
        &with_rules(&rules),
        own,
        &format!("routes: [{routes}]"),
    ))
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
        let route = format!("{{ {of}, route: {{ cluster: upstream }} }}");
        with_own_routes(rules, &route)
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

#[test]
fn a_route_that_makes_the_path_of_a_stricter_rule_is_said() {
    let rewrite = |of: &str, to: &str, cluster: &str| {
        format!("{{ match: {{ {of} }}, route: {{ cluster: {cluster}, prefix_rewrite: {to} }} }}")
    };
    let plain = |of: &str, cluster: &str| {
        format!("{{ match: {{ {of} }}, route: {{ cluster: {cluster} }} }}")
    };
    let all = |cluster: &str| plain("prefix: /", cluster);
    let public = r#""public": { "reason": "r", "owner": "o", "until": "never" }"#;
    let rule = |path: &str, action: &str| format!(r#""match": {{ {path} }}, {action}"#);
    let scopes = r#""requires": { "scopes": ["admin"] }"#;
    let admin = rule(r#""path_separated_prefix": "/admin""#, scopes);
    let api = rule(r#""prefix": "/api/""#, public);
    let rest = rule(r#""prefix": "/""#, r#""requires": {}"#);
    let warning = |strict: usize, weak: usize| {
        format!(
            "warning: {LIST}.route_config.virtual_hosts[0].routes[0].route.prefix_rewrite: makes paths of rules[{strict}] out of paths of rules[{weak}], which does not ask for the same, and the routes lead both to the cluster \"upstream\"; let rules[{weak}] ask for as much, or write a rule for those paths before it\n"
        )
    };
    let rules = [&*admin, &api, &rest];
    let upstream = all("upstream");
    for (of, to, weak) in [
        ("prefix: /api/", "/", 1),
        // It takes /apiadmin, too.
        ("prefix: /api", "/", 2),
        ("path_separated_prefix: /api", "/", 1),
        ("pathSeparatedPrefix: /api", "/admin", 1),
        ("prefix: /api/", "/admin/x/", 1),
        ("prefix: /api/", "/admin/", 1),
        ("prefix: /api/", "/admin", 1),
    ] {
        let routes = [rewrite(of, to, "upstream"), upstream.clone()].join(", ");
        let output = with_own_routes(&rules, &routes);
        assert!(output.ends_with(&warning(0, weak)), "{of} {to}: {output}");
    }
    let api_rewritten = rewrite("prefix: /api/", "/", "upstream");
    let health = rule(r#""path": "/api/admin/health""#, public);
    let strict_api = rule(r#""prefix": "/api/""#, scopes);
    let of_host = rule(r#""prefix": "/admin/", "hosts": ["a.test"]"#, scopes);
    let served = |domain: &str| {
        let text = with_rules(&[&of_host, &api].map(|rule| format!("{{ {rule} }}")));
        let own = "domains: [\"*\"]
                      routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";
        let instead = format!(
            "domains: [{domain:?}]\n                      routes: [{api_rewritten}, {upstream}]"
        );
        check(&put(&text, own, &instead)).contains("makes paths of")
    };
    assert!(served("a.test") && served("*") && !served("b.test"));
    for (rules, routes) in [
        // Another service; and one that gets no such path as it was sent.
        (&rules[..], vec![&api_rewritten, &all("other")]),
        (
            &rules,
            vec![&api_rewritten, &plain("prefix: /admin", "other"), &upstream],
        ),
        // Another path; a rule that asks for as much; none.
        (
            &rules,
            vec![
                &rewrite("prefix: /api/", "/v1/", "upstream"),
                &plain("prefix: /admin", "upstream"),
            ],
        ),
        (
            &[&*health, &admin, &strict_api],
            vec![&api_rewritten, &upstream],
        ),
        // An exception of the stricter one.
        (&[&*api, &rest], vec![&api_rewritten, &upstream]),
        (&[&*admin, &strict_api], vec![&api_rewritten, &upstream]),
        (&[&*rest], vec![&api_rewritten, &upstream]),
        (&[], vec![&api_rewritten, &upstream]),
    ] {
        let routes: Vec<&str> = routes.into_iter().map(String::as_str).collect();
        let output = with_own_routes(rules, &routes.join(", "));
        assert!(!output.contains("makes paths of"), "{routes:?}: {output}");
    }
}

const ADMIN: &str =
    r#""match": { "path_separated_prefix": "/admin" }, "requires": { "scopes": ["admin"] }"#;
const API: &str = r#""match": { "prefix": "/api/" }, "public": { "reason": "r", "owner": "o", "until": "never" }"#;
const REST: &str = r#""match": { "prefix": "/" }, "requires": {}"#;

/// A route with this match and these members.
fn route(of: &str, action: &str) -> String {
    format!("{{ match: {{ {of} }}, route: {{ {action} }} }}")
}

#[test]
fn a_route_that_puts_a_stricter_rules_path_in_the_place_of_a_whole_one_is_said() {
    let with = |rules: &[&str], of: &str, action: &str| {
        let rewriting = route(of, &format!("{UP}, {action}"));
        let plain = route("prefix: /", UP);
        with_own_routes(rules, &format!("{rewriting}, {plain}"))
    };
    let users = "prefix_rewrite: /admin/users";
    let template = |path: &str| {
        format!("path_match_policy: {{ name: t, typed_config: {{ path_template: {path:?} }} }}")
    };
    for (of, action, weak) in [
        ("path: /api/x", users, 1),
        ("safe_regex: { regex: \"/api/.*\" }", users, 1),
        ("safeRegex: { regex: \"/api/?\" }", users, 1),
        ("safe_regex: { regex: \"/admin/x|/api/x\" }", users, 1),
        (&template("/api/*"), users, 1),
        ("prefix: /api/", "path_rewrite: /admin/users", 1),
        ("path: /x", users, 2),
    ] {
        let output = with(&[ADMIN, API, REST], of, action);
        let said = format!(": makes paths of rules[0] out of paths of rules[{weak}], ");
        assert!(output.contains(&said), "{of}: {output}");
    }
    let health = r#""match": { "path": "/admin/users" }, "public": { "reason": "r", "owner": "o", "until": "never" }"#;
    for (rules, of, action) in [
        (&[ADMIN, API, REST][..], "path: /admin/x", users),
        (&[ADMIN, API, REST], "path: /api/x", "prefix_rewrite: /v1/x"),
        (
            &[ADMIN, API, REST],
            "safe_regex: { regex: \"/admin/.*\" }",
            users,
        ),
        (
            &[ADMIN, API, REST],
            "safe_regex: { regex: \"^/admin/.*\" }",
            users,
        ),
        (&[ADMIN, API, REST], &template("/admin/*"), users),
        (&[health, ADMIN, API, REST], "path: /api/x", users),
        (&[ADMIN], "path: /api/x", users),
    ] {
        let output = with(rules, of, action);
        assert!(!output.contains("makes paths of"), "{of}: {output}");
    }
}

#[test]
fn a_rewritten_path_is_looked_for_in_all_virtual_hosts_and_in_no_route() {
    let said = ": makes paths of rules[0] out of paths of rules[1], which does not ask for the same, and the routes lead both to the cluster \"upstream\"; ";
    let rules = [ADMIN, API, REST].map(|rule| format!("{{ {rule} }}"));
    let made = route(
        "prefix: /api/",
        "cluster: upstream, prefix_rewrite: /admin/",
    );
    let with = |routes: &str, cluster: &str| {
        let text = with_hosts(&rules, &[("www.test", UP), ("api.test", cluster)]);
        let own = "routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";
        check(&put(&text, own, &format!("routes: [{routes}]")))
    };
    assert!(with(&made, UP).contains(said), "{}", with(&made, UP));
    assert!(!with(&made, OTHER).contains("makes paths of"));
    let output = with_own_routes(&[ADMIN, API, REST], &made);
    assert!(output.contains(said), "{output}");
}

#[test]
fn two_routes_to_the_same_paths_of_a_service_are_said() {
    let to = |of: &str, cluster: &str, to: &str| {
        route(of, &format!("cluster: {cluster}, prefix_rewrite: {to}"))
    };
    let rules = [ADMIN, API, REST];
    let strict = to("path_separated_prefix: /admin", "upstream", "/inner");
    let said = |index: usize, weak: usize| {
        format!(
            ": leads to the same paths of the cluster \"upstream\" as a route that rewrites those of rules[0], and here rules[{weak}] decides, which does not ask for the same; let rules[{weak}] ask for as much, or write a rule for those paths before it\n"
        )
        .replacen(": ", &format!(".routes[{index}].route: "), 1)
    };
    let rewritten = |index, weak| said(index, weak).replacen("route:", "route.prefix_rewrite:", 1);
    for (second, said) in [
        (to("prefix: /api/", "upstream", "/inner/"), rewritten(1, 1)),
        (to("prefix: /api/", "upstream", "/"), rewritten(1, 1)),
        (
            to("prefix: /api/", "upstream", "/inner/x/"),
            rewritten(1, 1),
        ),
        (route("prefix: /", UP), said(1, 2)),
    ] {
        let output = with_own_routes(&rules, &format!("{strict}, {second}"));
        assert!(output.contains(&said), "{second}: {output}");
    }
    let elsewhere = "{ match: { prefix: /inner }, direct_response: { status: 404 } }";
    for routes in [
        [&*strict, &to("prefix: /api/", "other", "/inner/")].join(", "),
        [&*strict, &to("prefix: /api/", "upstream", "/outer/")].join(", "),
        [&*strict, &route("prefix: /", OTHER)].join(", "),
        [elsewhere, &strict, &route("prefix: /", UP)].join(", "),
        // To each service its own prefix.
        [
            to("prefix: /admin/", "other", "/"),
            to("prefix: /api/", "upstream", "/"),
        ]
        .join(", "),
    ] {
        let output = with_own_routes(&rules, &routes);
        assert!(
            !output.contains("route.prefix_rewrite"),
            "{routes}: {output}"
        );
        assert!(!output.contains("the same paths"), "{routes}: {output}");
    }
}

#[test]
fn a_prefix_without_a_slash_that_becomes_one_with_a_slash_is_said() {
    let with = |of: &str, to: &str| {
        let rewriting = route(of, &format!("{UP}, prefix_rewrite: {to}"));
        with_own_routes(
            &[ADMIN, REST],
            &format!("{rewriting}, {}", route("prefix: /", UP)),
        )
    };
    let warning = format!(
        "warning: {LIST}.route_config.virtual_hosts[0].routes[0].route.prefix_rewrite: the prefix does not end in /, and this does, so a client that writes .. behind the prefix gets a path of rules[0] by rules[1], which does not ask for the same, and the routes lead both to the cluster \"upstream\"; write both with / at the end, or neither\n"
    );
    let output = with("prefix: /files", "/static/");
    assert!(output.ends_with(&warning), "{output}");
    for (of, to) in [
        ("prefix: /files", "/static"),
        ("prefix: /files/", "/static/"),
        ("path_separated_prefix: /files", "/static/"),
        ("prefix: /files", "/static/x/"),
    ] {
        let output = with(of, to);
        assert!(!output.contains("warning"), "{of} {to}: {output}");
    }
}

#[test]
fn a_tunnel_to_the_service_of_other_routes_is_said() {
    let connect = "connect_matcher: {}";
    let tunnel = |cluster: &str, config: &str| {
        route(
            connect,
            &format!(
                "cluster: {cluster}, upgrade_configs: [{{ upgrade_type: CONNECT, {config} }}]"
            ),
        )
    };
    let with = |rules: &[&str], tunnel: &str| {
        with_own_routes(rules, &format!("{tunnel}, {}", route("prefix: /", UP)))
    };
    let named = r#""match": { "methods": ["CONNECT"] }, "requires": {}"#;
    let to_upstream = tunnel("upstream", "connect_config: {}");
    let warning = format!(
        "warning: {LIST}.route_config.virtual_hosts[0].routes[0].route.upgrade_configs: connect_config lets a client connect to the cluster \"upstream\", to which other routes lead, and its requests in there are not judged; remove it, or lead it to a cluster of its own\n"
    );
    for rules in [&[named, ADMIN][..], &[]] {
        let output = with(rules, &to_upstream);
        assert!(output.contains(&warning), "{rules:?}: {output}");
    }
    for (rules, tunnel) in [
        (&[named, ADMIN][..], tunnel("other", "connect_config: {}")),
        // The service gets CONNECT itself.
        (&[named, ADMIN], tunnel("upstream", "enabled: true")),
        // No rule is about CONNECT.
        (&[ADMIN, REST], to_upstream),
    ] {
        let output = with(rules, &tunnel);
        assert!(!output.contains("connect_config"), "{tunnel}: {output}");
    }
}
