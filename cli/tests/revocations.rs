//! `passgate explain --revocations`, as people use it.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/program.rs"]
mod program;

use self::program::{Folder, holds_all, run};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
const POLICY: &str = "\
providers:
  acme:
    issuer: https://id.example.com
    audiences: [https://api.example.com]
    remote_jwks: { http_uri: { uri: https://id.example.com/certs, cluster: id } }
";
const LISTS: &str = "    \
    revocations: { http_uri: { uri: https://feed.example.com/acme, cluster: feed } }
    status_lists: { uri_prefix: https://id.example.com/status/, cluster: id }
";

#[test]
fn a_list_of_revocations_is_asked_where_it_is_given() {
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"alice","iat":1000000000,"exp":1000000300}}"#
    );
    let policy = [POLICY, LISTS].concat();
    let list = |made: &str, name: &str| {
        let entries = format!(r#"[{{"sub":"{name}","not_before":1000000000}},{{}}]"#);
        format!(
            r#"{{"version":1,"epoch":2,"sequence":7,"generated_at":{made},"entries":{entries}}}"#
        )
    };
    let files = Folder::with(
        "revocations",
        &[
            ("gate.yaml", &policy),
            ("plain.yaml", POLICY),
            ("claims.json", &claims),
            ("alice.json", &list("1000000090", "alice")),
            ("bob.json", &list("1000000090", "bob")),
            ("old.json", &list("1000000000", "alice")),
            ("junk.json", "[]"),
        ],
    );
    let explain = |policy: &str, list: &[&str]| {
        let (policy, claims) = (files.path(policy), files.path("claims.json"));
        let mut arguments = vec!["explain", "--config", &policy, "--claims", &claims];
        arguments.extend(["--request", "GET /", "--at", "1000000100"]);
        let list: Vec<String> = list.iter().map(|list| files.path(list)).collect();
        for list in &list {
            arguments.extend(["--revocations", list]);
        }
        run(&arguments)
    };
    let (status, output, _) = explain("gate.yaml", &[]);
    assert_eq!(status, Some(0), "{output}");
    holds_all(
        &output,
        &[
            "revocations: NOT ASKED; give the list with --revocations FILE\n",
            "status lists: NOT ASKED; what follows holds only if the status is valid\n",
        ],
    );
    let (status, output, _) = explain("gate.yaml", &["bob.json"]);
    assert_eq!(status, Some(0), "{output}");
    let given = "revocations: 1 entries, 1 that cannot be read, epoch 2, sequence 7, generated 2001-09-09T01:48:10.000Z\n";
    holds_all(&output, &[given]);
    let (status, output, _) = explain("gate.yaml", &["alice.json"]);
    assert_eq!(status, Some(1), "{output}");
    holds_all(
        &output,
        &[
            "decision: deny, untrusted.revoked",
            "sub: issued after 2001-09-09T01:46:40.000Z, until when it is revoked",
            "it means: a list of the provider says",
        ],
    );
    for (policy, list, why) in [
        (
            "gate.yaml",
            "old.json",
            "older than cache_duration and max_stale together",
        ),
        ("gate.yaml", "junk.json", "not a list"),
        ("plain.yaml", "bob.json", "the provider has no revocations"),
    ] {
        let (status, output, error) = explain(policy, &[list]);
        assert_eq!(status, Some(2), "{output}");
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn clusters_that_the_file_lacks_are_told() {
    let policy = [POLICY, LISTS].concat();
    let plain = Folder::with("lists", &[("gate.yaml", &policy)]);
    let (_, configuration, _) = run(&["print", "--json", &plain.path("gate.yaml")]);
    let string = "type.googleapis.com/google.protobuf.StringValue";
    let plugin = serde_json::json!({
        "name": "passgate",
        "vm_config": { "runtime": "envoy.wasm.runtime.v8" },
        "configuration": { "@type": string, "value": configuration },
        "failure_policy": "FAIL_RELOAD",
    });
    let filter = serde_json::json!({
        "name": "passgate",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": plugin,
        },
    });
    let bootstrap = serde_json::json!({ "static_resources": {
        "listeners": [{ "filter_chains": [{ "filters": [{ "typed_config": {
            "http_filters": [filter],
        } }] }] }],
        "clusters": [{ "name": "other" }],
    } });
    let files = Folder::with("clusters", &[("envoy.json", &bootstrap.to_string())]);
    let (_, output, _) = run(&["check", &files.path("envoy.json")]);
    holds_all(
        &output,
        &[
            "warning: providers.acme: the file has no cluster \"id\", so its keys cannot be fetched",
            "warning: providers.acme: the file has no cluster \"feed\", so its revocations cannot be fetched",
        ],
    );
}
