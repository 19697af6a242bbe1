//! The Helm chart (`kubernetes/helm/passgate`), installed, upgraded and rolled back by Helm itself,
//! and judged by real proxies. `tests/charts` looks at what it writes.

use crate::harness::{
    ACCOUNTS, Load, NEWS, Release, Request, Story, chart, module, push, run, story, template, tool,
    workspace,
};
use std::fs;
use std::process::Command;

/// One of the examples of values.
fn values(name: &str) -> String {
    let path = workspace().join(format!("kubernetes/helm/examples/{name}.yaml"));
    path.to_str().unwrap().to_owned()
}

/// The arguments for everything that the chart has. The feed's image is built elsewhere.
fn everything() -> Vec<String> {
    let digest = "f".repeat(64);
    let feed = format!("feed.image=registry.example.com/passgate-feed@sha256:{digest}");
    let mut arguments = vec!["--set".to_owned(), feed];
    for name in ["gateway", "monitoring", "feed"] {
        arguments.extend(["--values".to_owned(), values(name)]);
    }
    arguments
}

/// The way to the identity provider that stands in the mesh, so that only the chart's is left.
fn without_a_way_to_the_provider(mesh: &Story) {
    let way = "serviceentry/identity-provider,destinationrule/identity-provider";
    for resource in way.split(',') {
        mesh.kubectl(&["delete", resource, "--namespace", "istio-system"]);
    }
}

/// Another module that does the same: the one that was built, with a section that says nothing. Its
/// image is pushed; gives the digest.
fn another_module(mesh: &Story) -> String {
    let folder = mesh.folder().join("another-module");
    fs::create_dir_all(&folder).unwrap();
    // A custom section: 0, its length, the length of its name, its name (WebAssembly Core, 5.5.3).
    let section = [&[0, 8, 7][..], b"another"].concat();
    fs::write(folder.join("plugin.wasm"), [module(), section].concat()).unwrap();
    run(Command::new("tar").current_dir(&folder).args([
        "--create",
        "--file",
        "layer.tar",
        "plugin.wasm",
    ]));
    run(Command::new(tool("crane")).current_dir(&folder).args([
        "append",
        "--oci-empty-base",
        "--new_layer",
        "layer.tar",
        "--new_tag",
        "registry.example.com/passgate:0.2.0",
    ]));
    let digest = mesh.crane(&["digest", "registry.example.com/passgate:0.2.0"]);
    digest.trim().to_owned()
}

#[test]
fn an_upgrade_of_chart_and_module_loses_no_request_and_lets_nobody_pass() {
    let mesh = story();
    without_a_way_to_the_provider(&mesh);
    let (older, newer) = (mesh.image_digest("oci"), another_module(&mesh));
    assert_ne!(older, newer);
    let all = everything();
    let arguments: Vec<&str> = all.iter().map(String::as_str).collect();

    // Everything that the chart has: the API server takes the feed and the monitoring, too.
    let first = chart(&mesh, "0.1.0", &older);
    let release = Release::install(
        &mesh,
        "passgate",
        "istio-ingress",
        first.to_str().unwrap(),
        &arguments,
    );
    let stranger = Request::get("/");
    mesh.gateway.until(401, &stranger);
    let person = stranger.clone().bearer(&mesh.good());
    let passed = mesh.gateway.until(200, &person).text();
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
    mesh.kubectl(&[
        "get",
        "deployment/passgate-feed",
        "podmonitor/passgate",
        "-n",
        "istio-ingress",
    ]);
    mesh.settled();

    let people = Load::start(&mesh.gateway, &person);
    let strangers = Load::start(&mesh.gateway, &stranger);
    let arrives = |header: &str, digest: &str| {
        let header = format!("\"{header}\":\"alice\"");
        mesh.eventually("the other version", || {
            // The agent names the file of a module by the digest of its image.
            let ecds = mesh.gateway.admin("/config_dump?resource=ecds_filters");
            let file = format!("/{}.wasm", digest.strip_prefix("sha256:").unwrap());
            ecds.contains(&file) && mesh.gateway.until(200, &person).text().contains(&header)
        });
        mesh.settled();
    };
    let second = chart(&mesh, "0.2.0", &newer);
    let header = "policy.providers.acme.claim_to_headers[0].header_name=x-person";
    let header = [
        &[second.to_str().unwrap()][..],
        &arguments,
        &["--set", header],
    ]
    .concat();
    release.change("upgrade", &header);
    arrives("x-person", &newer);
    release.change("rollback", &["1"]);
    arrives("x-user", &older);
    people.finish_without_a_failure();
    strangers.finish_with(401);
}

#[test]
fn the_chart_guards_a_workload_from_a_registry() {
    let mesh = story();
    let chart = push(&mesh, &chart(&mesh, "0.1.0", &mesh.image_digest("oci")));
    let file = values("sidecar");
    let arguments = ["--version", "0.1.0", "--values", &file];
    let _release = Release::install(&mesh, "passgate", "payments", chart, &arguments);
    mesh.web.until(401, &mesh.to_ledger());
    let mut writing = mesh.to_ledger().bearer(&mesh.good());
    mesh.web.until(200, &writing);
    writing.method = "POST".to_owned();
    mesh.web.until(403, &writing);
}

/// By the operator's own types: they know every field.
#[test]
fn the_api_server_takes_all_that_is_written_and_no_misspelt_field_of_monitoring() {
    let mesh = story();
    let chart = chart(&mesh, "0.1.0", &mesh.image_digest("oci"));
    let all = everything();
    let arguments: Vec<&str> = all.iter().map(String::as_str).collect();
    let written = template(&mesh, &chart, &arguments);
    mesh.try_on(&written).unwrap();
    let base = workspace().join("dist/kubernetes/kustomize/monitoring");
    let base = mesh.kubectl(&["kustomize", base.to_str().unwrap()]);
    mesh.try_on(&base).unwrap();

    for (text, other, said) in [
        (
            "podMetricsEndpoints:",
            "podMetricEndpoints:",
            "unknown field \"spec.podMetricEndpoints\"",
        ),
        (
            "path: /stats/prometheus",
            "paths: /stats/prometheus",
            "unknown field \"spec.podMetricsEndpoints[0].paths\"",
        ),
        (
            "- alert: PassgateProviderUnavailable",
            "- alerts: PassgateProviderUnavailable",
            "unknown field \"spec.groups[0].rules[0].alerts\"",
        ),
        ("for: 2m", "for: soon", "spec.groups[0].rules[0].for"),
    ] {
        assert!(written.contains(text), "{text}");
        let refused = mesh.try_on(&written.replace(text, other)).unwrap_err();
        assert!(refused.contains(said), "{other}: {refused}");
    }
}

/// With the chart's own way to the keys, which a waypoint does not take without a reason.
#[test]
fn the_chart_guards_a_waypoint_or_one_service_or_every_waypoint() {
    for (namespace, attach, guards_news) in [
        ("books", r#"{"waypoint":{"name":"waypoint"}}"#, true),
        (
            "books",
            r#"{"service":{"name":"accounts","waypoint":"waypoint"}}"#,
            false,
        ),
        ("istio-system", r#"{"everyWaypoint":true}"#, true),
    ] {
        let mesh = story();
        without_a_way_to_the_provider(&mesh);
        let chart = chart(&mesh, "0.1.0", &mesh.image_digest("oci"));
        let file = values("waypoint");
        let attach = format!("attach={attach}");
        let arguments = ["--values", &file, "--set-json", &attach];
        let _release = Release::install(
            &mesh,
            "passgate",
            namespace,
            chart.to_str().unwrap(),
            &arguments,
        );
        let request = ACCOUNTS.request();
        mesh.ask_until(401, &mesh.web, &ACCOUNTS, &request);
        mesh.ask_until(200, &mesh.web, &ACCOUNTS, &request.bearer(&mesh.good()));
        mesh.settled();
        let news = mesh.ask(&mesh.web, &NEWS, &NEWS.request()).unwrap();
        assert_eq!(news.status, if guards_news { 401 } else { 200 }, "{attach}");
    }
}
