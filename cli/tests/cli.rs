//! The program as people and pipelines use it: exit status, output, and where it finds a
//! configuration.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/program.rs"]
mod program;

use std::path::PathBuf;

use self::program::{Outcome, run, run_on};

fn file(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/files", name]
        .iter()
        .collect();
    path.into_os_string()
        .into_string()
        .expect("a path in UTF-8")
}

/// Checks a file beside these tests.
fn check(name: &str) -> Outcome {
    run(&["check", &file(name)])
}

/// Status and output of a check of standard input.
fn check_input(input: &str) -> (Option<i32>, String) {
    let (status, output, error) = run_on(input, &["check", "-"]);
    assert_eq!(error, "");
    (status, output)
}

const GOOD: &str = r#"{"providers":{"acme":{"issuer":"https://id.example.com","audiences":["a"],"remote_jwks":{"http_uri":{"uri":"https://id.example.com/certs","cluster":"id"}}}}}"#;
const ACCEPTED: &str =
    "accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198\n";

#[test]
fn a_good_configuration_is_status_0() {
    assert_eq!(check_input(GOOD), (Some(0), ACCEPTED.to_owned()));
}

#[test]
fn one_document_has_one_policy_hash_in_json_and_yaml() {
    let yaml = "providers:\n  acme:\n    remote_jwks: { http_uri: { cluster: id, uri: https://id.example.com/certs } }\n    issuer: https://id.example.com\n    audiences: [a]\n";
    assert_eq!(check_input(yaml), (Some(0), ACCEPTED.to_owned()));
}

#[test]
fn a_bad_configuration_is_status_1_and_says_why() {
    let expected = "refused: 1 problem\nproviders: missing; name at least one issuer whose tokens are trusted\n";
    assert_eq!(
        check_input("bypass_cors_preflight: true\n"),
        (Some(1), expected.to_owned())
    );
}

#[test]
fn an_empty_file_is_what_the_proxy_receives_without_configuration() {
    for input in ["", "# nothing but a comment\n"] {
        let expected = "refused: 1 problem\nthe configuration is empty; write at least one provider under providers\n";
        assert_eq!(
            check_input(input),
            (Some(1), expected.to_owned()),
            "{input:?}"
        );
    }
}

#[test]
fn what_is_no_yaml_is_refused_in_one_line() {
    for input in [
        "providers: [",
        "a: b: c",
        "? [a]\n: 1\n",
        "x: *nowhere\n",
        "1: 2\n",
    ] {
        let (status, output) = check_input(input);
        assert_eq!(status, Some(1), "{output}");
        assert!(
            output.starts_with("refused: 1 problem\nthe file is not YAML that is accepted: "),
            "{output}"
        );
        assert_eq!(output.lines().count(), 2, "{output}");
    }
}

/// What somebody writes into a file that somebody else checks.
#[test]
fn no_text_of_a_file_ends_a_line_or_steers_a_terminal() {
    // As JSON and YAML write it.
    let text = r"\u001b[2J\u009b2J\u202e\naccepted: nothing";
    let named = GOOD.replace("acme", &format!("acme{text}"));
    let host = format!(r#"{{"match":{{"prefix":"/","hosts":["A{text}"]}},"deny":{{}}}}"#);
    let around = std::fs::read_to_string(file("switched_off.yaml")).expect("a file");
    let around = around.replacen("route_config:", &format!("\"route_config{text}\":"), 1);
    for input in [
        named,
        GOOD.replacen('{', &format!(r#"{{"rules":[{host}],"#), 1),
        around,
    ] {
        let (_, output) = check_input(&input);
        let is_odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!output.contains(is_odd), "{output:?}");
        let mut lines = output.lines();
        assert!(
            !lines.any(|line| line.starts_with("accepted: nothing")),
            "{output}"
        );
    }
}

#[test]
fn anchors_cannot_be_blown_up() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let (status, output) = check_input(&bomb);
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("not YAML that is accepted"), "{output}");
}

#[test]
fn what_cannot_be_read_is_status_2() {
    let (status, output, error) = check("no-such-file.yaml");
    assert_eq!((status, output.as_str()), (Some(2), ""));
    assert!(error.contains("no-such-file.yaml: "), "{error}");
    let (status, output, error) = check("other-plugin.yaml");
    assert_eq!((status, output.as_str()), (Some(2), ""));
    assert!(
        error.contains(": no configuration of passgate in it; "),
        "{error}"
    );
}

#[test]
fn wrong_usage_is_status_2() {
    for (arguments, usage) in [
        (&[][..], "usage: passgate check FILE... "),
        (
            &["frobnicate"],
            "passgate: frobnicate is not a command\nusage: passgate check FILE... ",
        ),
        (&["check"], "usage: passgate check [--strict] "),
        (
            &["check", "--format", "xml", "a"],
            "usage: passgate check [--strict] ",
        ),
        (&["print", "a"], "usage: passgate print --json FILE\n"),
        (&["presets", "a", "b"], "usage: passgate presets [NAME]\n"),
        (&["schema", "x"], "usage: passgate schema "),
        (
            &["check", "--json", "a"],
            "passgate: --json is not an option\nusage: passgate check [--strict] ",
        ),
        (
            &["--json", "a"],
            "passgate: --json is not an option\nusage: passgate check FILE... ",
        ),
    ] {
        let (status, output, error) = run(arguments);
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(error.starts_with(usage), "{arguments:?}: {error}");
    }
}

#[test]
fn help_and_version_are_printed_everywhere() {
    let version = format!("passgate {}\n", env!("CARGO_PKG_VERSION"));
    for (command, usage) in [
        (&[][..], "usage: passgate check FILE... "),
        (&["check"], "usage: passgate check [--strict] "),
        (&["check", "x.yaml"], "usage: passgate check [--strict] "),
        (&["explain"], "usage: passgate explain OPTIONS "),
        (
            &["explain", "--at=noon"],
            "usage: passgate explain OPTIONS ",
        ),
        (&["print"], "usage: passgate print --json FILE\n"),
        (&["presets"], "usage: passgate presets [NAME]\n"),
        (&["schema"], "usage: passgate schema "),
    ] {
        for flag in ["--help", "-h"] {
            let (status, output, error) = run(&[command, &[flag]].concat());
            assert_eq!((status, error.as_str()), (Some(0), ""), "{command:?}");
            assert!(output.starts_with(usage), "{command:?}: {output}");
        }
        for flag in ["--version", "-V"] {
            let told = run(&[command, &[flag]].concat());
            assert_eq!(told, (Some(0), version.clone(), String::new()));
        }
    }
    let (status, output, _) = run(&["help"]);
    assert_eq!(status, Some(0));
    assert!(
        output.starts_with("usage: passgate check FILE... "),
        "{output}"
    );
}

#[test]
fn a_value_may_stand_behind_an_equals_sign() {
    let path = file("filter.json");
    let request = "--request=GET /";
    for config in [&["--config", &path][..], &[&format!("--config={path}")]] {
        let explain = [&["explain", request][..], config].concat();
        let (status, output, error) = run(&explain);
        assert_eq!((status, error.as_str()), (Some(1), ""), "{explain:?}");
        assert!(output.contains("missing.token"), "{output}");
    }
    for json in [&["--json", &path][..], &[&format!("--json={path}")]] {
        let (status, output, error) = run(&[&["print"][..], json].concat());
        assert_eq!((status, error.as_str()), (Some(0), ""), "{json:?}");
        assert!(output.starts_with('{'), "{output}");
    }
}

#[test]
fn the_configurations_in_resources_of_istio_are_found() {
    let expected = "\
items[1].spec.pluginConfig:
refused: 1 problem
providers.acme.clock_skew_seconds: unknown here; write clock_skew: \"60s\"
items[2].spec.pluginConfig:
refused: 1 problem
the configuration is empty; write at least one provider under providers
spec.pluginConfig:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
spec.pluginConfig:
refused: 1 problem
the configuration is empty; write at least one provider under providers
spec.wasm.pluginConfig:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
";
    assert_eq!(
        check("istio.yaml"),
        (Some(1), expected.to_owned(), String::new())
    );
}

#[test]
fn the_configurations_in_a_bootstrap_are_found() {
    let filters =
        "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters";
    let expected = format!(
        "\
{filters}[1].typed_config.config.configuration:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
warning: static_resources.listeners[0].filter_chains[0].filters[0].typed_config: paths reach the filter and the routes as clients wrote them, and the filter answers 400 where they should have been normalised; write normalize_path: true
warning: providers.acme: the file has no cluster \"id\", so its keys cannot be fetched
{filters}[2].typed_config.config.configuration:
refused: 1 problem
the configuration is a google.protobuf.Struct, which does not arrive as JSON; write it as JSON in a StringValue: \"@type\": type.googleapis.com/google.protobuf.StringValue
{filters}[3].typed_config.config.configuration:
refused: 1 problem
the configuration is empty; write at least one provider under providers
{filters}[4].typed_config.config.configuration:
refused: 1 problem
the configuration is not JSON and looks like YAML, which arrives as it is; write here what `passgate print --json FILE` prints
"
    );
    assert_eq!(check("bootstrap.yaml"), (Some(1), expected, String::new()));
}

#[test]
fn what_lets_envoys_routes_read_a_request_in_another_way_is_said() {
    let text = include_str!("../../envoy/smallest.yaml");
    let rules = r#"{ "rules": [{ "match": { "hosts": ["www.test"] }, "requires": {} }],"#;
    let (before, after) = text.split_once("value: |").expect("the policy");
    let with_hosts = format!("{before}value: |{}", after.replacen('{', rules, 1));
    let (status, output) = check_input(&with_hosts);
    assert_eq!(status, Some(0), "{output}");
    assert!(!output.contains("warning"), "{output}");
    for setting in [
        "normalize_path",
        "strip_any_host_port",
        "strip_trailing_host_dot",
    ] {
        let on = format!("{setting}: true");
        let said = |text: &str| check_input(text).1.contains(&format!("; write {on}\n"));
        for off in [format!("{setting}: false"), String::new()] {
            assert!(said(&with_hosts.replacen(&on, &off, 1)), "{setting}");
        }
    }
    // Routes that ignore the port are as good as a host without a port.
    let routes = "route_config:\n";
    let ignoring = format!("{routes}                  ignore_port_in_host_matching: true\n");
    let by_routes = with_hosts
        .replacen("strip_any_host_port: true", "strip_any_host_port: false", 1)
        .replacen(routes, &ignoring, 1);
    assert!(!check_input(&by_routes).1.contains("warning"));
    // Without hosts in rules a port decides nothing.
    let without = text.replacen("strip_any_host_port: true", "", 1);
    assert!(!check_input(&without).1.contains("warning"));
}

/// Envoy does not read the second document of a file, so what is in it does not guard anything.
#[test]
fn a_file_of_envoy_with_several_documents_is_refused() {
    let good = include_str!("../../envoy/smallest.yaml");
    assert!(good.contains("- name: passgate"));
    let open = good
        .replace("dist/passgate.wasm", "other.wasm")
        .replace("name: passgate", "name: x");
    let refused = "refused: 1 problem\nthe file has 2 documents, but Envoy reads the first one alone; write each into a file of its own\n";
    let both = format!("{open}\n---\n{good}");
    assert_eq!(check_input(&both), (Some(1), refused.to_owned()));
    let files: String = both.lines().map(|line| format!("    {line}\n")).collect();
    let map = format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  envoy.yaml: |\n{files}");
    assert_eq!(
        check_input(&map),
        (Some(1), format!("data[\"envoy.yaml\"]:\n{refused}"))
    );
    // A file with one, which begins as a second one would, is as good as any.
    for text in [format!("---\n{good}"), format!("{good}\n---\n")] {
        let (status, output) = check_input(&text);
        assert_eq!(status, Some(0), "{output}");
    }
    let resource = "apiVersion: v1\nkind: ConfigMap\ndata: {}\n";
    let plugin = format!(
        "apiVersion: v1\nkind: WasmPlugin\nmetadata: {{ name: passgate }}\nspec: {{ phase: AUTHN, pluginConfig: {GOOD} }}\n"
    );
    let expected = format!("spec.pluginConfig:\n{ACCEPTED}");
    assert_eq!(
        check_input(&[resource, "---\n", &plugin].concat()),
        (Some(0), expected)
    );
}

/// The values of a chart have `resources`, too, which are no list.
#[test]
fn a_file_in_a_config_map_that_is_not_of_envoy_may_have_several_documents() {
    let map = |text: &str| {
        check_input(&format!(
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  v.yaml: \"{text}\\n---\\na: 1\"\n  policy.json: '{GOOD}'\n"
        ))
    };
    let accepted = format!("data[\"policy.json\"]:\n{ACCEPTED}");
    assert_eq!(map("resources: {}"), (Some(0), accepted));
    let (status, output) = map("resources: []");
    assert_eq!(status, Some(1), "{output}");
}

#[test]
fn a_file_in_a_config_map_that_cannot_be_read_is_refused_beside_a_good_one() {
    let map = |name: &str, text: &str| {
        let policy = format!("  policy.json: '{GOOD}'\n");
        check_input(&format!(
            "apiVersion: v1\nkind: ConfigMap\ndata:\n  {name}: '{text}'\n{policy}"
        ))
    };
    let accepted = format!("data[\"policy.json\"]:\n{ACCEPTED}");
    for (name, text) in [
        ("envoy.yaml", "admin: { 1: a }"),
        ("envoy.json", "{"),
        ("envoy", "http_filters: [}"),
        ("gate.tmpl", "{{ providers: }} }}"),
    ] {
        let (status, output) = map(name, text);
        let unread =
            format!("data[{name:?}]:\nrefused: 1 problem\nthe file is not YAML that is accepted: ");
        assert_eq!(status, Some(1), "{output}");
        assert!(
            output.starts_with(&unread) && output.ends_with(&accepted),
            "{output}"
        );
    }
    // Files of other kinds are none of ours.
    for (name, text) in [
        ("nginx.conf", "server { listen 80; }"),
        ("x.lua", "a = { [1] = 2 }"),
        ("start.sh", "passgate: { check"),
    ] {
        assert_eq!(map(name, text), (Some(0), accepted.clone()));
    }
}

#[test]
fn json_of_envoy_may_be_deeper_than_a_configuration() {
    let deep = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
    let filter = format!(
        r#"{{"http_filters":[{{"name":"passgate","typed_config":{{"config":{{"vm_config":{},"configuration":{{"@type":"type.googleapis.com/google.protobuf.StringValue","value":{}}}}}}}}}]}}"#,
        deep(20),
        serde_json::Value::from(GOOD)
    );
    let place = "http_filters[0].typed_config.config.configuration:\n";
    assert_eq!(
        check_input(&filter),
        (Some(0), format!("{place}{ACCEPTED}"))
    );
    // A configuration may not, nor may JSON be anything else.
    let (status, output) = check_input(&GOOD.replacen("{", &format!("{{\"x\":{},", deep(20)), 1));
    assert_eq!(status, Some(1), "{output}");
    assert!(output.contains("nested too deeply"), "{output}");
    for broken in [
        filter.replace("]}", "],}"),
        filter.replace("\"name\"", "\"a\":1,\"a\""),
    ] {
        let (status, output) = check_input(&broken);
        assert_eq!(status, Some(1), "{output}");
        assert!(output.starts_with("refused: 1 problem\n"), "{output}");
    }
}

#[test]
fn the_configuration_in_a_single_filter_is_found() {
    let expected = format!("typed_config.config.configuration:\n{ACCEPTED}");
    assert_eq!(check("filter.json"), (Some(0), expected, String::new()));
}

/// Files that people have given to the checker.
#[test]
fn a_file_of_another_filter_is_read_or_refused_by_its_own_name() {
    let told = |file: &str| {
        let (status, output, error) = check(file);
        assert_eq!((status, error.as_str()), (Some(1), ""), "{file}: {output}");
        output
    };
    assert_eq!(
        told("request-authentication.yaml"),
        "refused: 1 problem\nRequestAuthentication: configures Istio's own filter for tokens, not passgate; \
         docs/istio/migration.md writes the same for passgate\n"
    );
    assert_eq!(
        told("security-policy.yaml"),
        "refused: 1 problem\nSecurityPolicy: configures Envoy Gateway's own filter for tokens, not passgate; \
         passgate is configured by an EnvoyExtensionPolicy, under spec.wasm\n"
    );
    let place = "clock_skew: unknown here; write it inside providers.<name>\n";
    let fails_open = "lets every request pass unjudged when the module fails or cannot be had";
    for (file, heading) in [
        (
            "extension-policy.yaml",
            &*format!(
                "SWITCHED OFF in 1 place\nspec.wasm[0].failOpen: {fails_open}; remove it\n\
             spec.wasm[0].config:\nrefused: 1 problem\n"
            ),
        ),
        (
            "configmap.yaml",
            "data[\"envoy.yaml\"].static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0]\
             .typed_config.config.configuration:\nrefused: 2 problems\n",
        ),
        (
            "wrong-level.yaml",
            &*format!(
                "SWITCHED OFF in 1 place\n\
             spec.configPatches[0].patch.value.typed_config.value.config.failure_policy: {fails_open}; write FAIL_RELOAD\n\
             spec.configPatches[0].patch.value.typed_config.value.config.configuration:\nrefused: 2 problems\n"
            ),
        ),
    ] {
        let output = told(file);
        assert!(output.starts_with(&[heading, place].concat()), "{output}");
    }
}
