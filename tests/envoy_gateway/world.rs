//! Envoy Gateway's control plane without a cluster: it reads resources from files, starts Envoy as
//! a process of its own, and speaks xDS to it over mutual TLS as it does in a cluster.

use passgate_harness::servers::{self, ok, path_of};
use passgate_harness::{
    Authority, Http1, Message, Program, Request, Response, eventually_within, module_with_trap,
    run, workspace,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, jwks, sha256, tampered};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);
const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
const CLIENT_SECRET: &str = "known-to-both";

/// A control plane with its Envoy, and a prober, for the time of a story.
pub struct World {
    folder: PathBuf,
    gateway: Program,
    prober: Option<Prober>,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    /// With these files and nothing else before the first step.
    pub fn start(files: &[&str]) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            Path::new("/var/lib/isolated").exists(),
            "these stories run on a machine of their own: `make test-envoy-gateway`"
        );
        beside();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy-gateway");
        let _ = fs::remove_dir_all(&folder);
        let (version, envoy) = envoy();
        // Where Envoy Gateway looks before it downloads an Envoy.
        let bin = folder.join(format!("data/envoy-versions/{version}/bin"));
        for made in [&folder.join("resources"), &folder.join("config"), &bin] {
            fs::create_dir_all(made).unwrap();
        }
        std::os::unix::fs::symlink(envoy, bin.join("envoy")).unwrap();
        let state = folder.to_str().unwrap();
        let configuration = filled("control-plane.yaml", &[("STATE", state)]);
        fs::write(folder.join("envoy-gateway.yaml"), configuration).unwrap();
        let certgen = ["certgen", "--local", "--config-home"];
        let mut command = control_plane();
        run(command
            .env("HOME", &folder)
            .args(certgen)
            .arg(folder.join("config")));
        let certificates = folder.join("config/certs");
        fs::copy(certificates.join("envoy/ca.crt"), "/certs/ca.crt").unwrap();
        let words = [
            ("CA", "envoy/ca.crt"),
            ("CERTIFICATE", "envoy/tls.crt"),
            ("KEY", "envoy/tls.key"),
            ("HMAC", "envoy-oidc-hmac/hmac-secret"),
        ];
        let words = words.map(|(word, file)| {
            let bytes = fs::read(certificates.join(file)).unwrap();
            (word, base64(&bytes))
        });
        let mut words: Vec<(&str, &str)> = words.iter().map(|(w, text)| (*w, &**text)).collect();
        let secret = base64(CLIENT_SECRET.as_bytes());
        words.push(("CLIENT_SECRET", &secret));
        words.push(("ENVOY_VERSION", &version));
        let mut world = Self {
            gateway: Self::program(&folder),
            folder,
            prober: None,
            _alone: alone,
        };
        world.put("gateway.yaml", &filled("gateway.yaml", &words));
        for file in files {
            world.apply(file);
        }
        world.prober = Some(Prober::start());
        world
    }

    fn program(folder: &Path) -> Program {
        let mut command = control_plane();
        command.args(["server", "--config-path"]);
        command.arg(folder.join("envoy-gateway.yaml"));
        Program::start(&folder.join("gateway"), command.env("HOME", folder))
    }

    /// Ends the control plane and Envoy, and starts both anew.
    pub fn restart(&mut self) {
        self.gateway.stop();
        self.gateway = Self::program(&self.folder);
    }

    /// Writes resources in one move: no half of them is read.
    fn put(&self, name: &str, text: &str) {
        let fresh = self.folder.join(format!("{name}.new"));
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, self.folder.join("resources").join(name)).unwrap();
    }

    /// A file of `dist/envoy-gateway`, as it is.
    pub fn apply(&self, file: &str) {
        self.put(&format!("shipped-{file}"), &shipped(file));
    }

    /// These policies take the place of those of the step before.
    pub fn step(&self, name: &str, policies: &[&Value]) {
        self.prober().phase(&format!("to {name}"));
        let mut text = filled("route.yaml", &[("STEP", name)]);
        for policy in policies {
            text += &format!("---\n{policy}\n");
        }
        self.put("step.yaml", &text);
        let section = format!("\"sectionName\": \"{name}\"");
        self.eventually(&format!("{name} at Envoy"), || {
            let routes = self.admin("/config_dump?resource=dynamic_route_configs")?;
            let settled = !self.admin("/config_dump")?.contains("\"warming_state\"");
            (settled && routes.contains(&section)).then_some(())
        });
        self.prober().phase(name);
    }

    /// Waits until a request without a token and one with a good token get these.
    #[track_caller]
    pub fn gives(&self, without: u16, with: u16) -> Response {
        let request = Request::get("/").bearer(&self.good());
        let what = format!("{without} without a token and {with} with one");
        let answer = self.eventually(&what, || {
            let status = send(&Request::get("/"))?.status;
            let answer = send(&request)?;
            ((status, answer.status) == (without, with)).then_some(answer)
        });
        self.prober().seen();
        answer
    }

    /// A token that the shipped example takes.
    pub fn good(&self) -> String {
        token().build()
    }

    /// A page of Envoy's admin; `None` while there is none.
    pub fn admin(&self, path: &str) -> Option<String> {
        let file = newest(&self.folder.join("run"), "admin-address.txt")?;
        let address = fs::read_to_string(file).ok()?.trim().parse().ok()?;
        let answer = send_to(address, &Request::get(path))?;
        (answer.status == 200).then(|| answer.text())
    }

    /// What the control plane and Envoy logged.
    pub fn log(&self) -> String {
        self.gateway.log()
    }

    #[track_caller]
    pub fn eventually<T>(&self, what: &str, probe: impl FnMut() -> Option<T>) -> T {
        eventually_within(PATIENCE, what, probe)
    }

    fn prober(&self) -> &Prober {
        self.prober.as_ref().unwrap()
    }

    /// Ends all of it: how many requests without a token passed, by the step that they fell into.
    pub fn finish(mut self) -> BTreeMap<String, usize> {
        let passed = self.prober.take().unwrap().finish();
        self.gateway.stop();
        assert!(!self.log().contains("panicked"), "{}", self.log());
        passed
    }
}

impl Drop for World {
    /// After a story that failed, the next one needs the ports.
    fn drop(&mut self) {
        if let Some(prober) = self.prober.take() {
            prober.ended.store(true, Ordering::SeqCst);
            self.gateway.stop();
        }
    }
}

/// Asks without a token all the time, also with what the filter would write.
struct Prober {
    ended: Arc<AtomicBool>,
    now: Arc<Mutex<Phase>>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Phase {
    name: String,
    rounds: usize,
    passed: BTreeMap<String, usize>,
}

impl Prober {
    fn start() -> Self {
        let (ended, now) = <(Arc<AtomicBool>, Arc<Mutex<Phase>>)>::default();
        let (stop, shared) = (Arc::clone(&ended), Arc::clone(&now));
        let forged = Request::get("/").header("x-passgate-provider", "acme");
        let forged = forged.header("x-user", "admin");
        let of_cluster = Request::get("/jwks").authority("cluster-only.invalid");
        let requests = [Request::get("/"), forged, of_cluster];
        let thread = spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                for request in &requests {
                    let name = shared.lock().unwrap().name.clone();
                    // Only a server behind Envoy says who it is.
                    let passed = send(request).is_some_and(|answer| {
                        answer.text().contains("\"server\":") || answer.text().contains("\"keys\":")
                    });
                    if passed {
                        *shared.lock().unwrap().passed.entry(name).or_default() += 1;
                    }
                }
                shared.lock().unwrap().rounds += 1;
                sleep(Duration::from_millis(10));
            }
        });
        Self { ended, now, thread }
    }

    fn phase(&self, name: &str) {
        name.clone_into(&mut self.now.lock().unwrap().name);
    }

    /// Waits until it has asked some times since.
    fn seen(&self) {
        let rounds = || self.now.lock().unwrap().rounds;
        let wanted = rounds() + 10;
        eventually_within(PATIENCE, "ten rounds of the prober", || {
            (rounds() >= wanted).then_some(())
        });
    }

    fn finish(self) -> BTreeMap<String, usize> {
        self.ended.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.now.lock().unwrap().passed.clone()
    }
}

/// One request to the Gateway; `None` where nobody answers.
pub fn send(request: &Request) -> Option<Response> {
    send_to(SocketAddr::from(([127, 0, 0, 1], 8888)), request)
}

fn send_to(address: SocketAddr, request: &Request) -> Option<Response> {
    let mut client = Http1::on(TcpStream::connect(address).ok()?, Duration::from_secs(20));
    let request = request.clone().header("connection", "close");
    client.try_send(request.to_http1()).ok()?;
    client.try_read().ok()
}

/// A token of the identity provider, to be spoilt or signed.
pub fn token() -> TokenBuilder<'static> {
    Token::of(&beside().key, ISSUER, AUDIENCE)
}

/// What a policy writes for a module that is fetched from this path.
pub fn served(path: &str) -> Value {
    let digest = hex(&sha256(&beside().files[path]));
    json!({ "type": "HTTP", "http": {
        "url": format!("http://files.example.com:9100{path}"), "sha256": digest,
    } })
}

/// The same for the image in this form.
pub fn image(form: &str) -> Value {
    let digest = layout(form).0;
    let url = format!("registry.example.com/passgate@{digest}");
    json!({ "type": "Image", "image": { "url": url } })
}

/// A file of `envoy-gateway/` with the image that was built.
pub fn shipped(name: &str) -> String {
    let path = workspace().join("dist/envoy-gateway").join(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make image`", path.display()))
}

/// The documents of a shipped file that are of this kind.
pub fn parts(name: &str, kind: &str) -> Vec<Value> {
    let text = shipped(name);
    let documents = text
        .split("\n---\n")
        .map(|part| serde_saphyr::from_str(part).unwrap());
    documents
        .filter(|part: &Value| part["kind"] == kind)
        .collect()
}

/// What is beside Envoy Gateway: an identity provider, a registry, a server of files, a service.
struct Beside {
    key: SigningKey,
    files: BTreeMap<String, Vec<u8>>,
}

fn beside() -> &'static Beside {
    static BESIDE: OnceLock<Beside> = OnceLock::new();
    BESIDE.get_or_init(|| {
        let authority = Authority::generate();
        fs::write("/etc/ssl/certs/ca-certificates.crt", authority.pem()).unwrap();
        let key = SigningKey::es256("k1");
        let keys = jwks(&[&key]);
        servers::serve_tls(
            "127.0.0.3:443",
            "id.example.com",
            &authority,
            move |request| match &*path_of(&request) {
                "/jwks" => ok("application/json", keys.as_bytes()),
                "/token" => tokens(&request),
                path => panic!("{path}"),
            },
        );
        servers::serve_tls(
            "127.0.0.2:443",
            "registry.example.com",
            &authority,
            |request| Some(from_registry(&String::from_utf8_lossy(&request.start))),
        );
        servers::echo("127.0.0.6:3000", "api");
        let module = fs::read(passgate_harness::module()).unwrap();
        let mut files = BTreeMap::from([
            ("/passgate.wasm".to_owned(), module.clone()),
            (
                "/trap.wasm".to_owned(),
                fs::read(module_with_trap()).unwrap(),
            ),
        ]);
        // The same code as other bytes, by a custom section at the end: modules that Envoy does not
        // have yet.
        for number in b'1'..=b'3' {
            let bytes = [&module[..], &[0, 2, 1, number]].concat();
            files.insert(format!("/other-{}.wasm", char::from(number)), bytes);
        }
        let shared = files.clone();
        servers::serve("127.0.0.4:9100", move |request| {
            ok("application/wasm", shared.get(&path_of(&request))?)
        });
        Beside { key, files }
    })
}

/// The identity provider's answer at its token endpoint (RFC 6749, section 4.1.3): a good token for
/// the code `good`, and one whose signature is wrong for any other.
fn tokens(request: &Message) -> Option<Vec<u8>> {
    let client = base64(format!("gate:{CLIENT_SECRET}").as_bytes());
    let said = request.headers.text("authorization");
    assert_eq!(said, Some(&*format!("Basic {client}")));
    let form = String::from_utf8_lossy(&request.body);
    assert!(form.contains("&code_verifier="), "{form}");
    let mut token = token().build();
    if !form.split('&').any(|pair| pair == "code=good") {
        token = tampered(&token);
    }
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 });
    ok("application/json", answer.to_string().as_bytes())
}

/// The image in this form: its digest, and the folder of its blobs.
fn layout(form: &str) -> (String, PathBuf) {
    let folder = workspace().join("dist/image").join(form);
    let index: Value =
        serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    (digest, folder.join("blobs/sha256"))
}

/// A registry that has the three images of `dist/image`, by their digests (OCI distribution).
fn from_registry(start: &str) -> Vec<u8> {
    let mut words = start.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let named = path.strip_prefix("/v2/passgate/").and_then(|rest| {
        let (kind, digest) = rest.split_once("/sha256:")?;
        let blobs = ["oci", "docker", "artifact"].map(|form| layout(form).1.join(digest));
        let bytes = blobs.iter().find_map(|blob| fs::read(blob).ok())?;
        let kind = match kind {
            "manifests" => {
                let manifest: Value = serde_json::from_slice(&bytes).ok()?;
                manifest["mediaType"].as_str()?.to_owned()
            }
            _ => "application/octet-stream".to_owned(),
        };
        Some((
            kind,
            format!("docker-content-digest: sha256:{digest}\r\n"),
            bytes,
        ))
    });
    let (status, kind, more, bytes) = match named {
        Some((kind, more, bytes)) => ("200 OK", kind, more, bytes),
        None if path == "/v2/" => ("200 OK", "text/plain".to_owned(), String::new(), Vec::new()),
        None => (
            "404 Not Found",
            "text/plain".to_owned(),
            String::new(),
            Vec::new(),
        ),
    };
    let length = bytes.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}content-length: {length}\r\n\r\n"
    );
    let body = if method == "HEAD" { &[][..] } else { &bytes };
    [head.as_bytes(), body].concat()
}

fn control_plane() -> Command {
    let path = workspace().join(".tools/envoy-gateway/envoy-gateway");
    assert!(
        path.is_file(),
        "{} is not there: run `make test-envoy-gateway`",
        path.display()
    );
    Command::new(path)
}

/// Envoy, and its version.
fn envoy() -> (String, PathBuf) {
    let named = std::env::var_os("ENVOY").unwrap_or_else(|| ".tools/envoy/envoy".into());
    let path = fs::canonicalize(workspace().join(named)).unwrap();
    let said = run(Command::new(&path).arg("--version"));
    let is_number = |part: &&str| part.split('.').all(|number| number.parse::<u32>().is_ok());
    let version = said.split('/').find(is_number).expect("a version");
    (version.to_owned(), path)
}

/// A file of `resources/` with these words in the places of their names.
fn filled(name: &str, words: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("resources");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let fill =
        |text: String, (word, value): &(&str, &str)| text.replace(&format!("@{word}@"), value);
    words.iter().fold(text, fill)
}

/// The newest file of this name below a folder.
fn newest(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let found = entries.filter_map(|path| match path.is_dir() {
        true => newest(&path, name),
        false => path.ends_with(name).then_some(path),
    });
    found.max_by_key(|path| fs::metadata(path).and_then(|it| it.modified()).ok())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    let text = passgate_kit::base64url(bytes)
        .replace('-', "+")
        .replace('_', "/");
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    text + &padding
}
