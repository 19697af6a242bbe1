//! How long a worker is held up by a list of 100,000 revocations and by 10,000 streams that end
//! with their authority, and how soon they end: `bench/endings`.
//!
//! Each callback of the module is timed by Envoy's own trace, in milliseconds. What the trace
//! takes, and what others do on the machine, is part of that.

use passgate_harness::{
    AUDIENCE, Crowd, Endless, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually_within,
    policy_with, with,
};
use passgate_kit::{SigningKey, Token, base64url, jwks, now};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ENTRIES: usize = 100_000;
const STREAMS: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(120);
const CUT: &str = "wasmcustom.passgate.verdicts.cut.provider.acme.untrusted.expired";
const REVOKED: &str = "wasmcustom.passgate.verdicts.cut.provider.acme.untrusted.revoked";
const SEQUENCE: &str = "wasmcustom.passgate.revocations.provider.acme.sequence";

fn main() {
    println!(
        "| | callback | calls | median | 9 of 10 below | longest |\n|---|---|---|---|---|---|"
    );
    lists();
    status_list();
    streams();
    memory();
}

/// A gate with a list and the service of endless streams.
struct Scene {
    gate: Gate,
    feed: Issuer,
    key: SigningKey,
    service: Endless,
}

impl Scene {
    fn start(ends: bool) -> Self {
        let (feed, key, service) = (Issuer::start(), SigningKey::es256("k"), Endless::start());
        // There is room for one more.
        feed.publish_text(&list(1, None, ENTRIES - 1, &json!([])));
        feed.tag("\"one\"");
        let members = json!({
            "remote_jwks": null,
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "clock_skew": "0s",
            "revocations": {
                "http_uri": { "uri": "https://feed.example.com/acme", "cluster": "feed" },
                "cache_duration": "1s",
                "max_stale": "1h",
            },
        });
        let policy = with(
            policy_with(members),
            "streams",
            json!({ "end_with_authority": ends }),
        );
        let policy = with(policy, "audit", json!({ "log": "none" }));
        let setup = Setup::new(policy).cluster("feed", feed.address());
        let setup = setup.cluster("service", service.address);
        let setup = setup.edit(|bootstrap| {
            bootstrap.endless("service", "/events");
            bootstrap.0["enable_dispatcher_stats"] = json!(true);
            let layer = &mut bootstrap.0["layered_runtime"]["layers"][0]["static_layer"];
            layer["http.async_response_buffer_limit"] = json!(16 << 20);
        });
        let gate = setup.start();
        let scene = Self {
            gate,
            feed,
            key,
            service,
        };
        scene.has(SEQUENCE, 1);
        scene
    }

    fn has(&self, name: &str, value: u64) {
        eventually_within(PATIENCE, name, || {
            (self.gate.stat(name) >= value).then_some(())
        });
    }

    /// In this order: nobody is told that a new list is the one that they have.
    fn publish(&self, sequence: u64, text: &str) {
        self.feed.publish_text(text);
        self.feed.tag(&format!("\"{sequence}\""));
    }

    /// What is traced while this list comes into force.
    fn comes(&self, sequence: u64, text: &str) -> String {
        self.gate.traced(|| {
            self.publish(sequence, text);
            self.has(SEQUENCE, sequence);
            sleep(Duration::from_millis(300));
        })
    }

    /// A token for each stream, all until then.
    fn crowd(&self, client: &str, ends: i64) -> Crowd {
        let requests: Vec<Request> = (0..STREAMS)
            .map(|number| {
                let token = Token::of(&self.key, ISSUER, AUDIENCE);
                let token = token.claim("sub", format!("person-{number}"));
                let token = token.claim("client_id", client).claim("exp", ends);
                let request = Request::get("/events").bearer(&token.build());
                request.header("accept", "text/event-stream")
            })
            .collect();
        let crowd = Crowd::start(self.gate.address, STREAMS, move |number| {
            requests[number].clone()
        });
        eventually_within(PATIENCE, "open streams", || {
            (crowd.begun() == STREAMS).then_some(())
        });
        crowd
    }
}

/// A list with so many entries and these; `after`: they are added.
fn list(sequence: u64, after: Option<u64>, entries: usize, more: &Value) -> String {
    let mut all: Vec<Value> = (0..entries)
        .map(|n| json!({ "sub": format!("5f7c8ec7-c33c-6c00-{sequence:04}-{n:012}"), "not_before": now() + 600 }))
        .collect();
    all.extend(more.as_array().unwrap().clone());
    let mut list = json!({
        "version": 1, "epoch": 1, "sequence": sequence, "generated_at": now(), "entries": all,
    });
    if let Some(after) = after {
        list["after"] = json!(after);
    }
    list.to_string()
}

fn lists() {
    let mut scene = Scene::start(true);
    let mut sequence = 1;
    let mut replace = |entries: usize| {
        sequence += 1;
        let text = list(sequence, None, entries, &json!([]));
        scene.comes(sequence, &text)
    };
    // Later ones find memory that was used before.
    let first = [replace(ENTRIES)];
    let later: Vec<String> = (0..5).map(|_| replace(ENTRIES)).collect();
    replace(ENTRIES / 10 * 7);
    quiet("the first whole list after that of the start", &first);
    quiet("a whole list, five times", &later);
    for new in [1, 1_000, 3_000] {
        let additions: Vec<String> = (0..5)
            .map(|_| {
                sequence += 1;
                let text = list(sequence, Some(sequence - 1), new, &json!([]));
                scene.comes(sequence, &text)
            })
            .collect();
        quiet(&format!("an addition of {new}, five times"), &additions);
    }
    scene.gate.end();
}

/// The same work done again and again, by two threads: of the callbacks that have the same place in
/// it the quickest, and of these the longest. Nobody else on the machine holds up all of them.
fn quiet(what: &str, traces: &[String]) {
    let mut best: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for trace in traces {
        for ((_, name), times) in callbacks(trace) {
            let best = best.entry(name).or_default();
            for (place, time) in times.into_iter().enumerate() {
                match best.get_mut(place) {
                    Some(best) => *best = time.min(*best),
                    None => best.push(time),
                }
            }
        }
    }
    for name in ["proxy_on_http_call_response", "proxy_on_tick"] {
        let times = best.remove(name).unwrap_or_default();
        print(what, name, times);
    }
}

/// A status list as long as one may be, that nothing makes shorter.
fn status_list() {
    let (feed, key) = (Issuer::start(), SigningKey::es256("k"));
    let uri = "https://feed.example.com/status/1";
    let publish = |at: i64| {
        let list = json!({ "bits": 1, "lst": base64url(stored(&[0; 512 << 10])) });
        let claims = json!({ "sub": uri, "iat": at, "ttl": 1, "status_list": list });
        let token = Token::of(&key, ISSUER, "").header("typ", "statuslist+jwt");
        feed.publish_text(&token.raw_claims(&claims.to_string()).build());
    };
    publish(now());
    let members = json!({
        "remote_jwks": null,
        "local_jwks": { "inline_string": jwks(&[&key]) },
        "status_lists": { "uri_prefix": "https://feed.example.com/status/", "cluster": "feed" },
    });
    let mut gate = Setup::new(policy_with(members))
        .cluster("feed", feed.address())
        .start();
    let place = json!({ "status_list": { "idx": 7, "uri": uri } });
    let token = Token::of(&key, ISSUER, AUDIENCE).claim("status", place);
    let request = Request::get("/").bearer(&token.build());
    assert_eq!(gate.send(Protocol::Http1, &request).status, 200);
    let trace = gate.traced(|| {
        for _ in 0..5 {
            sleep(Duration::from_millis(1_200));
            publish(now());
            assert_eq!(gate.send(Protocol::Http1, &request).status, 200);
        }
    });
    each("a status list of 512 KiB", &trace);
    gate.end();
}

/// As ZLIB (RFC 1950) whose blocks are not compressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let blocks = bytes.chunks(u16::MAX.into());
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).expect("short");
        zlib.push(u8::from(index == last));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let (mut one, mut two) = (1_u32, 0_u32);
    for byte in bytes {
        one = (one + u32::from(*byte)) % 65_521;
        two = (two + one) % 65_521;
    }
    zlib.extend((two << 16 | one).to_be_bytes());
    zlib
}

fn streams() {
    let mut scene = Scene::start(true);
    let ends = now() + 60;
    let crowd = scene.crowd("shop", ends);
    sleep(Duration::from_secs(2));
    let trace = scene.gate.traced(|| sleep(Duration::from_secs(4)));
    each(&format!("{STREAMS} open streams"), &trace);
    let spent = scene.gate.processor_time();
    sleep(Duration::from_secs(4));
    let spent = (scene.gate.processor_time() - spent) / 4;
    let late = ended(
        &crowd,
        UNIX_EPOCH + Duration::from_secs(ends.unsigned_abs()),
    );
    scene.has(CUT, STREAMS as u64);
    drop(crowd);
    let crowd = scene.crowd("shop", now() + 60);
    let trace = scene.gate.traced(|| {
        ended(&crowd, SystemTime::now());
    });
    each(&format!("{STREAMS} streams expire at once"), &trace);
    drop(crowd);
    // All of them are those of one client.
    let crowd = scene.crowd("mail", now() + 600);
    let before = Instant::now();
    let text = list(2, Some(1), 0, &json!([{ "client_id": "mail" }]));
    scene.publish(2, &text);
    scene.has(REVOKED, 1);
    let first = before.elapsed();
    ended(&crowd, SystemTime::now());
    let all = before.elapsed();
    drop(crowd);
    println!();
    println!("{STREAMS} open streams, each with its token: {spent:.1?} of a processor each second");
    println!("they expire: the last is told {late:.1?} after `exp`");
    println!(
        "a list revokes all of them: {:.1?} from the first cut that is counted to the last",
        all - first
    );
    let turns = scene
        .gate
        .admin("/stats?filter=worker_0.dispatcher.loop_duration_us");
    println!("{}", turns.trim());
    assert_eq!(scene.service.open(), 0);
    scene.gate.end();
}

/// When the last of them was told, after this.
fn ended(crowd: &Crowd, since: SystemTime) -> Duration {
    eventually_within(PATIENCE, "the end of all", || {
        (crowd.over() == STREAMS).then_some(())
    });
    since.elapsed().unwrap_or_default()
}

/// What open streams take, with the setting and without.
fn memory() {
    let taken = [true, false].map(|ends| {
        let mut scene = Scene::start(ends);
        // What is remembered of the tokens is the same in both.
        let warm = scene.crowd("shop", now() + 600);
        drop(warm);
        eventually_within(PATIENCE, "all have left", || {
            (scene.service.open() == 0).then_some(())
        });
        let before = anonymous(&scene.gate);
        let crowd = scene.crowd("shop", now() + 600);
        let taken = anonymous(&scene.gate) - before;
        drop(crowd);
        scene.gate.end();
        taken
    });
    let [with, without] = taken;
    println!("{STREAMS} open streams take {with:.1} MiB; without the setting {without:.1} MiB");
}

/// The anonymous memory of the process, in MiB.
fn anonymous(gate: &Gate) -> f64 {
    let file = format!("/proc/{}/smaps_rollup", gate.process_id());
    let text = std::fs::read_to_string(file).expect("Linux");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kib: f64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.trim().parse().ok())
        .expect("a number");
    kib / 1024.0
}

/// The callbacks of a trace that took long.
fn each(what: &str, trace: &str) {
    let mut all: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for ((_, name), times) in callbacks(trace) {
        all.entry(name).or_default().extend(times);
    }
    for (name, times) in all {
        print(what, name, times);
    }
}

fn print(what: &str, name: &str, mut times: Vec<Duration>) {
    times.sort();
    let calls = times.len();
    if times
        .last()
        .is_none_or(|longest| *longest < Duration::from_micros(500))
    {
        return;
    }
    let [median, most, longest] = [50, 90, 100].map(|percent| {
        let at = (calls * percent).div_ceil(100) - 1;
        times[at].as_secs_f64() * 1e3
    });
    println!("| {what} | `{name}` | {calls} | {median:.2} | {most:.2} | {longest:.2} |");
}

/// How long each callback took, by its thread and name, in their order.
fn callbacks(trace: &str) -> BTreeMap<(&str, &str), Vec<Duration>> {
    let mut begun: BTreeMap<&str, Vec<(&str, Duration)>> = BTreeMap::new();
    let mut found: BTreeMap<(&str, &str), Vec<Duration>> = BTreeMap::new();
    for line in trace.lines() {
        // [2026-11-29 11:00:00.123456][thread][trace][wasm] […] [host->vm] name(…)
        let mut parts = line.splitn(4, ['[', ']']);
        let (Some(_), Some(time), Some(_), Some(rest)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (Some(time), Some((thread, rest))) = (of_day(time), rest.split_once(']')) else {
            continue;
        };
        if let Some((_, call)) = rest.split_once("[host->vm] ") {
            let name = call.split('(').next().unwrap_or_default();
            begun.entry(thread).or_default().push((name, time));
        } else if rest.contains("[host<-vm] ")
            && let Some((name, start)) = begun.entry(thread).or_default().pop()
        {
            let times = found.entry((thread, name)).or_default();
            times.push(time.saturating_sub(start));
        }
    }
    assert!(!found.is_empty(), "Envoy traces no calls");
    found
}

/// `2026-11-29 11:00:00.123456` as a time of its day.
fn of_day(text: &str) -> Option<Duration> {
    let (_, time) = text.split_once(' ')?;
    let (clock, micros) = time.split_once('.')?;
    let seconds = clock.split(':').try_fold(0, |sum: u64, part| {
        Some(sum * 60 + part.parse::<u64>().ok()?)
    })?;
    Some(Duration::from_secs(seconds) + Duration::from_micros(micros.parse().ok()?))
}
