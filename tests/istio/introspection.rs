//! Opaque tokens at a sidecar: the cluster adds the client's secret, which the pod mounts.

use crate::harness::{Request, Story, file, plugin, story};
use serde_json::json;
use std::fs;
use std::path::Path;

const FOLDER: &str = "/var/lib/introspection";
/// What the file of `istio/` has, and what comes after it.
const SECRET: &str = "Basic cm9ib3Q6cmVwbGFjZS1tZQ==";
const NEW_SECRET: &str = "Basic Z2F0ZTphLW5ldy1zZWNyZXQ=";

/// The plugin of the guide, which asks about opaque tokens.
fn asking() -> String {
    let mut resource = plugin("sidecar.yaml");
    resource["spec"]["pluginConfig"]["providers"]["acme"]["introspection"] = json!({
        "http_uri": {
            "uri": "https://id.example.com/realms/acme/introspect", "cluster": "introspection",
        },
        "cache_duration": "1s",
    });
    resource.to_string()
}

/// What the kubelet does with a volume of this Secret: a folder with the file, and a link to it
/// that is renamed.
fn mount(version: &str, text: &str) {
    let folder = Path::new(FOLDER);
    let data = folder.join(version);
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("secret.yaml"), text).unwrap();
    let link = folder.join("..data_tmp");
    std::os::unix::fs::symlink(version, &link).unwrap();
    fs::rename(link, folder.join("..data")).unwrap();
    let shown = folder.join("secret.yaml");
    if !shown.exists() {
        std::os::unix::fs::symlink("..data/secret.yaml", shown).unwrap();
    }
}

/// The file in the Secret of `istio/introspection.yaml`.
fn secret(mesh: &Story) -> String {
    let text = r#"go-template={{index .data "secret.yaml" | base64decode}}"#;
    let get = ["get", "secret", "introspection", "--namespace", "payments"];
    mesh.kubectl(&[&get[..], &["--output", text]].concat())
}

fn with(mesh: &Story, token: &str) -> Request {
    mesh.to_ledger().bearer(token)
}

#[test]
fn a_cluster_adds_the_secret_that_the_pod_mounts_and_it_rotates() {
    let mesh = story();
    let provider = &mesh.introspection;
    let alice = json!({
        "active": true, "sub": "alice", "aud": "https://api.example.com",
        "exp": passgate_kit::now() + 300,
    });
    provider.says("opaque-token-of-alice", alice);
    provider.accept(&[SECRET]);
    // The kubelet mounts a volume before the proxy starts. This proxy runs already: if it had the
    // cluster first, it would read a file that is not there, or one of an earlier run.
    let resources = file("introspection.yaml");
    let (of_pod, of_proxy) = resources.split_once("\n---\n").unwrap();
    mesh.apply(of_pod);
    let text = secret(&mesh);
    assert!(text.contains(SECRET), "{text}");
    mount("..1", &text);
    mesh.apply(of_proxy);
    mesh.apply(&asking());
    mesh.web.until(401, &mesh.to_ledger());
    let passed = mesh.web.until(200, &with(&mesh, "opaque-token-of-alice"));
    let passed = passed.text();
    assert!(passed.contains("\"x-user\":\"alice\""), "{passed}");
    assert!(!passed.contains("opaque-token-of-alice"), "{passed}");
    mesh.settled();
    mesh.web.until(401, &with(&mesh, "a-made-up-token"));
    // JWTs go on, and the way to their keys does not carry the secret: the server of both would
    // have said so.
    mesh.web.until(200, &with(&mesh, &mesh.good()));

    // The provider takes both; the kubelet swaps the file; the provider ends the old one.
    provider.accept(&[SECRET, NEW_SECRET]);
    let asked_with_new = || {
        let questions = provider.questions();
        questions.iter().any(|(_, secret)| secret == NEW_SECRET)
    };
    assert!(!asked_with_new());
    mount("..2", &text.replace(SECRET, NEW_SECRET));
    mesh.eventually("a question with the new secret", || {
        let answer = mesh.web.send(&with(&mesh, "opaque-token-of-alice"));
        assert_eq!(answer.map(|answer| answer.status), Some(200));
        asked_with_new()
    });
    provider.accept(&[NEW_SECRET]);
    let since = provider.questions().len();
    mesh.eventually("one more question", || {
        let answer = mesh.web.send(&with(&mesh, "opaque-token-of-alice"));
        assert_eq!(answer.map(|answer| answer.status), Some(200));
        provider.questions().len() > since
    });
}
