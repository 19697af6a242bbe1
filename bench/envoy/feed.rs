//! What gates that ask every five seconds cost the feed: `bench/feed`. Each gate is one connection
//! that stays, as that of one worker of an Envoy, and asks for what is new since its last answer.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, body::Incoming, header};
use hyper_util::rt::TokioIo;
use passgate_arguments::Program;
use passgate_harness::{Http1, Issuer, Request as Plain, eventually};
use passgate_kit::{SigningKey, Token};
use serde_json::{Value, json};
use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

const PROGRAM: Program = Program {
    name: "bench/feed",
    usage: "usage: bench/feed [--gates 10000] [--seconds 60] [--events 5] [--entries 1000]\n",
    options: &["gates", "seconds", "events", "entries"],
    flags: &[],
};

const READER: &str = "reader-0123456789abcdef";
const OPERATOR: &str = "operator-0123456789abcdef";
/// How often a gate asks.
const EVERY: Duration = Duration::from_secs(5);
/// In what unit Linux counts processor time, in a second.
const TICKS: f64 = 100.0;

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let number = |name: &str, usual: u64| match line.value(name) {
            None => Some(usual),
            Some(text) => text.to_str().and_then(|text| text.parse().ok()),
        };
        let [program] = *line.words() else {
            return None;
        };
        let wanted = Wanted {
            gates: number("gates", 10_000)?,
            length: Duration::from_secs(number("seconds", 60)?),
            events: number("events", 5)?,
            entries: number("entries", 1_000)?,
        };
        Some(run(program, &wanted))
    })
}

struct Wanted {
    gates: u64,
    length: Duration,
    /// Sessions that end each second.
    events: u64,
    /// Entries that there are before.
    entries: u64,
}

/// The feed that is measured; ended when dropped.
struct Feed {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Feed {
    fn start(program: &OsStr, issuer: &Issuer) -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("bench-feed-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("reader"), READER)?;
        fs::write(folder.join("operator"), OPERATOR)?;
        let words = json!({
            "listen": "127.0.0.1:0",
            "admin": { "listen": "127.0.0.1:0", "operator": { "file": "operator" } },
            "store": "feed.db",
            "readers": { "file": "reader" },
            "providers": { "acme": {
                "issuer": "https://id.example.com",
                "remote_jwks": { "uri": format!("http://{}/jwks", issuer.address()) },
                "max_token_lifetime": "1h",
                "back_channel_logout": { "audiences": ["shop"] },
            } },
        });
        fs::write(folder.join("feed.yaml"), words.to_string())?;
        let mut command = Command::new(Path::new(program).canonicalize()?);
        command.arg("feed.yaml").current_dir(&folder);
        let child = command.stderr(File::create(folder.join("log"))?).spawn()?;
        let listening = |message: &str| {
            eventually(message, || {
                let log = fs::read_to_string(folder.join("log")).unwrap();
                let lines = log.lines().map(serde_json::from_str::<Value>);
                let mut lines = lines.filter_map(Result::ok);
                let line = lines.find(|line| line["message"] == message)?;
                line["address"].as_str()?.parse().ok()
            })
        };
        let address = listening("listening for gates and providers");
        let admin = listening("listening for operators");
        Ok(Self {
            child,
            folder,
            address,
            admin,
        })
    }

    /// The processor time that it took, in seconds: `utime` and `stime` of proc_pid_stat(5).
    fn processor_time(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, stat) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = stat.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / TICKS
    }

    fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib / 1_024
    }

    /// Ends sessions, so many a second, until it is over.
    fn sign_out(&self, key: &SigningKey, events: u64, is_over: &AtomicBool) {
        let Some(pause) = Duration::from_secs(1).checked_div(u32::try_from(events).unwrap()) else {
            return;
        };
        let stream = TcpStream::connect(self.address).unwrap();
        let mut client = Http1::on(stream, Duration::from_secs(20));
        for number in 0.. {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
            let token = Token::of(key, "https://id.example.com", "shop");
            let token = token.header("typ", "logout+jwt").without("sub");
            let token = token
                .claim("jti", format!("j{number}"))
                .claim("events", events);
            let token = token.claim("sid", format!("s{number}")).build();
            let body = format!("logout_token={token}");
            let request = Plain::post("/acme/backchannel-logout", body.as_bytes());
            let form = "application/x-www-form-urlencoded";
            client.send(request.header("content-type", form).to_http1());
            assert_eq!(client.read().status, 200);
            thread::sleep(pause);
        }
    }

    /// Writes entries as an operator does.
    fn fill(&self, entries: u64) {
        let stream = TcpStream::connect(self.admin).unwrap();
        let mut client = Http1::on(stream, Duration::from_secs(20));
        let names: Vec<u64> = (0..entries).collect();
        for names in names.chunks(1_000) {
            let entries = names.iter().map(|name| {
                json!({ "sub": format!("0f9c1a52-7f0e-4c5b-9d0a-{name:012}"), "not_before": 1 })
            });
            let entries: Vec<Value> = entries.collect();
            let body = json!({ "entries": entries }).to_string();
            let request = Plain::post("/acme/entries", body.as_bytes());
            client.send(request.bearer(OPERATOR).to_http1());
            assert_eq!(client.read().status, 200);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What all gates have seen since it was emptied.
#[derive(Default)]
struct Seen {
    /// How long each answer took, in microseconds.
    times: Mutex<Vec<u64>>,
    bytes: AtomicU64,
    /// Gates that have the list.
    ready: AtomicU64,
}

fn run(program: &OsStr, wanted: &Wanted) -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::start();
    let feed = Feed::start(program, &issuer)?;
    feed.fill(wanted.entries);
    let (seen, is_over) = (Arc::new(Seen::default()), AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::scope(|scope| {
        scope.spawn(|| feed.sign_out(&issuer.key, wanted.events, &is_over));
        runtime.block_on(measure(&feed, &seen, wanted));
        is_over.store(true, Ordering::SeqCst);
    });
    Ok(())
}

async fn measure(feed: &Feed, seen: &Arc<Seen>, wanted: &Wanted) {
    let start = Instant::now();
    let step = EVERY / u32::try_from(wanted.gates).unwrap();
    for number in 0..wanted.gates {
        let first = start + step * u32::try_from(number).unwrap();
        tokio::spawn(gate(feed.address, first, Arc::clone(seen)));
    }
    // Each has the list, and has asked for what is new.
    while seen.ready.load(Ordering::SeqCst) < wanted.gates {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(EVERY).await;
    seen.times.lock().unwrap().clear();
    seen.bytes.store(0, Ordering::SeqCst);
    let (before, began) = (feed.processor_time(), Instant::now());
    tokio::time::sleep(wanted.length).await;
    let (took, length) = (
        feed.processor_time() - before,
        began.elapsed().as_secs_f64(),
    );
    let mut times = core::mem::take(&mut *seen.times.lock().unwrap());
    times.sort_unstable();
    let answers = times.len();
    let part = |percent: usize| times[(answers - 1) * percent / 100] as f64 / 1_000.0;
    let Wanted {
        gates,
        events,
        entries,
        ..
    } = wanted;
    println!(
        "{gates} gates that ask every {} s, {events} sessions that end each second, {entries} entries before",
        EVERY.as_secs()
    );
    println!("cores:             {:.3}", took / length);
    println!("CPU time a request {:.1} µs", took * 1e6 / answers as f64);
    println!("requests a second: {:.0}", answers as f64 / length);
    println!(
        "answers:           half within {:.2} ms, 99 of 100 within {:.2} ms, all within {:.2} ms",
        part(50),
        part(99),
        part(100)
    );
    println!(
        "bytes a request:   {:.0}",
        seen.bytes.load(Ordering::SeqCst) as f64 / answers as f64
    );
    println!("memory:            {} MiB", feed.resident_mib());
}

/// Asks every five seconds, for ever. One that gets no answer ends the measurement.
async fn gate(address: SocketAddr, first: Instant, seen: Arc<Seen>) {
    let mut next = first;
    sleep_until(next.into()).await;
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("a connection");
    stream.set_nodelay(true).unwrap();
    let (mut feed, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut sequence, mut tag) = (None, None);
    loop {
        let began = Instant::now();
        let answer = ask(&mut feed, sequence, tag.take()).await;
        tag = answer.headers().get(header::ETAG).cloned();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let took = u64::try_from(began.elapsed().as_micros()).unwrap();
        seen.times.lock().unwrap().push(took);
        let bytes = u64::try_from(body.len()).unwrap();
        seen.bytes.fetch_add(bytes, Ordering::SeqCst);
        if !body.is_empty() {
            if sequence.is_none() {
                seen.ready.fetch_add(1, Ordering::SeqCst);
            }
            sequence = Some(sequence_of(&body));
        }
        next += EVERY;
        sleep_until(next.into()).await;
    }
}

async fn ask(
    feed: &mut SendRequest<Empty<Bytes>>,
    sequence: Option<u64>,
    tag: Option<header::HeaderValue>,
) -> Response<Incoming> {
    let after = sequence.map_or_else(String::new, |sequence| format!("?after={sequence}"));
    let mut request = Request::get(format!("/acme/revocations{after}"))
        .header(header::HOST, "feed.example.com")
        .header(header::ACCEPT, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {READER}"));
    if let Some(tag) = tag {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    let request = request.body(Empty::new()).unwrap();
    let answer = feed.send_request(request).await.expect("an answer");
    assert!(matches!(answer.status().as_u16(), 200 | 304), "{answer:?}");
    answer
}

/// The number stands near the front: the list is not read for it.
fn sequence_of(body: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(&body[..body.len().min(200)]);
    let (_, rest) = head.split_once("\"sequence\":").expect("a list");
    let digits = rest.split_once(',').unwrap().0;
    digits.parse().unwrap()
}
