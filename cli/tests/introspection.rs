//! `passgate explain --introspection`: an opaque token, judged by an answer.
#![allow(clippy::expect_used, reason = "tests")]

use std::{fs, process::Command};

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

/// Exit status, standard output and standard error for a token of which this is said.
fn explain(name: &str, answer: Option<&str>) -> (Option<i32>, String, String) {
    let folder = std::env::temp_dir().join(format!("passgate-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let [policy, said] = ["gate.yaml", "answer.json"].map(|file| folder.join(file));
    fs::write(&policy, POLICY).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    command.arg("explain").arg("--config").arg(policy);
    command.args(["--request", "GET /orders", "--at", "1000000000"]);
    command.args(["--token", "an-opaque-token"]);
    if let Some(answer) = answer {
        fs::write(&said, answer).expect("a file");
        command.arg("--introspection").arg(said);
    }
    let output = command.output().expect("the program runs");
    fs::remove_dir_all(folder).expect("it is there");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
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
    let file = std::env::temp_dir().join(format!("passgate-asked-{}.yaml", std::process::id()));
    fs::write(&file, renamed).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_passgate"));
    let output = command.arg("check").arg(&file).output().expect("it runs");
    fs::remove_file(file).expect("it is there");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let line = "warning: providers.acme: the file has no cluster \"id_introspect\", so its answers about tokens cannot be fetched";
    assert!(text.contains(line), "{text}");
}
