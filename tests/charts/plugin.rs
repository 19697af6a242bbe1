//! The plugin and its policy.

use crate::harness::{
    ALL, EXAMPLES, accepted, chart, example, helm, objects, only, ours, render, root, said,
    scratch, try_render, values, written,
};
use serde_json::{Value, json};
use std::fs;

fn values_of(names: &[&str]) -> Value {
    let text = fs::read_to_string(example(names[0])).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

#[test]
fn helm_lints_the_chart_with_every_example() {
    let chart = chart();
    for names in EXAMPLES {
        let values = values(names);
        let mut arguments = vec!["lint", "--strict", chart.to_str().unwrap()];
        arguments.extend(values.iter().map(String::as_str));
        let output = helm(&arguments);
        let said = said(&output);
        let is_clean = output.status.success() && !said.contains("[WARNING]");
        assert!(is_clean, "{names:?}: {said}");
    }
}

#[test]
fn the_policy_of_the_values_is_the_one_that_is_checked_and_accepted() {
    for names in EXAMPLES {
        for form in ["WasmPlugin", "TrafficExtension"] {
            let text = written(names, &["--set", &format!("form={form}")]);
            let objects = objects(&text);
            let spec = &only(&objects, form)["spec"];
            let module = if form == "WasmPlugin" {
                spec
            } else {
                &spec["wasm"]
            };
            assert_eq!(
                module["pluginConfig"],
                values_of(names)["policy"],
                "{names:?} {form}"
            );
            assert_eq!(module["failStrategy"], "FAIL_RELOAD");
            assert_eq!(spec["phase"], "AUTHN");

            accepted(&format!("{}-{form}.yaml", names[0]), &text);
        }
    }
}

/// A mistake in the policy is found where all others are found: before it is applied.
#[test]
fn a_mistake_in_the_policy_is_found_by_the_check() {
    let objects = render(
        &["sidecar"],
        &["--set", "policy.providers.acme.clock_skew_seconds=60"],
    );
    let plugin = only(&objects, "TrafficExtension").to_string();
    let file = scratch("mistaken.yaml", &plugin);
    let output = ours("passgate", &["check", file.to_str().unwrap()]);
    assert!(!output.status.success());
    let said = said(&output);
    assert!(
        said.contains("providers.acme.clock_skew_seconds: unknown here"),
        "{said}"
    );
}

#[test]
fn both_forms_say_the_same() {
    for names in EXAMPLES {
        let plugin = render(names, &["--set", "form=WasmPlugin"]);
        let extension = render(names, &["--set", "form=TrafficExtension"]);
        let mut expected = only(&plugin, "WasmPlugin").clone();
        expected["kind"] = "TrafficExtension".into();
        let spec = expected["spec"].as_object_mut().unwrap();
        let inner = ["url", "failStrategy", "pluginName", "pluginConfig"];
        let inner = inner.map(|member| (member.to_owned(), spec.remove(member).unwrap()));
        spec.insert(
            "wasm".to_owned(),
            Value::Object(inner.into_iter().collect()),
        );
        assert_eq!(only(&extension, "TrafficExtension"), &expected, "{names:?}");
    }
}

/// Helm reads numbers as floating point and YAML has dates: nothing of that may reach the policy.
#[test]
fn a_policy_may_be_a_file_of_its_own_and_arrives_to_the_letter() {
    let policy = "\
providers:
  acme:
    issuer: https://id.example.com/realms/acme
    audiences: [https://api.example.com]
    local_jwks: { inline_string: '{}' }
rules:
  - match: { path: /healthz }
    public: { reason: probe, owner: platform, until: 2030-12-31 }
limits: { many: 16777217, more: 9007199254740991, share: 0.5 }
odd: ['on', 'null', '{{ .Values.attach }}', '1e3', \"line\\nline\"]
";
    let file = scratch("policy.yaml", policy);
    let objects = render(
        ALL,
        &[
            "--set",
            "egress=null",
            "--set-file",
            &format!("policy={}", file.display()),
        ],
    );
    let text = only(&objects, "WasmPlugin")["spec"]["pluginConfig"].clone();
    let mut expected: Value = serde_saphyr::from_str(policy).unwrap();
    expected["rules"][0]["public"]["until"] = json!("2030-12-31");
    assert_eq!(text, expected);
    // Numbers are written as numbers, and not as 1.6777217e+07.
    assert_eq!(text["limits"]["many"].to_string(), "16777217");
    assert_eq!(text["limits"]["more"].to_string(), "9007199254740991");
}

#[test]
fn the_image_is_the_one_that_was_built() {
    let index = root().join("dist/image/oci/index.json");
    let index: Value = serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let objects = render(&["waypoint"], &["--set", "module.pullSecret=registry"]);
    let spec = &only(&objects, "WasmPlugin")["spec"];
    assert_eq!(
        spec["url"],
        format!("oci://registry.example.com/passgate@{digest}")
    );
    assert_eq!(spec["imagePullSecret"], "registry");

    // The chart as it is checked in names no image, and says so.
    let checked_in = root().join("kubernetes/helm/passgate");
    let refused = try_render(&checked_in, &["waypoint"], &[]);
    let refused = refused.unwrap_err();
    assert!(
        refused.contains("module.image: a digest of zeros is of no image"),
        "{refused}"
    );
}

/// What a release writes into its chart, and the one thing that its user must say.
#[test]
fn both_images_lie_in_the_registry_that_is_named() {
    let images = |arguments: &[&str]| -> Vec<String> {
        let written = written(ALL, arguments);
        let objects = objects(&written);
        let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
        let url = only(&objects, "WasmPlugin")["spec"]["url"].clone();
        let both = [url, pod["containers"][0]["image"].clone()];
        // Without the digest.
        let name = |image: &Value| {
            let (name, _) = image.as_str().unwrap().split_once("@sha256:").unwrap();
            name.to_owned()
        };
        both.iter().map(name).collect()
    };
    for (registry, lies) in [
        ("", "registry.example.com"),
        ("ghcr.io/you", "ghcr.io/you"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
    ] {
        let set = format!("registry={registry}");
        let expected = [
            format!("oci://{lies}/passgate"),
            format!("{lies}/passgate-feed"),
        ];
        assert_eq!(images(&["--set", &set]), expected, "{registry:?}");
    }

    let own = format!(
        "registry=ghcr.io/you,module.image=mirror.example.net/gate@sha256:{}",
        "a".repeat(64)
    );
    let expected = ["oci://mirror.example.net/gate", "ghcr.io/you/passgate-feed"];
    assert_eq!(images(&["--set", &own]), expected);
}

/// A secret is a variable of the proxy: the plugin names it, and nobody writes it here.
#[test]
fn a_secret_of_the_policy_comes_from_the_proxy() {
    for form in ["WasmPlugin", "TrafficExtension"] {
        let form_is = format!("form={form}");
        let set = [
            "--set",
            &form_is,
            "--set",
            "module.environment={PASSGATE_SALT}",
        ];
        let objects = render(&["waypoint"], &set);
        let spec = &only(&objects, form)["spec"];
        let module = if form == "WasmPlugin" {
            spec
        } else {
            &spec["wasm"]
        };
        let expected = json!([{ "name": "PASSGATE_SALT", "valueFrom": "HOST" }]);
        assert_eq!(module["vmConfig"]["env"], expected, "{form}");
    }
}

/// Chart, module and program are released together.
#[test]
fn the_chart_has_the_version_of_the_rest() {
    let chart = fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    let chart: Value = serde_saphyr::from_str(&chart).unwrap();
    for member in ["version", "appVersion"] {
        assert_eq!(chart[member], env!("CARGO_PKG_VERSION"), "{member}");
    }
}

/// Names that YAML would read as something else, and numbers that Helm would write with an
/// exponent.
#[test]
fn names_stay_names_and_numbers_stay_numbers() {
    let set = r#"attach={"service":{"name":"on","waypoint":"1e3"}}"#;
    let priority = [
        "--set",
        "priority=1000000",
        "--set-string",
        "module.pullSecret=123",
    ];
    let set = [&["--set-json", set][..], &priority].concat();
    let objects = render(&["waypoint"], &set);
    let spec = &only(&objects, "WasmPlugin")["spec"];
    assert_eq!(spec["targetRefs"][0]["name"], "on");
    assert_eq!(spec["priority"].to_string(), "1000000");
    assert_eq!(spec["imagePullSecret"], "123");
    let filter = &only(&objects, "EnvoyFilter")["spec"];
    assert_eq!(filter["targetRefs"][0]["name"], "1e3");
}
