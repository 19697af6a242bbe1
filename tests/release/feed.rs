//! The image of the feed runs: in a root of its own with nothing else in it, as the user that the
//! image names, which is what a container engine does with it.

use crate::container::Container;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const CONFIGURATION: &str = "
listen: 127.0.0.1:0
admin: { listen: 127.0.0.1:0, operator: { file: /run/secrets/feed } }
store: /var/lib/passgate-feed/feed.db
readers: { file: /run/secrets/feed }
providers:
  acme:
    issuer: https://id.example.com
    remote_jwks: { uri: http://127.0.0.1:9/jwks }
    max_token_lifetime: 1h
    back_channel_logout: { audiences: [shop] }
";

#[test]
fn the_image_of_the_feed_starts_keeps_what_it_takes_and_stops() {
    let container = Container::of("image/feed", "test-feed-image");
    container.put("etc/passgate-feed/feed.yaml", CONFIGURATION.as_bytes());
    container.put("run/secrets/feed", SECRET.as_bytes());

    let mut running = start(&container);
    let operators = running.listening("listening for operators");
    let gates = running.listening("listening for gates and providers");
    for path in ["/healthz", "/readyz"] {
        let answer = ask(&operators, &format!("GET {path}"), "");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    let entries = r#"{"entries":[{"sub":"alice"}]}"#;
    let written = ask(&operators, "POST /acme/entries", entries);
    assert!(written.starts_with("HTTP/1.1 200 "), "{written}");
    assert!(running.stop().success());

    // In the volume, so it is there in the next container.
    let mut running = start(&container);
    let gates_later = running.listening("listening for gates and providers");
    assert_ne!(gates, gates_later);
    let list = ask(&gates_later, "GET /acme/revocations", "");
    assert!(list.contains(r#""sub":"alice""#), "{list}");
    assert!(running.stop().success());
    assert!(running.log().contains(r#""message":"stopped""#));
}

/// Its command, as the engine starts it.
fn start(container: &Container) -> Running {
    let log = container.root.with_extension("log");
    let folder = container.config["WorkingDir"].as_str().unwrap();
    let child = container
        .command(folder, &container.words("Cmd"))
        .stdin(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    Running { child, log }
}

struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The address of a log line.
    fn listening(&mut self, message: &str) -> String {
        self.eventually(message, |this| {
            let log = this.log();
            let mut lines = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let line = lines.find(|line| line["message"] == message)?;
            Some(line["address"].as_str().unwrap().to_owned())
        })
    }

    /// As the engine stops it.
    fn stop(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.unwrap().success());
        self.eventually("its end", |this| this.child.try_wait().unwrap())
    }

    fn eventually<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < until, "no {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request with the secret, on a connection of its own; all that is answered.
fn ask(address: &str, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    let head = format!("{head}authorization: Bearer {SECRET}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
