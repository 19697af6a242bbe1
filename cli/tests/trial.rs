//! Policies with tests, several files at once, and the forms in which findings are told.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/program.rs"]
mod program;

use serde_json::Value;

use self::program::{Folder, run};

const POLICY: &str = "\
origins: [https://api.example.com]
providers:
  acme:
    issuer: https://id.example.com
    audiences: [https://api.example.com]
    remote_jwks: { http_uri: { uri: https://id.example.com/certs, cluster: id } }
    claim_to_headers: [{ claim_name: sub, header_name: x-user }]
    credentials:
      by_subject: { http_uri: { uri: 'https://id.example.com/of/{sub}', cluster: id, timeout: 2s } }
rules:
  - match: { path_separated_prefix: /orders }
    requires: {}
  - match: { prefix: / }
    requires: { scopes: [all] }
";

fn with_tests(tests: &str) -> String {
    format!("{POLICY}tests:\n{tests}")
}

#[test]
fn a_test_says_what_it_saw_and_what_it_expected() {
    let tests = "
  - name: bob is named
    request: GET /orders
    token: { claims: { sub: alice } }
    expect: { status: 403, reason: forbidden.scope, headers: { x-user: bob, x-none: x } }
  - name: who has no token is told where to get one
    request: GET /orders
    expect: { status: 401, challenge: { realm: 'https://api.example.co', error: invalid_token } }
  - name: this one is right
    request: GET /other
    token: { claims: { sub: alice, scope: some } }
    expect: { status: 403, challenge: { scope: all } }
  - name: no request
    request: orders
    expect: { status: 200 }
";
    let folder = Folder::with("seen", &[("gate.yaml", &with_tests(tests))]);
    let (status, output, error) = run(&["check", &folder.path("gate.yaml")]);
    assert_eq!((status, error.as_str()), (Some(1), ""));
    let mut lines = output.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("accepted: ")),
        "{output}"
    );
    let wanted = [
        "tests: 3 of 4 failed",
        "tests[0] \"bob is named\": the status is 200 (permitted.token); expected 403",
        "tests[0] \"bob is named\": the reason is permitted.token; expected forbidden.scope",
        "tests[0] \"bob is named\": the header \"x-none\" is missing; expected \"x\"",
        "tests[0] \"bob is named\": the header \"x-user\" is \"alice\"; expected \"bob\"",
        "tests[1] \"who has no token is told where to get one\": the challenge is \"Bearer realm=\\\"https://api.example.com\\\"\"; expected \"error\"=\"invalid_token\" in it",
        "tests[1] \"who has no token is told where to get one\": the challenge is \"Bearer realm=\\\"https://api.example.com\\\"\"; expected \"realm\"=\"https://api.example.co\" in it",
        "tests[3] \"no request\": write the request as 'GET /payments' or 'GET https://api.example.com/payments'",
    ];
    let mut seen: Vec<&str> = lines.collect();
    seen.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);
}

#[test]
fn a_test_may_be_that_of_a_workload() {
    let policy = "
peer_verified_by_listener: true
rules:
  - match: { prefix: / }
    requires: { token: none, peer: { spiffe: ['spiffe://mesh/ns/batch/sa/*'] } }
tests:
  - name: the report may
    request: GET /
    peer: spiffe://mesh/ns/batch/sa/report
    expect: { status: 200, headers: { x-passgate-peer: spiffe://mesh/ns/batch/sa/report } }
  - { name: the shop may not, request: GET /, peer: spiffe://mesh/ns/web/sa/shop, expect: { reason: forbidden.peer } }
  - { name: nobody may not, request: GET /, expect: { reason: missing.peer } }
";
    let odd = policy.replace("peer: spiffe://mesh/ns/web/sa/shop", "peer: shop");
    let folder = Folder::with("peer", &[("good.yaml", policy), ("odd.yaml", &odd)]);
    let (status, output, _) = run(&["check", &folder.path("good.yaml")]);
    assert_eq!(status, Some(0), "{output}");
    assert!(output.contains("tests: 3 passed"), "{output}");
    let (status, output, _) = run(&["check", &folder.path("odd.yaml")]);
    assert_eq!(status, Some(1), "{output}");
    let told = "tests[1] \"the shop may not\": peer: \"shop\" is not the SPIFFE ID of a workload";
    assert!(output.contains(told), "{output}");
}

#[test]
fn tests_do_not_change_what_the_filter_takes() {
    let tests = "
  - name: alice
    request: GET /orders
    token: { claims: { sub: alice } }
    expect: { status: 200 }
";
    let files = [("with.yaml", &*with_tests(tests)), ("without.yaml", POLICY)];
    let folder = Folder::with("hash", &files);
    let first = |name: &str| {
        let (status, output, _) = run(&["check", &folder.path(name)]);
        assert_eq!(status, Some(0), "{output}");
        output.lines().next().map(str::to_owned)
    };
    assert_eq!(first("with.yaml"), first("without.yaml"), "policy and all");
    let printed = |name: &str| run(&["print", "--json", &folder.path(name)]);
    assert_eq!(printed("with.yaml"), printed("without.yaml"));
}

/// A ConfigMap whose file is broken.
const MAP: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: policy }
data: { gate.json: '{\"providers\": {' }
";

#[test]
fn a_folder_is_checked_whole() {
    let bad = POLICY.replace("issuer:", "isuer:");
    let around = format!("admin: {{}}\n{POLICY}");
    let files = [
        ("a.yaml", POLICY),
        ("deep/er/b.yml", &bad),
        ("deep/template.yaml", "{{ if .Values.passgate }}"),
        ("deep/other-template.yaml", "{{ if .Values.other }}"),
        ("syntax.yaml", "providers:\n  acme: {\n"),
        ("twice.json", r#"{"providers": {}, "providers": {}}"#),
        ("slip.YAML", "provider: {}\nrules: []\n"),
        ("around.yaml", &around),
        ("map.yaml", MAP),
        ("deep/.hidden.yaml", &bad),
        ("service.yaml", "{ apiVersion: v1, kind: Service }"),
        ("values.json", "{\"replicas\": 3}"),
        ("notes.txt", &bad),
        ("empty.yaml", ""),
    ];
    let folder = Folder::with("folder", &files);
    let (status, output, error) = run(&["check", &folder.path("")]);
    assert_eq!((status, error.as_str()), (Some(1), ""), "{output}");
    let named = output.lines().filter(|line| line.starts_with("== "));
    let named: Vec<&str> = named
        .filter_map(|line| line.split_once("folder-")?.1.split_once('/'))
        .map(|(_, name)| name)
        .collect();
    let ours = [
        "a.yaml",
        "around.yaml",
        "deep/er/b.yml",
        "deep/template.yaml",
        "map.yaml",
        "slip.YAML",
        "syntax.yaml",
        "twice.json",
        "",
    ];
    assert_eq!(named, ours, "{output}");
    let (_, others) = output.split_once("left out: ").expect("the others");
    let others: Vec<&str> = others.lines().collect();
    assert_eq!(others.len(), 5, "{others:?}");
    assert!(
        output.contains("providers.acme.isuer: unknown here"),
        "{output}"
    );

    let none = Folder::with(
        "none",
        &[("service.yaml", "{ apiVersion: v1, kind: Service }")],
    );
    let (status, output, error) = run(&["check", &none.path("")]);
    assert_eq!((status, output.as_str()), (Some(2), ""));
    assert!(
        error.ends_with(": no file in it holds a configuration of passgate\n"),
        "{error}"
    );
}

#[test]
fn where_it_is_strict_a_warning_refuses() {
    let doubtful = POLICY.replace(
        "audiences: [https://api.example.com]",
        "audiences: ['https://*.example.com']",
    );
    let folder = Folder::with(
        "strict",
        &[("good.yaml", POLICY), ("doubtful.yaml", &doubtful)],
    );
    let status = |arguments: &[&str]| run(arguments).0;
    let (good, doubtful) = (folder.path("good.yaml"), folder.path("doubtful.yaml"));
    assert_eq!(status(&["check", "--strict", &good]), Some(0));
    assert_eq!(status(&["check", &good, &doubtful]), Some(0));
    assert_eq!(status(&["check", "--strict", &doubtful]), Some(1));
    assert_eq!(status(&["check", &good, "--strict", &doubtful]), Some(1));
}

#[test]
fn programs_get_json_and_sarif() {
    let tests = "
  - { name: alice, request: GET /orders, expect: { status: 200 } }
";
    let doubtful = with_tests(tests).replace(
        "audiences: [https://api.example.com]",
        "audiences: ['https://*.example.com']",
    );
    let bad = POLICY.replace("issuer:", "isuer:");
    let folder = Folder::with(
        "forms",
        &[("1.yaml", &doubtful), ("2.yaml", &bad), ("3.yaml", POLICY)],
    );
    let told = |form: &str| -> Value {
        let (status, output, error) = run(&["check", &folder.path(""), "--format", form]);
        assert_eq!((status, error.as_str()), (Some(1), ""));
        serde_json::from_str(&output).expect("JSON")
    };
    let json = told("json");
    assert_eq!(json["accepted"], false);
    let accepted = |index: usize| json["files"][index]["accepted"].as_bool();
    assert_eq!(
        [0, 1, 2].map(accepted),
        [Some(false), Some(false), Some(true)]
    );
    let levels = |findings: &Value, name: &str| -> Vec<String> {
        let findings = findings.as_array().expect("a list").iter();
        let levels = findings.map(|finding| finding[name].as_str().expect("a level").to_owned());
        levels.collect()
    };
    let of_file = |index: usize| levels(&json["files"][index]["sections"][0]["findings"], "level");
    assert_eq!(of_file(0), ["test", "warning"]);
    assert_eq!(of_file(1), ["problem", "problem"]);
    assert!(of_file(2).is_empty());

    let sarif = told("sarif");
    assert_eq!(sarif["version"], "2.1.0");
    let results = &sarif["runs"][0]["results"];
    assert_eq!(
        levels(results, "ruleId"),
        ["test", "warning", "problem", "problem"]
    );
    assert_eq!(
        levels(results, "level"),
        ["error", "warning", "error", "error"]
    );
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .expect("rules");
    for result in results.as_array().expect("results") {
        assert!(
            rules.iter().any(|rule| rule["id"] == result["ruleId"]),
            "{result}"
        );
        let file = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str();
        assert!(file.is_some_and(|file| file.ends_with(".yaml")), "{result}");
        assert!(result["message"]["text"].is_string(), "{result}");
    }
}
