//! `passgate check --envoy`: the weakest rule for each route of a file of Envoy.
#![allow(clippy::expect_used, reason = "tests")]

use serde_json::Value;
use std::{fs, process::Command};

const SMALLEST: &str = include_str!("../../envoy/smallest.yaml");

const RULES: &str = r#"{ "rules": [
  { "name": "probe", "match": { "path": "/healthz" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
  { "name": "closed", "match": { "path_separated_prefix": "/admin" }, "deny": { "reason": "r", "owner": "o" } },
  { "name": "files", "match": { "prefix": "/files/", "hosts": ["www.test"] }, "public": { "reason": "r", "owner": "o", "until": "never" } },
  { "name": "payments", "match": { "path_separated_prefix": "/api/payments" }, "requires": { "facts": ["phishing_resistant"], "max_age": "5m" } },
  { "name": "api", "match": { "path_separated_prefix": "/api" }, "requires": { "scopes": ["read", "write"] } },
  { "name": "writes", "match": { "prefix": "/", "methods": ["POST"] }, "requires": { "roles": ["a"] } },
  { "name": "rest", "match": { "prefix": "/", "methods": ["GET"] }, "requires": {} }
], "roles": [{ "role": "a", "when": { "claim": { "path": ["a"], "equals": "b" } } }],"#;

const ROUTE: &str = "routes: [{ match: { prefix: / }, route: { cluster: upstream } }]";

/// The smallest file with these rules, and with virtual hosts in the place of its own.
fn file(rules: &str, hosts: &str) -> String {
    let (before, after) = SMALLEST.split_once("value: |").expect("the policy");
    let text = format!(
        "{before}value: |{}",
        after.replacen('{', &rules.replace('\n', " "), 1)
    );
    let own = format!(
        "                    - name: everything\n                      domains: [\"*\"]\n                      {ROUTE}\n"
    );
    assert!(text.contains(&own), "{text}");
    text.replace(&own, hosts)
}

fn host(domains: &str, routes: &str) -> String {
    format!("                    - {{ name: h, domains: [{domains}], routes: [{routes}] }}\n")
}

fn route(of: &str) -> String {
    format!("{{ match: {{ {of} }}, route: {{ cluster: upstream }} }}")
}

/// Exit status, output and errors for a file with this text.
fn check(name: &str, text: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let path =
        std::env::temp_dir().join(format!("passgate-reach-{name}-{}.yaml", std::process::id()));
    fs::write(&path, text).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    let command = command.args(["check", "--envoy"]).arg(&path).args(more);
    let output = command.output().expect("it runs");
    fs::remove_file(&path).expect("the file");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The table of a file, as rows of cells.
fn table(output: &str) -> Vec<Vec<String>> {
    let (_, table) = output.split_once("HOSTS").expect("a table");
    let lines = table.lines().skip(1);
    let cells = |line: &str| {
        let cells = line.split("  ").map(str::trim);
        let cells = cells.filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    lines.map(cells).collect()
}

#[test]
fn each_route_has_the_weakest_rule_that_decides_about_its_requests() {
    let routes = [
        "path: /healthz",
        "prefix: /admin/",
        "path_separated_prefix: /api/payments",
        "prefix: /api/",
        "prefix: /ap",
        "safe_regex: { regex: '/api/v[12]/.*' }",
        "prefix: /files/",
        "prefix: /other, headers: [{ name: ':method', string_match: { exact: POST } }]",
        "prefix: /",
    ];
    let routes = routes.map(route).join(", ");
    let hosts = host("'*'", &routes) + &host("www.test", &route("prefix: /"));
    let (status, output, _) = check("weakest", &file(RULES, &hosts), &[]);
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.contains("routes: 10, and all are judged\n"),
        "{output}"
    );
    let rows = table(&output);
    let seen: Vec<_> = rows.iter().map(|row| row.join(" | ")).collect();
    let wanted = [
        "* | path /healthz | probe | nothing: it is public",
        "* | prefix /admin/ | closed | nobody passes",
        "* | path_separated_prefix /api/payments | payments | a token and facts phishing_resistant and max_age 300s",
        "* | prefix /api/ | payments or api | a token and facts phishing_resistant and max_age 300s, or a token and scopes read write",
        "* | prefix /ap | rest | a token",
        "* | safe_regex /api/v[12]/.* | api | a token and scopes read write",
        // The host of `files` has a virtual host of its own.
        "* | prefix /files/ | rest | a token",
        "* | POST prefix /other | writes | a token and roles a",
        "* | prefix / | probe | nothing: it is public",
        "www.test | prefix / | probe | nothing: it is public",
    ];
    assert_eq!(seen, wanted, "{output}");
}

/// The rules of `files` and `inside` are for hosts that other domains of the routes stand for.
#[test]
fn a_host_is_found_as_the_routes_choose_it() {
    let rules = RULES.replace("www.test", "api.test");
    let of = |hosts: &str| {
        let (_, output, _) = check("hosts", &file(&rules, hosts), &[]);
        let rows = table(&output);
        rows.iter().map(|row| row[2].clone()).collect::<Vec<_>>()
    };
    let files = route("prefix: /files/");
    assert_eq!(of(&host("'api.test'", &files)), ["files"]);
}

#[test]
fn a_filter_that_is_switched_off_within_judges_no_route() {
    let (before, rest) = SMALLEST.split_once("- name: passgate\n").expect("the gate");
    let (gate, after) = rest
        .split_once("                  - name: envoy.filters.http.router")
        .expect("the router");
    let gate: Vec<_> = gate
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let gate = gate.join("\n");
    let (head, policy) = gate.split_once("value: |").expect("the policy");
    let policy = policy.replace('\n', " ").replace('\'', "''");
    let inner = format!("{head}value: '{policy}'");
    let text = format!(
        "{before}- name: passgate\n                    typed_config:\n                      '@type': type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher\n                      xds_matcher: {{ on_no_match: {{ action: {{ name: s, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter }} }} }} }}\n                      extension_config:\n                        name: passgate\n{}\n                  - name: envoy.filters.http.router{after}",
        inner
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    );
    let (status, output, _) = check("within", &text, &[]);
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.ends_with("NOTHING: the filter is switched off here\n"),
        "{output}"
    );
}

#[test]
fn routes_that_no_filter_judges_are_named() {
    let off = "typed_per_filter_config: { passgate: { '@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }";
    let skipped = format!("{{ match: {{ prefix: /off }}, route: {{ cluster: upstream }}, {off} }}");
    let hosts = host("'*'", &format!("{skipped}, {}", route("prefix: /")));
    let text = file(RULES, &hosts);
    let (before, after) = text.split_once("  listeners:\n").expect("listeners");
    let other = "    - address: { socket_address: { address: 127.0.0.1, port_value: 1 } }
      filter_chains:
        - filters:
            - name: hcm
              typed_config:
                '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: x
                route_config: { virtual_hosts: [{ name: v, domains: ['*'], routes: [{ match: { prefix: / }, route: { cluster: upstream } }] }] }
    - address: { socket_address: { address: 127.0.0.1, port_value: 2 } }
      filter_chains:
        - filters:
            - name: tcp
              typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: x, cluster: upstream }
";
    let text = format!("{before}  listeners:\n{other}{after}");
    let (status, output, _) = check("open", &text, &[]);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.starts_with("SWITCHED OFF in 1 place\n"), "{output}");
    let leads = "leads to the cluster \"upstream\" without this filter";
    assert_eq!(output.matches(leads).count(), 2, "{output}");
    let rows = table(&output);
    let seen: Vec<_> = rows.iter().map(|row| row.join(" | ")).collect();
    let wanted = [
        "* | prefix / | NONE | NOTHING: this listener has no filter of passgate",
        "- | … | NONE | NOTHING: this listener has no filter of passgate",
        "* | prefix /off | NONE | NOTHING: the filter is switched off here",
        "* | prefix / | probe | nothing: it is public",
    ];
    assert_eq!(seen, wanted, "{output}");

    let (_, output, _) = check("open-json", &text, &["--format", "json"]);
    let json: Value = serde_json::from_str(&output).expect("JSON");
    let routes = json["files"][0]["routes"].as_array().expect("routes");
    let judged: Vec<_> = routes.iter().map(|route| &route["judged"]).collect();
    assert_eq!(judged, [false, false, false, true]);
    assert_eq!(routes[3]["weakest"][0]["rules"][0], "probe");
    assert_eq!(routes[3]["hosts"][0], "*");
    let place = routes[3]["place"].as_str().expect("a place");
    assert!(place.ends_with(".virtual_hosts[0].routes[1]"), "{place}");
}

#[test]
fn what_is_no_policy_is_told_in_the_table_too() {
    let (status, output, _) = check("plain", SMALLEST, &[]);
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.ends_with("*      prefix /  -             a token\n"),
        "{output}"
    );
    let bad = SMALLEST.replace("\"issuer\"", "\"isuer\"");
    let (status, output, _) = check("bad", &bad, &[]);
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.ends_with("-             the proxy refuses this configuration\n"),
        "{output}"
    );
    let narrow = r#"{ "rules": [{ "match": { "path": "/a" }, "requires": {} }],"#;
    let hosts = host("'*'", &route("prefix: /b/"));
    let (_, output, _) = check("narrow", &file(narrow, &hosts), &[]);
    assert!(
        output.ends_with("-             nobody passes: no rule is about it\n"),
        "{output}"
    );
    let (status, output, error) = check("other", "rules: []\nproviders: {}\n", &[]);
    assert_eq!((status, output.as_str()), (Some(2), ""));
    assert!(error.ends_with(": not a file of Envoy\n"), "{error}");
    let (status, _, error) = check("words", SMALLEST, &["more.yaml"]);
    assert_eq!(status, Some(2));
    assert!(error.starts_with("usage: passgate check"), "{error}");
}

const SHADOW: &str = r#""mode": { "shadow": { "until": "2999-12-31" } }"#;
const OBSERVED: &str = "nothing until 2999-12-31: shadow";

fn rows(output: &str) -> Vec<String> {
    let rows = table(output);
    rows.iter().map(|row| row.join(" | ")).collect()
}

#[test]
fn what_is_only_observed_asks_for_nothing() {
    let hosts = host(
        "'*'",
        &["prefix: /admin/", "prefix: /api/", "prefix: /other"]
            .map(route)
            .join(", "),
    );
    let mode = |name: &str, until: &str| {
        let named = format!("\"name\": \"{name}\",");
        let mode = SHADOW.replace("2999-12-31", until);
        file(&RULES.replace(&named, &format!("{named} {mode},")), &hosts)
    };
    let (_, output, _) = check("shadow-deny", &mode("closed", "2999-12-31"), &[]);
    assert!(
        output.contains("routes: 3, and 1 of them lets requests pass in shadow\n"),
        "{output}"
    );
    assert_eq!(
        rows(&output),
        [
            format!("* | prefix /admin/ | closed | {OBSERVED}"),
            "* | prefix /api/ | payments or api | a token and facts phishing_resistant and max_age 300s, or a token and scopes read write".to_owned(),
            "* | prefix /other | rest | a token".to_owned(),
        ]
    );
    // One that is observed no more is like any other.
    let (_, output, _) = check("shadow-over", &mode("closed", "2020-12-31"), &[]);
    assert_eq!(
        rows(&output)[0],
        "* | prefix /admin/ | closed | nobody passes"
    );
    // The stricter of two rules, which is the one that lets everybody pass.
    let (_, output, _) = check("shadow-rule", &mode("payments", "2999-12-31"), &[]);
    assert_eq!(
        rows(&output)[1],
        format!("* | prefix /api/ | payments | {OBSERVED}")
    );

    // It weighs less than a public rule, which comes first.
    let text = mode("rest", "2999-12-31").replace("prefix: /other", "prefix: /");
    let (_, output, _) = check("shadow-rest", &text, &[]);
    assert_eq!(
        rows(&output)[2],
        format!("* | prefix / | rest | {OBSERVED}")
    );

    // The whole configuration, but for a rule that says otherwise.
    let whole = RULES.replace("{ \"rules\"", &format!("{{ {SHADOW}, \"rules\""));
    let closed = "\"name\": \"closed\",";
    let whole = whole.replace(closed, &format!("{closed} \"mode\": \"enforce\","));
    let text = file(&whole, &hosts);
    let (_, output, _) = check("shadow", &text, &[]);
    let wanted = [
        "* | prefix /admin/ | closed | nobody passes".to_owned(),
        format!("* | prefix /api/ | payments | {OBSERVED}"),
        format!("* | prefix /other | writes | {OBSERVED}"),
    ];
    // `closed` is about TRACE, too, and below `/admin/` no other rule is left.
    assert_eq!(rows(&output), wanted, "{output}");
    let (_, output, _) = check("shadow-json", &text, &["--format", "json"]);
    let json: Value = serde_json::from_str(&output).expect("JSON");
    let routes = json["files"][0]["routes"].as_array().expect("routes");
    let judged: Vec<_> = routes.iter().map(|route| &route["judged"]).collect();
    assert_eq!(judged, [true, false, false]);
    assert_eq!(routes[0]["unjudged_because"], Value::Null);
    assert_eq!(routes[1]["unjudged_because"], "shadow");
    assert_eq!(routes[0]["weakest"][0]["shadow_until"], Value::Null);
    assert_eq!(routes[1]["weakest"][0]["shadow_until"], "2999-12-31");
}

/// Where no rule is about a request, the mode of the whole configuration lets it pass.
#[test]
fn what_no_rule_is_about_is_observed_too() {
    let narrow = |hosts: &str, rules: &str| {
        let (_, output, _) = check("left", &file(rules, hosts), &[]);
        rows(&output)
    };
    let rules = format!(
        r#"{{ {SHADOW}, "rules": [{{ "match": {{ "path": "/b/c" }}, "mode": "enforce", "requires": {{}} }}],"#
    );
    let hosts = host("'*'", &route("prefix: /b/"));
    assert_eq!(
        narrow(&hosts, &rules),
        [format!("* | prefix /b/ | - | {OBSERVED}")]
    );
    let none = format!("{{ {SHADOW},");
    assert_eq!(
        narrow(&hosts, &none),
        [format!("* | prefix /b/ | - | {OBSERVED}")]
    );
}

#[test]
fn a_rule_for_trace_or_connect_alone_is_named() {
    let rules = r#"{ "rules": [
      { "name": "echo", "match": { "prefix": "/", "methods": ["TRACE"] }, "public": { "reason": "r", "owner": "o", "until": "never" } },
      { "name": "tunnel", "match": { "prefix": "/t/", "methods": ["CONNECT"] }, "requires": {} },
      { "name": "api", "match": { "path_separated_prefix": "/t" }, "requires": { "scopes": ["a"] } },
      { "name": "rest", "match": { "prefix": "/" }, "requires": { "scopes": ["b"] } }
    ],"#;
    let of = |routes: &str| {
        let (_, output, _) = check("trace", &file(rules, &host("'*'", routes)), &[]);
        rows(&output)
    };
    assert_eq!(
        of(&route("prefix: /t/")),
        ["* | prefix /t/ | echo | nothing: it is public"]
    );
    // The rule for everything does not decide about requests of `api`.
    let get = "prefix: /t/, headers: [{ name: ':method', string_match: { exact: GET } }]";
    assert_eq!(
        of(&route(get)),
        ["* | GET prefix /t/ | api | a token and scopes a"]
    );
    let rules = rules.replace("[\"TRACE\"]", "[\"GET\"]");
    let (_, output, _) = check(
        "connect",
        &file(&rules, &host("'*'", &route("connect_matcher: {}"))),
        &[],
    );
    assert_eq!(
        rows(&output),
        ["* | match of another kind | echo | nothing: it is public"]
    );
    let rules = r#"{ "rules": [
      { "name": "tunnel", "match": { "prefix": "/t/", "methods": ["CONNECT"] }, "requires": {} },
      { "name": "api", "match": { "path_separated_prefix": "/t" }, "requires": { "scopes": ["a"] } },
      { "name": "rest", "match": { "prefix": "/" }, "public": { "reason": "r", "owner": "o", "until": "never" } }
    ],"#;
    let (_, output, _) = check(
        "tunnel",
        &file(rules, &host("'*'", &route("prefix: /t/"))),
        &[],
    );
    assert_eq!(rows(&output), ["* | prefix /t/ | tunnel | a token"]);
}

#[test]
fn a_method_in_any_case_is_not_that_method_alone() {
    let of = |header: &str| {
        let routes = route(&format!("prefix: /other, headers: [{header}]"));
        let (_, output, _) = check("case", &file(RULES, &host("'*'", &routes)), &[]);
        rows(&output)
    };
    let any = ["* | prefix /other | rest | a token"];
    for header in [
        "{ name: ':method', string_match: { exact: POST, ignore_case: true } }",
        "{ name: ':method', stringMatch: { exact: POST, ignoreCase: 'true' } }",
        "{ name: ':method', string_match: { exact: POST }, invert_match: 't' }",
    ] {
        assert_eq!(of(header), any, "{header}");
    }
    let off = "{ name: ':method', string_match: { exact: POST, ignore_case: false } }";
    assert_eq!(
        of(off),
        ["* | POST prefix /other | writes | a token and roles a"]
    );
}

#[test]
fn a_virtual_host_with_a_matcher_has_one_row() {
    let rules = RULES.replace("www.test", "api.test");
    let host = |inside: &str| {
        format!(
            "                    - {{ name: h, domains: [api.test], matcher: {{ on_no_match: {{ action: {{ name: route, typed_config: {{ '@type': type.googleapis.com/envoy.config.route.v3.Route, match: {{ prefix: / }}, route: {{ cluster: upstream }}{inside} }} }} }} }} }}\n"
        )
    };
    let (_, output, _) = check("matcher", &file(&rules, &host("")), &[]);
    assert_eq!(
        rows(&output),
        ["api.test | … | probe | nothing: it is public"],
        "{output}"
    );
    assert!(output.contains("\nroutes: 1"), "{output}");
    let off = ", typed_per_filter_config: { passgate: { '@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }";
    let (status, output, _) = check("matcher-off", &file(&rules, &host(off)), &[]);
    assert_eq!(status, Some(1), "{output}");
    assert_eq!(
        rows(&output),
        ["api.test | … | NONE | NOTHING: the filter is switched off here"]
    );
}

#[test]
fn not_all_are_judged_where_something_lets_requests_pass() {
    let all = "and all are judged";
    let doubtful = "routes: 1, each with a filter, but see above for what may pass it\n";
    let (_, output, _) = check("sure", SMALLEST, &[]);
    assert!(output.contains(&format!("routes: 1, {all}\n")), "{output}");
    let open = SMALLEST.replace("FAIL_RELOAD", "FAIL_OPEN");
    assert_ne!(open, SMALLEST);
    let (status, output, _) = check("fail-open", &open, &[]);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains(doubtful), "{output}");
    // Bypasses: the one is an error, and the other a warning.
    let filters = "http_filters:\n";
    let upgrade = "upgrade_configs: [{ upgrade_type: websocket, filters: [{ name: envoy.filters.http.router }] }]\n                ";
    let bypass = SMALLEST.replacen(filters, &format!("{upgrade}{filters}"), 1);
    assert_ne!(bypass, SMALLEST);
    let (_, output, _) = check("upgrade", &bypass, &[]);
    assert!(output.contains(doubtful), "{output}");
    let tunnel = "{ match: { connect_matcher: {} }, route: { cluster: upstream, upgrade_configs: [{ upgrade_type: CONNECT, connect_config: {} }] } }";
    let tunnel = format!("{tunnel}, {}", route("prefix: /"));
    let (status, output, _) = check("connect-open", &file("{", &host("'*'", &tunnel)), &[]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains(&doubtful.replace("1,", "2,")), "{output}");
    let (_, output, _) = check("none", &file(RULES, &host("'*'", "")), &[]);
    assert!(output.contains("\nroutes: 0\n"), "{output}");
}
