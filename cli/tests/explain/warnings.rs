//! The warnings of `check`.

use super::*;

#[test]
fn check_warns_of_what_is_accepted_and_yet_wrong() {
    let (status, output, _) = run_on(POLICY, &["check", "-"]);
    assert_eq!(status, Some(0));
    holds_all(
        &output,
        &["warning: rules[0].public.until: 2020-01-31 is over, so its requests get 403"],
    );

    let (_, json, _) = {
        let files = Folder::with("warn", &[("gate.yaml", POLICY)]);
        run(&["print", "--json", &files.path("gate.yaml")])
    };
    let (_, output) = check_plugin(&json, serde_json::json!({}));
    holds_all(
        &output,
        &["warning: providers.acme: the file has no cluster \"id\", so its keys cannot be fetched"],
    );
}

/// What is said about a bootstrap whose plugin has this configuration and these settings.
fn check_plugin(configuration: &str, settings: serde_json::Value) -> (Option<i32>, String) {
    let mut plugin = serde_json::json!({
        "name": "passgate",
        "vm_config": { "runtime": "envoy.wasm.runtime.v8" },
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": configuration,
        },
    });
    let members = plugin.as_object_mut().expect("an object");
    members.extend(settings.as_object().expect("an object").clone());
    let bootstrap = serde_json::json!({
        "static_resources": {
            "listeners": [{ "filter_chains": [{ "filters": [{ "typed_config": { "http_filters": [{
                "name": "passgate",
                "typed_config": { "config": plugin },
            }] } }] }] }],
            "clusters": [{ "name": "upstream" }],
        },
    });
    let (status, output, _) = run_on(&bootstrap.to_string(), &["check", "-"]);
    (status, output)
}

#[test]
fn check_says_what_settings_of_the_plugin_change() {
    let cases = [
        (
            serde_json::json!({ "allow_on_headers_stop_iteration": true }),
            Some("note: allow_on_headers_stop_iteration: "),
        ),
        (
            serde_json::json!({ "allowOnHeadersStopIteration": true }),
            Some("note: allow_on_headers_stop_iteration: "),
        ),
        (
            serde_json::json!({ "allow_on_headers_stop_iteration": false }),
            None,
        ),
        (
            serde_json::json!({ "fail_open": false, "failure_policy": "FAIL_RELOAD" }),
            None,
        ),
        (serde_json::json!({ "failure_policy": 1 }), None),
        (
            serde_json::json!({ "capability_restriction_config": { "allowed_capabilities": {} } }),
            None,
        ),
    ];
    let policy = r#"{"providers":{"acme":{"issuer":"https://id.example.com","audiences":["a"],"remote_jwks":{"http_uri":{"uri":"https://id.example.com/certs","cluster":"upstream"}}}}}"#;
    let (_, usual) = check_plugin(policy, serde_json::json!({}));
    for (settings, expected) in cases {
        let (status, output) = check_plugin(policy, settings.clone());
        assert_eq!(status, Some(0), "{settings}: {output}");
        match expected {
            Some(expected) => assert!(output.contains(expected), "{settings}: {output}"),
            None => assert_eq!(output, usual, "{settings}"),
        }
    }
}

/// A rule that wants the body approved, on a host that keeps bodies from the filter.
#[test]
fn check_refuses_a_host_that_keeps_the_body_that_a_rule_wants_approved() {
    let policy = |body: &str| {
        serde_json::json!({
            "origins": ["https://api.example.com"],
            "relying_party": { "id": "example.com", "origins": ["https://app.example.com"] },
            "providers": { "acme": {
                "issuer": "https://id.example.com", "audiences": ["a"], "cnf_jwk": "passkey",
                "remote_jwks": { "http_uri": {
                    "uri": "https://id.example.com/certs", "cluster": "upstream",
                } },
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": {
                "proof": { "webauthn": { "mode": "transaction", "body": body } },
            } }],
        })
    };
    let hands_over = |value: bool| serde_json::json!({ "allow_on_headers_stop_iteration": value });
    for (body, settings, status, holds) in [
        ("none", serde_json::json!({}), 0, None),
        ("none", hands_over(true), 0, Some("note: allow_on_headers_")),
        ("required", hands_over(true), 0, None),
        (
            "required",
            serde_json::json!({}),
            1,
            Some("error: a rule has"),
        ),
        (
            "required",
            hands_over(false),
            1,
            Some("write allow_on_headers_"),
        ),
    ] {
        let (seen, output) = check_plugin(&policy(body).to_string(), settings);
        assert_eq!(seen, Some(status), "{output}");
        match holds {
            Some(holds) => assert!(output.contains(holds), "{output}"),
            None => assert!(!output.contains("stop_iteration"), "{output}"),
        }
    }
    // Istio's resource, and Envoy Gateway's, have no such setting. A bare policy may be for any.
    let policy = policy("required");
    let plugin = |kind: &str, spec: serde_json::Value| {
        serde_json::json!({
            "apiVersion": "v1", "kind": kind, "metadata": { "name": "passgate" }, "spec": spec,
        })
    };
    let of_istio = plugin(
        "WasmPlugin",
        serde_json::json!({ "phase": "AUTHN", "pluginConfig": policy }),
    );
    let wasm = serde_json::json!({ "wasm": [{ "name": "passgate", "config": policy }] });
    let of_gateway = plugin("EnvoyExtensionPolicy", wasm);
    for (document, status, holds) in [
        (&of_istio, 1, "Istio's resource cannot say otherwise"),
        (
            &of_gateway,
            1,
            "Envoy Gateway's resource cannot say otherwise",
        ),
        (&policy, 0, "accepted"),
    ] {
        let (seen, output, _) = run_on(&document.to_string(), &["check", "-"]);
        assert_eq!(seen, Some(status), "{output}");
        assert!(output.contains(holds), "{output}");
    }
}

/// Real Envoy then answers for the upstream without having asked the filter, or the filter is not
/// told what it has to know.
#[test]
fn a_plugin_that_is_not_asked_is_switched_off() {
    let exports = include_str!("../../../tests/module.expected").lines();
    let exports = exports.filter_map(|line| line.strip_prefix("export "));
    let is_callback = |name: &&str| {
        // Envoy calls this one whatever it is told.
        name.starts_with("proxy_on_") && *name != "proxy_on_memory_allocate"
    };
    let callbacks: Vec<&str> = exports.filter(is_callback).collect();
    assert_eq!(callbacks.len(), 10);
    let all_but = |left_out: &str| {
        let names = callbacks.iter().filter(|name| **name != left_out);
        let names = names.map(|name| ((*name).to_owned(), serde_json::json!({})));
        let names: serde_json::Map<_, _> = names.collect();
        serde_json::json!({ "capability_restriction_config": { "allowed_capabilities": names } })
    };
    let mut cases: Vec<(serde_json::Value, &str)> = callbacks
        .iter()
        .map(|left_out| (all_but(left_out), *left_out))
        .collect();
    cases.push((
        serde_json::json!({ "capabilityRestrictionConfig": { "allowedCapabilities": {
            "proxy_log": {}, "proxy_on_request_headers": {}, "proxy_on_vm_start": {},
            "proxy_on_configure": {}, "proxy_on_context_create": {}, "proxy_on_tick": {},
        } } }),
        "proxy_on_request_body, proxy_on_request_trailers, proxy_on_response_headers, proxy_on_http_call_response, proxy_on_delete",
    ));
    let place = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.config";
    for (settings, left_out) in cases {
        let (status, output) = check_plugin("{}", settings);
        let expected = format!(
            "SWITCHED OFF in 1 place\n{place}.capability_restriction_config: leaves out {left_out}, but the filter needs all its callbacks, and what it is not asked about passes unjudged; leave capability_restriction_config out\n"
        );
        assert!(output.starts_with(&expected), "{output}");
        assert_eq!(status, Some(1));
    }
    let (_, output) = check_plugin("{}", all_but("none"));
    assert!(!output.contains("SWITCHED OFF"), "{output}");
}
