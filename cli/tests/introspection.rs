//! `passgate explain --introspection`: an opaque token, judged by an answer.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/program.rs"]
mod program;

use std::fs;

use self::program::{Folder, Outcome, run};

const POLICY: &str = "\
providers:
  acme:
    issuer: https://id.example.com
    audiences: [https://api.example.com]
    introspection: { http_uri: { uri: https://id.example.com/introspect, cluster: id } }
rules:
  - match: { prefix: / }
    requires: { provider_name: acme, scopes: [read] }
";

/// What is explained of a token of which this is said.
fn explain(name: &str, answer: Option<&str>) -> Outcome {
    let answered = answer.map(|answer| ("answer.json", answer));
    let files: Vec<_> = [("gate.yaml", POLICY)]
        .into_iter()
        .chain(answered)
        .collect();
    let folder = Folder::with(name, &files);
    let (policy, said) = (folder.path("gate.yaml"), folder.path("answer.json"));
    let mut arguments = vec!["explain", "--config", &policy, "--request", "GET /orders"];
    arguments.extend(["--at", "1000000000", "--token", "an-opaque-token"]);
    if answer.is_some() {
        arguments.extend(["--introspection", &said]);
    }
    run(&arguments)
}

#[test]
fn an_opaque_token_is_judged_by_the_answer_that_is_given() {
    let good = r#"{"active":true,"sub":"alice","aud":"https://api.example.com","scope":"read","exp":1000000100}"#;
    let (status, text, _) = explain("told-good", Some(good));
    assert_eq!(status, Some(0), "{text}");
    for line in [
        "token: opaque; what its provider says of it counts\n",
        "provider: acme\n",
        "subject: alice\n",
        "decision: allow, permitted.token\n",
    ] {
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    for (number, (answer, line)) in [
        (
            r#"{"active":false}"#,
            "decision: deny, untrusted.inactive\n",
        ),
        (
            r#"{"active":true,"sub":"alice","aud":"https://api.example.com","exp":1000000100}"#,
            "decision: deny, insufficient.scope\n",
        ),
        (
            r#"{"active":true,"sub":"alice","aud":"https://api.example.com","exp":"soon"}"#,
            r#"wanted instead: exp: seconds since 1970, a number; it is the string "soon""#,
        ),
        ("<html>", "decision: deny, unavailable.introspection\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, text, _) = explain(&format!("told-{number}"), Some(answer));
        assert_eq!(status, Some(1), "{answer}: {text}");
        assert!(text.contains(line), "no {line:?} in\n{text}");
    }
    let (status, _, error) = explain("told-nothing", None);
    assert_eq!(status, Some(2));
    assert_eq!(
        error,
        "passgate: the provider is asked about this token; give its answer with --introspection FILE\n"
    );
}

#[test]
fn a_cluster_for_questions_that_the_file_lacks_is_told() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy/introspection.yaml");
    let text = fs::read_to_string(shipped).expect("the file");
    let renamed = text.replacen("- name: id_introspect", "- name: other", 1);
    assert_ne!(text, renamed);
    let folder = Folder::with("asked", &[("envoy.yaml", &renamed)]);
    let (_, text, _) = run(&["check", &folder.path("envoy.yaml")]);
    let line = "warning: providers.acme: the file has no cluster \"id_introspect\", so its answers about tokens cannot be fetched";
    assert!(text.contains(line), "{text}");
}
