//! People with nothing but a browser: Envoy's own filter in front of the plugin
//! (`istio/oauth2.yaml`), with the secrets that the pod mounts, and a real Chromium.

use crate::harness::{Request, Story, file, run, workspace};
use passgate_harness::Authority;
use passgate_kit::tampered;
use serde_json::{Value, json};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

/// At a gateway that has the plugin.
pub fn sign_in(mesh: &Story) {
    let folder = Path::new("/var/lib/oauth2");
    fs::create_dir_all(folder).unwrap();
    let text = file("oauth2.yaml");
    let (secret, filter) = text.split_once("\n---\n").unwrap();
    let write = |text: &str| {
        mesh.apply(text);
        for name in ["gate-secret.yaml", "gate-hmac-secret.yaml"] {
            let template = [
                "go-template={{index .data ",
                "\"",
                name,
                "\" | base64decode}}",
            ]
            .concat();
            let get = ["get", "secret", "oauth2", "--namespace", "istio-ingress"];
            let secret = mesh.kubectl(&[&get[..], &["--output", &template]].concat());
            fs::write(folder.join("new"), secret).unwrap();
            fs::rename(folder.join("new"), folder.join(name)).unwrap();
        }
    };
    write(secret);
    mesh.apply(filter);
    let asked = mesh.gateway.until(302, &Request::get("/orders"));
    let location = asked.headers.text("location").unwrap();
    let page = "https://id.example.com/realms/acme/protocol/openid-connect/auth?";
    assert!(location.starts_with(page), "{location}");
    let back = "redirect_uri=https%3A%2F%2Fapi.example.com%2Foauth2%2Fcallback";
    assert!(location.contains(back), "{location}");
    // Who has a token needs no page, and a script cannot follow to one.
    let alice = Request::get("/orders").bearer(&mesh.good());
    mesh.gateway.until(200, &alice);
    let forged = Request::get("/orders").bearer(&tampered(&mesh.good()));
    mesh.gateway.until(401, &forged);
    let script = Request::get("/orders").header("sec-fetch-mode", "cors");
    mesh.gateway.until(401, &script);
    // The secret rotates without another listener.
    let updated = || {
        let all = mesh
            .gateway
            .admin("/config_dump?resource=dynamic_active_secrets");
        let (_, own) = all.split_once("\"name\": \"gate-secret\"").unwrap();
        let mut lines = own.lines();
        let line = lines.find(|line| line.contains("last_updated"));
        line.unwrap().to_owned()
    };
    let before = updated();
    write(&secret.replace(
        "inline_string: replace-me }",
        "inline_string: another-one }",
    ));
    mesh.eventually("the new secret", || updated() != before);
    mesh.gateway.until(302, &Request::get("/orders"));
    in_a_browser(mesh);
}

/// Cookies are sealed as the annotations of the file say, and Chromium keeps, sends and forgets
/// them.
fn in_a_browser(mesh: &Story) {
    let runtime = mesh.gateway.admin("/runtime?format=json");
    let runtime: Value = serde_json::from_str(&runtime).unwrap();
    for (name, value) in [
        ("use_gcm_encryption", "true"),
        ("legacy_cbc_decrypt_compat", "false"),
    ] {
        let name = format!("envoy.reloadable_features.oauth2_{name}");
        assert_eq!(runtime["entries"][&name]["final_value"], value, "{name}");
    }
    let by_tls = serve_tls(mesh);
    mesh.people
        .admit(&mesh.token().claim("sub", "bea").build(), "another-one");
    assert_eq!(by_tls(&Request::get("/orders")), 302);
    run(Command::new(workspace().join(".tools/node/node"))
        .current_dir(workspace())
        .arg("tests/istio/people.mjs"));
    assert_eq!(mesh.people.given(), 1);
}

/// Browsers keep these cookies where TLS is alone, so the gateway gets it. Gives a client that
/// trusts nobody else, and tells the status.
fn serve_tls(mesh: &Story) -> impl Fn(&Request) -> u16 {
    const NAME: &str = "api.example.com";
    let authority = Authority::generate();
    let (certificate, key) = authority.server_pem(NAME);
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "api", "namespace": "istio-ingress" },
        "type": "kubernetes.io/tls",
        "stringData": { "tls.crt": certificate, "tls.key": key },
    });
    mesh.apply(&secret.to_string());
    let server = json!([{ "op": "add", "path": "/spec/servers/-", "value": {
        "port": { "number": 443, "name": "https", "protocol": "HTTPS" },
        "bind": "10.0.0.2",
        "hosts": [NAME],
        "tls": { "mode": "SIMPLE", "credentialName": "api" },
    } }]);
    let gateway = ["gateways.networking.istio.io", "api"];
    let patch = ["--type", "json", "--patch", &server.to_string()];
    let place = ["--namespace", "istio-ingress"];
    mesh.kubectl(&[&["patch"], &gateway[..], &place[..], &patch[..]].concat());
    let address: SocketAddr = "10.0.0.2:443".parse().unwrap();
    mesh.eventually("TLS at the gateway", || TcpStream::connect(address).is_ok());
    mesh.settled();
    let client = authority.stranger();
    move |request| client.send(address, NAME, request).0.status
}
