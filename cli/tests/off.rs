//! A gate that a file switches off does not guard anything, however good its configuration is.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/check.rs"]
mod common;

use std::process::Command;

/// Status and output of a check of a file beside these tests.
fn check(name: &str) -> (Option<i32>, String) {
    let file = format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_passgate"));
    let output = program.args(["check", &file]).output().expect("it runs");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), text)
}

#[test]
fn every_place_that_switches_the_gate_off_is_said_first_and_is_an_error() {
    let manager = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let host = format!("{manager}.route_config.virtual_hosts[0]");
    let public = "remove it (a path that needs no token is a public rule)";
    let these = format!("disabled lets the requests of this place pass unjudged; {public}");
    let expected = format!(
        "\
SWITCHED OFF in 6 places
{manager}.http_filters[1].disabled: lets every request of this chain pass unjudged; {public}
{manager}.http_filters[2].typed_config.xds_matcher: lets the requests that match pass unjudged; {public}
{manager}.route_config.typed_per_filter_config.gate: {these}
{host}.typed_per_filter_config.gate: {these}
{host}.routes[0].typed_per_filter_config.gate: {these}
{host}.routes[1].route.weighted_clusters.clusters[0].typed_per_filter_config.gate: {these}
{manager}.http_filters[1].typed_config.config.configuration:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
"
    );
    assert_eq!(check("switched_off.yaml"), (Some(1), expected));
}

#[test]
fn a_filter_around_the_gate_that_asks_it_sometimes_is_a_place_too() {
    let manager = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
    let action = "typed_config.xds_matcher.matcher_list.matchers[0].on_match.action.typed_config";
    let host = format!("{manager}.route_config.virtual_hosts[0]");
    let public = "remove it (a path that needs no token is a public rule)";
    let expected = format!(
        "\
SWITCHED OFF in 4 places
{manager}.http_filters[0].{action}.@type: asks the filter about the requests that match here, and lets all others pass unjudged; put the filter itself into http_filters
{manager}.http_filters[2].disabled: lets every request of this chain pass unjudged; {public}
{manager}.http_filters[3].is_optional: lets every request pass unjudged where the proxy was built without Wasm; remove it
{host}.typed_per_filter_config.delegate: disabled lets the requests of this place pass unjudged; {public}
{manager}.http_filters[2].config_discovery.default_config.config.configuration:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
"
    );
    assert_eq!(check("asked_sometimes.yaml"), (Some(1), expected));
}

#[test]
fn routes_in_a_file_of_their_own_are_looked_at_too() {
    let expected = "\
SWITCHED OFF in 1 place
virtual_hosts[0].routes[0].typedPerFilterConfig.istio-system.passgate: disabled lets the requests of this place pass unjudged; remove it (a path that needs no token is a public rule)
";
    assert_eq!(check("routes.json"), (Some(1), expected.to_owned()));
}

#[test]
fn patches_of_istio_that_open_the_gate_are_found() {
    let expected = "\
SWITCHED OFF in 5 places
spec.configPatches[0].patch.operation: takes the filter out, so that requests pass unjudged; remove this patch
spec.configPatches[1].patch.value.disabled: lets every request of this chain pass unjudged; remove it (a path that needs no token is a public rule)
spec.configPatches[2].patch.value.typed_per_filter_config.istio-system.passgate: disabled lets the requests of this place pass unjudged; remove it (a path that needs no token is a public rule)
spec.configPatches[4].patch.operation: takes the filter out, so that requests pass unjudged; remove this patch
spec.configPatches[6].patch.value.typed_config.config.failure_policy: lets every request pass unjudged when the module fails or cannot be had; write FAIL_RELOAD
";
    assert_eq!(check("envoy_filter.yaml"), (Some(1), expected.to_owned()));
}

#[test]
fn a_patch_knows_the_filter_by_the_name_that_istio_makes_of_a_plugins() {
    let expected = "\
SWITCHED OFF in 2 places
spec.configPatches[0].patch.operation: takes the filter out, so that requests pass unjudged; remove this patch
spec.configPatches[1].patch.value.typed_per_filter_config.edge.gate: disabled lets the requests of this place pass unjudged; remove it (a path that needs no token is a public rule)
spec.pluginConfig:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
";
    assert_eq!(
        check("plugin_and_patch.yaml"),
        (Some(1), expected.to_owned())
    );
}

#[test]
fn a_plugin_is_known_by_each_name_that_istio_gives_it() {
    let text = text_of("plugin_and_patch.yaml");
    for name in [
        "extensions.istio.io/wasmplugin/edge.gate",
        "extensions.istio.io/trafficextension/edge.gate",
        "extensions.istio.io/trafficextension/edge.gate~istio-translated-wasmplugin",
    ] {
        let output = checked(&text.replace("edge.gate", name));
        assert!(
            output.starts_with("SWITCHED OFF in 2 places\n"),
            "{name}: {output}"
        );
    }
}

#[test]
fn a_gate_that_stands_beside_the_filters_is_no_gate() {
    let filters = "static_resources.listeners[0].filter_chains[0].filters";
    let manager = format!("{filters}[1].typed_config");
    let remedy = "put the filter itself into http_filters";
    let chain = format!(
        "asks the filter where no route has another one in its place, and lets all other requests pass unjudged; {remedy}"
    );
    let other = format!("does not see requests, and lets all of them pass unjudged; {remedy}");
    let expected = format!(
        "\
SWITCHED OFF in 6 places
{filters}[0].typed_config.@type: {other}
{manager}.upgrade_configs[1].filters: stands in the place of http_filters without the filter, and lets these upgrades pass unjudged; remove it, or put the filter there too
{manager}.access_log[0].typed_config.@type: {other}
{manager}.http_filters[0].typed_config.named_filter_chains: asks the filter about the requests that match here, and lets all others pass unjudged; {remedy}
{manager}.http_filters[1].typed_config.@type: {chain}
{manager}.route_config.virtual_hosts[0].typed_per_filter_config.chain.@type: {chain}
"
    );
    let (status, text) = check("elsewhere.yaml");
    let (off, _) = text.split_at(text.len().min(expected.len()));
    assert_eq!((status, off), (Some(1), &*expected));
}

#[test]
fn a_plugin_of_istio_for_connections_is_no_gate() {
    let expected = "\
SWITCHED OFF in 1 place
spec.type: NETWORK does not see requests, and lets all of them pass unjudged; remove it
spec.pluginConfig:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
";
    assert_eq!(check("istio_network.yaml"), (Some(1), expected.to_owned()));
}

#[test]
fn a_file_in_a_config_map_is_looked_at_like_any_other() {
    let files = [
        "items[0].data[\"routes.yaml\"]",
        "items[1].data[\"envoy.yaml\"]",
    ];
    let [routes, envoy] = files;
    let filter =
        "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0]";
    let public = "remove it (a path that needs no token is a public rule)";
    let expected = format!(
        "\
SWITCHED OFF in 2 places
{routes}.virtual_hosts[0].typed_per_filter_config.gate: disabled lets the requests of this place pass unjudged; {public}
{envoy}.{filter}.disabled: lets every request of this chain pass unjudged; {public}
{envoy}.{filter}.typed_config.config.configuration:
accepted: 1 provider, no rules: every request needs a token, policy 8803b30c2198
warning: providers.acme: the file has no cluster \"id\", so its keys cannot be fetched
"
    );
    assert_eq!(check("configmap_off.yaml"), (Some(1), expected));
}

#[test]
fn a_file_in_a_config_map_in_a_config_map_is_looked_at_too() {
    let text = text_of("configmap_off.yaml").replace('\n', "\n    ");
    let unread = "    ---\n    apiVersion: v1\n    kind: ConfigMap\n    data: { a.yaml: \"{\" }\n";
    let map = "apiVersion: v1\nkind: ConfigMap\ndata:\n  all.yaml: |\n    ";
    let output = checked(&format!("{map}{text}\n{unread}"));
    let places = [
        "SWITCHED OFF in 2 places\ndata[\"all.yaml\"].items[0].data[\"routes.yaml\"].virtual_hosts[0].",
        "\ndata[\"all.yaml\"].items[1].data[\"envoy.yaml\"].static_resources.",
        "\ndata[\"all.yaml\"].data[\"a.yaml\"]:\nrefused: 1 problem\n",
    ];
    for place in places {
        assert!(output.contains(place), "{place}\n{output}");
    }
}

/// Whatever it is, it was the gate once: a module of another kind, or what is to become one.
#[test]
fn a_filter_with_our_name_that_is_switched_off_is_said_whatever_its_type_is() {
    let module =
        "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
    let filter = format!(
        r#"{{ "http_filters": [{{ "name": "passgate", "disabled": true, "typed_config": {{ "@type": "{module}" }} }}] }}"#
    );
    let output = checked(&filter);
    let said =
        "SWITCHED OFF in 1 place\nhttp_filters[0].disabled: lets every request of this chain";
    assert!(output.starts_with(said), "{output}");
}

#[test]
fn a_gate_that_opens_when_its_module_fails_is_off_wherever_that_is_written() {
    let places = [
        ("items[0].spec.failStrategy", "write FAIL_RELOAD"),
        ("items[1].spec.wasm.failStrategy", "write FAIL_RELOAD"),
        ("items[2].spec.wasm[0].failOpen", "remove it"),
        (
            "items[3].data[\"envoy.yaml\"].http_filters[0].typed_config.config.failure_policy",
            "write FAIL_RELOAD",
        ),
        (
            "items[3].data[\"envoy.yaml\"].http_filters[1].typed_config.config.fail_open",
            "remove it",
        ),
        (
            "items[3].data[\"envoy.yaml\"].http_filters[2].typed_config.config.failurePolicy",
            "write FAIL_RELOAD",
        ),
    ];
    let places = places.map(|(place, remedy)| {
        format!("{place}: lets every request pass unjudged when the module fails or cannot be had; {remedy}\n")
    });
    let expected = ["SWITCHED OFF in 6 places\n", &places.concat()].concat();
    let (status, text) = check("fail_open.yaml");
    let (off, rest) = text.split_at(text.len().min(expected.len()));
    assert_eq!((status, off), (Some(1), &*expected));
    assert_eq!(rest.matches("\naccepted: ").count(), 6, "{rest}");
}

/// Envoy's JSON takes a boolean and the number of an enum as text, too, and names in any case.
#[test]
fn no_spelling_that_envoy_reads_hides_that_the_gate_is_open() {
    let text = text_of("fail_open.yaml");
    for (usual, spellings) in [
        (
            "failure_policy: FAIL_OPEN",
            ["failure_policy: fail_open", "failure_policy: \"3\""],
        ),
        (
            "failurePolicy: 3",
            ["failurePolicy: \"03\"", "failurePolicy: 03"],
        ),
        ("fail_open: true", ["fail_open: t", "fail_open: \"1\""]),
    ] {
        for spelling in spellings {
            let spelt = text.replace(usual, spelling);
            assert_ne!(spelt, text);
            let output = checked(&spelt);
            assert!(
                output.starts_with("SWITCHED OFF in 6 places\n"),
                "{spelling}: {output}"
            );
        }
    }
}

/// A file beside these tests.
fn text_of(name: &str) -> String {
    let file = format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(file).expect("a file of these tests")
}

/// What the command says of a text.
fn checked(text: &str) -> String {
    common::judged(text).1
}

/// Envoy Gateway takes the more specific policy alone ("being overridden by other
/// envoyExtensionPolicies").
#[test]
fn a_policy_for_a_part_of_a_gateway_takes_the_place_of_the_one_with_the_filter() {
    let overrides = "puts this policy in the place of the one with the filter, which is the Gateway's, so that requests of this target pass unjudged; put the filter into this policy too";
    let expected = format!(
        "\
SWITCHED OFF in 2 places
spec: {overrides}
spec: {overrides}
spec.wasm[0].config:
accepted: 1 provider, no rules: every request needs a token, policy POLICY
"
    );
    let (status, output) = check("overridden.yaml");
    let (output, _) = output.rsplit_once("policy ").unwrap();
    assert_eq!(
        (status, format!("{output}policy POLICY\n")),
        (Some(1), expected)
    );
}

#[test]
fn what_the_match_of_a_plugin_leaves_out_is_said() {
    let (status, output) = check("outbound.yaml");
    assert_eq!(status, Some(0), "{output}");
    let plugins = output.split("spec.pluginConfig:\n").skip(1);
    let warned: Vec<_> = plugins
        .map(|of_plugin| {
            let (_, said) = of_plugin.split_once("warning: spec.match: names ")?;
            Some(said.split([':', ',']).next().expect("a word"))
        })
        .collect();
    let (client, ports) = (Some("mode CLIENT alone"), Some("ports"));
    let of_sidecars = [client, client, None, None, ports, None, ports, None];
    let of_gateways = [ports, None, None, ports];
    assert_eq!(warned, [&of_sidecars[..], &of_gateways].concat());
}

#[test]
fn a_patch_that_merges_something_weaker_into_the_filter_is_found() {
    let with = |patch: &str| {
        checked(&format!(
            "
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{ name: patch }}
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      match: {{ listener: {{ filterChain: {{ filter: {{ subFilter: {{ name: istio-system.passgate }} }} }} }} }}
      patch: {{ operation: MERGE, value: {{ typed_config: {{ config: {{ {patch} }} }} }} }}
"
        ))
    };
    let place = "SWITCHED OFF in 1 place\nspec.configPatches[0].patch.value.typed_config.config";
    for (patch, said) in [
        (
            r#"configuration: { value: "{}" }"#,
            ".configuration: puts this in the place of the policy that stands at the filter, where it is not looked at here; write it there\n",
        ),
        (
            "vm_config: { code: { local: { filename: noop.wasm } } }",
            ".vm_config.code: puts another module in the place of the filter's, and lets every request pass unjudged; remove it\n",
        ),
        (
            "capability_restriction_config: { allowed_capabilities: { proxy_log: {} } }",
            ".capability_restriction_config: leaves out proxy_on_request_headers, ",
        ),
    ] {
        let output = with(patch);
        let expected = [place, said].concat();
        assert!(output.starts_with(&expected), "{output}");
    }
    let output = with("vm_config: { environment_variables: { key_values: { A: b } } }");
    assert!(!output.contains("SWITCHED OFF"), "{output}");
}
