//! kubectl in front of an API server that stands behind the gate: its tokens come from a program
//! that the kubeconfig names (`client.authentication.k8s.io/v1`).

use crate::harness::{said, tool, workspace};
use passgate_harness::{Authority, Gate, Server, Setup, policy, ruled, serve, servers};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const NAME: &str = "api.example.com";

/// Notes that it ran, and gives the token of its turn.
const PLUGIN: &str = r#"#!/bin/sh
set -eu
echo run >> "$FOLDER/runs"
token=$(sed -n "$(wc -l < "$FOLDER/runs")p" "$FOLDER/tokens")
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
printf '"status":{"token":"%s"}}' "$token"
"#;

/// What an API server with this one resource answers.
fn api_server() -> Server {
    let resource = json!({
        "name": "configmaps", "singularName": "configmap", "namespaced": true,
        "kind": "ConfigMap", "verbs": ["get", "list"],
    });
    let config_map = |name: &str| json!({ "kind": "ConfigMap", "apiVersion": "v1", "metadata": { "name": name } });
    let pages = json!({
        "/api": { "kind": "APIVersions", "versions": ["v1"] },
        "/apis": { "kind": "APIGroupList", "apiVersion": "v1", "groups": [] },
        "/api/v1": {
            "kind": "APIResourceList", "groupVersion": "v1", "resources": [resource],
        },
        "/api/v1/namespaces/shop/configmaps/prices": config_map("prices"),
        "/api/v1/namespaces/shop/configmaps/sizes": config_map("sizes"),
    });
    Server::start(move |stream| {
        serve(stream, |request| {
            let path = servers::path_of(&request);
            let page = pages.get(path.split('?').next()?).unwrap_or(&Value::Null);
            servers::ok("application/json", page.to_string().as_bytes())
        });
    })
}

/// A file of `envoy/kubectl/`.
fn shipped(name: &str) -> Value {
    let path = workspace().join("envoy/kubectl").join(name);
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

struct Kubectl {
    gate: Gate,
    _api_server: Server,
    folder: PathBuf,
}

impl Kubectl {
    /// With this in Envoy's `HttpConnectionManager`.
    fn start(local_reply_config: &Value) -> Self {
        let authority = Authority::generate();
        let (certificate, key) = authority.server_pem(NAME);
        let api_server = api_server();
        let rules = json!([
            { "match": { "path_separated_prefix": "/api/v1/namespaces/vault" }, "requires": { "scopes": ["vault"] } },
            { "match": { "prefix": "/" }, "requires": {} },
        ]);
        let gate = Setup::new(ruled(policy(), rules))
            .cluster("api-server", api_server.address)
            .edit(|bootstrap| {
                bootstrap.route()["cluster"] = json!("api-server");
                bootstrap.manager()["local_reply_config"] = local_reply_config.clone();
                bootstrap.listener()["filter_chains"][0]["transport_socket"] = json!({
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                        "common_tls_context": {
                            "alpn_protocols": ["h2", "http/1.1"],
                            "tls_certificates": [{
                                "certificate_chain": { "inline_string": certificate },
                                "private_key": { "inline_string": key },
                            }],
                        },
                    },
                });
            })
            .start();
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kubectl-{}", gate.address.port()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let plugin = folder.join("plugin");
        fs::write(&plugin, PLUGIN).unwrap();
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
        let mut kubeconfig = shipped("kubeconfig.yaml");
        let exec = &mut kubeconfig["users"][0]["user"]["exec"];
        exec["command"] = json!(plugin);
        exec["env"] = json!([{ "name": "FOLDER", "value": folder }]);
        let cluster = &mut kubeconfig["clusters"][0]["cluster"];
        assert_eq!(cluster["server"], format!("https://{NAME}"));
        cluster["server"] = json!(format!("https://{}", gate.address));
        cluster["tls-server-name"] = json!(NAME);
        cluster["certificate-authority"] = json!(folder.join("authority.pem"));
        fs::write(folder.join("kubeconfig"), kubeconfig.to_string()).unwrap();
        Self {
            gate,
            _api_server: api_server,
            folder,
        }
    }

    /// Whether kubectl succeeds with these arguments, how often it asked for a token (it gets
    /// these, one each time), and what it said.
    fn run(&self, arguments: &[&str], tokens: &[&str]) -> (bool, usize, String) {
        fs::write(self.folder.join("tokens"), tokens.join("\n") + "\n").unwrap();
        fs::write(self.folder.join("runs"), "").unwrap();
        let output = Command::new(tool("kubectl"))
            .env("HOME", &self.folder)
            .arg("--kubeconfig")
            .arg(self.folder.join("kubeconfig"))
            .args(arguments)
            .output()
            .unwrap();
        let runs = fs::read_to_string(self.folder.join("runs")).unwrap();
        (output.status.success(), runs.lines().count(), said(&output))
    }

    fn finish(self) {
        fs::remove_dir_all(&self.folder).unwrap();
        self.gate.finish();
    }
}

/// Reads these two objects, one request each.
const BOTH: [&str; 7] = [
    "get",
    "configmap/prices",
    "configmap/sizes",
    "--namespace",
    "shop",
    "--output",
    "name",
];
/// Asks for what needs a scope.
const VAULT: [&str; 4] = ["get", "configmaps", "--namespace", "vault"];

#[test]
fn kubectl_brings_the_tokens_of_its_plugin() {
    let kubectl = Kubectl::start(&json!({}));
    let good = kubectl.gate.good();
    let expired = kubectl.gate.token().expires_in(-3600).build();
    let (good, expired) = (good.as_str(), expired.as_str());

    let both = "configmap/prices\nconfigmap/sizes\n".to_owned();
    assert_eq!(kubectl.run(&BOTH, &[good]), (true, 1, both));

    // After a 401 it asks for another token, and brings that with what it sends next.
    let (passed, runs, said) = kubectl.run(&BOTH, &[expired, good]);
    assert_eq!((passed, runs), (false, 2), "{said}");
    assert!(said.starts_with("configmap/sizes\n"), "{said}");
    assert!(
        said.contains("You must be logged in to the server"),
        "{said}"
    );
    let (passed, runs, said) = kubectl.run(&BOTH, &[expired; 3]);
    assert_eq!((passed, runs), (false, 3), "{said}");
    assert!(!said.contains("configmap/"), "{said}");

    // A 403 is final. What it prints is in no problem document.
    let (passed, runs, said) = kubectl.run(&VAULT, &[good]);
    assert_eq!((passed, runs), (false, 1), "{said}");
    assert!(
        said.contains("Error from server (Forbidden): unknown"),
        "{said}"
    );
    kubectl.finish();
}

#[test]
fn kubectl_prints_what_envoy_makes_of_an_answer() {
    let kubectl = Kubectl::start(&shipped("local-reply.yaml")["local_reply_config"]);
    let good = kubectl.gate.good();
    let (_, runs, said) = kubectl.run(&VAULT, &[&good]);
    let expected = "Error from server: Bearer realm=\"passgate\", \
        error=\"insufficient_scope\", error_description=\"The access token lacks a scope\", \
        scope=\"vault\"";
    assert_eq!(runs, 1);
    assert!(said.contains(expected), "{said}");
    let expired = kubectl.gate.token().expires_in(-3600).build();
    let (passed, runs, said) = kubectl.run(&BOTH, &[&expired, &good]);
    assert_eq!((passed, runs), (false, 2), "{said}");
    assert!(said.starts_with("configmap/sizes\n"), "{said}");
    assert!(said.contains("invalid_token"), "{said}");
    kubectl.finish();
}
