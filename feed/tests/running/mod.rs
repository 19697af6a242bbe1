//! A feed that runs: the program itself, on free ports, with a store and a log in a folder of its
//! own.
#![allow(dead_code, reason = "each test uses a part of it")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

pub(crate) mod database;
pub(crate) mod played;

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use passgate_harness::{Http1, Issuer, Request, Response, Server, WallClock, eventually};
use passgate_kit::{SigningKey, Token, now};
use serde_json::{Value, json};

/// The issuer of the events.
pub(crate) const ISSUER: &str = "https://id.example.com";
/// What operators and gates show.
pub(crate) const OPERATOR: &str = "operator-0123456789abcdef";
pub(crate) const READER: &str = "reader-0123456789abcdef";
/// What a transmitter shows, where it must.
pub(crate) const PUSH: &str = "pusher-0123456789abcdef";

/// A running feed; killed when dropped.
pub(crate) struct Feed {
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    keeps_folder: bool,
    /// Its log, if nobody reads it.
    unread: Option<BufReader<ChildStderr>>,
}

/// An address that stays while feeds behind it come and go.
pub(crate) struct Relay {
    server: Server,
    target: Arc<Mutex<SocketAddr>>,
}

impl Relay {
    pub(crate) fn to(feed: &Feed) -> Self {
        let target = Arc::new(Mutex::new(feed.address));
        let held = Arc::clone(&target);
        let server = Server::start(move |stream| {
            let target = *held.lock().unwrap();
            // Without a feed the connection ends.
            if let Ok(other) = TcpStream::connect(target) {
                let _ = join(&stream, &other);
            }
        });
        Self { server, target }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address
    }

    pub(crate) fn turn_to(&self, feed: &Feed) {
        *self.target.lock().unwrap() = feed.address;
    }
}

/// Carries bytes in both directions until one ends.
fn join(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    };
    let (back, forth) = (
        (other.try_clone()?, one.try_clone()?),
        (one.try_clone()?, other.try_clone()?),
    );
    let back = thread::spawn(move || carry(back.0, back.1));
    carry(forth.0, forth.1);
    let _ = back.join();
    Ok(())
}

/// A new folder for one test.
pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let name = format!("feed-{}-{count}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A configuration with one provider, whose keys are at this address.
pub(crate) fn configuration(keys: SocketAddr) -> Value {
    json!({
        "listen": "127.0.0.1:0",
        "admin": { "listen": "127.0.0.1:0", "operator": { "file": "operator" } },
        "store": "feed.db",
        "readers": { "file": "reader" },
        "providers": { "acme": {
            "issuer": ISSUER,
            "remote_jwks": { "uri": format!("http://{keys}/jwks") },
            "max_token_lifetime": "1h",
            "back_channel_logout": { "audiences": ["shop"] },
            "security_events": { "audiences": ["https://feed.example.com"] },
        } },
    })
}

impl Feed {
    /// With the usual configuration.
    pub(crate) fn start(issuer: &Issuer) -> Self {
        Self::with(&configuration(issuer.address()))
    }

    pub(crate) fn with(configuration: &Value) -> Self {
        Self::in_folder(new_folder(), configuration, &[])
    }

    /// In a folder that may hold a store, by way of these words before the program.
    pub(crate) fn in_folder(folder: PathBuf, configuration: &Value, before: &[&str]) -> Self {
        let child = spawn(&folder, configuration, before);
        let mut feed = Self {
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            child,
            keeps_folder: false,
            unread: None,
        };
        feed.address = feed.listening("listening for gates and providers");
        feed.admin = feed.listening("listening for operators");
        feed
    }

    /// With a log that is a pipe, which nobody reads once it listens.
    pub(crate) fn with_unread_log(configuration: &Value) -> Self {
        let folder = new_folder();
        let mut command = command(&folder, configuration, &[]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut next = || {
            let mut line = String::new();
            log.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            line.get("address")
                .unwrap()
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        };
        let (address, admin) = (next(), next());
        Self {
            folder,
            address,
            admin,
            child,
            keeps_folder: false,
            unread: Some(log),
        }
    }

    fn listening(&mut self, message: &str) -> SocketAddr {
        eventually(message, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the feed ended ({status}):\n{}", self.log());
            }
            let lines = self.lines();
            let line = lines.iter().find(|line| line["message"] == message)?;
            line["address"].as_str()?.parse().ok()
        })
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().map(serde_json::from_str);
        lines.filter_map(Result::ok).collect()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        try_send(self.address, request).unwrap()
    }

    pub(crate) fn ask_admin(&self, request: &Request) -> Response {
        try_send(self.admin, request).unwrap()
    }

    /// Sends a logout token.
    pub(crate) fn logout(&self, token: &str) -> Response {
        self.send(&logout(token))
    }

    /// Pushes a security event token.
    pub(crate) fn push(&self, token: &str) -> Response {
        let request = Request::post("/acme/events", token.as_bytes());
        self.send(&request.header("content-type", "application/secevent+jwt"))
    }

    /// Writes entries, or removes them with `DELETE`.
    pub(crate) fn entries(&self, method: &str, entries: &Value) -> Response {
        let body = json!({ "entries": entries }).to_string();
        let mut request = Request::post("/acme/entries", body.as_bytes()).bearer(OPERATOR);
        request.method = method.to_owned();
        self.ask_admin(&request)
    }

    /// The list, as a gate fetches it.
    pub(crate) fn list(&self, query: &str) -> Value {
        let answer = self.send(&Request::get(format!("/acme/revocations{query}")).bearer(READER));
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) fn metrics(&self) -> String {
        self.ask_admin(&Request::get("/metrics")).text()
    }

    /// A number of its metrics; one that is not there is zero.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Kills it at once, and leaves its folder.
    pub(crate) fn kill(mut self) -> PathBuf {
        self.keeps_folder = true;
        self.folder.clone()
    }

    /// Asks it to end.
    pub(crate) fn stop(mut self) -> (PathBuf, ExitStatus) {
        terminate(self.child.id());
        self.keeps_folder = true;
        let status = eventually("its end", || self.child.try_wait().unwrap());
        (self.folder.clone(), status)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}\nkept: {}", self.log(), self.folder.display());
        } else if !self.keeps_folder {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Starts the program and does not wait for it.
pub(crate) fn spawn(folder: &Path, configuration: &Value, before: &[&str]) -> Child {
    let mut command = command(folder, configuration, before);
    let log = File::create(folder.join("log")).unwrap();
    command.stderr(log).spawn().unwrap()
}

fn command(folder: &Path, configuration: &Value, before: &[&str]) -> Command {
    fs::write(folder.join("feed.yaml"), configuration.to_string()).unwrap();
    fs::write(folder.join("operator"), OPERATOR).unwrap();
    fs::write(folder.join("reader"), format!("{READER}\n")).unwrap();
    File::create(folder.join("log")).unwrap();
    let program = env!("CARGO_BIN_EXE_passgate-feed");
    let words: Vec<&str> = before
        .iter()
        .copied()
        .chain([program, "feed.yaml"])
        .collect();
    let (first, others) = words.split_first().unwrap();
    let mut command = Command::new(first);
    command.args(others).current_dir(folder);
    command
}

/// TERM.
pub(crate) fn terminate(id: u32) {
    let status = Command::new("kill")
        .args(["-TERM", &id.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// A request on a connection of its own; an error when there is no answer.
pub(crate) fn try_send(address: SocketAddr, request: &Request) -> io::Result<Response> {
    let stream = TcpStream::connect(address)?;
    let mut client = Http1::on(stream, Duration::from_secs(20));
    client.try_send(request.to_http1())?;
    client.try_read()
}

/// A logout token in its form.
pub(crate) fn logout(token: &str) -> Request {
    let body = format!("logout_token={token}");
    let request = Request::post("/acme/backchannel-logout", body.as_bytes());
    request.header("content-type", "application/x-www-form-urlencoded")
}

/// No two tokens have one `jti`.
fn jti() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("{}-{count}", std::process::id())
}

/// A logout token of this session; `sub` is alice's until it is changed.
pub(crate) fn logout_token<'k>(key: &'k SigningKey, sid: &str) -> Token<'k> {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let token = Token::of(key, ISSUER, "shop").header("typ", "logout+jwt");
    token
        .claim("jti", jti())
        .claim("sid", sid)
        .claim("events", events)
}

/// A security event token of this kind.
pub(crate) fn event_token<'k>(key: &'k SigningKey, kind: &str, sub_id: Value) -> Token<'k> {
    let events = json!({ format!("https://schemas.openid.net/secevent/{kind}"): {} });
    let token = Token::of(key, ISSUER, "https://feed.example.com").header("typ", "secevent+jwt");
    let token = token.without("sub").without("exp").claim("iat", now());
    token
        .claim("jti", jti())
        .claim("sub_id", sub_id)
        .claim("events", events)
}

/// A person of the issuer.
pub(crate) fn person(sub: &str) -> Value {
    json!({ "format": "iss_sub", "iss": ISSUER, "sub": sub })
}

/// The words that start a program with this clock.
pub(crate) fn with_clock(clock: &WallClock) -> Vec<String> {
    let variables = clock.environment();
    let words = variables.map(|(name, value)| format!("{name}={}", value.display()));
    [vec!["env".to_owned()], words.to_vec()].concat()
}
