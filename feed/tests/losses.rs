//! Nothing that was acknowledged is lost: not by a kill at any instant, not by a full disk.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod running;

use std::{
    collections::HashSet,
    net::TcpStream,
    path::PathBuf,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use passgate_harness::{Http1, Issuer, Request, WallClock, eventually};
use passgate_kit::{SigningKey, now};
use serde_json::{Value, json};

use running::{
    Feed, READER, configuration, logout, logout_token, new_folder, try_send, with_clock,
};

/// What the world was told.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<HashSet<String>>,
    sequence: AtomicU64,
    next: AtomicU64,
}

impl Told {
    /// Sends logouts one after the other until the feed is gone.
    fn send(&self, address: std::net::SocketAddr, key: &SigningKey) {
        let Ok(stream) = TcpStream::connect(address) else {
            return;
        };
        let mut client = Http1::on(stream, Duration::from_secs(20));
        loop {
            let sid = format!("s{}", self.next.fetch_add(1, Ordering::SeqCst));
            let token = logout_token(key, &sid).without("sub").build();
            if client.try_send(logout(&token).to_http1()).is_err() {
                return;
            }
            match client.try_read() {
                Ok(answer) if answer.status == 200 => {
                    self.acknowledged.lock().unwrap().insert(sid);
                }
                // Put off, because keys are not there yet, or too much came.
                Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
                Err(_) => return,
            }
        }
    }

    /// Reads what is new as a gate does, until the feed is gone: no edition goes back.
    fn read(&self, address: std::net::SocketAddr) {
        loop {
            let held = self.sequence.load(Ordering::SeqCst);
            let path = format!("/acme/revocations?after={held}");
            let Ok(answer) = try_send(address, &Request::get(path).bearer(READER)) else {
                return;
            };
            let list: Value = serde_json::from_slice(&answer.body).unwrap();
            let sequence = list["sequence"].as_u64().unwrap();
            assert!(sequence >= held, "{sequence} after {held}");
            self.sequence.store(sequence, Ordering::SeqCst);
        }
    }
}

fn sids(list: &Value) -> HashSet<String> {
    let entries = list["entries"].as_array().unwrap().iter();
    let sids = entries.filter_map(|entry| entry["sid"].as_str().map(str::to_owned));
    sids.collect()
}

#[test]
fn killed_a_hundred_times_under_load_it_has_all_that_it_acknowledged() {
    let issuer = Issuer::start();
    let words = configuration(issuer.address());
    let told = Told::default();
    let mut folder = new_folder();
    let mut epoch = None;
    for round in 0..100_u64 {
        let feed = Feed::in_folder(folder, &words, &[]);
        let list = feed.list("");
        assert_eq!(
            *epoch.get_or_insert_with(|| list["epoch"].clone()),
            list["epoch"]
        );
        let sequence = list["sequence"].as_u64().unwrap();
        let before = told.sequence.load(Ordering::SeqCst);
        assert!(
            sequence >= before,
            "round {round}: {sequence} after {before}"
        );
        let (has, wants) = (sids(&list), told.acknowledged.lock().unwrap().clone());
        let missing: Vec<&String> = wants.difference(&has).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?}");
        let address = feed.address;
        folder = thread::scope(|scope| -> PathBuf {
            for _ in 0..4 {
                scope.spawn(|| told.send(address, &issuer.key));
            }
            scope.spawn(|| told.read(address));
            // Each time at another instant of what it does: most often under load, and sometimes
            // before it has acknowledged anything.
            if round % 10 != 9 {
                eventually("an event that is acknowledged", || {
                    let acknowledged = told.acknowledged.lock().unwrap().len();
                    (acknowledged > wants.len()).then_some(())
                });
            }
            thread::sleep(Duration::from_millis((round * 37) % 100));
            feed.kill()
        });
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A limit on the size of files stands in for a full disk: what grows is refused, what is there can
/// be read.
#[test]
fn a_full_disk_refuses_loudly_and_serves_on_and_takes_again_when_there_is_room() {
    let issuer = Issuer::start();
    let words = configuration(issuer.address());
    // Without the signal a write fails, as it does on a full disk. In blocks of 512 bytes: the log
    // of the store grows beyond it after some events.
    let before = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -S -f 400; exec \"$@\"",
        "sh",
    ];
    let feed = Feed::in_folder(new_folder(), &words, &before);
    let token = |n: u64| {
        logout_token(&issuer.key, &format!("s{n}"))
            .without("sub")
            .build()
    };
    let mut taken = HashSet::new();
    let mut refused = None;
    for n in 0..2_000 {
        let answer = feed.logout(&token(n));
        match answer.status {
            200 => drop(taken.insert(format!("s{n}"))),
            _ => {
                refused = Some(answer);
                break;
            }
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.headers.text("retry-after").is_some());
    assert!(!taken.is_empty());
    assert_eq!(sids(&feed.list("")), taken, "and nothing that was refused");
    assert_eq!(feed.metric("passgate_feed_store_fails"), 1);
    eventually("a log line", || {
        let log = feed.log();
        log.contains("the store cannot be written").then_some(())
    });
    assert_eq!(feed.ask_admin(&Request::get("/readyz")).status, 200);
    let entry = json!([{ "sub": "alice" }]);
    assert_eq!(feed.entries("POST", &entry).status, 503);

    let id = feed.id().to_string();
    let mut more = Command::new("prlimit");
    let status = more.args(["--pid", &id, "--fsize=unlimited"]).status();
    assert!(status.unwrap().success());
    eventually("room", || {
        (feed.entries("POST", &entry).status == 200).then_some(())
    });
    assert_eq!(feed.logout(&token(5_000)).status, 200);
    taken.insert("s5000".to_owned());
    assert_eq!(feed.metric("passgate_feed_store_fails"), 0);
    assert_eq!(sids(&feed.list("")), taken);
    let folder = feed.kill();
    let feed = Feed::in_folder(folder, &words, &[]);
    assert_eq!(sids(&feed.list("")), taken);
}

#[test]
fn a_clock_that_jumps_gives_nobody_access_back_and_sends_no_edition_back() {
    const MONTH: i64 = 30 * 86_400;
    let issuer = Issuer::start();
    let words = configuration(issuer.address());
    let clock = WallClock::ahead_by(0);
    let before = with_clock(&clock);
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let feed = Feed::in_folder(new_folder(), &words, &before);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s1").build()).status,
        200
    );
    let first = feed.list("");

    clock.set(MONTH);
    let ahead = eventually("the jump", || {
        let list = feed.list("");
        (list["generated_at"].as_i64().unwrap() > now() + MONTH - 60).then_some(list)
    });
    assert_eq!(ahead["entries"], first["entries"]);
    // What the provider says now is too old by that clock, and is refused.
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s2").build()).status,
        400
    );
    // A start looks for what has ended.
    let (folder, _) = feed.stop();
    let feed = Feed::in_folder(folder, &words, &before);
    assert_eq!(
        feed.entries("POST", &json!([{ "sub": "bob", "not_before": 5 }]))
            .status,
        200
    );
    let entries = feed.list("")["entries"].clone();
    assert_eq!(entries[0], first["entries"][0]);

    clock.set(0);
    let back = eventually("the jump back", || {
        let list = feed.list("");
        (list["generated_at"].as_i64().unwrap() < now() + 60).then_some(list)
    });
    assert_eq!(back["entries"], entries);
    assert!(back["sequence"].as_u64() > first["sequence"].as_u64());
    assert_eq!(back["epoch"], first["epoch"]);
    assert_eq!(
        feed.logout(&logout_token(&issuer.key, "s2").build()).status,
        200
    );
    assert_eq!(feed.list("")["entries"].as_array().unwrap().len(), 3);
}
