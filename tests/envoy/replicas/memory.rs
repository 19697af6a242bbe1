//! The rate-limit service on its Redis, as docs/guides/bind-tokens.md starts them.

use passgate_harness::{Http1, Request, eventually, free_address, new_folder, workspace};
use serde_json::json;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The descriptors that are shipped.
pub const FILE: &str = "envoy/ratelimit/config/passgate.yaml";

/// Both processes; killed when dropped.
pub struct Memory {
    folder: PathBuf,
    program: &'static str,
    redis: (SocketAddr, Child),
    service: Child,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Memory {
    /// The service as it is.
    pub fn start() -> Self {
        Self::of("ratelimit")
    }

    /// The service with a clock that [`Memory::set_clock`] sets.
    pub fn clocked() -> Self {
        Self::of("clocked")
    }

    fn of(program: &'static str) -> Self {
        let folder = new_folder();
        fs::write(folder.join("ahead"), "0").unwrap();
        let [redis, http, grpc] = [0; 3].map(|_| free_address());
        let mut memory = Self {
            redis: (redis, start_redis(&folder, redis)),
            service: start_service(program, &folder, [redis, http, grpc]),
            folder,
            program,
            http,
            grpc,
        };
        memory.ready();
        memory
    }

    /// Where Envoy asks.
    pub fn address(&self) -> SocketAddr {
        self.grpc
    }

    /// Lets the wall clock of the service jump: so many seconds ahead of the real one.
    pub fn set_clock(&self, seconds: i64) {
        let (new, file) = (self.folder.join("new"), self.folder.join("ahead"));
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// Ends the service.
    pub fn kill_service(&mut self) {
        self.service.kill().unwrap();
        self.service.wait().unwrap();
    }

    /// Starts it again.
    pub fn restart_service(&mut self) {
        let addresses = [self.redis.0, self.http, self.grpc];
        self.service = start_service(self.program, &self.folder, addresses);
        self.ready();
    }

    /// Lets the service stand still, or go on: `STOP`, `CONT`.
    pub fn signal_service(&self, signal: &str) {
        let number = self.service.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &number]).status();
        assert!(sent.unwrap().success(), "{signal}");
    }

    /// Ends Redis as a power cut would.
    pub fn kill_redis(&mut self) {
        let (_, redis) = &mut self.redis;
        redis.kill().unwrap();
        redis.wait().unwrap();
    }

    /// Starts it again, with what it has written.
    pub fn restart_redis(&mut self) {
        let (address, redis) = &mut self.redis;
        *redis = start_redis(&self.folder, *address);
        self.ready();
    }

    /// What the service says to a proof of this window: 200, or 429 where it has counted.
    pub fn ask(&self, window: &str, proof: &str) -> u16 {
        let entry = |key: &str, value: &str| json!({ "key": key, "value": value });
        let entries = [entry("window", window), entry("proof", proof)];
        let body = json!({ "domain": "passgate", "descriptors": [{ "entries": entries }] });
        let request = Request::post("/json", body.to_string().as_bytes());
        self.send(&request).expect("an answer of the service")
    }

    /// Waits for both.
    fn ready(&mut self) {
        eventually("a rate-limit service with its Redis", || {
            for (name, child) in [("redis", &mut self.redis.1), ("service", &mut self.service)] {
                let ended = child.try_wait().unwrap();
                assert!(ended.is_none(), "{name} ended:\n{}", log(&self.folder));
            }
            (self.send(&Request::get("/healthcheck")) == Some(200)).then_some(())
        });
    }

    /// `None`: nobody is there.
    fn send(&self, request: &Request) -> Option<u16> {
        TcpStream::connect(self.http).ok()?;
        let mut client = Http1::connect(self.http);
        client.send(request.to_http1());
        client.try_read().ok().map(|answer| answer.status)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for child in [&mut self.service, &mut self.redis.1] {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", log(&self.folder));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn start_redis(folder: &Path, address: SocketAddr) -> Child {
    let guide = guide();
    let command = guide.lines().find(|line| line.contains("redis-server"));
    let words = command.unwrap().trim_end_matches('&').split_whitespace();
    let options = words.skip(1).map(|word| match word {
        "6379" => address.port().to_string(),
        word => word.trim_matches('\'').to_owned(),
    });
    let child = Command::new(program("REDIS", "redis", "redis-server"))
        .args(options)
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(output(folder, "redis"))
        .stderr(output(folder, "redis"))
        .spawn()
        .expect("Redis starts");
    // The service ends where it finds none at its start.
    eventually("Redis", || TcpStream::connect(address).ok());
    child
}

fn start_service(name: &str, folder: &Path, [redis, http, grpc]: [SocketAddr; 3]) -> Child {
    let guide = guide();
    let words = guide.split_whitespace();
    let variables = words.filter_map(|word| word.split_once('='));
    let port = |address: SocketAddr| address.port().to_string();
    Command::new(program("RATELIMIT", "ratelimit", name))
        .envs(variables)
        .env("REDIS_URL", redis.to_string())
        .env("GRPC_PORT", port(grpc))
        .env("PORT", port(http))
        .env("DEBUG_PORT", port(free_address()))
        .env("STORY_CLOCK", folder.join("ahead"))
        .current_dir(workspace())
        .stdin(Stdio::null())
        .stdout(output(folder, "service"))
        .stderr(output(folder, "service"))
        .spawn()
        .expect("the rate-limit service starts")
}

/// The commands of the guide that start both.
fn guide() -> String {
    let file = workspace().join("docs/guides/bind-tokens.md");
    let text = fs::read_to_string(file).unwrap();
    let (_, commands) = text.split_once("```sh\n").expect("commands");
    let (commands, _) = commands.split_once("```").unwrap();
    commands.to_owned()
}

/// The file that both write to.
fn output(folder: &Path, name: &str) -> File {
    let file = folder.join(format!("{name}.log"));
    let opened = File::options().create(true).append(true).open(file);
    opened.unwrap()
}

fn log(folder: &Path) -> String {
    let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
    read("redis.log") + &read("service.log")
}

fn program(variable: &str, folder: &str, name: &str) -> PathBuf {
    let folder = std::env::var_os(variable)
        .map_or_else(|| workspace().join(".tools").join(folder), PathBuf::from);
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} is not there: run `make replicas`, or set {variable} to its folder",
        program.display()
    );
    program
}
