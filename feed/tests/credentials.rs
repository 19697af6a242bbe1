//! The role that serves people's passkeys, as a program, before a Keycloak that is played.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use passgate_core::{Algorithm, VerifyingKey};
use passgate_harness::{Message, Request, Response, eventually};
use passgate_kit::{SigningKey, now};
use serde_json::{Value, json};

use running::{Feed, READER, new_folder, played::Played, try_send};

const ISSUER: &str = "https://id.example.com/realms/acme";

/// The admin API of one realm.
type Keycloak = Played<State>;

#[derive(Default)]
struct State {
    /// Enabled or not, and passkeys.
    people: BTreeMap<String, (bool, Vec<Value>)>,
    /// What it gave; the last one is good.
    tokens: u64,
    /// Paths below the realm.
    asked: Vec<String>,
    status: Option<u16>,
    /// How long an answer takes.
    takes: Duration,
}

impl Keycloak {
    fn start() -> Self {
        Self::answering(|state, request| {
            let (takes, answer) = {
                let mut state = state.lock().unwrap();
                (state.takes, state.answer(request))
            };
            thread::sleep(takes);
            answer
        })
    }

    fn person(&self, subject: &str, enabled: bool, passkeys: &[&[u8]]) {
        let passkeys = passkeys.iter().map(|id| passkey(id)).collect();
        self.state(|state| state.people.insert(subject.to_owned(), (enabled, passkeys)));
    }
}

impl State {
    fn answer(&mut self, request: &Message) -> (u16, Value) {
        let start = String::from_utf8_lossy(&request.start).into_owned();
        if start == "POST /token HTTP/1.1" {
            self.tokens += 1;
            let token = format!("t{}", self.tokens);
            return (200, json!({ "access_token": token, "expires_in": 300 }));
        }
        let path = start.strip_prefix("GET /admin/realms/acme").unwrap();
        let path = path.strip_suffix(" HTTP/1.1").unwrap();
        self.asked.push(path.to_owned());
        let shown = request.headers.text("authorization").unwrap_or_default();
        if shown != format!("Bearer t{}", self.tokens) {
            return (401, json!({}));
        }
        if let Some(status) = self.status {
            return (status, json!({}));
        }
        let (name, is_list) = match path.strip_suffix("/credentials") {
            Some(path) => (path, true),
            None => (path, false),
        };
        // As a database whose names have no case.
        let name = name.strip_prefix("/users/").unwrap().to_lowercase();
        let name = name.replace("%3a", ":").replace("%20", " ");
        match self.people.get(&name) {
            None => (404, json!({ "error": "User not found" })),
            Some((_, passkeys)) if is_list => (200, json!(passkeys)),
            Some((enabled, _)) => (200, json!({ "id": name, "enabled": enabled })),
        }
    }
}

/// A passkey with this id as Keycloak says it.
fn passkey(id: &[u8]) -> Value {
    use base64::prelude::BASE64_STANDARD;
    let data = json!({
        "aaguid": "01020304-0506-0708-0102-030405060708",
        "credentialId": BASE64_STANDARD.encode(id),
        "credentialPublicKey": BASE64URL.encode(SigningKey::es256("k").cose_key()),
    });
    json!({ "type": "webauthn-passwordless", "credentialData": data.to_string() })
}

/// The role, while it runs.
struct Role {
    folder: PathBuf,
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Role {
    fn start(keycloak: &Keycloak) -> Self {
        let folder = new_folder();
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        fs::write(folder.join("key.pem"), key).unwrap();
        fs::write(folder.join("reader"), READER).unwrap();
        fs::write(folder.join("client"), "s3cret").unwrap();
        let address = keycloak.address();
        let words = json!({
            "listen": "127.0.0.1:0",
            "admin": { "listen": "127.0.0.1:0" },
            "readers": { "file": "reader" },
            "signing_key": { "file": "key.pem" },
            "providers": { "acme": {
                "issuer": ISSUER,
                "cache_duration": "1s",
                "lifetime": "10s",
                "keycloak": {
                    "admin_uri": format!("http://{address}/admin/realms/acme"),
                    "timeout": "2s",
                    "client_credentials": {
                        "token_uri": format!("http://{address}/token"),
                        "client_id": "credentials",
                        "client_secret": { "file": "client" },
                    },
                },
            } },
        });
        fs::write(folder.join("role.yaml"), words.to_string()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_passgate-feed"))
            .args(["credentials", "role.yaml"])
            .current_dir(&folder)
            .stderr(File::create(folder.join("log")).unwrap())
            .spawn();
        let log = folder.join("log");
        let listening = |message: &str| {
            eventually(message, || {
                let log = fs::read_to_string(&log).unwrap();
                let lines = log.lines().map(serde_json::from_str::<Value>);
                let mut lines = lines.filter_map(Result::ok);
                let line = lines.find(|line| line["message"] == message)?;
                line["address"].as_str()?.parse().ok()
            })
        };
        Self {
            child: child.unwrap(),
            address: listening("listening for gates"),
            admin: listening("listening for operators"),
            folder,
        }
    }

    fn ask(&self, subject: &str) -> Response {
        let path = format!("/acme/credentials/{subject}");
        try_send(self.address, &Request::get(path).bearer(READER)).unwrap()
    }

    /// What it signed about a person, whose signature is right.
    fn said(&self, subject: &str) -> Value {
        let answer = self.ask(subject);
        assert_eq!(answer.status, 200, "{answer:?}");
        let content = answer.headers.text("content-type");
        assert_eq!(content, Some("application/credentials+jwt"));
        let text = answer.text();
        let parts: Vec<&str> = text.split('.').collect();
        let decoded = |part: &str| BASE64URL.decode(part).unwrap();
        let header: Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
        let keys = try_send(self.address, &Request::get("/keys")).unwrap();
        let keys: Value = serde_json::from_slice(&keys.body).unwrap();
        let key = &keys["keys"][0];
        assert_eq!(key.get("d"), None);
        let wanted = json!({ "alg": "ES256", "kid": key["kid"], "typ": "credentials+jwt" });
        assert_eq!(header, wanted);
        let coordinate = |name: &str| decoded(key[name].as_str().unwrap());
        let key = VerifyingKey::p256(&coordinate("x"), &coordinate("y")).unwrap();
        let input = [parts[0], ".", parts[1]].concat();
        assert!(key.verifies(Algorithm::Es256, input.as_bytes(), &decoded(parts[2])));
        let claims: Value = serde_json::from_slice(&decoded(parts[1])).unwrap();
        assert_eq!(claims["iss"], ISSUER);
        let issued = claims["iat"].as_i64().unwrap();
        assert!((now() - 10..=now()).contains(&issued), "{claims}");
        assert_eq!(claims["exp"], issued + 10);
        claims
    }

    fn passkeys(&self, subject: &str) -> Vec<String> {
        let claims = self.said(subject);
        let all = claims["credentials"].as_array().unwrap().iter();
        all.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }

    fn outcome(&self, outcome: &str) -> u64 {
        let text = try_send(self.admin, &Request::get("/metrics"))
            .unwrap()
            .text();
        let name = format!(
            "passgate_feed_credential_answers_total{{provider=\"acme\",outcome=\"{outcome}\"}} "
        );
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = fs::read_to_string(self.folder.join("log"));
            eprintln!("{}", log.unwrap_or_default());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[test]
fn a_persons_passkeys_are_signed_and_a_deleted_one_has_gone_within_the_cache_time() {
    let keycloak = Keycloak::start();
    keycloak.person("alice", true, &[&[1], &[2]]);
    keycloak.person("f:1:bob smith", false, &[&[3]]);
    let role = Role::start(&keycloak);
    let claims = role.said("alice");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(role.passkeys("alice"), ["AQ", "Ag"]);
    let entry = &claims["credentials"][0];
    assert_eq!(entry["user_handle"], BASE64URL.encode("alice"));
    assert_eq!(entry["aaguid"], "01020304-0506-0708-0102-030405060708");
    assert_eq!(entry.get("disabled"), None);
    let claims = role.said("f%3A1%3Abob%20smith");
    assert_eq!(claims["sub"], "f:1:bob smith");
    assert_eq!(claims["credentials"][0]["disabled"], true);
    // Nobody, and a name that finds another person.
    for nobody in ["carol", "Alice"] {
        assert_eq!(role.passkeys(nobody), [""; 0], "{nobody}");
    }

    keycloak.person("alice", true, &[&[2]]);
    eventually("the end of a passkey", || {
        (role.passkeys("alice") == ["Ag"]).then_some(())
    });
    assert!(role.outcome("remembered") > 0);
}

#[test]
fn whoever_asks_meanwhile_waits_for_one_answer() {
    let keycloak = Keycloak::start();
    keycloak.person("alice", true, &[&[1]]);
    let role = Role::start(&keycloak);
    keycloak.state(|state| state.takes = Duration::from_millis(300));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(role.passkeys("alice"), ["AQ"]));
        }
    });
    let asked = keycloak.state(|state| state.asked.clone());
    assert_eq!(asked, ["/users/alice", "/users/alice/credentials"]);
}

#[test]
fn an_outage_is_told_as_one_and_nothing_old_is_served() {
    let keycloak = Keycloak::start();
    keycloak.person("alice", true, &[&[1]]);
    let role = Role::start(&keycloak);
    assert_eq!(role.passkeys("alice"), ["AQ"]);
    for (status, told) in [(503, 503), (403, 503), (500, 502), (302, 502)] {
        keycloak.state(|state| state.status = Some(status));
        let answer = eventually("the end of the answer", || {
            let answer = role.ask("alice");
            (answer.status == told).then_some(answer)
        });
        let is_for_all = answer.headers.text("retry-after").is_some();
        assert_eq!(is_for_all, told == 503, "{status}");
    }
    // It hangs.
    keycloak.state(|state| (state.status, state.takes) = (None, Duration::from_secs(60)));
    assert_eq!(role.ask("dave").status, 503);
    assert_eq!(role.outcome("late") + role.outcome("no_answer"), 1);
    keycloak.state(|state| state.takes = Duration::ZERO);
    eventually("the end of the outage", || {
        (role.ask("alice").status == 200).then_some(())
    });
    // Its token was revoked: it gets another one.
    keycloak.state(|state| state.tokens += 1);
    assert_eq!(role.passkeys("erin"), [""; 0]);
}

#[test]
fn only_readers_read_and_nobody_writes() {
    let keycloak = Keycloak::start();
    keycloak.person("alice", true, &[&[1]]);
    let role = Role::start(&keycloak);
    let path = "/acme/credentials/alice";
    for request in [Request::get(path), Request::get(path).bearer("x")] {
        assert_eq!(try_send(role.address, &request).unwrap().status, 401);
    }
    assert_eq!(keycloak.state(|state| state.asked.len()), 0);
    for path in [
        path,
        "/acme/credentials",
        "/acme/entries",
        "/acme/events",
        "/acme/backchannel-logout",
        "/keys",
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            for address in [role.address, role.admin] {
                let mut request = Request::post(path, b"{}").bearer(READER);
                request.method = method.to_owned();
                let status = try_send(address, &request).unwrap().status;
                assert!([404, 405].contains(&status), "{method} {path}: {status}");
            }
        }
    }
    for path in [
        "/acme/revocations",
        "/x/credentials/alice",
        "/acme/credentials/a/b",
    ] {
        let request = Request::get(path).bearer(READER);
        assert_eq!(
            try_send(role.address, &request).unwrap().status,
            404,
            "{path}"
        );
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = try_send(role.admin, &Request::get(path)).unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }
    // And who takes events serves no passkeys.
    let issuer = passgate_harness::Issuer::start();
    let feed = Feed::start(&issuer);
    let request = Request::get(path).bearer(READER);
    assert_eq!(feed.send(&request).status, 404);
    assert_eq!(feed.ask_admin(&request).status, 404);
}
