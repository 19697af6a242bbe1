//! Opaque tokens, about which the provider is asked, in the file that is shipped for them.

use passgate_harness::{BOTH, Bootstrap, Gate, Introspector, Load, Request, Setup, eventually};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "envoy/introspection.yaml";
/// What the shipped secret is.
const SECRET: &str = "Basic cm9ib3Q6cmVwbGFjZS1tZQ==";
const NEW_SECRET: &str = "Basic Z2F0ZTphLW5ldy1zZWNyZXQ=";
const TOKEN: &str = "an-opaque-token-of-alice-1";

/// An answer about an active token of Alice.
fn active(more: &Value) -> Value {
    let mut answer = json!({
        "active": true, "sub": "alice", "aud": "http://localhost:8080", "token_type": "Bearer",
        "exp": passgate_kit::now() + 300,
    });
    let more = more.as_object().unwrap().clone();
    answer.as_object_mut().unwrap().extend(more);
    answer
}

fn setup(server: &Introspector) -> Setup {
    Setup::shipped(FILE).edit(|bootstrap| {
        bootstrap.set_address("id_introspect", server.address());
    })
}

/// The same with answers that count for a second.
fn for_a_second(bootstrap: &mut Bootstrap) {
    let configuration = "/typed_config/config/configuration/value";
    let value = bootstrap.passgate().pointer_mut(configuration).unwrap();
    let mut policy: Value = serde_json::from_str(value.as_str().unwrap()).unwrap();
    policy["providers"]["acme"]["introspection"]["cache_duration"] = json!("1s");
    *value = json!(policy.to_string());
}

fn passes(gate: &Gate, path: &str, token: &str) {
    for protocol in BOTH {
        let request = Request::get(path).bearer(token).header("x-user", "spoofed");
        let received = gate.passed(&gate.send(protocol, &request));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        assert_eq!(received.headers.bytes("authorization"), None);
    }
}

fn refused(gate: &Gate, path: &str, token: &str, reason: &str) {
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get(path).bearer(token));
        gate.denied(&answer, reason);
    }
}

#[test]
fn the_file_with_opaque_tokens() {
    let server = Introspector::start(SECRET);
    server.says(TOKEN, active(&json!({})));
    let writer = "an-opaque-token-of-alice-2";
    server.says(writer, active(&json!({ "scope": "api" })));
    let foreign = "an-opaque-token-of-alice-3";
    server.says(foreign, active(&json!({ "aud": "another" })));
    let gate = setup(&server).start();
    passes(&gate, "/", TOKEN);
    passes(&gate, "/payments/1", writer);
    refused(&gate, "/payments/1", TOKEN, "insufficient.scope");
    refused(&gate, "/", foreign, "untrusted.audience");
    refused(&gate, "/", "a-made-up-opaque-token", "untrusted.inactive");
    gate.denied(&gate.send(BOTH[0], &Request::get("/")), "missing.token");
    // Each once, with the secret, which the policy does not have.
    let questions = server.questions();
    assert_eq!(questions.len(), 4, "{questions:?}");
    assert!(questions.iter().all(|(_, secret)| secret == SECRET));
    let counted = "wasmcustom.passgate.introspection.provider.acme.answers.active";
    eventually("the counter", || (gate.stat(counted) == 3).then_some(()));
    gate.finish();
}

/// A folder of its own with the secret.
struct Folder(PathBuf);

impl Folder {
    fn with(secret: &str) -> Self {
        let name = format!("passgate-introspection-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).unwrap();
        folder.write(secret);
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.join("secret.yaml")
    }

    /// As the shipped file says it: a file beside it that is renamed.
    fn write(&self, secret: &str) {
        let shipped = passgate_harness::workspace().join("envoy/introspection/secret.yaml");
        let text = fs::read_to_string(shipped).unwrap();
        assert!(text.contains(SECRET));
        let fresh = self.0.join("new");
        fs::write(&fresh, text.replace(SECRET, secret)).unwrap();
        fs::rename(fresh, self.file()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read_secret_from(bootstrap: &mut Bootstrap, file: &Path) {
    let options =
        "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let source = "/http_filters/0/typed_config/credential/typed_config/credential/sds_config/path_config_source";
    let cluster = bootstrap.cluster("id_introspect");
    let source = cluster.pointer_mut(&[options, source].concat()).unwrap();
    *source = json!({ "path": file, "watched_directory": { "path": file.parent() } });
}

#[test]
fn the_secret_rotates_under_load_and_no_request_is_refused() {
    let server = Introspector::start(SECRET);
    server.says(TOKEN, active(&json!({})));
    let folder = Folder::with(SECRET);
    let gate = setup(&server)
        .edit(for_a_second)
        .edit(|bootstrap| read_secret_from(bootstrap, &folder.file()))
        .workers(2)
        .start();
    let load = Load::start(gate.address, TOKEN);
    let asked_with = |secret: &'static str, since: usize| {
        let questions = move |(_, own): &(String, String)| own == secret;
        eventually("questions with this secret", || {
            let all = server.questions();
            (all.iter().skip(since).filter(|one| questions(one)).count() >= 3).then_some(())
        });
        server.questions().len()
    };
    let before = asked_with(SECRET, 0);
    // While both are valid, the new one is written.
    server.accept(&[SECRET, NEW_SECRET]);
    folder.write(NEW_SECRET);
    let between = asked_with(NEW_SECRET, before);
    server.accept(&[NEW_SECRET]);
    let after = asked_with(NEW_SECRET, between);
    assert!(after > between);
    load.finish_without_a_refusal();
    gate.finish();
}

#[test]
fn a_token_that_is_revoked_is_refused_when_its_answer_ends() {
    let server = Introspector::start(SECRET);
    server.says(TOKEN, active(&json!({})));
    let gate = setup(&server).edit(for_a_second).start();
    passes(&gate, "/", TOKEN);
    server.revoke(TOKEN);
    eventually("a refusal", || {
        let answer = gate.send(BOTH[0], &Request::get("/").bearer(TOKEN));
        (answer.status == 401).then_some(())
    });
    refused(&gate, "/", TOKEN, "untrusted.inactive");
    gate.finish();
}

/// The wrong secret, and an endpoint that hangs: 503, and who is known goes on.
#[test]
fn an_endpoint_that_does_not_answer_holds_nobody_else() {
    let server = Introspector::start(SECRET);
    server.says(TOKEN, active(&json!({})));
    let gate = setup(&server).start();
    passes(&gate, "/", TOKEN);
    server.accept(&[]);
    refused(
        &gate,
        "/",
        "another-opaque-token",
        "unavailable.introspection",
    );
    server.accept(&[SECRET]);
    server.hold();
    let waiting = Request::get("/").bearer("a-third-opaque-token-here");
    gate.abandon(&waiting, std::time::Duration::from_millis(500));
    passes(&gate, "/", TOKEN);
    server.release();
    eventually("an answer", || {
        let answer = gate.send(BOTH[0], &waiting);
        (answer.status == 401).then_some(())
    });
    let log = gate.log();
    let line = "passgate introspection of acme: an answer cannot be had: status 401; does the cluster add the client's secret?";
    assert!(log.contains(line), "{log}");
    gate.finish();
}
